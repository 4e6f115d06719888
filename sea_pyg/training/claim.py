"""What a folder is for, written down by whoever uses it first."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sea_pyg.training.atomic import create_text
from sea_pyg.training.read_json import read_json


class OtherRequest(NamedTuple):
    """The first thing in which a folder's request is not the one that is made now."""

    name: str
    """What differs."""
    before: Any
    """Its value in the folder."""
    now: Any
    """Its value now."""


def claim(path: Path, request: Mapping[str, Any]) -> OtherRequest | None:
    """Write down what a folder is for, or compare what stands there.

    Several processes may claim it at once: one writes, the others compare.

    Args:
        path: The file, in that folder.
        request: What it is for, by name; what JSON does not know stands as text.

    Raises:
        ValueError: If the file is damaged.
    """
    text = json.dumps(request, indent=1, default=str) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() and create_text(path, text):
        return None
    before = read_json(path)
    for name, value in json.loads(text).items():
        if before.get(name) != value:
            return OtherRequest(name, before.get(name), value)
    return None
