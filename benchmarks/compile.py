"""Measure whether torch.compile makes SEA's training step faster.

    python benchmarks/compile.py [--modes exact,fast] [--steps 9] [--users 19445]
        [--items 7050] [--interactions 118551] [--dims 4096,384] [--json]
        [--output FILE.json] [--smoke]

Two pieces of the step are compiled, each in a process of its own: `objective`, that is
the representations and all loss parts with their gradients, and `estimator`, an inner
step's objective with its gradient, where the mode fits estimators. Eager and compiled
calls take turns, so that both see the same load; a ratio above 1 says that the compiled
piece is slower. A graph break is a place where the compiler hands over to Python. With
``--output``, a table (Markdown) stands beside the file. ``--smoke`` takes a tiny shape.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from speed import MODES, Step, random_graph
from torch import Tensor

from sea_pyg.loader import InteractionLoader
from sea_pyg.nn.models import SEA
from sea_pyg.training.atomic import write_text
from sea_pyg.transforms import ItemKNNGraph
from sea_pyg.utils import keep_freed_memory

ROOT = Path(__file__).resolve().parents[1]
PIECES = ("objective", "estimator")
SMOKE = {"users": 60, "items": 40, "interactions": 300, "dims": [8, 6], "steps": 2}
HEADER = (
    "| mode | piece | eager [s] | compiled [s] | ratio | compiling [s] | graph breaks "
    "| same loss |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
)


def piece(step: Step, name: str, batch_size: int) -> Callable[[], Tensor]:
    """Return the loss of a piece of the step as a function without arguments."""
    model, data = step.model, step.data
    batch = next(iter(InteractionLoader(data, batch_size=batch_size)))

    def objective() -> Tensor:
        state = model.representations(data)
        return torch.stack(list(model.loss(data, batch, state).values())).sum()

    if name == "objective":
        return objective
    with torch.no_grad():
        state = model.representations(data)

    def estimator() -> Tensor:
        loss = model.estimator_loss(data, state)
        assert loss is not None
        return loss

    return estimator


def measure(setting: dict[str, Any]) -> dict[str, Any]:
    """Measure a piece in this process."""
    warnings.filterwarnings("ignore")
    shape = [setting[key] for key in ("users", "items", "interactions", "dims")]
    data = ItemKNNGraph(k=10)(random_graph(*shape))
    torch.manual_seed(0)
    model = SEA.from_data(data, **MODES[setting["mode"]])
    assert isinstance(model, SEA)
    step = Step(model, data, 0)
    eager = piece(step, setting["piece"], setting["batch_size"])
    compiled = torch.compile(eager)

    def seconds(function: Callable[[], Tensor]) -> tuple[float, float]:
        model.zero_grad(set_to_none=True)
        start = time.perf_counter()
        loss = function()
        loss.backward()  # type: ignore[no-untyped-call]
        return time.perf_counter() - start, float(loss)

    _, expected = seconds(eager)
    try:
        first, found = seconds(compiled)
        second, _ = seconds(compiled)
    except Exception as error:  # whatever the compiler raises is the result
        return {**setting, "error": f"{type(error).__name__}: {error}".split("\n")[0]}
    times = [(seconds(eager)[0], seconds(compiled)[0]) for _ in range(setting["steps"])]
    plain, fast = (statistics.median(side) for side in zip(*times, strict=True))
    breaks = torch._dynamo.utils.counters["graph_break"]
    return {
        **setting,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "eager_seconds": plain,
        "compiled_seconds": fast,
        "ratio": fast / plain,
        "compile_seconds": first + second - 2 * fast,
        "graph_breaks": sum(breaks.values()),
        "same_loss": abs(found - expected) <= 1e-4 * abs(expected),
    }


def measure_apart(setting: dict[str, Any]) -> dict[str, Any]:
    """Measure in a process of its own."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, __file__, "--measure", json.dumps(setting)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def table(rows: list[dict[str, Any]]) -> str:
    """Lay the results out as Markdown."""
    lines = list(HEADER)
    for row in rows:
        if "error" in row:
            lines.append(
                f"| {row['mode']} | {row['piece']} | {row['error']} | | | | | |"
            )
            continue
        lines.append(
            f"| {row['mode']} | {row['piece']} | {row['eager_seconds']:.4f} "
            f"| {row['compiled_seconds']:.4f} | {row['ratio']:.2f} "
            f"| {row['compile_seconds']:.0f} | {row['graph_breaks']} "
            f"| {'yes' if row['same_loss'] else 'no'} |"
        )
    first = rows[0]
    lines += [
        "",
        f"{first['users']:,} users, {first['items']:,} items, "
        f"{first['interactions']:,} interactions, features of "
        f"{' + '.join(map(str, first['dims']))} channels, batches of "
        f"{first['batch_size']}; medians of {first['steps']}; torch "
        f"{torch.__version__}, {torch.get_num_threads()} thread(s).",
    ]
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    keep_freed_memory()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--modes", default="exact,fast")
    parser.add_argument("--steps", type=int, default=9)
    parser.add_argument("--users", type=int, default=19_445)
    parser.add_argument("--items", type=int, default=7_050)
    parser.add_argument("--interactions", type=int, default=118_551)
    parser.add_argument("--dims", default="4096,384")
    parser.add_argument("--batch-size", type=int, default=2048)
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    parser.add_argument("--output", type=Path, help="where to write the results")
    parser.add_argument("--smoke", action="store_true", help="a tiny shape")
    parser.add_argument("--measure", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.measure is not None:
        print(json.dumps(measure(options.measure)))
        return 0
    modes = options.modes.split(",")
    if not set(modes) <= set(MODES):
        parser.error(f"--modes must be of {', '.join(MODES)} (got {options.modes!r})")
    keys = ("users", "items", "interactions", "steps", "batch_size")
    common = {
        **{key: getattr(options, key) for key in keys},
        "dims": [int(width) for width in options.dims.split(",")],
        **(SMOKE if options.smoke else {}),
    }
    rows = []
    for mode in modes[:1] if options.smoke else modes:
        for name in PIECES[-1:] if options.smoke else PIECES:
            if name == "estimator" and MODES[mode].get("preset") == "fast":
                continue  # its model q has a closed form
            rows.append(measure_apart({"mode": mode, "piece": name, **common}))
    print(table(rows))
    if options.output is not None:
        write_text(options.output, json.dumps(rows, indent=1) + "\n")
        write_text(options.output.with_suffix(".md"), table(rows))
    if options.json:
        print(json.dumps(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
