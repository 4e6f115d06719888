"""A table of a page: sortable, its entries linked to what they are made of."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sea_pyg.report.element import Html, element
from sea_pyg.report.table import cell_text


class Entry(NamedTuple):
    """A table's cell."""

    value: Any
    href: str | None = None
    best: bool = False
    kind: str | None = None
    """Its class."""


def html_table(
    header: Sequence[str],
    rows: Sequence[Sequence[Entry]],
    label: str,
    groups: Sequence[str] = (),
    sortable: bool = True,
) -> Html:
    """Write a table; ``groups`` has a name for every row, the first one an anchor."""
    numeric = [
        i > 0
        and all(_is_number(row[i].value) for row in rows if row[i].value is not None)
        and any(row[i].value is not None for row in rows)
        for i in range(len(header))
    ]
    heads = []
    for name, number in zip(header, numeric, strict=True):
        content = element("button", name, type="button") if sortable else name
        heads.append(
            element(
                "th",
                content,
                scope="col",
                class_="number" if number else None,
                aria_sort="none" if sortable else None,
                data_kind="number" if number else "text",
            )
        )
    lines = []
    for i, row in enumerate(rows):
        group = groups[i] if groups else None
        first = group if group and group not in groups[:i] else None
        parts = [
            _entry(e, n, j) for j, (e, n) in enumerate(zip(row, numeric, strict=True))
        ]
        lines.append(element("tr", *parts, id=first, data_group=group))
    content = element(
        "table",
        element("thead", element("tr", *heads)),
        element("tbody", *lines),
        aria_label=label,
        class_="sortable" if sortable else None,
    )
    return element(
        "div", content, class_="scroll", tabindex=0, role="region", aria_label=label
    )


def _entry(entry: Entry, number: bool, column: int) -> Html:
    content: str = cell_text(entry.value)
    if entry.href is not None and entry.value is not None:
        content = element("a", content, href=entry.href)
    if entry.best:
        content = element("strong", content)
    kinds = " ".join(kind for kind in ("number" * number, entry.kind) if kind)
    key = None if entry.value is None else str(entry.value).partition("..")[0]
    return element(
        "td" if column else "th",
        content,
        scope=None if column else "row",
        class_=kinds or None,
        data_value=key,
    )


def _is_number(value: Any) -> bool:
    """Tell whether a value, or the lower end of an interval, is a number."""
    try:
        float(str(value).partition("..")[0])
    except ValueError:
        return False
    return True
