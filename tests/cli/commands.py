"""Commands in this process: what they print, and how they refuse."""

import json
from typing import Any

import pytest

from sea_pyg.cli import main

Captured = pytest.CaptureFixture[str]


def printed_json(capsys: Captured) -> dict[str, Any]:
    """Return the object that `--json` printed last."""
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def refused(capsys: Captured, arguments: list[str], *texts: str) -> None:
    """Check that a command ends with one line that holds all texts."""
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1, captured.err
    assert captured.err.startswith("sea-pyg: error: ")
    for text in texts:
        assert text in captured.err, captured.err
