"""Time a training step and an encoding of every model, at the shape of Amazon Baby.

    python benchmarks/step_times.py [--models LightGCN,FREEDOM] [--steps 5] [--separate]
        [--output FILE.json] [--smoke]

The graph and the features are synthetic: 19,445 users, 7,050 items, 118,551
interactions and features of 4,096 and 384 channels. A step is the trainer's: the shared
representations, the estimators' inner steps, the objective, its gradient and Adam's
update, at the model's own batch size. Results are medians, in seconds and as multiples
of T, the time of a 4096 x 4096 x 4096 float32 product that is measured in turn with the
steps; ``item kNN`` is the time that the frozen graphs take once.

With ``--output``, finished models are kept in the file and not repeated, so that the
command can be stopped and started again; a table of them stands beside it, as Markdown.
``--smoke`` takes a hundredth of the shape, and a product of 256 x 256 x 256.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch_geometric.data import HeteroData

from sea_pyg.loader import InteractionLoader
from sea_pyg.nn import models
from sea_pyg.nn.models import Recommender, WithSeparateLearning
from sea_pyg.training import TrainingConfig, training_step
from sea_pyg.training.atomic import write_text
from sea_pyg.typing import RATES
from sea_pyg.utils import keep_freed_memory

SHAPE = {"users": 19_445, "items": 7_050, "interactions": 118_551}
WIDTHS = {"image": 4_096, "text": 384}


def graph(scale: float) -> HeteroData:
    """Make a graph of Baby's shape, or of a share of it."""
    generator = torch.Generator().manual_seed(0)
    users, items, edges = (max(int(n * scale), 60) for n in SHAPE.values())
    data = HeteroData()
    data["user"].num_nodes, data["item"].num_nodes = users, items
    for name, width in WIDTHS.items():
        channels = 2 * max(int(width * scale / 2), 4)
        data["item"][f"x_{name}"] = torch.randn(items, channels, generator=generator)
    # Popularity falls as a power law; every user has an interaction.
    weight = torch.arange(1, items + 1, dtype=torch.float) ** -0.8
    item = torch.multinomial(weight, edges, replacement=True, generator=generator)
    user = torch.randint(users, (edges,), generator=generator)
    user[:users] = torch.arange(users)[:edges]
    data[RATES].edge_index = torch.stack([user, item]).unique(dim=1)
    return data


def measure(
    model: Recommender, data: HeteroData, steps: int, matmul: int
) -> dict[str, float]:
    """Time the parts of a model's training, and products of ``matmul`` rows in turn."""
    config = TrainingConfig.for_model(model)
    start = time.perf_counter()
    data = model.prepare(data)
    prepare_seconds = time.perf_counter() - start
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.Adam(parameters, lr=config.lr, fused=True)
        for parameters in (model.main_parameters(), model.estimator_parameters())
        if parameters
    ]
    model.train()
    batches = iter(InteractionLoader(data, batch_size=config.batch_size))
    a = torch.randn(matmul, matmul)
    out = torch.empty_like(a)
    seconds, products = [], []
    for _ in range(steps + 1):  # the first one builds what later ones reuse
        batch = next(batches, None)
        if batch is None:
            batches = iter(InteractionLoader(data, batch_size=config.batch_size))
            batch = next(batches)
        start = time.perf_counter()
        training_step(model, data, batch, optimizers, config.inner_steps)
        seconds.append(time.perf_counter() - start)
        start = time.perf_counter()
        torch.mm(a, a, out=out)
        products.append(time.perf_counter() - start)
    model.eval()
    with torch.no_grad():
        start = time.perf_counter()
        model.encode(data)
        encode_seconds = time.perf_counter() - start
    step_seconds = statistics.median(seconds[1:])
    unit = statistics.median(products[1:])
    return {
        "prepare_seconds": prepare_seconds,
        "first_step_seconds": seconds[0],
        "step_seconds": step_seconds,
        "encode_seconds": encode_seconds,
        "matmul_seconds": unit,
        "step_ratio": step_seconds / unit,
        "encode_ratio": encode_seconds / unit,
    }


def build(
    model_class: type[Recommender], data: HeteroData, separate: bool
) -> Recommender:
    """Make a model for a graph, with separate learning attached if it has none."""
    torch.manual_seed(0)
    if separate and model_class is not models.SEA:
        return WithSeparateLearning.from_data(data, backbone=model_class)
    return model_class.from_data(data)


class Results:
    """Finished models, kept in a file if there is one."""

    def __init__(self, path: Path | None, setting: dict[str, Any]) -> None:
        self.path = path
        self.report: dict[str, Any] = {**setting, "models": []}
        if path is not None and path.exists():
            kept = json.loads(path.read_text())
            found = {key: kept.get(key) for key in setting}
            if found != setting:
                raise ValueError(
                    f"{path} holds measurements of {found}, but these are of "
                    f"{setting}; choose another --output, or delete it"
                )
            self.report = kept

    def find(self, name: str) -> dict[str, Any] | None:
        """Return a model's measurement, if it is there."""
        rows = self.report["models"]
        return next((row for row in rows if row["model"] == name), None)

    def add(self, row: dict[str, Any]) -> None:
        """Keep a measurement, and write the file and its table."""
        self.report["models"].append(row)
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_text(self.path, json.dumps(self.report, indent=1) + "\n")
            write_text(self.path.with_suffix(".md"), table(self.report))


HEADER = (
    "| model | step [s] | step [T] | first step [s] | encode [s] | encode [T] "
    "| item kNN [s] |",
    "| --- | --- | --- | --- | --- | --- | --- |",
)


def line(row: dict[str, Any]) -> str:
    """Lay a model's times out as a row of the table."""
    return (
        f"| {row['model']} | {row['step_seconds']:.3f} | {row['step_ratio']:.2f} "
        f"| {row['first_step_seconds']:.3f} | {row['encode_seconds']:.3f} "
        f"| {row['encode_ratio']:.2f} | {row['prepare_seconds']:.3f} |"
    )


def table(report: dict[str, Any]) -> str:
    """Lay all times out as Markdown, the cheapest step first."""
    rows = sorted(report["models"], key=lambda row: row["step_ratio"])
    size = report["matmul"]
    note = (
        f"T is a {size} x {size} x {size} float32 product, "
        f"{statistics.median(row['matmul_seconds'] for row in rows):.3g} s here; "
        f"{report['threads']} thread(s), torch {report['torch']}."
    )
    return "\n".join([*HEADER, *map(line, rows), "", note]) + "\n"


def page(path: Path) -> str:
    """Return the table of a results file."""
    return table(json.loads(path.read_text(encoding="utf-8")))


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    keep_freed_memory()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", help="names, as a,b (default: all)")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument(
        "--separate", action="store_true", help="attach separate learning"
    )
    parser.add_argument("--output", type=Path)
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args(arguments)
    names = options.models.split(",") if options.models else models.classes
    chosen = [models.resolve(name) for name in names]
    chosen = [
        model
        for model in chosen
        if model.trainable and (model.multimodal or not options.separate)
    ]
    scale, matmul = (0.01, 256) if options.smoke else (1.0, 4_096)
    setting = {
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "shape": {**SHAPE, **WIDTHS},
        "scale": scale,
        "steps": options.steps,
        "matmul": matmul,
    }
    try:
        results = Results(options.output, setting)
    except ValueError as error:
        parser.error(str(error))
    print("\n".join(HEADER))
    for model_class in chosen:
        own = not options.separate or model_class is models.SEA
        name = model_class.__name__ + ("" if own else "+separate")
        row = results.find(name)
        if row is None:
            model = build(model_class, graph(scale), options.separate)
            data = graph(scale)  # anew: nothing is kept that derives from another
            row = {"model": name, **measure(model, data, options.steps, matmul)}
            results.add(row)
        print(line(row), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
