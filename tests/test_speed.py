"""Guards of speed: ratios of times in one process, never seconds.

What is guarded is timed in turn with a yardstick: the same work done plainly, or a part
of it. The limits leave a noisy machine room, about a factor of two. Where the yardstick
is not itself the form without the optimisation, that form is shown to be beyond them.
"""

import importlib
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.nn import LGConv

from sea_pyg.evaluation import evaluate
from sea_pyg.loader import InteractionLoader, UniformNegativeSampler
from sea_pyg.nn import BipartitePropagation
from sea_pyg.nn.functional import Readout, info_nce, linear_readouts
from sea_pyg.nn.models import SEA
from sea_pyg.typing import RATES, Embeddings
from sea_pyg.utils import EdgeMembership, chunked_topk, symmetric_norm

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
Call = Callable[[], Any]


class Guard(NamedTuple):
    """What must not take longer than a multiple of something else."""

    guarded: Call
    yardstick: Call
    limit: float
    """Most yardsticks that it may take."""
    undone: Call | None = None
    """The same work without the optimisation; the yardstick by default."""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other measure the machine's other work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def speed(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("speed")


def ratio(call: Call, yardstick: Call, repeats: int = 5) -> float:
    """Return the ratio of the medians of two calls that are timed in turn."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats + 1):
        for function, times in zip((call, yardstick), seconds, strict=True):
            start = time.perf_counter()
            function()
            times.append(time.perf_counter() - start)
    first, second = (statistics.median(times[1:]) for times in seconds)
    return first / second


def step(speed: ModuleType, data: HeteroData, **options: Any) -> Call:
    """Make a training step of SEA, with its 50 inner steps."""
    torch.manual_seed(0)
    model = SEA.from_data(data, **options)
    data = model.prepare(data)
    batch = next(iter(InteractionLoader(data, batch_size=256)))
    taken = speed.Step(model, data, 50)
    return lambda: taken(batch)


def explicit_projection(num_items: int, channels: int) -> Call:
    """Make a projection to the same width, forward and backward."""
    x = torch.randn(num_items, channels)
    weight = torch.randn(channels, channels, requires_grad=True)
    return lambda: F.linear(x, weight).sum().backward()


def fast_step(speed: ModuleType) -> Guard:
    """The whole step takes less than the projection it does without."""
    data = speed.random_graph(300, 1000, 3000, [2048, 384])
    return Guard(
        step(speed, data, preset="fast"),
        explicit_projection(1000, 2048),
        0.75,
        step(speed, data),
    )


def fast_against_exact(speed: ModuleType) -> Guard:
    data = speed.random_graph(300, 1000, 3000, [2048, 384])
    exact = step(speed, data)
    return Guard(step(speed, data, preset="fast"), exact, 0.6)


def composed_readouts(speed: ModuleType) -> Guard:
    """The maps that read a projection, against the projection they read."""
    x, bias = torch.randn(2000, 1024), torch.zeros(1024)
    weight = torch.randn(1024, 1024, requires_grad=True)
    halves = ((256, 0, 1024), (64, 0, 512), (32, 0, 512), (32, 512, 1024))
    maps = [
        Readout(torch.randn(width, stop - start, requires_grad=True), None, start, stop)
        for width, start, stop in halves
    ]

    def composed() -> None:
        parts = [y.sum() for y in linear_readouts(x, weight, bias, maps)]
        torch.stack(parts).sum().backward()

    def explicit() -> None:
        y = F.linear(x, weight, bias)
        parts = [F.linear(y[:, r.start : r.stop], r.weight).sum() for r in maps]
        torch.stack(parts).sum().backward()

    return Guard(composed, explicit, 0.8)


def propagation(speed: ModuleType) -> Guard:
    """Two hops without a message per edge."""
    sizes = (3000, 1500)
    edge_index = speed.random_graph(*sizes, 20_000, [])[RATES].edge_index
    user, item = (torch.randn(size, 128, requires_grad=True) for size in sizes)
    model, conv = BipartitePropagation(2), LGConv(normalize=False)
    both = edge_index + torch.tensor([[0], [sizes[0]]])
    both = torch.cat([both, both.flip(0)], dim=1)
    weight = symmetric_norm(edge_index, *sizes).repeat(2)

    def run() -> None:
        torch.cat(list(model(user, item, edge_index))).sum().backward()

    def messages() -> None:
        x = torch.cat([user, item])
        for _ in range(2):
            x = conv(x, both, weight)
        x.sum().backward()

    return Guard(run, messages, 0.4)


def chunked_info_nce(speed: ModuleType) -> Guard:
    """Chunks save memory and must not cost time."""
    query, key = torch.randn(2, 2500, 32, requires_grad=True)

    def dense() -> None:
        info_nce(query, key, 0.1).backward(retain_graph=True)

    def chunked(size: int) -> Call:
        return lambda: info_nce(query, key, 0.1, size).backward(retain_graph=True)

    return Guard(chunked(256), dense, 1.2, chunked(1))


def evaluation(speed: ModuleType) -> Guard:
    """Ranking, masking and metrics, against the product and its top items."""
    data = speed.random_graph(3000, 4000, 15_000, [])
    embeddings = Embeddings(torch.randn(3000, 64), torch.randn(4000, 64))
    return Guard(
        lambda: evaluate(embeddings, data, k=20),
        lambda: (embeddings.user @ embeddings.item.t()).topk(20),
        3,
        lambda: evaluate(embeddings, data, k=20, batch_size=8),
    )


def nearest_neighbours(speed: ModuleType) -> Guard:
    x = torch.randn(3000, 256)
    return Guard(
        lambda: chunked_topk(x, x, 10),
        lambda: (x @ x.t()).topk(10),
        2,
        lambda: (x @ x.t()).argsort(dim=1, descending=True),
    )


def negatives(speed: ModuleType) -> Guard:
    """An epoch's negatives, against a sort of as many numbers."""
    sizes = (20_000, 7000)
    edge_index = speed.random_graph(*sizes, 100_000, [])[RATES].edge_index
    sampler = UniformNegativeSampler(edge_index, *sizes)
    seen = EdgeMembership(edge_index, *sizes)
    user = edge_index[0]
    numbers = torch.rand(user.numel())

    def rejection() -> list[Tensor]:
        """Draw one by one, for a tenth of the interactions."""
        return [
            seen.contains(u, torch.randint(sizes[1], (1,))) for u in user[::10].unbind()
        ]

    return Guard(lambda: sampler.sample(user), numbers.sort, 10, rejection)


GUARDS = [
    fast_step,
    fast_against_exact,
    composed_readouts,
    propagation,
    chunked_info_nce,
    evaluation,
    nearest_neighbours,
    negatives,
]


@pytest.mark.parametrize("make", GUARDS)
def test_is_as_fast_as_it_was(
    make: Callable[[ModuleType], Guard], speed: ModuleType
) -> None:
    torch.manual_seed(0)
    guard = make(speed)
    assert ratio(guard.guarded, guard.yardstick) < guard.limit


@pytest.mark.slow
@pytest.mark.parametrize(
    "make", [fast_step, chunked_info_nce, evaluation, nearest_neighbours, negatives]
)
def test_a_slow_form_is_caught(
    make: Callable[[ModuleType], Guard], speed: ModuleType
) -> None:
    torch.manual_seed(0)
    guard = make(speed)
    assert guard.undone is not None
    assert ratio(guard.undone, guard.yardstick, repeats=2) > guard.limit
