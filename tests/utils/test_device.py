import torch
from torch_geometric.data import HeteroData

from sea_pyg.nn.models import BPRMF
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
