"""A study as a part of a page: its picture and its tables."""

import base64
from pathlib import Path

from sea_pyg.report.element import Html, element
from sea_pyg.report.html_table import Entry, html_table
from sea_pyg.report.study import Study


def html_study(study: Study, title: str) -> list[Html]:
    """Write a study's heading, picture, tables and texts.

    Args:
        study: The study.
        title: What the studies of its folder are called.
    """
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
        tables += 1
        entries = [[Entry(None if x == "-" else x) for x in row] for row in rows]
        name = label if tables == 1 else f"{label}, table {tables}"
        parts.append(html_table(header, entries, name))
    return parts


def _picture(path: Path, label: str) -> Html:
    """Write a picture that stands in the page itself."""
    data = base64.b64encode(path.read_bytes()).decode()
    return element("img", src=f"data:image/svg+xml;base64,{data}", alt=label)
