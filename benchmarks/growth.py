"""Measure how SEA's training step grows with the graph, from Baby to Electronics.

    python benchmarks/growth.py [--modes fast,exact] [--sizes 5] [--exact-up-to ITEMS]
        [--steps 5] [--json] [--output FILE.json] [--smoke]

The graphs are synthetic. Users, items and interactions grow in step, by equal factors,
from the shape of Amazon Baby (7,050 items) to that of Amazon Electronics (63,001). Each
measurement is a process of its own, so that peak memory is its own too: it draws the
graph, builds the graph of similar items, and takes training steps with all inner steps.
T is the time of a 4096 x 4096 x 4096 float32 product in the same process. A mode's
slope is that of a line through log(step time) over log(items): 1 is linear growth.

The step of ``exact`` compares all items with all: its time grows faster than the items,
and ``--exact-up-to`` leaves the larger sizes out.
With ``--output``, measurements are kept in the file and not repeated, and a table
(Markdown) and a picture (SVG) stand beside it.
"""

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from speed import MODES, Step, median_seconds, random_graph

from sea_pyg.loader import InteractionLoader
from sea_pyg.nn.models import SEA
from sea_pyg.training.atomic import write_text
from sea_pyg.utils import keep_freed_memory

ROOT = Path(__file__).resolve().parents[1]
FIRST = {"users": 19_445, "items": 7_050, "interactions": 118_551}
LAST = {"users": 192_403, "items": 63_001, "interactions": 1_254_441}
ORDER = ["fast", "exact"]
SMOKE_LAST = {"users": 200, "items": 120, "interactions": 1_200}
SMOKE_FIRST = {"users": 100, "items": 60, "interactions": 600}


def shapes(
    first: dict[str, int], last: dict[str, int], count: int
) -> list[dict[str, int]]:
    """Return ``count`` shapes from first to last, by equal factors."""
    return [
        {
            key: round(small * (last[key] / small) ** (step / (count - 1)))
            for key, small in first.items()
        }
        for step in range(count)
    ]


def peak_gb() -> float:
    """Return the most memory that this process has held, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def measure(setting: dict[str, Any]) -> dict[str, Any]:
    """Measure one mode at one shape in this process."""
    a = torch.randn(setting["matmul"], setting["matmul"])
    matmul = median_seconds(lambda: torch.mm(a, a), 3)
    data = random_graph(
        setting["users"], setting["items"], setting["interactions"], setting["dims"]
    )
    torch.manual_seed(0)
    model = SEA.from_data(data, **MODES[setting["mode"]])
    start = time.perf_counter()
    data = model.prepare(data)
    prepared = time.perf_counter() - start
    prepare_peak = peak_gb()
    batch = next(iter(InteractionLoader(data, batch_size=setting["batch_size"])))
    step = Step(model, data, setting["inner_steps"])
    seconds = median_seconds(lambda: step(batch), setting["steps"])
    return {
        **setting,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "matmul_seconds": matmul,
        "item_graph_seconds": prepared,
        "item_graph_peak_gb": prepare_peak,
        "step_seconds": seconds,
        "step_ratio": seconds / matmul,
        "peak_rss_gb": peak_gb(),
    }


def measure_apart(setting: dict[str, Any]) -> dict[str, Any]:
    """Measure in a process of its own."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, __file__, "--measure", json.dumps(setting)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def fit_line(x: list[float], y: list[float]) -> tuple[float, float]:
    """Return the slope and the intercept of the least-squares line."""
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    square = sum((a - mean_x) ** 2 for a in x)
    product = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    slope = product / square
    return slope, mean_y - slope * mean_x


def growth(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Fit each mode's growth over its sizes, if it has several."""
    found = {}
    for mode in dict.fromkeys(row["mode"] for row in rows):
        mine = [row for row in rows if row["mode"] == mode]
        if len(mine) > 1:
            items = [math.log(row["items"]) for row in mine]
            found[mode] = {
                f"{key}_slope": fit_line(items, [math.log(r[value]) for r in mine])[0]
                for key, value in (
                    ("step", "step_seconds"),
                    ("step_ratio", "step_ratio"),
                    ("memory", "peak_rss_gb"),
                )
            }
    return found


def table(rows: list[dict[str, Any]]) -> str:
    """Lay the results out as Markdown."""
    lines = [
        "| mode | users | items | interactions | step [s] | step [T] | item graph [s] "
        "| peak memory [GB] |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row['mode']} | {row['users']:,} | {row['items']:,} "
        f"| {row['interactions']:,} | {row['step_seconds']:.3f} "
        f"| {row['step_ratio']:.2f} | {row['item_graph_seconds']:.1f} "
        f"| {row['peak_rss_gb']:.2f} |"
        for row in rows
    ]
    lines.append("")
    for mode, slopes in growth(rows).items():
        lines.append(
            f"- {mode}: the step grows with the items to the power of "
            f"{slopes['step_slope']:.2f} (in T {slopes['step_ratio_slope']:.2f}), peak "
            f"memory to the power of {slopes['memory_slope']:.2f}."
        )
    last = rows[-1]
    lines += [
        "",
        f"Features of {' + '.join(map(str, last['dims']))} channels, batches of "
        f"{last['batch_size']}, {last['inner_steps']} inner steps where the estimators "
        f"take any; {last['threads']} thread(s), torch {last['torch']}.",
    ]
    return "\n".join(lines) + "\n"


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw step time and peak memory over the items, with the lines of the slopes."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "growth"
    mpl.rcParams["svg.fonttype"] = "none"
    figure = Figure(figsize=(9, 4), layout="constrained")
    panels = (("step_ratio", "step time [T]"), ("peak_rss_gb", "peak memory [GB]"))
    for axis, (key, label) in zip(figure.subplots(1, 2), panels, strict=True):
        for mode, color in (("fast", "#3b7dd8"), ("exact", "#e08a2e")):
            mine = [row for row in rows if row["mode"] == mode]
            items, values = [r["items"] for r in mine], [r[key] for r in mine]
            axis.plot(items, values, "o", color=color)
            if len(mine) > 1:
                logs = [math.log(n) for n in items]
                slope, shift = fit_line(logs, [math.log(v) for v in values])
                line = [math.exp(shift + slope * x) for x in logs]
                axis.plot(items, line, color=color, label=f"{mode}: slope {slope:.2f}")
        axis.set(xscale="log", yscale="log", xlabel="items", ylabel=label)
        axis.grid(alpha=0.3, which="both")
        if axis.get_legend_handles_labels()[0]:
            axis.legend()
    figure.savefig(path, metadata={"Date": None})


def page(path: Path) -> str:
    """Return the tables of a results file."""
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return table(sorted(rows, key=lambda r: (ORDER.index(r["mode"]), r["items"])))


class Results:
    """Finished measurements, kept in a file if there is one."""

    def __init__(self, path: Path | None, wanted: list[dict[str, Any]]) -> None:
        self.path = path
        self.wanted = wanted
        self.kept: list[dict[str, Any]] = []
        if path is not None and path.exists():
            self.kept = json.loads(path.read_text())["rows"]

    def find(self, setting: dict[str, Any]) -> dict[str, Any] | None:
        """Return the measurement of a setting on as many threads, if it is there."""
        wanted = {**setting, "threads": torch.get_num_threads()}.items()
        return next((row for row in self.kept if wanted <= row.items()), None)

    def rows(self) -> list[dict[str, Any]]:
        """Return what is there of what is wanted."""
        found = [self.find(setting) for setting in self.wanted]
        return [row for row in found if row is not None]

    def add(self, row: dict[str, Any]) -> None:
        """Keep a measurement, and write the file, its table and its picture."""
        self.kept.append(row)
        if self.path is None:
            return
        rows = self.rows()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        report = {"growth": growth(rows), "rows": self.kept}
        write_text(self.path, json.dumps(report, indent=1) + "\n")
        write_text(self.path.with_suffix(".md"), table(rows))
        draw(rows, self.path.with_suffix(".svg"))


def settings(options: argparse.Namespace) -> list[dict[str, Any]]:
    """List what is to be measured."""
    ends = (SMOKE_FIRST, SMOKE_LAST) if options.smoke else (FIRST, LAST)
    common = {
        "dims": [16, 8] if options.smoke else [4096, 384],
        "batch_size": 2048,
        "inner_steps": 50,
        "steps": 1 if options.smoke else options.steps,
        "matmul": 256 if options.smoke else 4096,
    }
    return [
        {"mode": mode, **shape, **common}
        for mode in options.modes
        for shape in shapes(*ends, 2 if options.smoke else options.sizes)
        if mode == "fast" or shape["items"] <= options.exact_up_to
    ]


def parse_modes(text: str) -> list[str]:
    """Read names of modes, as a,b."""
    modes = text.split(",")
    if not set(modes) <= set(ORDER):
        raise argparse.ArgumentTypeError(
            f"choose from {', '.join(ORDER)} (got {text!r})"
        )
    return modes


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    keep_freed_memory()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--modes", type=parse_modes, default=ORDER)
    parser.add_argument("--sizes", type=int, default=5, help="how many (default 5)")
    parser.add_argument(
        "--exact-up-to", type=int, default=100_000, help="most items of exact"
    )
    parser.add_argument("--steps", type=int, default=5, help="steps to time")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    parser.add_argument("--output", type=Path, help="where results are kept")
    parser.add_argument("--smoke", action="store_true", help="two tiny sizes")
    parser.add_argument("--measure", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.measure is not None:
        print(json.dumps(measure(options.measure)))
        return 0
    if options.sizes < 2:
        parser.error(f"--sizes must be at least 2 for a slope (got {options.sizes})")
    wanted = settings(options)
    results = Results(options.output, wanted)
    for setting in wanted:
        row = results.find(setting)
        if row is None:
            row = measure_apart(setting)
            results.add(row)
        print(
            f"{row['mode']:<6} {row['items']:>6} items: step "
            f"{row['step_seconds']:.3f} s = {row['step_ratio']:.2f} T, peak "
            f"{row['peak_rss_gb']:.2f} GB",
            file=sys.stderr,
            flush=True,
        )
    rows = results.rows()
    print(table(rows))
    if options.json:
        print(json.dumps({"growth": growth(rows), "rows": rows}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
