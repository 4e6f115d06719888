"""A grid's section as a part of a page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sea_pyg.report.cell import Cell, median_seconds
from sea_pyg.report.element import Html, element
from sea_pyg.report.grid_json import section_plain
from sea_pyg.report.grid_section import GridSection
from sea_pyg.report.html_curves import Link, html_curves
from sea_pyg.report.html_json import html_json
from sea_pyg.report.html_table import Entry, html_table
from sea_pyg.report.study import StudySection
from sea_pyg.report.svg import Bar, bar_chart
from sea_pyg.report.table import cell_text


def html_section(section: GridSection, name: str, link: Link, root: str | Path) -> Html:
    """Write a section.

    Args:
        section: The section.
        name: Its anchor, with which those in it begin.
        link: Makes the link to a file.
        root: The page's folder.
    """
    anchors = {method: f"{name}-m{i}" for i, method in enumerate(section.methods)}
    json = f"{name}-json"
    plain = section_plain(section, root)
    for about, cells in zip(plain["methods"], section.methods.values(), strict=True):
        about["seconds_per_epoch"] = median_seconds(cells)
    parts = [
        element("h2", section.title, id=name),
        *paragraphs(section.notes, f"#{json}"),
    ]
    for metric in section.metrics:
        parts.append(element("h3", metric))
        parts += _metric(section, metric, anchors, json, link)
    parts += [
        *_separate(section, anchors, json),
        *html_curves(section, link),
        element("h3", "Beyond accuracy"),
        _beyond(section, anchors, json, link),
        element("h3", "Budget and settings"),
        _budget(section, anchors, link),
        element("h3", "Cells"),
        cells_table(section, section.metrics, anchors, link),
        element("h3", "Data"),
        _provenance(section.cells, "data_fingerprint", link),
        element("h3", "Environment"),
        _provenance(section.cells, "environment", link),
        html_json(json, plain, link, root),
    ]
    return element("section", *parts, aria_labelledby=name)


def _metric(
    section: GridSection, metric: str, anchors: dict[str, str], json: str, link: Link
) -> list[Html]:
    comparison = section.comparison
    header, table = comparison.table()
    found = [
        (i, row, texts)
        for i, (row, texts) in enumerate(zip(comparison.rows, table, strict=True))
        if row.metric == metric
    ]
    best = max(row.mean for _, row, _ in found)
    rows, bars = [], []
    for i, row, texts in found:
        cells = section.methods[row.method]
        made = f"#{json}-rows-{i}"
        one = link(cells[0].path) if len(cells) == 1 else made
        # What one cell's file has; all else is of the comparison.
        hrefs = {"method": f"#{anchors[row.method]}", "seeds": one, "mean": one}
        kinds = {"verdict": row.verdict.partition(" ")[0]}
        rows.append(
            [
                Entry(
                    text,
                    hrefs.get(name, made),
                    name == "mean" and row.mean == best,
                    kinds.get(name),
                )
                for name, text in zip(header[1:], texts[1:], strict=True)
            ]
        )
        low = row.mean if row.ci_low is None else row.ci_low
        high = row.mean if row.ci_high is None else row.ci_high
        text = f"{row.mean:.4f}" + (f" ({row.interval})" if row.interval else "")
        kind = "ours" if section.is_ours(row.method) else ""
        kind = "reference" if row.method == section.reference else kind
        bars.append(Bar(row.method, row.mean, low, high, text, made, kind))
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
    return [figure, html_table(header[1:], rows, f"Test {metric}, {section.title}")]


def _separate(section: GridSection, anchors: dict[str, str], json: str) -> list[Html]:
    found = section.separate
    if found is None:
        return []
    header, table = found.table()
    rows = []
    for n, ((without, added), texts) in enumerate(zip(found.rows, table, strict=True)):
        hrefs = {0: f"#{anchors[without.method]}"}
        kinds = {len(header) - 1: added.verdict.partition(" ")[0]}
        made = f"#{json}-separate-{n}"
        rows.append(
            [
                Entry(text, hrefs.get(i, made), False, kinds.get(i))
                for i, text in enumerate(texts)
            ]
        )
    label = f"With and without separate learning, {section.title}"
    return [
        element("h3", "With and without separate learning"),
        *paragraphs(found.notes, f"#{json}"),
        html_table(header, rows, label),
    ]


def _beyond(
    section: GridSection, anchors: dict[str, str], json: str, link: Link
) -> Html:
    header, table = section.beyond_table()
    rows = []
    for n, (row, cells) in enumerate(zip(table, section.methods.values(), strict=True)):
        made = f"#{json}-methods-{n}"
        one = len(cells) == 1
        hrefs = {"method": f"#{anchors[row[0]]}"}
        hrefs["s/epoch"] = link(cells[0].time_path) if one else made
        rest = link(cells[0].path) if one else made
        rows.append(
            [
                Entry(value, hrefs.get(key, rest))
                for key, value in zip(header, row, strict=True)
            ]
        )
    return html_table(header, rows, f"Beyond accuracy, {section.title}")


def _budget(section: GridSection, anchors: dict[str, str], link: Link) -> Html:
    header, table = section.budget_table()
    rows = [
        [Entry(name, f"#{anchors[name]}")]
        + [Entry(value, link(section.methods[name][0].path)) for value in values]
        for name, *values in table
    ]
    return html_table(header, rows, f"Budget and settings, {section.title}")


def cells_table(
    section: GridSection | StudySection,
    metrics: Sequence[str],
    anchors: dict[str, str],
    link: Link,
) -> Html:
    """Write a row for every cell.

    Args:
        section: The section that has them.
        metrics: The columns, the main metric first.
        anchors: The anchor of every method's first row.
        link: Makes the link to a file.
    """
    main = metrics[0]
    header = ["method", "seed", *(f"test {metric}" for metric in metrics)]
    header += [f"validation {main}", "best epoch", "epochs", "s/epoch"]
    rows, groups = [], []
    for method, cells in section.methods.items():
        for cell in cells:
            plain = cell.plain
            values = [method, plain["seed"]]
            values += [plain["test"].get(metric) for metric in metrics]
            values += [plain["valid"].get(main), plain["best_epoch"], plain["epochs"]]
            row = [Entry(value, link(cell.path)) for value in values]
            if cell.seconds_per_epoch is None:
                row.append(Entry(None))
            else:
                seconds = f"{cell.seconds_per_epoch:.3g}"
                row.append(Entry(seconds, link(cell.time_path)))
            rows.append(row)
            groups.append(anchors[method])
    return html_table(header, rows, f"Cells, {section.title}", groups)


def _provenance(cells: Sequence[Cell], key: str, link: Link) -> Html:
    """Write what cells were made from or by: a column for each that differs."""
    versions: dict[tuple[tuple[str, str], ...], list[Cell]] = {}
    for cell in cells:
        flat = tuple(_flatten(cell.plain[key]).items())
        versions.setdefault(flat, []).append(cell)
    names = list(dict.fromkeys(name for flat in versions for name, _ in flat))
    header = ["", *(f"{len(c)} {plural('cell', len(c))}" for c in versions.values())]
    rows = [
        [Entry(name)]
        + [
            Entry(dict(flat).get(name), link(made[0].path))
            for flat, made in versions.items()
        ]
        for name in names
    ]
    return html_table(header, rows, f"{key.replace('_', ' ')}", sortable=False)


def _flatten(plain: dict[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in plain.items():
        if isinstance(value, dict):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = cell_text(value)
    return flat


def paragraphs(texts: Sequence[str], href: str) -> list[Html]:
    """Write notes with links to the JSON that has their numbers."""
    return [
        element(
            "p",
            element("span", text),
            " ",
            element("a", "JSON", href=href),
            class_="note",
        )
        for text in texts
    ]


def plural(word: str, count: int) -> str:
    """Write a word for this many."""
    return word if count == 1 else word + "s"
