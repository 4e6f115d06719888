"""Run speed.py several times in every mode, and tabulate the medians.

    python benchmarks/speed_table.py [--runs 5] [--steps 5] [--output FILE.json]
        [--smoke]

The modes take turns, each run in a process of its own, so that a busy spell of the
machine falls on all of them. T is measured in every run, and the figures are medians of
multiples of it. With `--output`, runs are kept in the file and only missing ones are
made; a table (Markdown) stands beside it. Further options are those of `speed.py`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from sea_pyg.report import markdown_table
from sea_pyg.training.atomic import write_text

SCRIPT = Path(__file__).with_name("speed.py")
MODES: dict[str, list[str]] = {
    "exact": ["--mode", "exact"],
    "collapsed": ["--mode", "collapsed"],
    "fast": ["--mode", "fast"],
    "fast, bfloat16": ["--mode", "fast", "--bf16"],
}
FIGURES = ("step", "encode", "evaluate", "knn")
SMOKE = ["--users", "200", "--items", "120", "--interactions", "2000"]
SMOKE += ["--dims", "32,16", "--steps", "2"]
Run = dict[str, Any]


def run_once(mode: str, further: list[str]) -> Run:
    """Run ``speed.py`` in a process of its own and return its JSON object."""
    path = os.pathsep.join(
        filter(None, [str(SCRIPT.parents[1]), os.environ.get("PYTHONPATH")])
    )
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *MODES[mode], *further, "--lightning", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    run: Run = json.loads(done.stdout.splitlines()[-1])
    return run


def median_ratio(runs: list[Run], seconds: str) -> tuple[float, float, float]:
    """Return the median, the least and the most of a time in multiples of T."""
    found = [run[seconds] / run["matmul_seconds"] for run in runs]
    return statistics.median(found), min(found), max(found)


def table(runs: dict[str, list[Run]]) -> str:
    """Lay the medians out as Markdown."""
    rows = []
    for mode, mine in runs.items():
        middle, low, high = median_ratio(mine, "step_seconds")
        others = [median_ratio(mine, f"{key}_seconds")[0] for key in FIGURES[1:]]
        negatives = statistics.median(run["negatives_seconds"] for run in mine)
        lightning = statistics.median(r["lightning_overhead_seconds"] for r in mine)
        rows.append(
            [
                mode,
                f"{middle:.2f} ({low:.2f} to {high:.2f})",
                *(f"{ratio:.2f}" for ratio in others),
                f"{1e3 * negatives:.0f}",
                f"{statistics.median(run['peak_rss_gb'] for run in mine):.2f}",
                f"{1e3 * lightning:.1f}",
            ]
        )
    head = ["mode", "step [T]", "encode [T]", "evaluate [T]", "item graph [T]"]
    head += ["negatives [ms]", "peak memory [GB]", "Lightning adds [ms a step]"]
    parts = [markdown_table(rows, head)]
    for mode, mine in runs.items():
        rows = [
            [name, f"{took:.3f}", f"{limit:.3f}", f"{took / limit:.1f}"]
            for name in mine[0]["stages"]
            for took, limit in [
                [
                    statistics.median(r[key][name] / r["matmul_seconds"] for r in mine)
                    for key in ("stages", "stage_limits")
                ]
            ]
            if took > 1e-4
        ]
        parts.append(f"Stages of {mode}:")
        parts.append(markdown_table(rows, ["stage", "time [T]", "limit [T]", "ratio"]))
    first = next(iter(runs.values()))[0]
    taken = [run["matmul_seconds"] for mine in runs.values() for run in mine]
    shape = first["shape"]
    parts.append(
        f"{shape['users']:,} users, {shape['items']:,} items, "
        f"{shape['interactions']:,} interactions, features of "
        f"{' + '.join(map(str, shape['dims']))} channels, batches of "
        f"{shape['batch_size']}, {shape['inner_steps']} inner steps where the "
        f"estimators take any; T is {statistics.median(taken):.2f} s on "
        f"{first['threads']} thread(s), medians of {min(map(len, runs.values()))} runs."
    )
    return "\n\n".join(part.strip() for part in parts) + "\n"


def page(path: Path) -> str:
    """Return the tables of a results file."""
    return table(json.loads(path.read_text(encoding="utf-8"))["runs"])


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5, help="of every mode")
    parser.add_argument("--output", type=Path, help="where runs are kept")
    parser.add_argument("--smoke", action="store_true", help="one tiny run of fast")
    options, further = parser.parse_known_args(arguments)
    if options.runs < 1:
        parser.error(f"--runs must be positive (got {options.runs})")
    modes = list(MODES)
    if options.smoke:
        options.runs, modes, further = 1, ["fast"], SMOKE
    runs: dict[str, list[Run]] = {mode: [] for mode in modes}
    if options.output is not None and options.output.exists():
        runs |= json.loads(options.output.read_text(encoding="utf-8"))["runs"]
    for count in range(1, options.runs + 1):
        for mode, mine in runs.items():
            if len(mine) >= count:
                continue
            mine.append(run_once(mode, further))
            ratio = mine[-1]["step_seconds"] / mine[-1]["matmul_seconds"]
            print(f"{mode}: step {ratio:.2f} T", file=sys.stderr, flush=True)
            if options.output is not None and all(runs.values()):
                options.output.parent.mkdir(parents=True, exist_ok=True)
                text = json.dumps({"runs": runs}, indent=1) + "\n"
                write_text(options.output, text)
                write_text(options.output.with_suffix(".md"), table(runs))
    print(table(runs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
