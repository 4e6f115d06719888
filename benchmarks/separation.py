"""Measure whether a distance separates: information and rank while it is minimised.

    python benchmarks/separation.py [--data lfm2k:text+audio] [--steps 240]
        [--seeds 0,1,2] [--output FILE.json] [--smoke]

Linear projections of a data set's features are trained by SEA's distance alone, with
nothing beside it to learn: no ranking, no alignment. CLUB's model q is an MLP that
takes SEA's inner steps of Adam in every step, or the linear one in closed form; between
them stand a linear one that takes the same steps of Adam, and one that is solved for,
but through whose solution no gradient flows. In "maps alone" the projections are
frozen, and nothing but the maps to the space where the parts are compared is trained.

What the generic and the unique part share is then measured, before and after, by
estimators of their own on held-out items (``study_kinds/information``): where they are
compared, as they are ("halves"), and through maps that are drawn anew after training
("new maps"), which the distance knows nothing of. The estimators
see linear dependence, and are negative where nothing is left of it. The
effective rank, the squared sum of the generic part's singular values over the sum of
their squares, tells whether it still has directions to carry anything. With
``--output``, a table of the results stands beside the file, as Markdown.
"""

import argparse
import json
import sys
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
from grid_work import load, parse_data, parse_seeds
from study_kinds.information import ESTIMATORS, held_out_information
from torch import Tensor
from torch.nn import Linear, ModuleDict, Parameter

from sea_pyg.nn.functional import LinearSolution
from sea_pyg.nn.loss import SeparateLearning
from sea_pyg.nn.mi import ConditionalGaussian, LinearGaussian
from sea_pyg.nn.models import SEA
from sea_pyg.report import markdown_table
from sea_pyg.training.atomic import write_text
from sea_pyg.utils import modality_names

CHANNELS = 128
LR = 3e-3


class SteppedLinear(ConditionalGaussian):
    """A linear q that steps of an optimiser fit, as they fit the MLP."""

    def __init__(self, x_channels: int, y_channels: int) -> None:
        super().__init__(x_channels, y_channels)
        self.mean = Linear(x_channels, y_channels)
        self.log_variance = Parameter(torch.zeros(y_channels))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of y given x."""
        mean = self.mean(x)
        return mean, self.log_variance.expand_as(mean)

    def reset_parameters(self) -> None:
        """Draw the map anew."""
        self.mean.reset_parameters()
        torch.nn.init.zeros_(self.log_variance)


class DetachedLinear(LinearGaussian):
    """A linear q in closed form that is a constant for what it is solved from."""

    def solve(self, x: Tensor, y: Tensor) -> LinearSolution:
        """Return the maximum-likelihood solution, without gradient."""
        return super().solve(x.detach(), y.detach())


MODELS: dict[str, tuple[Any, bool]] = {
    "MLP q": ("mlp", True),
    "linear q by Adam": (SteppedLinear, True),
    "linear q, detached": (DetachedLinear, True),
    "linear q": ("linear", True),
    "linear q, maps alone": ("linear", False),
}
"""The model q, and whether the projections are trained."""
COLUMNS = (*ESTIMATORS, "halves", "new maps", "rank", "loss")


def separate(
    features: dict[str, Tensor], conditional: Any, moves: bool, steps: int, seed: int
) -> list[dict[str, Any]]:
    """Minimise the distance, and measure every modality before and after.

    Args:
        features: Item features by modality, :math:`[N, d_m]` each.
        conditional: The model q.
        moves: Whether the projections are trained.
        steps: Steps of the projections.
        seed: Seed of everything.
    """
    torch.manual_seed(seed)
    project = ModuleDict({n: Linear(x.size(1), CHANNELS) for n, x in features.items()})
    project.requires_grad_(moves)
    arguments = {"distance_kwargs": {"conditional": conditional}}
    widths = dict.fromkeys(features, CHANNELS)
    losses = SeparateLearning(widths, alpha=0, beta=1, alignment_pairs=[], **arguments)
    inner = losses.estimator_parameters()
    own = {id(x) for x in inner}
    main = [
        x
        for module in (project, losses)
        for x in module.parameters()
        if x.requires_grad and id(x) not in own
    ]
    optimizer = torch.optim.Adam(main, lr=LR)
    estimators = torch.optim.Adam(inner, lr=LR) if inner else None
    rows = []
    for step in range(steps + 1):
        projected = {name: project[name](x) for name, x in features.items()}
        maps = losses.maps(projected)
        if estimators is not None:
            count = SEA.training_defaults["inner_steps"]
            losses.fit_estimators(maps, estimators, count)
        loss = losses.loss(maps)["distance"]
        if step in (0, steps):
            stage = "before" if step == 0 else "after"
            rows += [
                {"stage": stage, "modality": name, "loss": float(loss.detach()), **row}
                for name, row in measure(losses, projected, seed).items()
            ]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return rows


@torch.no_grad()
def measure(
    losses: SeparateLearning, projected: dict[str, Tensor], seed: int
) -> dict[str, dict[str, float]]:
    """Measure what both parts of every modality share, in three places."""
    # Its draws are not those of the training that goes on.
    with torch.random.fork_rng():
        torch.manual_seed(seed + 1_000)
        anew = SeparateLearning(losses.in_channels, alignment_pairs=[])
        compared, others = losses.pairs(projected), anew.pairs(projected)
        found = {}
        for name, pair in compared.items():
            halves = losses.split(projected[name])
            found[name] = {
                **held_out_information(*pair, seed),
                "halves": held_out_information(*halves, seed)["Gaussian"],
                "new maps": held_out_information(*others[name], seed)["Gaussian"],
                "rank": effective_rank(pair.generic),
            }
    return found


def effective_rank(x: Tensor) -> float:
    """Return how many directions the rows of a matrix fill."""
    scale = torch.linalg.svdvals(x - x.mean(dim=0))
    return float(scale.sum().square() / scale.square().sum())


def table(report: dict[str, Any]) -> str:
    """Write means and deviations over the seeds."""
    rows = []
    for model, seeds in report["models"].items():
        names = dict.fromkeys(row["modality"] for row in seeds[0])
        for modality in names:
            cells = []
            for column in COLUMNS:
                for stage in ("before", "after"):
                    values = [
                        row[column]
                        for rows_of_seed in seeds
                        for row in rows_of_seed
                        if row["modality"] == modality and row["stage"] == stage
                    ]
                    spread = f" ± {stdev(values):.2f}" if len(values) > 1 else ""
                    cells.append(f"{mean(values):.2f}{spread}")
            rows.append([model, modality, *cells])
    header = ["q", "modality"]
    header += [f"{name} {stage}" for name in COLUMNS for stage in ("before", "after")]
    text: str = markdown_table(rows, header)
    return text


def page(path: Path) -> str:
    """Return the table of a results file."""
    return table(json.loads(path.read_text(encoding="utf-8"))) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="lfm2k:text+audio", help="DATA[:a+b]")
    parser.add_argument("--steps", type=int, default=240)
    parser.add_argument("--seeds", type=parse_seeds, default=[0, 1, 2])
    parser.add_argument("--output", type=Path, help="where to write the results")
    parser.add_argument("--smoke", action="store_true", help="a few steps on fake data")
    options = parser.parse_args(arguments)
    steps = 2 if options.smoke else options.steps
    seeds = [0] if options.smoke else options.seeds
    source = "fake" if options.smoke else options.data
    data = load(*parse_data(source), "own")[0]
    features = {}
    for name in modality_names(data, names=parse_data(source)[1]):
        x = data["item"][f"x_{name}"]
        features[name] = (x - x.mean(dim=0)) / (x.std(dim=0) + 1e-6)
    report: dict[str, Any] = {
        "torch": torch.__version__,
        "data": source,
        "steps": steps,
        "lr": LR,
        "seeds": seeds,
        "models": {
            name: [separate(features, *model, steps, seed) for seed in seeds]
            for name, model in MODELS.items()
        },
    }
    print(table(report))
    if options.output is not None:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        write_text(options.output, json.dumps(report, indent=1) + "\n")
        write_text(options.output.with_suffix(".md"), table(report) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
