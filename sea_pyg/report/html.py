"""A grid's report in one HTML file that needs nothing else."""

import base64
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sea_pyg.evaluation import Comparison
from sea_pyg.report.cell import Cell
from sea_pyg.report.element import Html, element
from sea_pyg.report.grid import relative_link
from sea_pyg.report.grid_section import GridSection, grid_notes
from sea_pyg.report.separate import separate_comparison
from sea_pyg.report.svg import Bar, Line, bar_chart, line_chart
from sea_pyg.report.table import _text

_COLOURS = 8
_LOWER_IS_BETTER = "gini"
_READING = (
    "mean: over users and seeds.",
    "interval over users: bootstrap of the users, values averaged over seeds.",
    "std over seeds: standard deviation of the seeds' means.",
    "p (users): paired sign-flip test over users against the reference.",
    "p: the larger of that and, where both methods have enough seeds, of the test over "
    "users and seeds.",
    "p (Holm): corrected over all rows and metrics of the data set and split; the "
    "verdict goes by it.",
    "gini: of how often items are recommended; lower is more even. cold_recall: recall "
    "of items with few training edges. novelty: higher is less popular.",
    "tuned: what the search on validation data has changed; published: nothing.",
)

Link = Callable[[str | Path], str]


class _Entry(NamedTuple):
    """A table's cell."""

    value: Any
    href: str | None = None
    best: bool = False
    kind: str | None = None
    """Its class."""


def sections_html(
    sections: Sequence[GridSection], root: str | Path, title: str = "Results"
) -> str:
    """Write tables and pictures of sections that :func:`grid_sections` has made.

    The page loads nothing, and its numbers link to the cells they come from. The same
    cells give the same text.

    Args:
        sections: The sections.
        root: The folder of the page, which links to the cells start from.
        title: The heading.
    """

    def link(path: str | Path) -> str:
        return relative_link(path, root)

    names = [f"s{i}" for i in range(len(sections))]
    contents = [
        element("li", element("a", section.title, href=f"#{name}"))
        for section, name in zip(sections, names, strict=True)
    ]
    cells = sum(len(section.cells) for section in sections)
    body = [
        element("h1", title),
        element(
            "p",
            f"{cells} {_plural('cell', cells)}, each a model trained with one seed and "
            "tested once. A number of one cell links to its JSON file; a number of "
            "several seeds links to their rows below it, which do. Click a column's "
            "head to sort by it.",
        ),
        *_paragraphs(grid_notes(sections)),
        element("nav", element("ul", *contents), aria_label="Data sets"),
        *(
            _section(section, name, link)
            for section, name in zip(sections, names, strict=True)
        ),
        element("h2", "How to read the tables"),
        element("ul", *(element("li", text) for text in _READING)),
    ]
    return _page(title, body)


def _page(title: str, body: Sequence[Html]) -> str:
    style, script = (
        Html(Path(__file__).with_name(name).read_text(encoding="utf-8"))
        for name in ("report.css", "report.js")
    )
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}"
    head = [
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element(
            "meta", name_="viewport", content="width=device-width, initial-scale=1"
        ),
        element("title", title),
        element("style", style),
    ]
    page = element(
        "html",
        element("head", *head),
        element("body", element("main", *body), element("script", script)),
        lang="en",
    )
    return f"<!DOCTYPE html>\n{page}\n"


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _section(section: GridSection, name: str, link: Link) -> Html:
    anchors = {method: f"{name}-m{i}" for i, method in enumerate(section.methods)}
    targets = {
        method: link(cells[0].path) if len(cells) == 1 else f"#{anchors[method]}"
        for method, cells in section.methods.items()
    }
    parts = [element("h2", section.title, id=name), *_paragraphs(section.notes)]
    if section.comparison is not None:
        for metric in section.metrics:
            parts.append(element("h3", metric))
            parts += _metric(section, section.comparison, metric, targets)
    parts += [
        *_separate(section, targets),
        *_curves(section, link),
        element("h3", "Beyond accuracy"),
        _beyond(section, targets),
        element("h3", "Cells"),
        _cells(section, anchors, link),
        element("h3", "Data"),
        _provenance(section.cells, "data_fingerprint", link),
        element("h3", "Environment"),
        _provenance(section.cells, "environment", link),
    ]
    return element("section", *parts, aria_labelledby=name)


def _metric(
    section: GridSection,
    comparison: Comparison,
    metric: str,
    targets: dict[str, str],
) -> list[Html]:
    header, table = comparison.table()
    found = [
        (row, texts)
        for row, texts in zip(comparison.rows, table, strict=True)
        if row.metric == metric
    ]
    best = max(row.mean for row, _ in found)
    rows, bars = [], []
    for row, texts in found:
        href = targets[row.method]
        kinds = {"verdict": row.verdict.partition(" ")[0]}
        rows.append(
            [
                _Entry(text, href, name == "mean" and row.mean == best, kinds.get(name))
                for name, text in zip(header[1:], texts[1:], strict=True)
            ]
        )
        low = row.mean if row.ci_low is None else row.ci_low
        high = row.mean if row.ci_high is None else row.ci_high
        text = f"{row.mean:.4f}" + (f" ({row.interval})" if row.interval else "")
        kind = "ours" if section.is_ours(row.method) else ""
        kind = "reference" if row.method == section.reference else kind
        bars.append(Bar(row.method, row.mean, low, high, text, href, kind))
    bars.sort(key=lambda bar: -bar.value)
    level = 100 * (1 - comparison.level)
    caption: list[str] = [
        f"Test {metric}: means over users and seeds, with {level:g}% intervals over "
        "users. ",
        element("span", f"reference {section.reference}", class_="swatch reference"),
    ]
    if any(bar.kind == "ours" for bar in bars):
        caption.append(element("span", ", ".join(section.ours), class_="swatch ours"))
    picture = bar_chart(bars, f"Test {metric} of every method, {section.title}")
    figure = element("figure", picture, element("figcaption", *caption))
    return [figure, _table(header[1:], rows, f"Test {metric}, {section.title}")]


def _separate(section: GridSection, targets: dict[str, str]) -> list[Html]:
    found = separate_comparison(section.cells, section.metrics[0])
    if found is None:
        return []
    header, table = found.table()
    with_it = header.index("with")
    rows = []
    for (without, added), texts in zip(found.rows, table, strict=True):
        hrefs = {0: targets[without.method], with_it: targets[added.method]}
        kinds = {len(header) - 1: added.verdict.partition(" ")[0]}
        rows.append(
            [_Entry(x, hrefs.get(i), False, kinds.get(i)) for i, x in enumerate(texts)]
        )
    label = f"With and without separate learning, {section.title}"
    return [
        element("h3", "With and without separate learning"),
        *_paragraphs(found.notes),
        _table(header, rows, label),
    ]


def _curves(section: GridSection, link: Link) -> list[Html]:
    seeds = sorted({cell.plain["seed"] for cell in section.cells})
    colours = {seed: f"c{i % _COLOURS}" for i, seed in enumerate(seeds)}
    keys = [element("span", f"seed {s}", class_=f"key {colours[s]}") for s in seeds]
    trained = {
        method: cells
        for method, cells in section.methods.items()
        if any(cell.plain["history"] for cell in cells)
    }
    if not trained:
        return []
    parts = [element("h3", "Learning curves"), element("p", *keys, class_="keys")]
    main = section.metrics[0]
    for quantity, text in (
        (f"val/{main}", f"Validation {main} by epoch, all on one scale"),
        ("loss/total", "Training loss by epoch, each on a scale of its own"),
    ):
        lines = {
            method: [
                line for c in cells if (line := _curve(c, quantity, colours, link))
            ]
            for method, cells in trained.items()
        }
        lines = {method: drawn for method, drawn in lines.items() if drawn}
        if not lines:
            continue
        top = max(_values(line for drawn in lines.values() for line in drawn))
        panels = []
        for method, drawn in lines.items():
            values = _values(drawn)
            ends = (min(values), max(values)) if quantity == "loss/total" else (0, top)
            panels.append(line_chart(method, drawn, *ends))
        caption = f"{text}; the dot is the epoch that was tested."
        parts.append(
            element(
                "figure",
                element("div", *panels, class_="panels"),
                element("figcaption", caption),
            )
        )
    untrained = [method for method in section.methods if method not in trained]
    if untrained:
        parts.append(element("p", f"Without epochs: {', '.join(untrained)}."))
    return parts


def _curve(
    cell: Cell, quantity: str, colours: dict[int, str], link: Link
) -> Line | None:
    points = [
        (row["epoch"], row[quantity])
        for row in cell.plain["history"]
        if row.get("epoch") is not None and row.get(quantity) is not None
    ]
    if not points:
        return None
    seed, best = cell.plain["seed"], cell.plain["best_epoch"]
    label = f"{cell.method}, seed {seed}: {quantity}"
    label += "".join(f", {v:.4f} in epoch {n}" for n, v in points if n == best)
    return Line(label, points, link(cell.path), colours[seed], best)


def _values(lines: Any) -> list[float]:
    return [value for line in lines for _, value in line.points]


def _beyond(section: GridSection, targets: dict[str, str]) -> Html:
    header, table = section.beyond_table()
    best: dict[int, float] = {}
    for i, name in enumerate(header):
        values = [row[i] for row in table if isinstance(row[i], float)]
        if "@" in name and values:
            choose = min if name.startswith(_LOWER_IS_BETTER) else max
            best[i] = choose(values)
    rows = [
        [
            _Entry(value, targets[row[0]], i in best and value == best[i])
            for i, value in enumerate(row)
        ]
        for row in table
    ]
    return _table(header, rows, f"Beyond accuracy, {section.title}")


def _cells(section: GridSection, anchors: dict[str, str], link: Link) -> Html:
    main = section.metrics[0]
    header = ["method", "seed", *(f"test {metric}" for metric in section.metrics)]
    header += [f"validation {main}", "best epoch", "epochs", "s/epoch"]
    rows, groups = [], []
    for method, cells in section.methods.items():
        for cell in cells:
            plain = cell.plain
            values = [method, plain["seed"]]
            values += [plain["test"][metric] for metric in section.metrics]
            values += [plain["valid"][main], plain["best_epoch"], plain["epochs"]]
            row = [_Entry(value, link(cell.path)) for value in values]
            seconds = f"{cell.seconds_per_epoch:.3g}"
            rows.append([*row, _Entry(seconds, link(cell.time_path))])
            groups.append(anchors[method])
    return _table(header, rows, f"Cells, {section.title}", groups)


def _provenance(cells: Sequence[Cell], key: str, link: Link) -> Html:
    """Write what cells were made from or by: a column for each that differs."""
    versions: dict[tuple[tuple[str, str], ...], list[Cell]] = {}
    for cell in cells:
        flat = tuple(_flatten(cell.plain[key]).items())
        versions.setdefault(flat, []).append(cell)
    names = list(dict.fromkeys(name for flat in versions for name, _ in flat))
    header = ["", *(f"{len(c)} {_plural('cell', len(c))}" for c in versions.values())]
    rows = [
        [_Entry(name)]
        + [
            _Entry(dict(flat).get(name), link(made[0].path))
            for flat, made in versions.items()
        ]
        for name in names
    ]
    return _table(header, rows, f"{key.replace('_', ' ')}", sortable=False)


def _flatten(plain: dict[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in plain.items():
        if isinstance(value, dict):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = _text(value)
    return flat


def _table(
    header: Sequence[str],
    rows: Sequence[Sequence[_Entry]],
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


def _entry(entry: _Entry, number: bool, column: int) -> Html:
    content: str = _text(entry.value)
    # What is no number at the row's head is a name and links to nothing.
    if entry.href is not None and entry.value is not None and column:
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


def _paragraphs(texts: Sequence[str]) -> list[Html]:
    return [element("p", text, class_="note") for text in texts]


def _plural(word: str, count: int) -> str:
    return word if count == 1 else word + "s"
