"""Time SEA's training step, and say how near each stage is to the hardware's limit.

    python benchmarks/speed.py --users 19445 --items 7050 --interactions 118551 \
        --dims 4096,384 --mode exact --json

The graph and the features are synthetic, of the shape asked for. Times mean little
across machines, so each is also given as a multiple of T, the time of one 4096 x 4096
x 4096 float32 product measured in the same run. A stage's limit is what its
multiplications take at that product's rate, plus what its memory traffic takes at the
rate of a copy.
"""

import argparse
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.loader import InteractionLoader
from sea_pyg.nn.loss.separate_mapping import SeparateMaps
from sea_pyg.nn.models import SEA
from sea_pyg.training import training_step
from sea_pyg.transforms import ItemKNNGraph
from sea_pyg.typing import SplitFeatures, Triplets
from sea_pyg.utils import EdgeMembership, keep_freed_memory

METRICS = ("recall", "ndcg", "precision", "map", "hit_ratio")
MODES: dict[str, dict[str, Any]] = {
    "exact": {},
    "collapsed": {"collapsed": True},
    "fast": {"preset": "fast"},
}
"""Constructor arguments of every mode."""


class Stage(NamedTuple):
    """What one stage of a step takes, and could take."""

    seconds: float
    limit: float
    """Seconds at the measured rates of multiplication and copying."""


def median_seconds(function: Callable[[], Any], repeats: int) -> float:
    """Return the median time of a call, after one that does not count."""
    function()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def random_graph(
    num_users: int, num_items: int, num_edges: int, dims: list[int], seed: int = 0
) -> HeteroData:
    """Draw a graph, with one label per user, and features of the given widths.

    Items have skewed degrees, as real ones have.
    """
    generator = torch.Generator().manual_seed(seed)
    weight = torch.arange(1, num_items + 1).float().rsqrt()
    pairs = torch.empty(0, dtype=torch.long)
    while pairs.numel() < num_edges:
        count = 2 * (num_edges - pairs.numel())
        user = torch.randint(num_users, (count,), generator=generator)
        item = torch.multinomial(weight, count, replacement=True, generator=generator)
        pairs = torch.cat([pairs, user * num_items + item]).unique()
    order = torch.randperm(pairs.numel(), generator=generator)[:num_edges]
    user, item = pairs[order] // num_items, pairs[order] % num_items
    data = HeteroData()
    data["user"].num_nodes, data["item"].num_nodes = num_users, num_items
    for number, dim in enumerate(dims):
        x = torch.empty(num_items, dim).normal_(generator=generator)
        data["item"][f"x_m{number}"] = x
    store = data["user", "rates", "item"]
    store.edge_index = torch.stack([user, item])
    known = EdgeMembership(store.edge_index, num_users, num_items)
    label = torch.randint(num_items, (num_users,), generator=generator)
    label = torch.stack([torch.arange(num_users), label])
    store.edge_label_index = label[:, ~known.contains(*label)]
    return data


class Step:
    """One training step as :class:`RecommenderModule` takes it, without Lightning."""

    def __init__(self, model: SEA, data: HeteroData, inner_steps: int) -> None:
        self.model, self.data, self.inner_steps = model, data, inner_steps
        self.main = torch.optim.Adam(model.main_parameters(), lr=1e-4, fused=True)
        estimator = model.estimator_parameters()
        self.estimator = torch.optim.Adam(estimator, fused=True) if estimator else None

    def fit_estimators(self, state: Any) -> None:
        """Take the estimators' inner steps."""
        if self.estimator is None:
            return
        self.model.fit_estimators(self.data, state, self.estimator, self.inner_steps)

    def __call__(self, batch: Triplets, bf16: bool = False) -> None:
        """Take the step."""
        optimizers = [x for x in (self.main, self.estimator) if x is not None]
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            training_step(self.model, self.data, batch, optimizers, self.inner_steps)


def backward(outputs: list[Tensor]) -> None:
    """Send a gradient of ones through all outputs."""
    torch.autograd.backward(outputs, [torch.ones_like(x) for x in outputs])


def stages(
    step: Step,
    batch: Triplets,
    repeats: int,
    flops: float,
    copied: float,
    bf16: bool = False,
) -> dict[str, Stage]:
    """Time every stage on its own, forward and backward, beside its limit.

    Args:
        step: The training step.
        batch: Its batch.
        repeats: Calls per stage.
        flops: Measured rate of multiplication.
        copied: Measured bytes per second that a copy reads and writes.
        bf16: Whether they are timed under autocast, as the step then is.
    """
    model, data = step.model, step.data
    num_nodes, num_items = model.num_users + model.num_items, model.num_items
    floats = 4

    def timed(function: Callable[[], Any], repeats: int) -> float:
        def call() -> None:
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                function()

        return median_seconds(call, repeats)

    def project() -> None:
        maps = model.separate.readouts()
        if model.separate_items == "all":
            hidden, further = model.reader.both(model.inputs(data), maps)
        else:
            hidden = model.reader(model.inputs(data))
            inputs = model.inputs(data, batch.positive)
            further = model.reader.further(inputs, maps)
        backward([*hidden.values(), *(x for out in further.values() for x in out)])

    project_flops, project_bytes = projection_work(model, data, batch)

    channels = sum(table.size(1) for table in model.encoder.users)
    user = torch.randn(model.num_users, channels, requires_grad=True)
    item = torch.randn(num_items, channels, requires_grad=True)
    edge_index = data[model.edge_type].edge_index

    def propagate() -> None:
        backward(list(model.encoder.propagation(user, item, edge_index)))

    hops = 2 * model.encoder.propagation.num_layers  # forward and backward
    matrix_bytes = 2 * edge_index.size(1) * (floats + 8)
    propagate_bytes = hops * (matrix_bytes + 3 * floats * num_nodes * channels)
    propagate_flops = hops * 2 * 2 * edge_index.size(1) * channels

    state = model.representations(data)
    index = batch.positive if model.separate_items == "batch" else None
    rows = num_items if index is None else index.numel()
    maps = detached(model.separate_maps(data, state, index))

    def align() -> None:
        model.separate.alignment_loss(maps, index).backward()

    def separate() -> None:
        model.separate.distance_loss(maps).backward()

    pairs = len(model.separate.alignment_pairs)
    parameters = sum(p.numel() for p in step.main.param_groups[0]["params"])
    estimator_floats = sum(p.numel() for p in model.estimator_parameters())
    widths = sum(x.size(1) for pair in maps.pairs.values() for x in pair)

    def limit(multiplications: float, moved: float) -> float:
        return multiplications / flops + moved / copied

    return {
        "projection": Stage(
            timed(project, repeats), limit(project_flops, project_bytes)
        ),
        "propagation": Stage(
            timed(propagate, repeats), limit(propagate_flops, propagate_bytes)
        ),
        "solo_sim": Stage(
            timed(align, repeats),
            pairs * limit(3 * 2 * rows**2 * 32, floats * rows**2),
        ),
        "distance": Stage(
            timed(separate, repeats), limit(0, 4 * floats * rows * widths)
        ),
        "estimator": Stage(
            timed(lambda: step.fit_estimators(state), max(2, repeats // 2)),
            step.inner_steps
            * limit(
                3 * 2 * num_items * estimator_floats, 3 * floats * num_items * widths
            ),
        ),
        "optimizer": Stage(
            timed(step.main.step, repeats), limit(0, 7 * floats * parameters)
        ),
    }


def projection_work(
    model: SEA, data: HeteroData, batch: Triplets
) -> tuple[float, float]:
    """Return the multiplications and the bytes that the projection cannot avoid."""
    flops = moved = 0.0
    reader = model.reader
    further = model.separate.readouts()
    for name in model.modalities:
        x = data["item"][f"x_{name}"]
        width = reader.projection.out_channels[name]
        of_all, of_batch = [reader.first(name), *further[name]], []
        if model.separate_items == "batch":
            of_all, of_batch = of_all[:1], further[name]
        for rows, maps in (
            (x.size(0), of_all),
            (batch.positive.numel(), of_batch),
        ):
            read = sum(r.weight.numel() for r in maps)
            written = sum(r.weight.size(0) for r in maps)
            inputs = rows * x.size(1)
            composed = 3 * 2 * read * x.size(1) + 2 * 2 * inputs * written
            explicit = 2 * 2 * inputs * width + 3 * 2 * rows * read
            flops += min(composed, explicit)
        moved += 4 * (2 * x.numel() + 2 * x.size(1) * width)
    return flops, moved


def detached(maps: SeparateMaps) -> SeparateMaps:
    """Cut what the separate-learning losses compare off the model."""

    def leaf(x: Tensor) -> Tensor:
        return x.detach().requires_grad_()

    pairs = {n: SplitFeatures(*map(leaf, pair)) for n, pair in maps.pairs.items()}
    aligned = {name: leaf(x) for name, x in maps.aligned.items()}
    return maps._replace(pairs=pairs, aligned=aligned)


def lightning_overhead() -> float:
    """Return what Lightning adds to a step, in seconds.

    It does not depend on the model, so a graph is taken whose steps are short beside
    it: epochs of :func:`fit`, its evaluation left out, against bare steps on the same
    number of batches.
    """
    from sea_pyg.evaluation import evaluate
    from sea_pyg.training import TrainingConfig, fit

    num_epochs, num_edges, batch_size = 2, 4000, 16
    data = random_graph(400, 200, num_edges, [8, 4])

    def small() -> SEA:
        torch.manual_seed(0)
        return SEA.from_data(data, embedding_dim=2)

    def bare() -> None:
        step = Step(small(), data, 0)
        for _ in range(num_epochs):
            for batch in InteractionLoader(data, batch_size=batch_size):
                step(batch)

    seconds = median_seconds(bare, 3)
    model = small()
    options = {"max_epochs": num_epochs, "eval_every": num_epochs, "inner_steps": 0}
    config = TrainingConfig(batch_size=batch_size, **options)  # type: ignore[arg-type]

    def with_lightning() -> float:
        with tempfile.TemporaryDirectory() as folder:
            return fit(model, data, data, config, run_dir=folder).seconds

    evaluation = median_seconds(
        lambda: evaluate(model, data, k=20, metrics=("recall", "ndcg")), 3
    )
    with_lightning()
    total = statistics.median(with_lightning() for _ in range(3))
    num_steps = num_epochs * -(-num_edges // batch_size)
    return (total - evaluation - seconds) / num_steps


def rates() -> tuple[float, float]:
    """Return the seconds of a 4096^3 product and the bytes a copy moves per second."""
    a = torch.randn(4096, 4096)
    out = torch.empty_like(a)
    product = median_seconds(lambda: torch.mm(a, a, out=out), 5)
    return product, 2 * 4 * a.numel() / median_seconds(lambda: out.copy_(a), 9)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Take all measurements of the command."""
    matmul, copied = rates()
    data = random_graph(
        arguments.users, arguments.items, arguments.interactions, arguments.dims
    )
    start = time.perf_counter()
    data = ItemKNNGraph(k=10)(data)
    knn = time.perf_counter() - start

    torch.manual_seed(0)
    model = SEA.from_data(data, **MODES[arguments.mode])
    assert isinstance(model, SEA)
    loader = InteractionLoader(data, batch_size=arguments.batch_size)
    start = time.perf_counter()
    batch = next(iter(loader))
    negatives = time.perf_counter() - start
    step = Step(model, data, arguments.inner_steps)
    step_seconds = median_seconds(lambda: step(batch, arguments.bf16), arguments.steps)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # KiB to bytes
    from sea_pyg.evaluation import evaluate  # loads SciPy, which no step needs

    result: dict[str, Any] = {
        "matmul_seconds": matmul,
        "step_seconds": step_seconds,
        "encode_seconds": median_seconds(lambda: encode(model, data), 3),
        "evaluate_seconds": median_seconds(
            lambda: evaluate(model, data, k=20, metrics=METRICS), 3
        ),
        "knn_seconds": knn,
        "negatives_seconds": negatives,
        "peak_rss_gb": peak / 1e9,
        "mode": arguments.mode,
        "bf16": arguments.bf16,
        "threads": torch.get_num_threads(),
        "shape": {
            "users": arguments.users,
            "items": arguments.items,
            "interactions": arguments.interactions,
            "dims": arguments.dims,
            "batch_size": arguments.batch_size,
            "inner_steps": arguments.inner_steps,
        },
    }
    flops = 2 * 4096**3 / matmul
    found = stages(step, batch, arguments.steps, flops, copied, arguments.bf16)
    result["stages"] = {name: stage.seconds for name, stage in found.items()}
    result["stage_limits"] = {name: stage.limit for name, stage in found.items()}
    if arguments.lightning:
        result["lightning_overhead_seconds"] = lightning_overhead()
    return result


@torch.no_grad()
def encode(model: SEA, data: HeteroData) -> None:
    """Encode the graph as evaluation does."""
    model.eval()
    model.encode(data)
    model.train()


def table(result: dict[str, Any]) -> str:
    """Lay the result out for people."""
    unit = result["matmul_seconds"]
    lines = [f"T = {unit:.3f} s on {result['threads']} threads", ""]
    for key in ("step", "encode", "evaluate", "knn", "negatives"):
        seconds = result[f"{key}_seconds"]
        lines.append(f"{key:<12} {seconds:8.3f} s {seconds / unit:8.2f} T")
    lines.append(f"{'peak memory':<12} {result['peak_rss_gb']:8.2f} GB")
    lines += ["", f"{'stage':<12} {'time':>10} {'limit':>10} {'ratio':>8}"]
    for name, seconds in result["stages"].items():
        limit = result["stage_limits"][name]
        lines.append(
            f"{name:<12} {seconds / unit:8.3f} T {limit / unit:8.3f} T "
            f"{seconds / limit:8.1f}"
        )
    rest = result["step_seconds"] - sum(result["stages"].values())
    lines.append(f"{'rest':<12} {rest / unit:8.3f} T")
    if "lightning_overhead_seconds" in result:
        overhead = 1e3 * result["lightning_overhead_seconds"]
        lines += ["", f"Lightning adds {overhead:.1f} ms to a step"]
    return "\n".join(lines)


def main() -> int:
    """Run the command."""
    keep_freed_memory()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--users", type=int, default=19445)
    parser.add_argument("--items", type=int, default=7050)
    parser.add_argument("--interactions", type=int, default=118551)
    parser.add_argument(
        "--dims",
        type=lambda text: [int(d) for d in text.split(",")],
        default=[4096, 384],
    )
    parser.add_argument("--steps", type=int, default=5, help="steps to time")
    parser.add_argument("--batch-size", type=int, default=2048)
    parser.add_argument("--inner-steps", type=int, default=50)
    parser.add_argument("--mode", choices=sorted(MODES), default="exact")
    parser.add_argument("--bf16", action="store_true", help="autocast to bfloat16")
    parser.add_argument(
        "--lightning", action="store_true", help="measure Lightning's overhead as well"
    )
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    arguments = parser.parse_args()
    result = measure(arguments)
    print(table(result))
    if arguments.json:
        print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
