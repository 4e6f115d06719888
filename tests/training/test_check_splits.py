"""Nothing can be trained on what the split of another graph holds out."""

import copy
import json

import pytest
import torch
import torch_geometric.transforms as T
from torch_geometric.data import HeteroData

from sea_pyg.datasets import FakeMultimodalDataset, load_data, load_splits
from sea_pyg.evaluation import evaluate
from sea_pyg.nn.models import BPRMF, EASE, FREEDOM, VBPR, WithSeparateLearning
from sea_pyg.training import TrainingConfig, fit, load_tensors, run_cell, save_tensors
from sea_pyg.transforms import (
    ItemKNNGraph,
    MaskModality,
    RandomUserSplit,
    UserCooccurrence,
    mark_splits,
)
from sea_pyg.typing import RATES
from tests.training.entries import CONFIG, ENTRIES, SHORT, use_lightning

Splits = tuple[HeteroData, HeteroData, HeteroData]


@pytest.fixture(scope="module")
def whole() -> HeteroData:
    return load_data("fake")


@pytest.fixture(scope="module")
def parts(whole) -> Splits:
    return RandomUserSplit(seed=0)(whole)


@pytest.fixture(scope="module")
def others(whole) -> Splits:
    return RandomUserSplit(seed=1)(whole)


def _bare(data: HeteroData) -> HeteroData:
    """Return a graph as if it had been split elsewhere."""
    out = copy.copy(data)
    del out.split
    del out[RATES].split_id
    return out


def _with(data: HeteroData, **pairs: torch.Tensor) -> HeteroData:
    out = copy.copy(data)
    for name, value in pairs.items():
        out[RATES][name] = value
    return out


def _both(first: HeteroData, second: HeteroData) -> torch.Tensor:
    edges = first[RATES].edge_index, second[RATES].edge_label_index
    return torch.cat(edges, dim=1)


def _without_labels(data: HeteroData) -> HeteroData:
    out = copy.copy(data)
    del out[RATES].edge_label_index
    return out


LEAKS = {
    "all interactions": (
        lambda p, o, whole: (whole, p[1]),
        "train is of no split",
    ),
    "all interactions, nothing marked": (
        lambda p, o, whole: (whole, _bare(p[1])),
        "validation labels .* are training edges",
    ),
    "train of another split": (
        lambda p, o, whole: (o[0], p[1]),
        "train and val are of two splits",
    ),
    "unmarked train of another split": (
        lambda p, o, whole: (_bare(o[0]), p[1]),
        "train is of no split",
    ),
    "val of another split": (
        lambda p, o, whole: (p[0], o[1]),
        "train and val are of two splits",
    ),
    "unmarked val of another split": (
        lambda p, o, whole: (p[0], _bare(o[1])),
        "val is of no split",
    ),
    "unmarked test": (
        lambda p, o, whole: (p[0], _bare(p[2])),
        "val is of no split",
    ),
    "train with test edges": (
        lambda p, o, whole: (_with(p[0], edge_index=_both(p[0], p[2])), p[1]),
        "edge_index of .* train is not what the split made",
    ),
    "train without some edges": (
        lambda p, o, whole: (
            _with(p[0], edge_index=p[0][RATES].edge_index[:, 1:]),
            p[1],
        ),
        "edge_index of .* train is not what the split made",
    ),
    "val with test edges": (
        lambda p, o, whole: (p[0], _with(p[1], edge_index=_both(p[0], p[2]))),
        "edge_index of .* val is not what the split made",
    ),
    "val with test labels": (
        lambda p, o, whole: (
            p[0],
            _with(p[1], edge_label_index=p[2][RATES].edge_label_index),
        ),
        "edge_label_index of .* val is not what the split made",
    ),
    "val without labels": (
        lambda p, o, whole: (p[0], _without_labels(p[1])),
        "edge_label_index of .* val is not what the split made",
    ),
}


@pytest.mark.parametrize("name", LEAKS)
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.__name__)
def test_leaks_are_refused(entry, name, parts, others, whole, tmp_path):
    build, message = LEAKS[name]
    train, val = build(parts, others, whole)
    with pytest.raises(ValueError, match=message):
        entry(train, val, tmp_path)
    assert not list(tmp_path.rglob("*.json"))


def test_a_change_in_place_is_refused(parts):
    train = copy.copy(parts[0])
    train[RATES].edge_index = train[RATES].edge_index.clone()
    fit(EASE.from_data(train), train, parts[1])
    train[RATES].edge_index[:, :5] = parts[2][RATES].edge_label_index[:, :5]
    with pytest.raises(ValueError, match="is not what the split made"):
        fit(EASE.from_data(train), train, parts[1])


def test_a_cell_is_of_one_split(parts, others, tmp_path):
    with pytest.raises(ValueError, match="val and test are of two splits"):
        run_cell(BPRMF, SHORT, (*parts[:2], others[2]), tmp_path / "seed-0.json")
    assert not list(tmp_path.iterdir())


def test_a_finished_cell_is_of_its_data_and_settings(parts, others, tmp_path):
    path = tmp_path / "seed-0.json"
    done = run_cell(BPRMF, SHORT, parts, path)
    before = path.read_bytes()
    assert run_cell(BPRMF, SHORT, parts, path) == done
    with pytest.raises(ValueError, match=r"seed-0.json' was made with data_finger"):
        run_cell(BPRMF, SHORT, others, path)
    for name, value in {"max_epochs": 7, "seed": 3, "embedding_dim": 5}.items():
        with pytest.raises(ValueError, match=f"made with {name}=.* for {value}; choo"):
            run_cell(BPRMF, {**SHORT, name: value}, parts, path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("model", [BPRMF, EASE])
def test_a_test_graph_of_another_split_is_refused(model, parts, others):
    built = model.from_data(parts[0])
    assert built.trained_on == ()
    if model.trainable:
        evaluate(built, others[2])  # before training
    else:
        with pytest.raises(RuntimeError, match="EASE has not been fitted"):
            evaluate(built, others[2])
    fit(built, *parts[:2], CONFIG)
    assert built.trained_on == (parts[0][RATES].split_id,)
    for part in parts[1:]:
        evaluate(built, part)
    for part in others[1:]:
        with pytest.raises(ValueError, match="trained on other interactions"):
            evaluate(built, part)
    evaluate(built, _bare(others[2]))  # its maker's own


def test_a_model_that_was_fitted_to_everything_is_not_tested(parts, whole):
    model = EASE.from_data(whole)
    model.fit(whole)  # as a model that serves is
    model.recommend(whole, torch.arange(3), 5)
    with pytest.raises(ValueError, match="trained on other interactions"):
        evaluate(model, parts[2])
    model.fit(_bare(parts[0]))  # forgets the others
    assert evaluate(model, parts[2]).metrics["recall@20"] < 0.7
    own = _with(_bare(parts[1]), edge_index=whole[RATES].edge_index)
    labels = torch.tensor([[0], [0]])
    while bool((own[RATES].edge_index == labels).all(0).any()):
        labels = labels + 1
    own[RATES].edge_label_index = labels
    fit(model, whole, own)
    with pytest.raises(ValueError, match="trained on other interactions"):
        evaluate(model, parts[2])


def test_a_trained_model_does_not_go_on_with_another_split(parts, others, tmp_path):
    model = BPRMF.from_data(parts[0], embedding_dim=4)
    fit(model, *parts[:2], CONFIG, tmp_path)
    fit(model, *parts[:2], CONFIG)
    with pytest.raises(ValueError, match="was trained on other interactions"):
        fit(model, *others[:2], CONFIG)
    for config in (CONFIG, TrainingConfig(max_epochs=2)):
        again = BPRMF.from_data(parts[0], embedding_dim=4)
        with pytest.raises(ValueError, match="was trained on other interactions"):
            fit(again, *others[:2], config, tmp_path, resume=True)
    fit(again := BPRMF.from_data(parts[0], embedding_dim=4), *parts[:2], CONFIG)
    fit(again, *(_bare(part) for part in others[:2]), CONFIG)  # for production
    for test in (parts[2], others[2]):
        with pytest.raises(ValueError, match="trained on other interactions"):
            evaluate(again, test)


def test_a_run_of_an_earlier_version_goes_on(parts, tmp_path):
    fit(BPRMF.from_data(parts[0], embedding_dim=4), *parts[:2], CONFIG, tmp_path)
    path = tmp_path / "checkpoints" / "last.safetensors"
    tensors, plain = load_tensors(path)
    assert plain.pop("trained_on") == [parts[0][RATES].split_id]
    save_tensors(path, tensors, plain)
    again = BPRMF.from_data(parts[0], embedding_dim=4)
    longer = TrainingConfig(max_epochs=2)
    result = fit(again, *parts[:2], longer, tmp_path, resume=True)
    assert result.epochs == 2
    assert again.trained_on == (parts[0][RATES].split_id,)


def test_a_backbone_knows_what_it_was_trained_on(parts, others):
    model = WithSeparateLearning.from_data(parts[0], backbone=VBPR)
    fit(model, *parts[:2], TrainingConfig.for_model(model, max_epochs=1))
    with pytest.raises(ValueError, match="trained on other interactions"):
        evaluate(model.backbone, others[2])
    backbone = VBPR.from_data(parts[0])
    separate = model.separate
    model = WithSeparateLearning(backbone, separate)
    fit(backbone, *others[:2], CONFIG)
    with pytest.raises(ValueError, match="trained on other interactions"):
        evaluate(model, parts[2])
    with pytest.raises(ValueError, match="was trained on other interactions"):
        fit(model, *parts[:2], CONFIG)


def test_lightning_notes_it_too(parts):
    model = BPRMF.from_data(parts[0])
    use_lightning(*parts[:2], None, model)
    assert model.trained_on == (parts[0][RATES].split_id,)


def test_validation_labels_of_another_split_are_not_left_out(parts, others):
    model = EASE.from_data(parts[0])
    model.fit(parts[0])
    evaluate(model, parts[2], exclude="train+val", val=parts[1])
    with pytest.raises(ValueError, match="val are of two splits"):
        evaluate(model, parts[2], exclude="train+val", val=others[1])


def test_harmless_changes_are_accepted(parts):
    train, val, test = parts
    order = torch.randperm(train[RATES].edge_index.size(1))
    shuffled = _with(train, edge_index=train[RATES].edge_index[:, order])
    reloaded = load_splits("fake", modalities=["text"])
    for graphs in (
        (shuffled, val),
        (_bare(train), val),
        (train, _bare(val)),
        (_bare(train), _bare(val)),
        (T.ToUndirected()(copy.copy(train)), val),
        (MaskModality(0.2)(copy.copy(train)), val),
        (ItemKNNGraph(5)(copy.copy(train)), ItemKNNGraph(5)(copy.copy(val))),
        (UserCooccurrence()(copy.copy(train)), val),
        (reloaded[0], val),
        tuple(HeteroData.from_dict(part.to_dict()) for part in (train, val)),
    ):
        model = EASE.from_data(train)
        fit(model, *graphs)
        evaluate(model, test)
    model = FREEDOM.from_data(train)
    fit(model, model.prepare(train), model.prepare(val), CONFIG)
    evaluate(model, model.prepare(test))


def test_graphs_of_ones_own_are_accepted(whole):
    split = T.RandomLinkSplit(
        num_val=0.1, num_test=0.1, edge_types=[RATES], add_negative_train_samples=False
    )
    own = HeteroData()
    own["user"].num_nodes, own["item"].num_nodes = 200, 120
    own[RATES].edge_index = whole[RATES].edge_index
    train, val, test = split(own)
    for graphs in ((train, val, test), mark_splits(train, val, test)):
        model = BPRMF.from_data(train)
        fit(model, *graphs[:2], CONFIG)
        evaluate(model, graphs[2])
    fit(EASE.from_data(own), own, own)  # without validation


def test_a_cell_of_another_model_or_setting_is_refused(tmp_path) -> None:
    parts = RandomUserSplit(seed=0)(FakeMultimodalDataset(30, 20)[0])
    path = tmp_path / "seed-0.json"
    done = run_cell(VBPR, {**SHORT, "separate.alpha": 0.01}, parts, path, separate=True)
    same = {**SHORT, "separate.alpha": 0.01}
    assert run_cell(VBPR, same, parts, path, separate=True) == done
    for more in ({}, {"separate.alpha": 5.0}, {**same, "reg_weight": 77.0}):
        with pytest.raises(ValueError, match="was made with"):
            run_cell(VBPR, {**SHORT, **more}, parts, path, separate=True)
    with pytest.raises(ValueError, match="was made with"):
        run_cell(VBPR, SHORT, parts, path)
    plain = tmp_path / "seed-1.json"
    run_cell(BPRMF, {**SHORT, "lr": 0.01}, parts, plain)

    class SameArguments(BPRMF):
        pass

    for model, setting in ((BPRMF, {}), (SameArguments, {"lr": 0.01})):
        with pytest.raises(ValueError, match="was made with"):
            run_cell(model, {**SHORT, **setting}, parts, plain)


def test_cells_of_earlier_versions_do_not_name_their_model(tmp_path) -> None:
    parts = RandomUserSplit(seed=0)(FakeMultimodalDataset(30, 20)[0])
    path = tmp_path / "seed-0.json"
    done = run_cell(VBPR, SHORT, parts, path, separate=True)
    del done["model"]
    path.write_text(json.dumps(done))
    assert run_cell(VBPR, SHORT, parts, path, separate=True) == done
    with pytest.raises(ValueError, match="was made with arguments="):
        run_cell(VBPR, SHORT, parts, path)
