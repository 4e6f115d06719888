import importlib

import pytest
import torch
from torch_geometric.data import HeteroData

from sea_pyg.datasets import load_splits
from sea_pyg.evaluation import evaluate
from sea_pyg.nn.models import BPRMF
from sea_pyg.training import TrainingConfig, fit
from sea_pyg.typing import RATES
from sea_pyg.utils import device_of, on_device


def graph() -> HeteroData:
    data = HeteroData()
    data["user"].num_nodes, data["item"].num_nodes = 3, 4
    data[RATES].edge_index = torch.tensor([[0, 1], [2, 3]])
    data[RATES].split_id = "name"
    return data


def test_graphs_share_what_is_moved_and_the_callers_stay() -> None:
    train = graph()
    val = train.clone()
    val[RATES].edge_index = train[RATES].edge_index
    first, second = on_device(train, "meta"), on_device(val, "meta")
    assert first[RATES].edge_index.device.type == "meta"
    assert first[RATES].edge_index is second[RATES].edge_index
    assert first[RATES].edge_index is on_device(train, "meta")[RATES].edge_index
    assert first[RATES].split_id == "name"
    assert first["item"].num_nodes == 4
    assert train[RATES].edge_index.device.type == "cpu"


def test_what_is_there_already_is_the_same_tensor() -> None:
    data = graph()
    for device in ("cpu", torch.device("cpu"), None):
        assert on_device(data, device)[RATES].edge_index is data[RATES].edge_index


def test_a_trainable_tensor_keeps_its_gradient() -> None:
    data = graph()
    data["item"].x_text = torch.nn.Parameter(torch.ones(4, 2))
    assert on_device(data, "cpu")["item"].x_text is data["item"].x_text
    moved = on_device(data, "meta")["item"].x_text
    assert moved.grad_fn is not None
    assert moved is not on_device(data, "meta")["item"].x_text


def test_the_device_of_a_module() -> None:
    assert device_of(BPRMF(3, 4)) == torch.device("cpu")
    assert device_of(torch.nn.ReLU()) is None


def test_graphs_are_taken_to_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """By all that are handed a graph and a model; there is one device here."""
    moved: list[tuple[HeteroData, torch.device | None]] = []

    def record(data: HeteroData, device: torch.device | None) -> HeteroData:
        moved.append((data, device))
        return on_device(data, device)

    for name in ("nn.models.recommender", "evaluation.evaluate", "training.fit"):
        module = importlib.import_module(f"sea_pyg.{name}")
        monkeypatch.setattr(module, "on_device", record)
    train, val, test = load_splits("fake")
    model = BPRMF.from_data(train)
    cpu = torch.device("cpu")
    fit(model, train, val, TrainingConfig(max_epochs=1, device="cpu"))
    assert [(train, cpu), (val, cpu)] == moved[:2]
    for call in (
        lambda: evaluate(model, test),
        lambda: model.recommend(test, torch.arange(3), 5),
    ):
        moved.clear()
        call()
        assert moved == [(test, cpu)]


def test_lists_of_text_are_not_searched_for_tensors() -> None:
    data = load_splits("fake")[0]
    data["item"].parts = [torch.ones(2), torch.ones(3)]
    data["item"].genres = [["drama"], ["war", "drama"]]
    moved = on_device(data, "meta")
    for name in ("title", "genres"):  # PyG copies what it looks into
        assert moved["item"][name] is data["item"][name]
    assert {x.device.type for x in moved["item"].parts} == {"meta"}
    assert moved["item"].x_text.device.type == "meta"
    assert data["item"].x_text.device.type == "cpu"
