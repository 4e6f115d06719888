"""JSON in a page, for the numbers that no cell's file has."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sea_pyg.report.element import Html, element, join
from sea_pyg.report.html_curves import Link


def html_json(
    name: str, plain: Mapping[str, Any], link: Link, root: str | Path
) -> Html:
    """Write an object so that its parts can be linked to.

    Entries of lists of objects get an anchor of their own, ``<name>-<key>-<number>``,
    and links to the cells that they name; all else stands at ``name``.

    Args:
        name: The anchor.
        plain: The object.
        link: Makes the link to a file.
        root: The folder that the cells' paths in ``plain`` start from.
    """
    lists = {
        key: value
        for key, value in plain.items()
        if isinstance(value, list) and value and isinstance(value[0], dict)
    }
    rest = {key: value for key, value in plain.items() if key not in lists}
    blocks = [element("pre", _text(rest), id=name)]
    for key, entries in lists.items():
        blocks.append(element("h4", key))
        for i, entry in enumerate(entries):
            blocks.append(element("pre", _text(entry), id=f"{name}-{key}-{i}"))
            links = [element("a", p, href=link(Path(root) / p)) for p in _cells(entry)]
            blocks.append(element("p", join(*links, by=" ")))
    return element("details", element("summary", "JSON"), *blocks)


def _text(plain: Mapping[str, Any]) -> str:
    return json.dumps(plain, allow_nan=False, ensure_ascii=False)


def _cells(plain: Mapping[str, Any]) -> list[str]:
    found = list(plain.get("cells", []))
    for value in plain.values():
        if isinstance(value, dict):
            found += _cells(value)
    return found
