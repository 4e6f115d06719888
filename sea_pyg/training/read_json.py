"""JSON files that this library has written itself."""

import json
from pathlib import Path
from typing import Any


def read_json(path: str | Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds anything else, as a file that was cut off does.
    """
    path = Path(path)
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise damaged(path, str(error)) from error
    if not isinstance(plain, dict):
        raise damaged(path, f"got {plain!r:.40}")
    return plain


def damaged(path: Path, reason: str) -> ValueError:
    """Return an error that says which file is damaged and what to do about it."""
    return ValueError(
        f"{str(path)!r} is damaged: expected the JSON object that was written there "
        f"({reason}); delete it and start again"
    )
