"""Time a full-ranking evaluation, and count its false claims of a difference.

    python benchmarks/evaluation.py [--users 19445 --items 7050 ...] [--json] [--smoke]

The default shape is Amazon Baby's. Embeddings and graph are random: the time does not
depend on what they hold. As times mean little across machines, each is also given as a
multiple of T, the time of one 4096 x 4096 x 4096 float32 product, measured between the
evaluations so that both see the same load. The negatives of an epoch and the graph of
users with shared items are timed as well. ``--significance`` adds a simulation of
``seed_test`` on methods that do not differ. With ``--output``, a table (Markdown)
stands beside the file.
"""

import argparse
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch_geometric.data import HeteroData

from sea_pyg.evaluation import DEFAULT_METRICS, evaluate, seed_test
from sea_pyg.loader import InteractionLoader
from sea_pyg.training.atomic import write_text
from sea_pyg.transforms import UserCooccurrence
from sea_pyg.typing import Embeddings
from sea_pyg.utils import EdgeMembership

WHAT = {
    "evaluate": "evaluation of all users on all items, k = 20",
    "negatives": "negatives of an epoch",
    "cooccurrence": "graph of users with shared items, k = 200",
}
"""What is timed beside the product, as the table calls it."""


def seconds_of(function: Callable[[], Any]) -> float:
    """Return the time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def random_graph(num_users: int, num_items: int, num_edges: int) -> HeteroData:
    """Draw training edges and one label per user."""
    generator = torch.Generator().manual_seed(0)
    key = torch.randint(num_users * num_items, (num_edges,), generator=generator)
    some = torch.randint(num_items, (num_users,), generator=generator)
    key = torch.cat([key, torch.arange(num_users) * num_items + some]).unique()
    data = HeteroData()
    data["user"].num_nodes, data["item"].num_nodes = num_users, num_items
    store = data["user", "rates", "item"]
    store.edge_index = torch.stack([key // num_items, key % num_items])
    label = torch.randint(1, num_items, (num_users,), generator=generator)
    label = torch.stack([torch.arange(num_users), label])
    known = EdgeMembership(store.edge_index, num_users, num_items)
    store.edge_label_index = label[:, ~known.contains(*label)]
    return data


def time_evaluation(arguments: argparse.Namespace) -> dict[str, Any]:
    """Time evaluations and products in turn."""
    data = random_graph(arguments.users, arguments.items, arguments.interactions)
    embeddings = Embeddings(
        torch.randn(arguments.users, arguments.dim),
        torch.randn(arguments.items, arguments.dim),
    )
    a = torch.randn(arguments.matmul, arguments.matmul)
    out = torch.empty_like(a)
    metrics = DEFAULT_METRICS[:5]

    def run() -> None:
        evaluate(embeddings, data, k=20, metrics=metrics)

    loader = InteractionLoader(data, batch_size=2048)
    timed: dict[str, Callable[[], Any]] = {
        "matmul": lambda: torch.mm(a, a, out=out),
        "evaluate": run,
        "negatives": lambda: next(iter(loader)),  # of the whole epoch, before it
        "cooccurrence": lambda: UserCooccurrence(k=200)(data),
    }
    for function in timed.values():
        function()
    seconds: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(arguments.repeats):
        for name, function in timed.items():
            seconds[name].append(seconds_of(function))
    medians = {name: statistics.median(found) for name, found in seconds.items()}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    return {
        **{f"{name}_seconds": median for name, median in medians.items()},
        "ratio": medians["evaluate"] / medians["matmul"],
        "negatives_ratio": medians["negatives"] / medians["matmul"],
        "cooccurrence_ratio": medians["cooccurrence"] / medians["matmul"],
        "peak_rss_gb": peak,
        "threads": torch.get_num_threads(),
        "metrics": list(metrics),
        "shape": {
            "users": arguments.users,
            "items": arguments.items,
            "interactions": arguments.interactions,
            "dim": arguments.dim,
        },
    }


LEVELS = (0.05, 0.002)
"""Those of one test, and of the first of 25 after Holm's correction."""

SPREADS: tuple[tuple[tuple[float | None, float], float, float], ...] = (
    # (between the seeds of either, None if it has none), residual, user's own
    ((0.0, 0.0), 0.1, 0.0),
    ((0.01, 0.01), 0.1, 0.1),
    ((0.02, 0.02), 0.1, 0.1),
    ((0.04, 0.04), 0.1, 0.1),
    ((0.0, 0.0), 0.02, 0.1),
    ((0.0, 0.04), 0.1, 0.1),
    ((0.01, 0.04), 0.1, 0.1),
    ((None, 0.01), 0.1, 0.1),
    ((None, 0.04), 0.1, 0.1),
    ((None, 0.1), 0.1, 0.1),
)
"""How the values of two methods vary that do not differ, in :func:`simulate_claims`."""


def simulate_claims(pairs: int, num_users: int = 200) -> list[dict[str, Any]]:
    """Return how often equal methods are said to differ, at two levels."""
    cells = []
    for num_seeds in (2, 3, 5):
        for spreads, residual, own in SPREADS:
            generator = torch.Generator().manual_seed(0)
            fixed = (spreads[0] is None, spreads[1] is None)
            p_values = []
            for _ in range(pairs):
                values = []
                for between in spreads:
                    rows = 1 if between is None else num_seeds
                    values.append(
                        (between or 0) * torch.randn(rows, 1, generator=generator)
                        + residual * torch.randn(rows, num_users, generator=generator)
                        + own * torch.randn(num_users, generator=generator)
                    )
                p_values.append(seed_test(*values, deterministic=fixed).p_value)
            cells.append(
                {
                    "num_seeds": num_seeds,
                    "between": list(spreads),
                    "residual": residual,
                    "own": own,
                    "false_positive_rate": {
                        level: sum(p < level for p in p_values) / pairs
                        for level in LEVELS
                    },
                }
            )
    return cells


def table(result: dict[str, Any]) -> str:
    """Lay the results out as Markdown."""
    unit, shape = result["matmul_seconds"], result["shape"]
    lines = ["| what | time [ms] | time [T] |", "| --- | --- | --- |"]
    for name, label in WHAT.items():
        seconds = result[f"{name}_seconds"]
        lines.append(f"| {label} | {1e3 * seconds:.1f} | {seconds / unit:.3f} |")
    lines += [
        "",
        f"{shape['users']:,} users, {shape['items']:,} items, "
        f"{shape['interactions']:,} interactions, embeddings of {shape['dim']} "
        f"channels, {len(result['metrics'])} metrics; T is {unit:.3f} s on "
        f"{result['threads']} thread(s), peak memory {result['peak_rss_gb']:.2f} GB.",
    ]
    if "significance" in result:
        lines += [
            "",
            "| seeds | between seeds | residual | user's own "
            "| claims at 0.05 | at 0.002 |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        for cell in result["significance"]:
            rates = list(cell["false_positive_rate"].values())
            between = " and ".join(
                "none (deterministic)" if spread is None else str(spread)
                for spread in dict.fromkeys(cell["between"])
            )
            lines.append(
                f"| {cell['num_seeds']} | {between} | {cell['residual']} "
                f"| {cell['own']} | {rates[0]:.4f} | {rates[1]:.4f} |"
            )
        lines += [
            "",
            "Standard deviations of what the values of 200 users are made of, by two "
            "methods that do not differ.",
        ]
    return "\n".join(lines) + "\n"


def page(path: Path) -> str:
    """Return the tables of a results file."""
    return table(json.loads(path.read_text(encoding="utf-8")))


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--users", type=int, default=19445)
    parser.add_argument("--items", type=int, default=7050)
    parser.add_argument("--interactions", type=int, default=118551)
    parser.add_argument("--dim", type=int, default=128, help="width of the embeddings")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--significance", action="store_true", help="simulate the test of methods too"
    )
    parser.add_argument("--pairs", type=int, default=10000, help="pairs to simulate")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    parser.add_argument("--output", type=Path, help="where to write the results")
    parser.add_argument("--smoke", action="store_true", help="a few seconds, small")
    arguments = parser.parse_args()
    arguments.matmul = 4096
    if arguments.smoke:
        arguments.users, arguments.items, arguments.interactions = 500, 200, 3000
        arguments.matmul, arguments.repeats, arguments.pairs = 512, 2, 20
    result = time_evaluation(arguments)
    if arguments.significance:
        result["significance"] = simulate_claims(arguments.pairs)
    print(table(result))
    if arguments.output is not None:
        write_text(arguments.output, json.dumps(result, indent=1) + "\n")
        write_text(arguments.output.with_suffix(".md"), table(result))
    if arguments.json:
        print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
