"""Reads the arguments, and turns every error of the user into one line."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from sea_pyg.utils import import_from_working_directory, require

Result = tuple[str, dict[str, Any]]
"""What a command returns: the text for people and the object for ``--json``."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0, 2 for an error of the user's.

    Args:
        argv: The arguments. (default: the process's)
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a name that a terminal cannot show
            stream.reconfigure(errors="backslashreplace")
    try:
        require("jsonargparse", "train")
        import_from_working_directory()  # a model of one's own may stand there
        from sea_pyg.cli.parser import make_parser

        options = make_parser().parse_args(argv)
        command: str = options.command
        arguments = options[command]
        text, plain = _commands()[command](arguments)
    except (ValueError, ImportError, OSError, argparse.ArgumentError) as error:
        return _fail(_message(error))
    except KeyboardInterrupt as error:
        hint = f"; {error}" if str(error) else ""
        _write(sys.stderr, f"sea-pyg: interrupted{hint}")
        return 130
    try:
        _write(sys.stdout, text)
        if arguments.json:
            _write(sys.stdout, json.dumps(plain))
    except BrokenPipeError:  # whoever read has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        return _fail(f"the result cannot be printed: {_message(error)}")
    return 0


def _commands() -> dict[str, Callable[[Any], Result]]:
    from sea_pyg.cli import commands, report, train, tune

    return {
        "train": train.train,
        "tune": tune.tune_model,
        "evaluate": commands.evaluate_run,
        "recommend": commands.recommend,
        "inspect": commands.inspect_data,
        "compare": commands.compare_runs,
        "report": report.report_grid,
    }


def _fail(message: str) -> int:
    _write(sys.stderr, f"sea-pyg: error: {message}")
    return 2


def _message(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        where = f": {str(error.filename)!r}" if error.filename else ""
        return f"{error.strerror}{where}; choose another path"
    return " ".join(str(error).split())


def _write(stream: Any, text: str) -> None:
    if text:
        stream.write(text + "\n")
        stream.flush()
