"""Time a propagation over the interactions in every form that torch and PyG offer.

    python benchmarks/propagation.py [--width 128] [--repeats 15] [--json]
        [--output FILE.json] [--smoke]

A propagation is LightGCN's: two hops on the symmetrically normalised user-item graph,
the sum of all layers, forward and backward. The graphs are synthetic, of the shapes of
Amazon Baby and Amazon Sports. All forms start from the same normalised edges, sorted
and compressed beforehand, and must agree with the library's in value and in gradient.
They are timed in turn, in a new order each time, so that all see the same load, and
each median is also given as a multiple of the library's. With ``--output``, a table of
the results stands beside the file, as Markdown.
"""

import argparse
import json
import random
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torch_geometric
from speed import random_graph
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.nn import LGConv
from torch_geometric.typing import WITH_TORCH_SPARSE, SparseTensor

from sea_pyg.nn.conv import BipartitePropagation
from sea_pyg.training.atomic import write_text
from sea_pyg.utils import bipartite_adjacency, spmm

SHAPES = {"baby": (19_445, 7_050, 118_551), "sports": (35_598, 18_357, 218_409)}
SMOKE = {"smoke": (200, 80, 900)}
LAYERS = 2
OURS = "BipartitePropagation"

Engine = Callable[[Tensor, Tensor], Sequence[Tensor]]
"""Maps the features of users and of items to their propagated sums."""


def layer_sum(hop: Callable[[Tensor], Tensor]) -> Engine:
    """Make a propagation of a hop, from the users' rows above the items' to theirs."""

    def propagate(x_user: Tensor, x_item: Tensor) -> Sequence[Tensor]:
        out = x = torch.cat([x_user, x_item])
        for _ in range(LAYERS):
            x = hop(x)
            out = out + x
        return out.split([x_user.size(0), x_item.size(0)])

    return propagate


def engines(interactions: Tensor, num_users: int, num_items: int) -> dict[str, Engine]:
    """Return all forms of the propagation on a graph, the library's first."""
    num_nodes = num_users + num_items
    size = (num_nodes, num_nodes)
    adjacency = bipartite_adjacency(interactions, num_users, num_items)
    matrix, value = adjacency.to_csr(), adjacency.value.float()
    degree = adjacency.rowptr.diff()
    row = torch.repeat_interleave(torch.arange(num_nodes), degree)
    flow = torch.stack([adjacency.col, row])  # from source to destination
    edge_index = EdgeIndex(
        flow.flip(0), sparse_size=size, sort_order="row", is_undirected=True
    ).fill_cache_()
    propagation, conv = BipartitePropagation(LAYERS), LGConv(normalize=False)

    found = {
        OURS: lambda user, item: propagation(user, item, interactions),
        "spmm of sea_pyg": layer_sum(lambda x: spmm(flow, value, x)),
        "torch.sparse CSR @ x": layer_sum(lambda x: matrix @ x),
        "EdgeIndex.matmul": layer_sum(
            lambda x: edge_index.matmul(x, input_value=value)
        ),
        "LGConv on edge_index": layer_sum(lambda x: conv(x, flow, value)),
    }
    if WITH_TORCH_SPARSE:
        sparse = SparseTensor(
            rowptr=adjacency.rowptr, col=adjacency.col, value=value, sparse_sizes=size
        )
        sparse.storage.csr2csc()
        found["torch_sparse.SparseTensor @ x"] = layer_sum(lambda x: sparse @ x)
    return found


def run(engine: Engine, features: Sequence[Tensor]) -> list[Tensor]:
    """Propagate forward and backward; return the values and the gradients."""
    inputs = [x.detach().requires_grad_() for x in features]
    outputs = engine(*inputs)
    gradients = torch.autograd.grad(outputs, inputs, list(features))
    return [*(x.detach() for x in outputs), *gradients]


def measure(
    shape: tuple[int, int, int], width: int, repeats: int
) -> list[dict[str, Any]]:
    """Time all forms on a graph of the given users, items and interactions."""
    num_users, num_items, num_edges = shape
    data = random_graph(num_users, num_items, num_edges, [])
    interactions = data["user", "rates", "item"].edge_index
    generator = torch.Generator().manual_seed(0)
    features = [
        torch.randn(size, width, generator=generator) for size in (num_users, num_items)
    ]
    found = engines(interactions, num_users, num_items)
    expected = run(found[OURS], features)
    for name, engine in found.items():
        for ours, theirs in zip(expected, run(engine, features), strict=True):
            torch.testing.assert_close(
                theirs, ours, msg=lambda text, name=name: f"{name}: {text}"
            )
    seconds: dict[str, list[float]] = {name: [] for name in found}
    order = random.Random(0)
    for _ in range(repeats):
        for name in order.sample(list(found), len(found)):
            start = time.perf_counter()
            run(found[name], features)
            seconds[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    return [
        {"engine": name, "seconds": median, "ratio": median / medians[OURS]}
        for name, median in medians.items()
    ]


def table(report: dict[str, Any]) -> str:
    """Lay the results out as Markdown: a row per form, two columns per graph."""
    graphs = report["graphs"]
    heads = [f"{name} [ms] | ratio" for name in graphs]
    lines = [f"| form | {' | '.join(heads)} |"]
    lines.append("| --- |" + " --- | --- |" * len(graphs))
    for number, first in enumerate(next(iter(graphs.values()))["engines"]):
        cells = [graph["engines"][number] for graph in graphs.values()]
        values = [
            f"{1e3 * cell['seconds']:.1f} | {cell['ratio']:.2f}" for cell in cells
        ]
        lines.append(f"| {first['engine']} | {' | '.join(values)} |")
    lines += [
        "",
        f"Medians of {report['repeats']} in milliseconds, {report['width']} channels, "
        f"{report['threads']} thread(s), torch {report['torch']}.",
    ]
    return "\n".join(lines)


def page(path: Path) -> str:
    """Return the table of a results file."""
    return table(json.loads(path.read_text(encoding="utf-8"))) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--width", type=int, default=128, help="channels (default 128)")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    parser.add_argument("--output", type=Path, help="where to write the results")
    parser.add_argument("--smoke", action="store_true", help="a second, small")
    options = parser.parse_args(arguments)
    warnings.filterwarnings("ignore", message="Sparse CSR tensor support")
    warnings.filterwarnings("ignore", message="Sparse invariant checks")
    shapes = SMOKE if options.smoke else SHAPES
    repeats = 2 if options.smoke else options.repeats
    report: dict[str, Any] = {
        "torch": torch.__version__,
        "torch_geometric": torch_geometric.__version__,
        "threads": torch.get_num_threads(),
        "width": options.width,
        "layers": LAYERS,
        "repeats": repeats,
        "graphs": {
            name: {
                **dict(zip(("users", "items", "interactions"), shape, strict=True)),
                "engines": measure(shape, options.width, repeats),
            }
            for name, shape in shapes.items()
        },
    }
    print(table(report))
    if options.output is not None:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        write_text(options.output, json.dumps(report, indent=1) + "\n")
        write_text(options.output.with_suffix(".md"), table(report) + "\n")
    if options.json:
        print(json.dumps(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
