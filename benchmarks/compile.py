"""Measure whether torch.compile makes SEA's training step faster.

    python benchmarks/compile.py [--modes exact,fast] [--steps 9] [--users 19445]
        [--items 7050] [--interactions 118551] [--dims 4096,384]
        [--backend inductor] [--json] [--output FILE.json] [--smoke]

Two pieces of the step are compiled, each in a process of its own: `objective`, that is
the representations and all loss parts with their gradients, and `estimator`, an inner
step's objective with its gradient, where the mode fits estimators. Eager and compiled
calls take turns, so that both see the same load; a ratio above 1 says that the compiled
piece is slower. The compiler starts from an empty cache, so that the time it takes does
not depend on what ran before. A graph break is a place where it hands over to Python;
those of all its attempts are counted, and their reasons stand below the table. Losses
are the same up to 1e-4; `gradients` is the norm of the gradients' difference, relative
to that of the gradient. A piece that does not compile has its error in the table. With
``--output``, a table (Markdown) stands beside the file. ``--smoke`` takes one mode, a
tiny shape and `aot_eager`, a backend that traces and generates no code.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
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
SMOKE_BACKEND = "aot_eager"
HEADER = (
    "| mode | piece | eager [s] | compiled [s] | ratio | compiling [s] | graph breaks "
    "| same loss | gradients |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
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

    def seconds(function: Callable[[], Tensor]) -> tuple[float, float]:
        model.zero_grad(set_to_none=True)
        start = time.perf_counter()
        loss = function()
        loss.backward()  # type: ignore[no-untyped-call]
        return time.perf_counter() - start, float(loss)

    def gradient() -> Tensor:
        parts = [p.grad for p in model.parameters() if p.grad is not None]
        return torch.cat([part.flatten() for part in parts])

    _, expected = seconds(eager)
    expected_gradient = gradient()
    try:
        compiled = torch.compile(eager, backend=setting["backend"])
        first, found = seconds(compiled)
        difference = gradient() - expected_gradient
        second, _ = seconds(compiled)
    except Exception as error:  # whatever the compiler raises is the result
        return {**setting, "error": f"{type(error).__name__}: {error}".split("\n")[0]}
    gradient_error = float(difference.norm() / expected_gradient.norm())
    times = [(seconds(eager)[0], seconds(compiled)[0]) for _ in range(setting["steps"])]
    plain, fast = (statistics.median(side) for side in zip(*times, strict=True))
    reasons: dict[str, int] = {}
    for text, count in torch._dynamo.utils.counters["graph_break"].items():
        reason = text.split("\n")[0]
        reasons[reason] = reasons.get(reason, 0) + count
    return {
        **setting,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "eager_seconds": plain,
        "compiled_seconds": fast,
        "ratio": fast / plain,
        "compile_seconds": first + second - 2 * fast,
        "graph_breaks": sum(reasons.values()),
        "break_reasons": reasons,
        "same_loss": abs(found - expected) <= 1e-4 * abs(expected),
        "gradient_error": gradient_error,
    }


def measure_apart(setting: dict[str, Any]) -> dict[str, Any]:
    """Measure in a process of its own, with an empty cache of compiled code.

    Raises:
        RuntimeError: If the process fails otherwise than in compiled code.
    """
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run(
            [sys.executable, __file__, "--measure", json.dumps(setting)],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": path, "TORCHINDUCTOR_CACHE_DIR": cache},
        )
    if done.returncode < 0:  # compiled code can end the process
        return {**setting, "error": f"the process died of signal {-done.returncode}"}
    if done.returncode:
        raise RuntimeError(f"{setting} could not be measured:\n{done.stderr}")
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def table(rows: list[dict[str, Any]]) -> str:
    """Lay the results out as Markdown."""
    lines = list(HEADER)
    for row in rows:
        if "error" in row:
            error = row["error"].replace("|", "\\|")
            lines.append(f"| {row['mode']} | {row['piece']} | {error} | | | | | | |")
            continue
        lines.append(
            f"| {row['mode']} | {row['piece']} | {row['eager_seconds']:.4f} "
            f"| {row['compiled_seconds']:.4f} | {row['ratio']:.2f} "
            f"| {row['compile_seconds']:.0f} | {row['graph_breaks']} "
            f"| {'yes' if row['same_loss'] else 'no'} | {row['gradient_error']:.0e} |"
        )
    broken = [row for row in rows if row.get("break_reasons")]
    lines += [""] * bool(broken)
    for row in broken:
        reasons = row["break_reasons"].items()
        found = ", ".join(f"{reason} ({count})" for reason, count in reasons)
        lines.append(f"- Breaks of {row['mode']}, {row['piece']}: {found}.")
    first = rows[0]
    here = {"torch": torch.__version__, "threads": torch.get_num_threads()}
    ran = next((row for row in rows if "torch" in row), here)
    lines += [
        "",
        f"{first['users']:,} users, {first['items']:,} items, "
        f"{first['interactions']:,} interactions, features of "
        f"{' + '.join(map(str, first['dims']))} channels, batches of "
        f"{first['batch_size']}; medians of {first['steps']}; "
        f"{first['backend']}, torch {ran['torch']}, {ran['threads']} thread(s).",
    ]
    return "\n".join(lines) + "\n"


def page(path: Path) -> str:
    """Return the table of a results file."""
    return table(json.loads(path.read_text(encoding="utf-8")))


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
    parser.add_argument(
        "--dims",
        type=lambda text: [int(width) for width in text.split(",")],
        default=[4096, 384],
    )
    parser.add_argument("--batch-size", type=int, default=2048)
    parser.add_argument("--backend", help="of torch.compile (default inductor)")
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
    if options.steps < 1:
        parser.error(f"--steps must be at least 1 (got {options.steps})")
    keys = ("users", "items", "interactions", "steps", "batch_size")
    common = {
        **{key: getattr(options, key) for key in keys},
        "dims": options.dims,
        "backend": options.backend or (SMOKE_BACKEND if options.smoke else "inductor"),
        **(SMOKE if options.smoke else {}),
    }
    rows = []
    for mode in modes[:1] if options.smoke else modes:
        for name in PIECES:
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
