"""Measure the estimators of mutual information where the truth is known.

    python benchmarks/mi.py [--out FOLDER] [--levels 2,4,6,8,10] [--smoke]

Every estimator learns on 16,384 pairs, in steps of one batch, and is evaluated on fresh
batches. The staircases are Gaussians of 20 dimensions, and the same with the cube of y;
eight further distributions follow. The bias is the mean over batches less the truth; of
an exact CLUB it is d (exp(2 I / d) - 1) - I, and InfoNCE cannot exceed log(batch).
Processor seconds are those of learning and of one estimate. The last part times a
linear q in closed form against 50 steps of Adam. Writes mi.json, mi.md and mi.svg to
the folder, ``results`` beside this script by default; ``--smoke`` writes only if a
folder is named.
"""

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from mi_distributions import Distribution, cubic, further, gaussian
from torch import Tensor

from sea_pyg.nn.mi import (
    CLUB,
    NWJ,
    SMILE,
    VUB,
    DonskerVaradhan,
    GaussianMLP,
    InfoNCE,
    JensenShannon,
    L1Out,
    MutualInformationEstimator,
    SeparableCritic,
)
from sea_pyg.training.atomic import write_text

CHANNELS = 20
CONDITIONAL: dict[str, Callable[..., MutualInformationEstimator]] = {
    "CLUB": CLUB,
    "sampled CLUB": lambda *a, **k: CLUB(*a, num_negatives="sampled", **k),
    "L1Out": L1Out,
    "VUB": VUB,
}
# Estimators that share a learning loss share what they have learned.
CRITIC: list[dict[str, type]] = [
    {"InfoNCE": InfoNCE},
    {"NWJ": NWJ},
    {"DonskerVaradhan": DonskerVaradhan},
    {"SMILE": SMILE, "JensenShannon": JensenShannon},
]
ORDER = [
    *(f"{name} ({q})" for name in CONDITIONAL for q in ("linear", "mlp")),
    *(name for group in CRITIC for name in group),
]


def seconds(function: Callable[[], Any]) -> float:
    """Return the processor time of one call, which other load leaves as it is."""
    start = time.process_time()
    function()
    return time.process_time() - start


def estimators(
    x_channels: int, y_channels: int
) -> list[dict[str, MutualInformationEstimator]]:
    """Make all estimators, grouped by what they learn; the first of a group does."""
    torch.manual_seed(0)
    groups: list[dict[str, MutualInformationEstimator]] = []
    mlp = GaussianMLP(x_channels, y_channels, hidden_channels=64)
    for kind, q in (("linear", "linear"), ("mlp", mlp)):
        first = CLUB(x_channels, y_channels, conditional=q)
        shared = first.conditional
        groups.append(
            {
                f"{name} ({kind})": make(x_channels, y_channels, conditional=shared)
                for name, make in CONDITIONAL.items()
            }
        )
    for group in CRITIC:
        critic = SeparableCritic(x_channels, y_channels, 128, 32)
        groups.append(
            {
                n: make(x_channels, y_channels, critic=critic)
                for n, make in group.items()
            }
        )
    return groups


def measure(task: Distribution, batch: int, scale: float) -> list[dict[str, Any]]:
    """Fit and evaluate every estimator on one distribution."""
    generator = torch.Generator().manual_seed(1)
    num_batches = max(int((64 if batch < 128 else 16) * scale), 2)
    num_train = max(int(16_384 * scale), 2 * batch)
    x, y = task.sample(num_train + num_batches * batch, generator)
    # An affine map of either variable leaves the information as it is.
    x, y = (
        ((t - t[:num_train].mean(dim=0)) / t[:num_train].std(dim=0)).float()
        for t in (x, y)
    )
    steps = max(int((300 if batch < 128 else 200) * scale), 2)
    rows = []
    for group in estimators(x.size(1), y.size(1)):
        learner = next(iter(group.values()))

        def fit(
            learner: MutualInformationEstimator = learner, x: Tensor = x, y: Tensor = y
        ) -> None:
            is_critic = hasattr(learner, "critic")
            for share, lr in ((1.0, 3e-3 if is_critic else 1e-2), (0.33, 1e-3)):
                learner.fit(
                    x[:num_train],
                    y[:num_train],
                    max(int(share * steps), 1),
                    lr,
                    batch_size=batch,
                    generator=generator,
                )

        fit_seconds = seconds(fit)
        for name, estimator in group.items():
            estimator.eval()
            start = time.process_time()
            with torch.no_grad():
                values = [
                    float(estimator(a, b))
                    for a, b in zip(
                        x[num_train:].split(batch),
                        y[num_train:].split(batch),
                        strict=True,
                    )
                ]
            spent = (time.process_time() - start) / len(values)
            mean = statistics.fmean(values)
            rows.append(
                {
                    "distribution": task.name,
                    "batch": batch,
                    "information": task.information,
                    "estimator": name,
                    "direction": estimator.bound,
                    "estimate": mean,
                    "bias": mean - task.information,
                    "std": statistics.stdev(values),
                    "fit_seconds": fit_seconds,
                    "estimate_seconds": spent,
                }
            )
    return rows


def time_closed_form(num_pairs: int, runs: int, channels: int = 32) -> dict[str, float]:
    """Time the linear q against 50 steps of Adam, in turn on the same pairs."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(num_pairs, channels, generator=generator)
    y = 0.5 * x + torch.randn(num_pairs, channels, generator=generator)
    linear = CLUB(channels, channels, conditional="linear")
    mlp = CLUB(channels, channels, hidden_channels=8)
    x_grad, y_grad = x.clone().requires_grad_(), y.clone().requires_grad_()

    def step(estimator: CLUB, inner: bool) -> None:
        if inner:
            estimator.fit(x, y, steps=50)
        estimator(x_grad, y_grad).backward()

    calls: dict[str, Callable[[], Any]] = {
        "linear_fit": lambda: linear.fit(x, y),
        "mlp_fit": lambda: mlp.fit(x, y, steps=50),
        "linear_step": lambda: step(linear, False),
        "mlp_step": lambda: step(mlp, True),
    }
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(runs):
        for name, call in calls.items():
            taken[name].append(seconds(call))
    out = {f"{name}_seconds": statistics.median(t) for name, t in taken.items()}
    for kind in ("fit", "step"):
        pairs = zip(taken[f"linear_{kind}"], taken[f"mlp_{kind}"], strict=True)
        out[f"{kind}_ratio"] = statistics.median(a / b for a, b in pairs)
    return {"num_pairs": num_pairs, "channels": channels, "runs": runs, **out}


def brief(value: float, sign: str = "") -> str:
    """Format a value with two decimals, or as a power of ten if it is far off."""
    return f"{value:{sign}.2f}" if abs(value) < 1000 else f"{value:{sign}.0e}"


def table(rows: list[dict[str, Any]], timing: dict[str, float]) -> str:
    """Format everything as markdown."""
    lines = [
        "# Estimators of mutual information where the truth is known",
        "",
        "Written by `benchmarks/mi.py`. Cells are bias ± standard deviation over fresh "
        "batches, in nats; processor seconds are means, of learning and one estimate.",
    ]
    keys = dict.fromkeys((r["distribution"], r["batch"]) for r in rows)
    staircases = [k for k in keys if k[0] in ("gaussian", "cubic")]
    blocks = [(f"{n}, batch {b}", [(n, b)]) for n, b in staircases]
    others = [k for k in keys if k not in staircases]
    if others:
        blocks.append((f"further distributions, batch {others[0][1]}", others))
    for title, chosen in blocks:
        part = [r for r in rows if (r["distribution"], r["batch"]) in chosen]
        columns = dict.fromkeys((r["distribution"], r["information"]) for r in part)
        heads = [
            f"I = {i:.3g}" if len(chosen) == 1 else f"{n} ({i:.2f})" for n, i in columns
        ]
        lines += ["", f"## {title[0].upper()}{title[1:]}", ""]
        lines.append(f"| estimator | {' | '.join(heads)} | fit [s] | estimate [s] |")
        lines.append("| --- " * (len(heads) + 3) + "|")
        for name in ORDER:
            mine = [r for r in part if r["estimator"] == name]
            cells = [f"{brief(r['bias'], '+')} ± {brief(r['std'])}" for r in mine]
            for key in ("fit_seconds", "estimate_seconds"):
                cells.append(f"{statistics.fmean(r[key] for r in mine):.4f}")
            lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += [
        "",
        "## A linear q in closed form against 50 steps of Adam",
        "",
        f"{timing['num_pairs']:,} pairs of {timing['channels']} channels; medians of "
        f"{timing['runs']} runs in turn, in processor time. A step adds the bound and "
        "its gradient.",
        "",
        "| | closed form [s] | 50 steps [s] | ratio |",
        "| --- | --- | --- | --- |",
    ]
    for kind in ("fit", "step"):
        a, b = timing[f"linear_{kind}_seconds"], timing[f"mlp_{kind}_seconds"]
        lines.append(f"| {kind} | {a:.4f} | {b:.4f} | {timing[f'{kind}_ratio']:.3f} |")
    return "\n".join(lines) + "\n"


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw estimate against truth, a panel per estimator."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "mi"
    mpl.rcParams["svg.fonttype"] = "none"
    stairs = [r for r in rows if r["distribution"] in ("gaussian", "cubic")]
    levels = sorted({r["information"] for r in stairs})
    exact = [CHANNELS * (math.exp(2 * i / CHANNELS) - 1) for i in levels]
    top = 1.1 * exact[-1]
    figure = Figure(figsize=(13, 9.5), layout="constrained")
    axes = figure.subplots(math.ceil(len(ORDER) / 5), 5).flat
    colors = {"gaussian": "#3b7dd8", "cubic": "#e08a2e"}
    batches = sorted({r["batch"] for r in stairs})
    for axis, name in zip(axes, ORDER, strict=False):
        axis.plot(levels, levels, color="black", lw=1, label="truth")
        if "CLUB" in name:
            axis.plot(levels, exact, color="gray", ls=":", label="CLUB, exact q")
        for distribution, color in colors.items():
            for batch, style in zip(batches, ("--", "-"), strict=False):
                mine = [
                    r
                    for r in stairs
                    if (r["estimator"], r["distribution"], r["batch"])
                    == (name, distribution, batch)
                ]
                axis.errorbar(
                    [r["information"] for r in mine],
                    [r["estimate"] for r in mine],
                    [r["std"] for r in mine],
                    color=color,
                    ls=style,
                    marker=".",
                    label=f"{distribution}, batch {batch}",
                )
        axis.set_title(f"{name}: {mine[0]['direction']}", fontsize=10)
        axis.set_ylim(-2, top if "CLUB" in name else 1.8 * levels[-1])
        axis.grid(alpha=0.3)
    axes = figure.axes
    for axis in axes[len(ORDER) :]:
        axis.set_axis_off()
    handles, labels = axes[0].get_legend_handles_labels()
    axes[-1].legend(handles, labels, loc="center")
    figure.supxlabel("mutual information [nats]")
    figure.supylabel("estimate [nats]")
    figure.savefig(path, metadata={"Date": None})


def page(path: Path) -> str:
    """Return the tables of a results file."""
    report = json.loads(path.read_text(encoding="utf-8"))
    return table(report["rows"], report["closed_form"])


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="folder of the results")
    parser.add_argument("--levels", default="2,4,6,8,10")
    parser.add_argument("--smoke", action="store_true", help="few pairs, few steps")
    options = parser.parse_args(arguments)
    scale = 0.02 if options.smoke else 1.0
    levels = [float(i) for i in options.levels.split(",")]
    tasks = [
        (make(level, CHANNELS), batch)
        for make in (gaussian, cubic)
        for batch in (64, 512)
        for level in (levels[:1] if options.smoke else levels)
    ]
    tasks += [(task, 512) for task in further()]
    start = time.process_time()
    rows: list[dict[str, Any]] = []
    for task, batch in tasks:
        rows += measure(task, batch, scale)
        spent = time.process_time() - start
        text = f"{task.name}, I = {task.information:.2f}, batch {batch}"
        print(f"{spent:6.1f} s  {text}", file=sys.stderr, flush=True)
    timing = time_closed_form(*((500, 2) if options.smoke else (7_050, 9)))
    text = table(rows, timing)
    print(text)
    out = options.out
    if out is None and not options.smoke:
        out = Path(__file__).parent / "results"
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        report = {
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "seconds": time.process_time() - start,
            "closed_form": timing,
            "rows": rows,
        }
        write_text(out / "mi.json", json.dumps(report, indent=1) + "\n")
        write_text(out / "mi.md", text)
        draw(rows, out / "mi.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
