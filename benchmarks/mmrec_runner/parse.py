"""What MMRec prints."""

import re
from typing import Any, NamedTuple

from mmrec_runner.errors import DivergedError, MMRecError

_EPOCH = re.compile(r"\bepoch (\d+) evaluating \[.*valid_score: (\S+)\]")
_BLOCK = re.compile(r"\b(valid|test) result:\s*$")
_FINAL = re.compile(r"\b(best valid|test) result: *(\S.*)$")
_METRIC = re.compile(r"(\w+@\d+): *(-?\d+\.\d+|nan)")
_PARAMETERS = re.compile(r"^Trainable parameters: (\d+)\s*$", re.MULTILINE)


class Result(NamedTuple):
    """What one run of MMRec with one setting found.

    All metrics are of one epoch, the one that was best on validation data. MMRec
    rounds them to four decimals.
    """

    valid: dict[str, float]
    test: dict[str, float]
    best_epoch: int
    """Counted from 1."""
    epochs: int
    """How many were evaluated."""
    parameters: int | None
    """``None`` where MMRec does not say."""
    history: list[dict[str, Any]]
    """The validation metric of every epoch."""


def parse_output(text: str, metric: str = "recall@20") -> Result:
    """Read the output of MMRec for a single setting.

    MMRec evaluates validation and test data in every epoch. Taken are the test metrics
    of the epoch that is best in validation ``metric``, the first of equals, and never
    of one that is chosen by its test metrics. (The line "BEST" at the end of MMRec's
    output is the best in *test* among several settings; it is not read.) The closing
    "best valid result" and "test result" have to agree with this choice.

    Args:
        text: Standard output and error together.
        metric: What MMRec selected the epoch by.

    Raises:
        DivergedError: If the loss became NaN before the first evaluation.
        MMRecError: If something is missing, contradictory, or of several settings.
    """
    lines = text.splitlines()
    found = _epochs(lines)
    if not found and "Loss is nan" in text:
        raise DivergedError("the loss became NaN in the first epoch")
    final: dict[str, list[dict[str, float]]] = {"best valid": [], "test": []}
    for match in map(_FINAL.search, lines):
        if match and _METRIC.search(match[2]):
            final[match[1]].append(_metrics(match[2]))
    counts = {len(found) > 0, *(len(results) == 1 for results in final.values())}
    if counts != {True}:
        raise MMRecError(
            "its output is not of the form that is understood: expected lines 'epoch N "
            "evaluating', each with a 'valid result' and a 'test result', and at the "
            "end one line 'best valid result: recall@...' and one 'test result: "
            f"recall@...' (got {len(found)}, {len(final['best valid'])} and "
            f"{len(final['test'])})"
        )
    for epoch in found:
        for part in ("valid", "test"):
            if metric not in epoch[part]:
                raise MMRecError(f"its output has no {part} {metric} of every epoch")
    best = max(found, key=lambda epoch: epoch["valid"][metric])
    if (best["valid"], best["test"]) != (final["best valid"][0], final["test"][0]):
        raise MMRecError(
            f"it reports other results than those of epoch {best['epoch']}, the best "
            f"in validation {metric}; it selected by something else"
        )
    parameters = _PARAMETERS.search(text)
    return Result(
        valid=best["valid"],
        test=best["test"],
        best_epoch=best["epoch"],
        epochs=len(found),
        parameters=int(parameters[1]) if parameters else None,
        history=[
            {"epoch": epoch["epoch"], f"val/{metric}": epoch["valid"][metric]}
            for epoch in found
        ],
    )


def _epochs(lines: list[str]) -> list[dict[str, Any]]:
    """Collect the results of every epoch; the metrics stand in lines of their own."""
    found: list[dict[str, Any]] = []
    for number, line in enumerate(lines):
        epoch, block = _EPOCH.search(line), _BLOCK.search(line)
        if epoch:
            found.append({"epoch": int(epoch[1]) + 1, "valid": {}, "test": {}})
        elif block and found and number + 1 < len(lines):
            found[-1][block[1]] = _metrics(lines[number + 1])
    return found


def _metrics(text: str) -> dict[str, float]:
    return {name.lower(): float(value) for name, value in _METRIC.findall(text)}
