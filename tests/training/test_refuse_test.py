"""Nothing can be trained or selected on the test graph of a split."""

import copy
import json
import pickle

import pytest
import torch
from torch_geometric.data import Batch, HeteroData, InMemoryDataset

from sea_pyg.datasets import FakeMultimodalDataset, MMRecDataset, load_splits
from sea_pyg.nn.models import BPRMF, FREEDOM, SEA, Popularity
from sea_pyg.training import (
    RecommenderModule,
    build_setting,
    count_gradients,
    data_fingerprint,
    fit,
    run_cell,
)
from sea_pyg.transforms import (
    GlobalTimeSplit,
    LabelSplit,
    LeaveLastOut,
    RandomUserSplit,
)
from sea_pyg.typing import RATES
from tests.training.entries import CONFIG, ENTRIES, SHORT, run_a_cell

SPLITS = {
    "random": RandomUserSplit(),
    "leave-last-out": LeaveLastOut(),
    "global-time": GlobalTimeSplit(),
    "label": LabelSplit(),
}
Splits = tuple[HeteroData, HeteroData, HeteroData]


def _data() -> HeteroData:
    data = FakeMultimodalDataset(num_users=40, num_items=30, avg_degree=8)[0]
    data[RATES].split = torch.arange(data[RATES].num_edges) % 3
    return data


def _folder(tmp_path) -> MMRecDataset:
    edges = _data()[RATES].edge_index.t().tolist()
    lines = [f"{u}\t{i}\t{n % 3}" for n, (u, i) in enumerate(edges)]
    text = "\n".join(["userID\titemID\tx_label", *lines]) + "\n"
    (tmp_path / "mmrec").mkdir()
    (tmp_path / "mmrec" / "fake.inter").write_text(text)
    return MMRecDataset(tmp_path / "mmrec")


@pytest.fixture(params=[*SPLITS, "MMRecDataset", "load_splits", "load_splits label"])
def parts(request, tmp_path) -> Splits:
    if request.param in SPLITS:
        return SPLITS[request.param](_data())
    if request.param == "load_splits":
        return load_splits("fake")
    dataset = _folder(tmp_path)
    if request.param == "MMRecDataset":
        return LabelSplit()(dataset[0])
    return load_splits(dataset.folder)


pytestmark = pytest.mark.filterwarnings("ignore:.*none in training")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.__name__)
def test_choosing_on_test_is_refused(parts, entry, tmp_path):
    train, val, test = parts
    message = r"test graph .* given as val .*pass val, the second graph"
    with pytest.raises(ValueError, match=message):
        entry(train, test, tmp_path)
    for copied in (copy.copy(test), test.clone(), test.to("cpu")):
        with pytest.raises(ValueError, match=message):
            entry(train, copied, tmp_path)
    assert not list(tmp_path.glob("*.json"))
    with pytest.raises(ValueError, match=r"test graph .* given as train .*the first"):
        entry(test, val, tmp_path)
    entry(train, val, tmp_path)  # what it is for
    if entry is not run_a_cell:  # a finished cell is only read
        with pytest.raises(ValueError, match=message):
            entry(train, test, tmp_path)


def test_a_prepared_test_graph_is_refused(parts):
    train, _, test = parts
    model = BPRMF.from_data(train, embedding_dim=4)
    with pytest.raises(ValueError, match="given as val"):
        fit(model, model.prepare(train), model.prepare(test), CONFIG)
    with pytest.raises(ValueError, match="given as train"):
        build_setting(BPRMF, {}, test)
    with pytest.raises(ValueError, match="given as train"):
        count_gradients(model, test, CONFIG)
    with pytest.raises(ValueError, match="given as train"):
        RecommenderModule(model, model.prepare(test), CONFIG)


def test_every_split_marks_its_graphs(parts):
    assert [part.split for part in parts] == ["train", "val", "test"]
    assert all("split" not in part[RATES] for part in parts)


@pytest.mark.parametrize("cls", [BPRMF, FREEDOM, SEA])
def test_the_mark_survives(splits, cls):
    for part, name in zip(splits, ("train", "val", "test"), strict=True):
        model = cls.from_data(splits[0])
        prepared = model.prepare(part)
        copies = [
            prepared,
            model.prepare(prepared.to("cpu")),
            copy.copy(prepared),
            copy.deepcopy(prepared),
            prepared.clone(),
            prepared.contiguous(),
            pickle.loads(pickle.dumps(part)),
            HeteroData.from_dict(part.to_dict()),
        ]
        assert [found.split for found in copies] == [name] * len(copies)


@pytest.mark.filterwarnings("error")
def test_the_mark_survives_saving(splits, tmp_path):
    class Saved(InMemoryDataset):
        def __init__(self) -> None:
            super().__init__()
            self.load(tmp_path / "data.pt", HeteroData)

    # Attributes that hold lists of texts are none of the mark's business.
    parts = [copy.copy(part) for part in splits]
    for part in parts:
        del part["item"].title
    InMemoryDataset.save(parts, tmp_path / "data.pt")
    assert [part.split for part in Saved()] == ["train", "val", "test"]
    for part in Saved():
        assert torch.equal(part[RATES].edge_index, splits[0][RATES].edge_index)


def test_a_batch_with_a_test_graph_is_refused(splits):
    train, val, test = splits
    batch = Batch.from_data_list([val, test])
    assert batch.split == ["val", "test"]
    with pytest.raises(ValueError, match=r"given as val \(got data.split=\['val'"):
        fit(Popularity.from_data(train), train, batch)


def test_graphs_without_a_mark_are_accepted(splits):
    train, val, _ = (copy.copy(part) for part in splits)
    del train.split
    del val.split
    fit(BPRMF.from_data(train, embedding_dim=4), train, val, CONFIG)


def test_a_labelled_graph_has_to_be_split_first(splits):
    data = _data()
    with pytest.raises(ValueError, match=r"not split yet .*LabelSplit\(\)\(data\)"):
        fit(Popularity.from_data(data), data, splits[1])
    data[RATES].split = torch.zeros_like(data[RATES].split)
    fit(Popularity.from_data(data), data, data)


def test_the_mark_changes_no_fingerprint_and_no_cell(splits, tmp_path):
    bare = tuple(copy.copy(part) for part in splits)
    for part in bare:
        del part.split
        del part[RATES].split_id
    assert data_fingerprint(bare) == data_fingerprint(splits)
    cells = []
    for name, graphs in (("marked", splits), ("bare", bare)):
        run_cell(BPRMF, SHORT, graphs, tmp_path / f"{name}.json")
        cells.append(json.loads((tmp_path / f"{name}.json").read_text()))
        cells[-1].pop("per_user")
    assert cells[0] == cells[1]
    contents = [
        (tmp_path / f"{n}.safetensors").read_bytes() for n in ("marked", "bare")
    ]
    assert contents[0] == contents[1]


def test_the_mark_stands_in_the_homogeneous_graph(splits):
    found = splits[2].to_homogeneous(node_attrs=[], edge_attrs=[])
    assert found.split == "test"
