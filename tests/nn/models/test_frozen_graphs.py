"""What derives from a frozen graph is computed once, and no step waits for the host."""

from collections import Counter
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch_geometric.data import HeteroData

from sea_pyg.evaluation import evaluate
from sea_pyg.nn.models import SEA, LightGCN, Recommender
from sea_pyg.typing import RATES
from sea_pyg.utils import adjacency, bipartite_adjacency, modality_names, sparse
from tests.nn.models.base import example_batch, example_data, sum_parts, train


def fast_with_complete_masks(data: HeteroData) -> SEA:
    for name in modality_names(data, "item"):
        data["item"][f"mask_{name}"] = torch.ones(30, dtype=torch.bool)
    return SEA.from_data(data, preset="fast")


MODELS = {
    "SEA": lambda data: SEA.from_data(data),
    "SEA-fast": lambda data: SEA.from_data(data, preset="fast"),
    "SEA-fast-masks": fast_with_complete_masks,
    "LightGCN": lambda data: LightGCN.from_data(data),
}
HOST = "_local_scalar_dense"
"""The operator behind ``item()``, ``bool()`` and the like of a tensor."""
HOST_READS = {"SEA-fast": 2, "SEA-fast-masks": 2}
"""The closed-form q asks of every modality whether its matrix was singular."""
OF_THE_BATCH = dict.fromkeys(
    ("SEA-fast", "SEA-fast-masks"), {"sort": 1, "searchsorted": 2}
)
"""In-batch SoloSim counts how often each item is drawn; the device does, unasked."""


class Operators(TorchDispatchMode):
    """Count the operators that are called."""

    def __init__(self) -> None:
        super().__init__()
        self.count: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        self.count[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", MODELS)
def test_a_graph_is_normalised_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: Counter[str] = Counter()

    def counted(module: Any, function: str) -> None:
        original = getattr(module, function)

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            calls[function] += 1
            return original(*args, **kwargs)

        monkeypatch.setattr(module, function, wrapper)

    counted(adjacency, "symmetric_norm")
    counted(adjacency, "compress")
    counted(sparse, "compress")
    data = example_data()
    model: Recommender = MODELS[name](data)
    data = model.prepare(data)
    data[RATES].edge_label_index = data[RATES].edge_index[:, ::7]
    train(model, data, [example_batch(data, seed=0)], lr=0.01)
    first = dict(calls)
    assert first["symmetric_norm"] == 1
    train(model, data, [example_batch(data, seed=s) for s in (1, 2, 3)], lr=0.01)
    assert calls == first, "a later step compresses nothing"
    evaluate(model, data, k=5, exclude="none")
    assert calls["symmetric_norm"] == 1


def test_a_matrix_is_shared_by_steps_and_layers() -> None:
    data = example_data()
    edge_index, sizes = data[RATES].edge_index, (40, 30)
    matrix = bipartite_adjacency(edge_index, *sizes).to_csr()
    model = LightGCN.from_data(data)
    train(model, data, [example_batch(data)] * 2, lr=0.01)
    assert bipartite_adjacency(edge_index, *sizes).to_csr() is matrix


@pytest.mark.parametrize("name", MODELS)
def test_later_steps_do_not_wait_for_the_host(name: str) -> None:
    data = example_data()
    model: Recommender = MODELS[name](data)
    data = model.prepare(data)
    batch = example_batch(data)
    model.train()

    def step() -> Counter[str]:
        with Operators() as operators:
            state = model.representations(data)
            sum_parts(model.loss(data, batch, state)).backward()
        return operators.count

    first, later = step(), step()
    assert first["sort"] > 0, "compressed in the first step"
    for operator in ("sort", "searchsorted", "nonzero"):
        allowed = OF_THE_BATCH.get(name, {}).get(operator, 0)
        assert later[operator] == allowed, f"{operator} in a later step"
    assert later[HOST] <= HOST_READS.get(name, 0)


def test_the_counter_sees_the_host() -> None:
    x = torch.arange(3.0)
    with Operators() as operators:
        if bool((x > 1).any()):
            x.sum().item()
    assert operators.count[HOST] == 2
