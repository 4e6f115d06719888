"""What could hold all pairs of N rows grows with N, and not with its square.

Every form is run on N and on 4N rows. Held at once, its pairs take 16 times the memory,
and the same measurement sees that.
"""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.evaluation import evaluate
from sea_pyg.nn import SoloSimLoss
from sea_pyg.nn.functional import club, info_nce, l1out, two_view_contrast
from sea_pyg.nn.models import SEA
from sea_pyg.transforms import ItemKNNGraph, ItemWalkGraph, UserCooccurrence
from sea_pyg.typing import CO_RATES, LEADS_TO, RATES, SIMILAR, Embeddings
from sea_pyg.utils import chunked_topk
from tests.memory import Allocations
from tests.nn.models.base import example_batch, example_data, sum_parts

ROWS = 512
CHUNK = 16

Form = Callable[[int, int | None], Callable[[], Any]]
"""Maps a number of rows and a chunk, None for all at once, to what is to be run."""


def rows(num_rows: int, count: int = 2, channels: int = 8) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    shape = (count, num_rows, channels)
    return [x.requires_grad_() for x in torch.randn(shape, generator=generator)]


def info_nce_form(num_rows: int, chunk: int | None) -> Callable[[], Any]:
    query, key = rows(num_rows)
    return lambda: info_nce(query, key, 0.5, chunk).backward()


def two_view_form(num_rows: int, chunk: int | None) -> Callable[[], Any]:
    x, y = rows(num_rows)
    return lambda: two_view_contrast(x, y, 0.5, chunk or num_rows).backward()


def solo_sim_form(num_rows: int, chunk: int | None) -> Callable[[], Any]:
    query, key = rows(num_rows)
    loss = SoloSimLoss(chunk_size=chunk)
    return lambda: loss(query, key).backward()


def club_form(num_rows: int, chunk: int | None) -> Callable[[], Any]:
    """It needs neither pairs nor chunks; at once is its definition."""
    y, mean, log_variance = rows(num_rows, 3)
    if chunk is not None:
        return lambda: club(y, mean, log_variance).backward()

    def definition() -> None:
        square = (y.unsqueeze(0) - mean.unsqueeze(1)).square()  # [N, N, channels]
        ratio = (square * (-log_variance).exp().unsqueeze(1)).sum(dim=-1)
        (ratio.mean() - ratio.diagonal().mean()).backward()

    return definition


def l1out_form(num_rows: int, chunk: int | None) -> Callable[[], Any]:
    y, mean, log_variance = rows(num_rows, 3)
    return lambda: l1out(y, mean, log_variance, chunk).backward()


def topk_form(num_rows: int, chunk: int | None) -> Callable[[], Any]:
    query, key = (x.detach() for x in rows(num_rows))
    return lambda: chunked_topk(query, key, 5, chunk or num_rows)


def item_knn_form(num_rows: int, chunk: int | None) -> Callable[[], Any]:
    data = example_data(num_users=4, num_items=num_rows)
    transform = ItemKNNGraph(k=5, chunk_size=chunk or num_rows)

    def run() -> None:
        edge_index = transform(data)[SIMILAR].edge_index
        assert edge_index.size(1) >= 5 * num_rows

    return run


def cooccurrence_form(num_rows: int, chunk: int | None) -> Callable[[], Any]:
    """Everyone has rated one item, so that all pairs of users have a path."""
    data = HeteroData()
    data["user"].num_nodes, data["item"].num_nodes = num_rows, 2
    user = torch.arange(num_rows)
    data[RATES].edge_index = torch.stack([user, torch.zeros_like(user)])
    size = num_rows * (chunk or num_rows)
    transform = UserCooccurrence(k=5, block_size=size)

    def run() -> None:
        edge_index = transform(data)[CO_RATES].edge_index
        assert edge_index.size(1) == 5 * num_rows

    return run


def walk_form(num_rows: int, chunk: int | None) -> Callable[[], Any]:
    """One user has rated everything, so that all pairs of items have a path."""
    data = HeteroData()
    data["user"].num_nodes, data["item"].num_nodes = 2, num_rows
    item = torch.arange(num_rows)
    user = torch.cat([torch.zeros_like(item), torch.ones_like(item[::2])])
    data[RATES].edge_index = torch.stack([user, torch.cat([item, item[::2]])])
    data[SIMILAR].edge_index = torch.stack([item, item.roll(1)])
    size = num_rows * (chunk or num_rows)
    transform = ItemWalkGraph(k=5, similar_type=SIMILAR, block_size=size)

    def run() -> None:
        edge_index = transform(copy.copy(data))[LEADS_TO].edge_index
        assert edge_index.size(1) == 5 * num_rows

    return run


def evaluation_form(num_rows: int, chunk: int | None) -> Callable[[], Any]:
    """As many users as items."""
    user = torch.arange(num_rows)
    data = HeteroData()
    data["user"].num_nodes = data["item"].num_nodes = num_rows
    data[RATES].edge_index = torch.stack([user, user])
    data[RATES].edge_label_index = torch.stack([user, user.roll(1)])
    embeddings = Embeddings(*(x.detach() for x in rows(num_rows)))
    options = {"metrics": ("recall", "ndcg"), "batch_size": chunk or num_rows}
    return lambda: evaluate(embeddings, data, k=10, **options)


FORMS: dict[str, Form] = {
    "info_nce": info_nce_form,
    "two_view_contrast": two_view_form,
    "SoloSimLoss": solo_sim_form,
    "club": club_form,
    "l1out": l1out_form,
    "chunked_topk": topk_form,
    "ItemKNNGraph": item_knn_form,
    "UserCooccurrence": cooccurrence_form,
    "ItemWalkGraph": walk_form,
    "evaluate": evaluation_form,
}


def peak(run: Callable[[], Any]) -> int:
    """Return the most bytes that a call holds at a time."""
    with Allocations() as allocations:
        run()
    return allocations.peak


@pytest.mark.parametrize("name", FORMS)
def test_memory_grows_with_the_rows(name: str) -> None:
    form = FORMS[name]
    few, many = (peak(form(size, CHUNK)) for size in (ROWS, 4 * ROWS))
    assert few > 0
    assert many < 5 * few
    assert many < peak(form(4 * ROWS, None)) / 4


@pytest.mark.parametrize("name", FORMS)
def test_all_pairs_at_once_grow_with_the_square(name: str) -> None:
    """What the test above would see of forms without chunks."""
    form = FORMS[name]
    few, many = (peak(form(size, None)) for size in (ROWS, 4 * ROWS))
    assert 12 < many / few < 17


@pytest.mark.parametrize("preset", ["exact", "fast"])
def test_a_training_step_grows_with_the_graph(preset: str) -> None:
    """Users, items and interactions in step, with SEA's own chunks."""
    options = {} if preset == "exact" else {"preset": preset}

    def step(num_nodes: int) -> Callable[[], Any]:
        data = example_data(num_users=num_nodes, num_items=num_nodes)
        model = SEA.from_data(data, **options)
        data, batch = model.prepare(data), example_batch(data)

        def run() -> None:
            state = model.representations(data)
            loss = sum_parts(model.loss(data, batch, state))
            inner = model.estimator_loss(data, state)
            if inner is not None:
                inner.backward()
            loss.backward()

        return run

    few, many = (peak(step(size)) for size in (ROWS, 4 * ROWS))
    assert many < 5 * few


def test_what_is_counted() -> None:
    before = torch.zeros(1000)
    with Allocations() as allocations:
        before.add_(1)
        before.view(10, 100)
        assert allocations.peak == 0, "what was there before, and its views"
        x = torch.zeros(100)
        view = x[:10]
        del x
        assert allocations.live == 400, "a view holds all of it"
        del view
        assert allocations.live == 0
        y = torch.ones(50).double()
        assert allocations.live == 400
        assert allocations.peak == 600, "before the floats were let go"
        (y + 1).sum()
        assert allocations.peak == 808
    assert allocations.largest == 1000
