"""Reach the published or measured numbers of other implementations.

    python benchmarks/anchors.py [--data lfm2k,baby,sports] [--models BPRMF,LightGCN]
        [--seeds 0,1,2] [--output FILE.json] [--runs DIR] [--smoke]

Models are trained by ``sea-pyg train``, with the first seed for every setting of an
anchor's grid, and with the other seeds for the setting whose validation Recall@20 is
best. The mean test Recall@20 over the seeds is compared with the anchor. Finished runs
are kept in the output file and not repeated, so that the command can be stopped and
started again. A table of all finished anchors stands beside it, as Markdown.

With ``--runs``, the run directories are kept there, for ``sea-pyg compare``.

Baselines wait 50 epochs for a better validation value before they stop, by default: 20,
which the anchors of lfm2k were measured with, can end LightGCN's slow rise there at a
Recall@20 of 0.40 instead of 0.416.

The data is looked for in the folder that the variable ``SEA_PYG_DATA`` names.
``--smoke`` trains two epochs of one seed and the first setting on generated data.
"""

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from sea_pyg.training import environment
from sea_pyg.training.atomic import write_text
from sea_pyg.utils import require

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("SEA_PYG_DATA", ROOT.parent / "shared" / "data"))
OUTPUT = ROOT / "benchmarks" / "results" / "anchors.json"


SEEDS = [0, 1, 2]
KEY = ("data", "model", "setting", "seed")
"""What tells one run from another."""


@dataclass(frozen=True)
class Anchor:
    """A number to reach, and the settings that may be tried for it."""

    data: str
    model: str
    recall: float
    """Test Recall@20 to reach."""
    below: float
    """How much lower ours may be."""
    above: float = float("inf")
    """How much higher ours may be."""
    modalities: str | None = None
    grid: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    """Values to try of every option."""
    seeds: bool = True
    """Whether the seed matters."""

    def settings(self) -> list[dict[str, Any]]:
        """List the points of the grid."""
        points = product(*self.grid.values())
        return [dict(zip(self.grid, point, strict=True)) for point in points]


def _lfm2k(model: str, recall: float, below: float = 0.005, **options: Any) -> Anchor:
    grid = {name: (value,) for name, value in options.items()}
    return Anchor("lfm2k", model, recall, below, modalities="text,audio", grid=grid)


def _closed(model: str, recall: float) -> Anchor:
    return Anchor("lfm2k", model, recall, 0.001, 0.001, seeds=False)


BPR_GRID = {"lr": (1e-3,), "reg_weight": (1.0, 0.1, 0.01, 0.001)}
LIGHTGCN_GRID = {
    "lr": (3e-3,),
    "batch_size": (8192,),
    "num_layers": (4, 3),
    "reg_weight": (1e-2, 1e-3),
}
"""A step of LightGCN costs the same for any batch, so that large ones train faster."""
HEADER = (
    "| data | model | Recall@20 to reach | Recall@20 | NDCG@20 | seeds | reached "
    "| settings |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
)
ANCHORS = [
    _closed("Popularity", 0.1221),
    _closed("ItemKNN", 0.3973),
    _closed("EASE", 0.3955),
    _lfm2k("BPRMF", 0.3971, lr=1e-3, reg_weight=0.01),
    _lfm2k("LightGCN", 0.4123, lr=1e-3, num_layers=2, reg_weight=1e-4),
    _lfm2k("VBPR", 0.3639, lr=1e-3, reg_weight=0.01),
    _lfm2k(
        "FREEDOM",
        0.4097,
        lr=1e-3,
        dropout=0.8,
        reg_weight=0.0,
        item_graph_weights='{"text": 0.9, "audio": 0.1}',
    ),
    _lfm2k("BM3", 0.3245, lr=1e-3, num_layers=1, reg_weight=0.1, dropout=0.5),
    _lfm2k("LATTICE", 0.4101, lr=1e-3, reg_weight=0.0),
    _lfm2k("SEA", 0.4087, 0.0),
    _lfm2k("SEA", 0.4087, distance_kwargs='{"conditional": "linear"}'),
    _lfm2k("SEA", 0.4087, preset="released"),
    Anchor("baby", "BPRMF", 0.0575, 0.004, 0.004, grid=BPR_GRID),
    Anchor("baby", "LightGCN", 0.0754, 0.004, 0.004, grid=LIGHTGCN_GRID),
    Anchor("sports", "BPRMF", 0.0653, 0.004, 0.004, grid=BPR_GRID),
    Anchor("sports", "LightGCN", 0.0864, 0.004, 0.004, grid=LIGHTGCN_GRID),
]


def train(
    anchor: Anchor,
    setting: dict[str, Any],
    seed: int,
    smoke: bool,
    runs: Path | None = None,
) -> dict[str, Any]:
    """Train by the command line and return what it reports."""
    with tempfile.TemporaryDirectory() as folder:
        digest = hashlib.sha256(json.dumps(setting).encode()).hexdigest()[:8]
        name = f"{anchor.data}-{anchor.model}-{digest}-{seed}"
        out = Path(folder) / "run" if runs is None else runs / name
        command = [sys.executable, "-m", "sea_pyg", "train"]
        command += ["fake" if smoke else str(DATA / anchor.data)]
        command += ["--model", anchor.model, "--seed", str(seed), "--json"]
        # A run that was interrupted goes on where it was.
        command += ["--resume" if out.exists() else "--out", str(out)]
        if anchor.modalities is not None and not smoke:
            command += ["--modalities", anchor.modalities]
        if smoke:
            command += ["--max-epochs", "2"]
        for name, value in setting.items():
            if not (smoke and name in ("item_graph_weights", "preset")):
                command += ["--set", f"{name}={value}"]
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": path},
        )
    report: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return report


class Results:
    """Finished runs, kept in a file that several commands may add to at once."""

    def __init__(self, path: Path, run_folder: Path | None = None) -> None:
        self.path = path
        self.run_folder = run_folder
        self.runs: list[dict[str, Any]] = self.read()

    def read(self) -> list[dict[str, Any]]:
        """Read the runs that the file has now."""
        found: list[dict[str, Any]] = []
        if self.path.exists():
            found = json.loads(self.path.read_text())
        return found

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Wait until no other command writes, and let none write in this block."""
        filelock = require("filelock", "train")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(self.path.with_suffix(".lock")):
            yield

    def add(self, run: dict[str, Any]) -> None:
        """Write a run to the file, beside those that others have added meanwhile."""
        with self.locked():
            every: dict[str, dict[str, Any]] = {}
            for one in [*self.read(), *self.runs, run]:
                every.setdefault(json.dumps([one[name] for name in KEY]), one)
            self.runs = [*every.values()]
            write_text(self.path, json.dumps(self.runs, indent=1) + "\n")

    def get(
        self, anchor: Anchor, setting: dict[str, Any], seed: int, smoke: bool
    ) -> dict[str, Any]:
        """Return a run, training it if it is not there."""
        key = {
            "data": "fake" if smoke else anchor.data,
            "model": anchor.model,
            "setting": setting,
            "seed": seed,
        }
        for run in self.runs:
            if {name: run[name] for name in key} == key:
                return run
        print(f"training {key}", file=sys.stderr, flush=True)
        report = train(anchor, setting, seed, smoke, self.run_folder)
        run = {
            **key,
            "valid": report["valid"]["recall@20"],
            "test": report["test"]["recall@20"],
            "ndcg": report["test"]["ndcg@20"],
            "best_epoch": report["best_epoch"],
            "seconds": report["seconds"],
            "code": environment()["code"],
        }
        self.add(run)
        return run


def find(
    anchor: Anchor, results: Results, seeds: list[int], smoke: bool
) -> list[dict[str, Any]]:
    """Select a setting, and return its run of every seed."""
    settings = anchor.settings()[: 1 if smoke else None]
    first = [results.get(anchor, s, seeds[0], smoke) for s in settings]
    best = max(range(len(first)), key=lambda i: float(first[i]["valid"]))
    used = seeds if anchor.seeds else seeds[:1]
    return [results.get(anchor, settings[best], seed, smoke) for seed in used]


def line(anchor: Anchor, runs: list[dict[str, Any]], smoke: bool) -> tuple[str, bool]:
    """Average over the seeds; return the table's line, and whether it is reached."""
    values = [run["test"] for run in runs]
    mean = statistics.mean(values)
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    reached = -anchor.below <= mean - anchor.recall <= anchor.above
    ndcg = statistics.mean(run["ndcg"] for run in runs)
    setting = runs[0]["setting"]
    chosen = ", ".join(f"{name}={value}" for name, value in setting.items())
    verdict = "-" if smoke else "yes" if reached else "no"
    data = "fake" if smoke else anchor.data
    text = (
        f"| {data} | {anchor.model} | {anchor.recall:.4f} | {mean:.4f} ± {spread:.4f} "
        f"| {ndcg:.4f} | {len(values)} | {verdict} | {chosen or 'defaults'} |"
    )
    return text, reached


class Finished(Results):
    """The runs of a file, without training."""

    def get(
        self, anchor: Anchor, setting: dict[str, Any], seed: int, smoke: bool
    ) -> dict[str, Any]:
        """Return a run.

        Raises:
            LookupError: If it has not been trained.
        """
        for run in self.runs:
            if (run["data"], run["model"], run["setting"], run["seed"]) == (
                anchor.data,
                anchor.model,
                setting,
                seed,
            ):
                return run
        raise LookupError(anchor.model)


def table(path: Path, seeds: list[int]) -> str:
    """Lay out all anchors of a file whose runs are all there."""
    results, lines, used = Finished(path), [*HEADER], []
    for anchor in ANCHORS:
        try:
            runs = find(anchor, results, seeds, smoke=False)
        except LookupError:
            continue
        lines.append(line(anchor, runs, smoke=False)[0])
        used += runs
    codes = [run.get("code") for run in used]
    lines += [
        "",
        f"{len(codes)} runs, {codes.count(None)} of which do not say which version of "
        f"the library made them, the others by {len({*codes} - {None})}.",
    ]
    return "\n".join(lines) + "\n"


def page(path: Path) -> str:
    """Return the table of a results file."""
    return table(path, SEEDS)


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="lfm2k,baby,sports")
    parser.add_argument("--models", help="names, as a,b (default: all)")
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)))
    parser.add_argument("--output", type=Path, help=f"default: {OUTPUT.name}")
    parser.add_argument("--runs", type=Path, help="keep the run directories here")
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args(arguments)
    names = options.data.split(",")
    models = None if options.models is None else options.models.lower().split(",")
    seeds = [int(seed) for seed in options.seeds.split(",")][
        : 1 if options.smoke else None
    ]
    chosen = [
        anchor
        for anchor in ANCHORS
        if anchor.data in names and (models is None or anchor.model.lower() in models)
    ]
    if not chosen:
        print("error: no anchor of this data and these models", file=sys.stderr)
        return 2
    print("\n".join(HEADER))
    with tempfile.TemporaryDirectory() as folder:
        smoke_path = Path(folder) / "anchors.json"
        path = options.output or (smoke_path if options.smoke else OUTPUT)
        results = Results(path, options.runs)
        reached = []
        for anchor in chosen:
            runs = find(anchor, results, seeds, options.smoke)
            text, success = line(anchor, runs, options.smoke)
            print(text, flush=True)
            reached.append(success)
        with results.locked():
            write_text(path.with_suffix(".md"), table(path, seeds))
    return 0 if options.smoke or all(reached) else 1


if __name__ == "__main__":
    sys.exit(main())
