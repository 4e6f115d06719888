"""A study as a part of a page: its picture and its tables."""

import base64
from pathlib import Path

from sea_pyg.report.element import Html, element
from sea_pyg.report.html_curves import Link
from sea_pyg.report.html_json import html_json
from sea_pyg.report.html_table import Entry, html_table
from sea_pyg.report.study import Study


def html_study(study: Study, title: str, name: str, link: Link) -> list[Html]:
    """Write a study's heading, picture, tables, texts and JSON.

    Args:
        study: The study.
        title: What the studies of its folder are called.
        name: The anchor of its JSON, which numbers are linked to.
        link: Makes the link to a file.
    """
    plain = study.plain()
    lists = list(plain)
    label = f"{study.name}, {title}"
    parts = [element("h3", study.name)]
    if study.picture is not None:
        parts.append(element("figure", _picture(study.picture, label)))
    tables = 0
    for block in study.blocks():
        if isinstance(block, str):
            parts.append(element("p", block, class_="note"))
            continue
        header, *rows = block
        key = lists[tables] if tables < len(lists) else None
        tables += 1
        known = key is not None and len(plain[key]) == len(rows)
        entries = []
        for i, (first, *rest) in enumerate(rows):
            href = f"#{name}-{key}-{i}" if known else None
            row = [Entry(None if x == "-" else x, href) for x in rest]
            entries.append([Entry(first), *row])
        caption = label if tables == 1 else f"{label}, table {tables}"
        parts.append(html_table(header, entries, caption))
    if plain:
        parts.append(html_json(name, plain, link, study.path.parent))
    return parts


def _picture(path: Path, label: str) -> Html:
    """Write a picture that stands in the page itself."""
    data = base64.b64encode(path.read_bytes()).decode()
    return element("img", src=f"data:image/svg+xml;base64,{data}", alt=label)
