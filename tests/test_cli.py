"""The command line, in this process: what it prints, and how it refuses."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sea_pyg.cli import main
from sea_pyg.cli.run_folder import new_folder
from sea_pyg.datasets import FakeMultimodalDataset, load_splits
from sea_pyg.evaluation import evaluate
from sea_pyg.nn import models
from sea_pyg.nn.mi import CLUB
from sea_pyg.training import RunConfig, TrainingConfig, fit, load_tensors
from sea_pyg.training.atomic import exclusive
from sea_pyg.transforms import RandomUserSplit
from tests.cli.commands import printed_json, refused

RATES = ("user", "rates", "item")


def _train(folder: Path, *more: str) -> list[str]:
    options = ["--max-epochs", "2", "--set", "batch_size=1024", "--set", "lr=0.01"]
    return ["train", "fake", "--out", str(folder), *options, *more]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "lightgcn"
    assert main(_train(folder, "--model", "LightGCN")) == 0
    return folder


@pytest.fixture(scope="module")
def other_run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "popularity"
    assert main(_train(folder, "--model", "popularity")) == 0
    return folder


def test_train_prints_the_agreed_keys(tmp_path, capsys):
    assert main(_train(tmp_path / "run", "--model", "bprmf", "--json")) == 0
    out = capsys.readouterr().out
    assert "recall@20" in out.splitlines()[4] or "recall@20" in out
    plain = json.loads(out.splitlines()[-1])
    keys = "model data seed best_epoch seconds valid test run_dir"
    assert list(plain) == keys.split()
    assert plain["model"] == "BPRMF"
    assert plain["data"] == "fake"
    assert plain["run_dir"] == str(tmp_path / "run")
    for name in ("recall@10", "recall@20", "ndcg@10", "ndcg@20"):
        assert 0 < plain["test"][name] < 1
        assert 0 < plain["valid"][name] < 1


@pytest.mark.parametrize("name", sorted(models.classes))
def test_every_model_is_saved_and_rebuilt(tmp_path, capsys, name):
    folder = tmp_path / name
    more = ["--max-epochs", "1"] if name != "SEA" else ["--set", "inner_steps=1"]
    assert main([*_train(folder, "--model", name.lower(), "--json"), *more]) == 0
    trained = printed_json(capsys)
    files = {"config.yaml", "metrics.json", "model.safetensors", "curves.png"}
    assert files <= {path.name for path in folder.iterdir()}
    assert main(["evaluate", str(folder), "--json"]) == 0
    assert printed_json(capsys)["test"] == pytest.approx(trained["test"])


def test_settings_reach_model_and_training(tmp_path):
    more = [
        "--set",
        "num_layers=1",
        "--set",
        "item_graph_weights={image: 0.3, text: 0.7}",
    ]
    more += ["--set", "alignment_pairs=[[text, image]]", "--set", "inner_steps=1"]
    more += ["--set", "log_base=2", "--seed", "4", "--set", "eval_k=[5, 20]"]
    assert main(_train(tmp_path / "run", "--modalities", "text,image", *more)) == 0
    config = RunConfig.load(tmp_path / "run")
    assert config.model == "SEA"
    assert config.arguments["num_layers"] == 1
    assert config.arguments["item_graph_weights"] == {"image": 0.3, "text": 0.7}
    assert config.arguments["alignment_pairs"] == [["text", "image"]]
    assert config.arguments["log_base"] == 2.0
    assert list(config.arguments["in_channels"]) == ["text", "image"]
    assert config.training.inner_steps == 1
    assert config.training.seed == 4
    assert config.training.eval_k == (5, 20)
    assert config.training.batch_size == 1024
    weights, _ = load_tensors(tmp_path / "run" / "model.safetensors")
    config.build().load_state_dict(weights)


def test_one_modality(tmp_path):
    more = ["--modalities", "text", "--set", "inner_steps=1"]
    assert main(_train(tmp_path / "run", *more)) == 0
    assert list(RunConfig.load(tmp_path / "run").arguments["in_channels"]) == ["text"]


def test_recommend_leaves_out_what_was_seen(run, capsys):
    arguments = ["recommend", str(run), "--users", "3,0", "-k", "7", "--json"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    found = json.loads(out.splitlines()[-1])["recommendations"]
    assert [entry["user"] for entry in found] == [3, 0]
    train, val, test = load_splits("fake")
    pairs = [train[RATES].edge_index]
    pairs += [graph[RATES].edge_label_index for graph in (val, test)]
    user, item = torch.cat(pairs, dim=1)
    for entry in found:
        items = [row["item"] for row in entry["items"]]
        assert len(set(items)) == 7
        assert set(items).isdisjoint(item[user == entry["user"]].tolist())
        assert [row["title"] for row in entry["items"]] == [f"item {i}" for i in items]
        scores = [row["score"] for row in entry["items"]]
        assert scores == sorted(scores, reverse=True)
        assert f"item {items[0]}" in out


@pytest.mark.parametrize("exclude", ["none", "train", "train+val", "all"])
def test_recommend_ends_where_the_items_end(run, capsys, exclude):
    command = ["recommend", str(run), "--users", "0", "-k", "120", "--json"]
    assert main([*command, "--exclude", exclude]) == 0
    items = {row["item"] for row in printed_json(capsys)["recommendations"][0]["items"]}
    train, val, test = load_splits("fake")
    parts = [train[RATES].edge_index, val[RATES].edge_label_index]
    parts.append(test[RATES].edge_label_index)
    taken = {"none": 0, "train": 1, "train+val": 2, "all": 3}[exclude]
    known = {int(i) for part in parts[:taken] for i in part[1][part[0] == 0]}
    assert items == set(range(120)) - known


def test_evaluate_options(run, capsys):
    command = ["evaluate", str(run), "--on", "val", "-k", "5", "--json"]
    assert main(command) == 0
    config = RunConfig.load(run)
    model = config.build()
    model.load_state_dict(load_tensors(run / "model.safetensors")[0])
    _, val, _ = config.load_splits()
    assert printed_json(capsys)["val"] == pytest.approx(
        evaluate(model, val, k=5).metrics
    )
    assert main(["evaluate", str(run), "--exclude", "train+val"]) == 0


def test_a_saved_run_knows_its_split(run, tmp_path, capsys):
    _, _, test = load_splits("fake")
    _, _, other = load_splits("fake", seed=1)
    model = RunConfig.load(run).build()
    model.load_state_dict(load_tensors(run / "model.safetensors")[0])
    evaluate(model, test)
    with pytest.raises(ValueError, match="trained on other interactions"):
        evaluate(model, other)
    # As earlier versions wrote it.
    shutil.copytree(run, tmp_path / "run")
    path = tmp_path / "run" / "config.yaml"
    lines = path.read_text().splitlines()
    note = [f"split_id: {test[RATES].split_id}", "features: {}", "own_code: {}"]
    assert lines[-3:] == note
    path.write_text("\n".join(lines[:-3]) + "\n")
    assert main(["evaluate", str(tmp_path / "run"), "--json"]) == 0
    assert printed_json(capsys)["test"] == evaluate(model, test, k=(10, 20)).metrics
    evaluate(RunConfig.load(tmp_path / "run").build(), other)


def test_inspect(capsys):
    assert main(["inspect", "fake", "--json"]) == 0
    out = capsys.readouterr().out
    assert "image" in out.splitlines()[-3] + out.splitlines()[-2]
    plain = json.loads(out.splitlines()[-1])
    splits = load_splits("fake")
    assert (plain["users"], plain["items"]) == (200, 120)
    assert plain["splits"]["train"] == splits[0][RATES].num_edges
    assert plain["interactions"] == sum(plain["splits"].values())
    assert plain["density"] == pytest.approx(plain["interactions"] / 24000)
    degree = np.bincount(splits[0][RATES].edge_index[1].numpy(), minlength=120)
    assert plain["training_degree"]["item"]["median"] == np.median(degree)
    assert np.median(degree) != np.sort(degree)[59]  # between the two in the middle
    assert plain["modalities"]["image"]["channels"] == 24
    assert plain["modalities"]["text"]["non_finite_rows"] == 0


def test_separate_learning_attaches_to_a_backbone(tmp_path, capsys):
    more = ["--model", "vbpr", "--separate", "--set", "separate.alpha=0.5", "--json"]
    more += ["--set", "inner_steps=2"]
    assert main(_train(tmp_path / "run", *more)) == 0
    trained = printed_json(capsys)
    assert trained["model"] == "VBPR+separate"
    header = (tmp_path / "run" / "history.csv").read_text().splitlines()[0]
    assert {"loss/bpr", "loss/alignment", "loss/estimator"} <= set(header.split(","))
    assert RunConfig.load(tmp_path / "run").separate["alpha"] == 0.5
    assert main(["evaluate", str(tmp_path / "run"), "--json"]) == 0
    assert printed_json(capsys)["test"] == pytest.approx(trained["test"])
    resume = ["train", "--resume", str(tmp_path / "run")]
    refused(capsys, [*resume, "--set", "separate.alpha=1"], "alpha=0.5")


OWN_MODULE = """
from sea_pyg.nn.mi import CLUB
from sea_pyg.nn.models import VBPR


class Mine(VBPR):
    def __init__(self, *args, scale: float = 1.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.scale = scale

    def score(self, data, user_index, embeddings=None):
        return self.scale * super().score(data, user_index, embeddings)


class Bound(CLUB):
    pass
"""


def test_a_model_and_a_bound_of_one_s_own(tmp_path, monkeypatch, capsys):
    # Modules of the folder in which the command is given are found.
    (tmp_path / "own_models.py").write_text(OWN_MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    folder = tmp_path / "run"
    more = ["--model", "own_models.Mine", "--set", "scale=-1", "--separate"]
    more += ["--set", "separate.distance=own_models.Bound", "--json"]
    assert main(_train(folder, *more)) == 0
    trained = printed_json(capsys)
    assert trained["model"] == "own_models.Mine+separate"
    config = RunConfig.load(folder)
    assert config.arguments["scale"] == -1
    model = config.build()
    own = sys.modules["own_models"]
    assert type(model.backbone) is own.Mine
    assert {type(bound) for bound in model.separate.distances.values()} == {own.Bound}
    assert main(["evaluate", str(folder), "--json"]) == 0
    assert printed_json(capsys)["test"] == pytest.approx(trained["test"])
    assert main(["train", "--resume", str(folder), *more]) == 0
    capsys.readouterr()
    assert set(config.own_code) == {"own_models"}
    (tmp_path / "own_models.py").write_text(OWN_MODULE + "\n# another line\n")
    for changed in (["evaluate", str(folder)], ["train", "--resume", str(folder)]):
        with pytest.warns(UserWarning, match="the source of own_models has changed"):
            assert main(changed) == 0
    capsys.readouterr()
    other = ["train", "--resume", str(folder), "--model", "vbpr"]
    refused(capsys, other, "own_models.Mine")
    refused(capsys, [*_train(folder), "--model", "own_models.None"], "'None'")


def test_a_distance_that_is_no_class(tmp_path, capsys):
    more = ["--model", "vbpr", "--separate", "--set"]
    wrong = "separate.distance=sea_pyg.nn.mi.__doc__"
    refused(capsys, _train(tmp_path / "run", *more, wrong), "is no class")
    wrong = "separate.distance=sea_pyg.nn.mi.CLUP"
    refused(capsys, _train(tmp_path / "run", *more, wrong), "has no 'CLUP'")


class Mine(CLUB):
    """A distance that can be imported."""


def test_a_distance_without_a_name_is_told_before_training(tmp_path):
    class Local(CLUB):
        pass

    splits = load_splits("fake")
    backbone = models.VBPR.from_data(splits[0])

    def noted(distance: type) -> dict:
        model = models.WithSeparateLearning(backbone, {"distance": distance})
        return model.separate.hparams()

    config = RunConfig(
        model="VBPR",
        arguments=backbone.hparams(),
        separate=noted(Local),
        data="fake",
        modalities=None,
        split=None,
        split_seed=0,
        fingerprint="",
        training=TrainingConfig(),
    )
    with pytest.raises(ValueError, match="Local"):
        config.save(tmp_path)
    for distance, name in ((CLUB, "club"), (Mine, f"{__name__}.Mine")):
        replace(config, separate=noted(distance)).save(tmp_path)
        loaded = RunConfig.load(tmp_path)
        assert loaded.separate["distance"] == name
        (made, *_) = loaded.build().separate.distances.values()
        assert type(made) is distance
    assert not list(tmp_path.glob("*.tmp"))


BROKEN_MODULE = """
from __future__ import annotations
from typing import TYPE_CHECKING, Any
import torch
from sea_pyg.nn.models import BPRMF, VBPR

if TYPE_CHECKING:
    from nowhere import Unknown


class Hinted(BPRMF):
    def __init__(self, *args: Any, extra: Unknown = 1, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.extra = extra


class Fixed(BPRMF):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, embedding_dim=4, **kwargs)


class Vectors(BPRMF):
    def loss(self, data, batch, state=None):
        return {"bpr": super().loss(data, batch, state)["bpr"].expand(3)}


class Empty(BPRMF):
    def loss(self, data, batch, state=None):
        return {}


class Single(BPRMF):
    def loss(self, data, batch, state=None):
        return super().loss(data, batch, state)["bpr"]


class Constant(BPRMF):
    def loss(self, data, batch, state=None):
        return {"bpr": torch.zeros(())}


class Rows(BPRMF):
    def encode(self, data):
        user, item = super().encode(data)
        return type(super().encode(data))(user, torch.cat([item, item[:3]]))


class Scores(BPRMF):
    def score(self, data, user_index, embeddings=None):
        return super().score(data, user_index, embeddings)[:, :-1]


class Reads(VBPR):
    @property
    def modality_channels(self):
        raise NotImplementedError("no widths")
"""


@pytest.mark.parametrize(
    ("name", "more", "text"),
    [
        ("Fixed", ["--set", "embedding_dim=8"], "Fixed cannot be built"),
        ("Vectors", [], "must be a tensor without dimensions (got [3])"),
        ("Empty", [], "must return its parts by name (got {})"),
        ("Single", [], "must return its parts by name"),
        ("Constant", [], "no loss part of Constant has a gradient"),
        ("Rows", [], "one row per user and item"),
        ("Scores", [], "score of Scores must return numbers of shape"),
        ("Reads", ["--separate"], "Reads cannot be built: no widths"),
    ],
)
def test_a_model_of_one_s_own_that_is_wrong(
    tmp_path, monkeypatch, capsys, name, more, text
):
    module = f"broken_{name.lower()}"
    (tmp_path / f"{module}.py").write_text(BROKEN_MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / "run"
    refused(capsys, [*_train(folder), "--model", f"{module}.{name}", *more], text)
    # What has trained nothing leaves the folder for another start.
    assert main([*_train(folder), "--model", f"{module}.Hinted", "--json"]) == 0
    assert printed_json(capsys)["model"] == f"{module}.Hinted"


def test_preset(tmp_path, capsys):
    folder = tmp_path / "run"
    more = ["--set", "preset=released", "--set", "alpha=0.5", "--set", "inner_steps=1"]
    assert main(_train(folder, "--modalities", "text,image", *more)) == 0
    arguments = RunConfig.load(folder).arguments
    assert arguments["item_graph_weights"] == {"text": 0.9, "image": 0.1}
    assert arguments["alignment_pairs"] == [["text", "image"]]
    assert arguments["alpha"] == 0.5
    assert main(["train", "--resume", str(folder), *more]) == 0
    capsys.readouterr()
    other = [*more[:2], "--set", "log_base=3"]
    refused(capsys, ["train", "--resume", str(folder), *other], "log_base=2.0")


@pytest.mark.parametrize("name", ["lightgcn", "popularity"])
def test_separate_learning_needs_features(tmp_path, capsys, name):
    refused(capsys, _train(tmp_path / "run", "--model", name, "--separate"), "features")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("model", [[], ["--model", "sea"], ["--model", "SEA"]])
def test_separate_learning_is_sea_s_own(tmp_path, capsys, model):
    texts = ("--separate", "--model SEA", "VBPR or MGCN")
    refused(capsys, _train(tmp_path / "run", *model, "--separate"), *texts)
    refused(capsys, ["train", "nowhere", *model, "--separate"], *texts)  # at once
    assert not (tmp_path / "run").exists()


def test_compare(run, other_run, capsys):
    runs = [str(run), str(other_run)]
    assert main(["compare", *runs, "--metric", "recall@10", "--json"]) == 0
    out = capsys.readouterr().out
    plain = json.loads(out.splitlines()[-1])
    assert plain["runs"] == runs
    assert plain["reference"] == "LightGCN"
    rows = {row["method"]: row for row in plain["rows"]}
    for name, folder in (("LightGCN", run), ("Popularity", other_run)):
        kept = json.loads((folder / "metrics.json").read_text())
        assert rows[name]["mean"] == pytest.approx(kept["test"]["recall@10"])
        assert name in out.splitlines()[2] + out.splitlines()[3]


def _compare(capsys, *folders: Path) -> dict:
    capsys.readouterr()
    names = [str(folder) for folder in folders]
    assert main(["compare", *names, "--metric", "recall@20,ndcg@10", "--json"]) == 0
    return printed_json(capsys)


def _assert_one_method(plain: dict, method: str) -> None:
    assert [row["method"] for row in plain["rows"]] == [method, method]
    for row in plain["rows"]:
        assert row["verdict"] == "reference"
        assert row["num_runs"] == len(plain["runs"])
        assert row["seed_std"] > 0
        assert row["difference"] is row["p_value"] is row["p_users"] is None
        assert not row["significant"]
    assert "nothing to test" in plain["notes"][0]


def test_compare_claims_nothing_between_seeds(run, tmp_path, capsys):
    """One of them is far from trained, so that the users' values do differ."""
    folders = [run, tmp_path / "one", tmp_path / "two"]
    options = (("1", "2"), ("2", "30"))
    for folder, (seed, epochs) in zip(folders[1:], options, strict=True):
        more = ["--model", "LightGCN", "--seed", seed, "--max-epochs", epochs]
        assert main(_train(folder, *more)) == 0
    plain = _compare(capsys, *folders)
    _assert_one_method(plain, "LightGCN")
    assert plain["notes"][1:] == [
        "The runs of LightGCN had different max_epochs (2, 30) and count as one method."
    ]
    plain = _compare(capsys, *folders[:2])
    _assert_one_method(plain, "LightGCN")
    assert len(plain["notes"]) == 1


@pytest.mark.parametrize("name", ["VBPR", "LightGCN"])
def test_compare_knows_all_modalities_by_their_names(tmp_path, capsys, name):
    given = [], ["--modalities", "image,text"], ["--modalities", "text,image"]
    folders = []
    for seed, more in enumerate(given):
        folders.append(tmp_path / f"run{seed}")
        lengths = f"eval_k=[{seed + 1},10,20]"  # what is looked at, not what is made
        common = ["--model", name, "--seed", str(seed), "--set", lengths]
        assert main(_train(folders[-1], *common, *more)) == 0
    _assert_one_method(_compare(capsys, *folders), name)
    # What changes the model still tells methods apart.
    one = tmp_path / "one"
    more = ["--modalities", "text", "--seed", "3", "--model", name]
    assert main(_train(one, *more)) == 0
    methods = {row["method"] for row in _compare(capsys, folders[0], one)["rows"]}
    assert len(methods) == (2 if name == "VBPR" else 1)
    slow = tmp_path / "slow"
    more = ["--model", name, "--seed", "4", "--set", "weight_decay=0.001"]
    assert main(_train(slow, *more)) == 0
    methods = {row["method"] for row in _compare(capsys, folders[0], slow)["rows"]}
    assert methods == {
        f"{name} training.weight_decay={value}" for value in (0.0, 0.001)
    }


def test_compare_wants_one_run_per_seed(run, tmp_path, capsys):
    folder = tmp_path / "run"
    assert main(_train(folder, "--model", "LightGCN", "--max-epochs", "1")) == 0
    capsys.readouterr()
    text = "'LightGCN' with seed 0 is named more than once"
    refused(capsys, ["compare", str(run), str(folder)], text, "one run per seed")


def test_compare_needs_finished_runs(run, tmp_path, capsys):
    (tmp_path / "config.yaml").write_bytes((run / "config.yaml").read_bytes())
    refused(capsys, ["compare", str(run), str(tmp_path)], "not finished", "--resume")


def test_an_interrupted_run_tells_how_it_goes_on(tmp_path, monkeypatch, capsys):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    folder = tmp_path / "a run"
    with monkeypatch.context() as patch:
        patch.setattr("sea_pyg.cli.train.fit", interrupt)
        assert main(_train(folder, "--model", "LightGCN")) == 130
        printed = capsys.readouterr().err
        assert printed.startswith("sea-pyg: interrupted; go on with sea-pyg train ")
    arguments = shlex.split(printed.partition("sea-pyg train ")[2])
    assert arguments == ["--resume", str(folder)]
    assert main(["train", *arguments]) == 0


def test_resume_of_a_finished_run_repeats_its_numbers(run, capsys):
    before = {p.name: p.read_bytes() for p in run.iterdir() if p.is_file()}
    assert main(["train", "--resume", str(run), "--json"]) == 0
    assert json.loads(before["metrics.json"])["test"] == printed_json(capsys)["test"]
    for name in ("model.safetensors", "history.csv", "test.safetensors"):
        assert (run / name).read_bytes() == before[name]


def test_resume_with_more_epochs_is_the_longer_run(tmp_path, capsys):
    model = ["--model", "bprmf", "--json"]
    assert main([*_train(tmp_path / "long", *model), "--max-epochs", "4"]) == 0
    assert main(_train(tmp_path / "short", *model)) == 0
    more = ["--max-epochs", "4", "--json"]
    assert main(["train", "--resume", str(tmp_path / "short"), *more]) == 0
    for name in ("model.safetensors", "history.csv", "test.safetensors", "config.yaml"):
        contents = [(tmp_path / d / name).read_bytes() for d in ("long", "short")]
        assert contents[0] == contents[1], name


@pytest.mark.parametrize(
    "arguments, texts",
    [
        (["train"], ["needs a data set"]),
        (["train", "moviel"], ["no data set 'moviel'", "'movielens-100k'"]),
        (["train", "fake", "--model", "lightgn"], ["'lightgn'", "'lightgcn'"]),
        (["train", "fake", "--modalities", "txt"], ["'txt'", "'text'"]),
        (["train", "fake", "--split", "labels"], ["'labels'", "'label'"]),
        (["train", "fake", "--set", "lrr=1"], ["'lrr'", "did you mean 'lr'"]),
        (["train", "fake", "--set", "lr=abc"], ["lr", "float", "'abc'"]),
        (["train", "fake", "--set", "num_layers=1.5"], ["num_layers", "int"]),
        (["train", "fake", "--set", "preset=relesed"], ["'relesed'", "'released'"]),
        (
            ["train", "fake", "--modalities", "text", "--set", "preset=released"],
            ["two modalities", "got text"],
        ),
        (["train", "fake", "--set", "lr"], ["key=value"]),
        (["train", "fake", "--set", "lr=1", "--set", "lr=2"], ["lr", "twice"]),
        (["train", "fake", "--seed", "1", "--set", "seed=1"], ["seed", "twice"]),
        (["train", "fake", "--precision", "8"], ["'32' or 'bf16-mixed'"]),
        (["train", "fake", "--nonsense"], ["--nonsense"]),
        (["train", "fake", "--max-epochs", "many"], ["int"]),
        (["train", "--resume", "/nowhere"], ["'/nowhere' is no run directory"]),
        (["evaluate", "/nowhere"], ["'/nowhere' is no run directory"]),
        (["tain"], ["'tain'", "train"]),
        ([], ["train"]),
        (["compare", "a"], ["at least two"]),
        (["inspect", "nowhere"], ["nowhere"]),
    ],
)
def test_bad_arguments(capsys, arguments, texts):
    refused(capsys, arguments, *texts)


@pytest.mark.parametrize(
    "arguments, texts",
    [
        (["--users", "200"], ["0..199", "200"]),
        (["--users", "-1"], ["0..199"]),
        (["--users", "x"], ["--users", "'x'"]),
        (["--users", ","], ["--users"]),
        (["--users", "1", "-k", "121"], ["120", "121"]),
        (["--users", "1", "-k", "0"], ["120", "0"]),
        (["--users", "1", "--exclude", "tran"], ["--exclude 'tran'", "train"]),
    ],
)
def test_bad_recommend(run, capsys, arguments, texts):
    refused(capsys, ["recommend", str(run), *arguments], *texts)


def test_k_larger_than_the_catalogue(run, capsys):
    refused(capsys, ["evaluate", str(run), "-k", "500"], "120", "500")


def test_output_directory_is_not_empty(run, capsys):
    refused(capsys, _train(run), "not empty", f"--resume {run}")


def test_output_directory_cannot_be_made(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    refused(capsys, _train(tmp_path / "file" / "run"), "file", "another")


def test_output_directory_is_a_file(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    refused(capsys, _train(tmp_path / "file"), "is a file; choose another")


def test_a_wrong_setting_does_not_claim_the_folder(tmp_path, monkeypatch, capsys):
    """Also where it shows only when the graphs are made, in a folder that was there."""
    folder = tmp_path / "run"
    folder.mkdir()
    more = ["--model", "sea", "--set", "inner_steps=1", "--set"]
    refused(capsys, _train(folder, *more, "k=1000"), "k=1000", "lower k")
    assert not list(folder.iterdir())
    assert main(_train(folder, *more, "k=5")) == 0
    capsys.readouterr()
    before = sorted(path for path in folder.rglob("*"))
    refused(capsys, ["train", "--resume", str(folder), *more, "k=4"], "k=5")
    assert sorted(path for path in folder.rglob("*")) == before


def test_a_folder_of_another_process_is_left_alone(tmp_path, monkeypatch, capsys):
    """It may not have come to its first checkpoint."""
    folder = tmp_path / "run"

    with ExitStack() as other:

        def start_meanwhile(*args, **kwargs):
            other.enter_context(exclusive(folder / "checkpoints"))
            (folder / "history.csv").write_text("of the other")
            return fit(*args, **kwargs)

        monkeypatch.setattr("sea_pyg.cli.train.fit", start_meanwhile)
        refused(capsys, _train(folder, "--model", "bprmf"), "another process")
    assert (folder / "history.csv").read_text() == "of the other"
    assert (folder / "config.yaml").is_file()


def test_a_run_that_has_begun_is_kept(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "run"

    def fail(*args, **kwargs):
        raise ValueError("no space")

    monkeypatch.setattr("sea_pyg.cli.train.evaluate", fail)
    refused(capsys, _train(folder, "--model", "bprmf"), "no space")
    assert (folder / "checkpoints" / "last.safetensors").is_file()
    assert (folder / "config.yaml").is_file()


@pytest.mark.parametrize(
    "more, text",
    [
        (["--seed", "3"], "seed=0"),
        (["--model", "sea"], "model='LightGCN'"),
        (["--set", "num_layers=1"], "num_layers=3"),
        (["--set", "lr=0.5"], "lr=0.01"),
        (["--modalities", "text"], "modalities=None"),
        (["--separate"], "separate=False"),
        (["--out", "elsewhere"], "--out"),
    ],
)
def test_resume_with_other_settings(run, capsys, more, text):
    refused(capsys, ["train", "--resume", str(run), *more], text)


@pytest.mark.parametrize("damage", ["truncate", "flip", "missing"])
def test_damaged_weights(tmp_path, capsys, damage):
    folder = tmp_path / "run"
    main(_train(folder, "--model", "popularity"))
    capsys.readouterr()
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
        text = "not finished"
    else:
        content[-3] ^= 1
        path.write_bytes(content[:-9] if damage == "truncate" else content)
        text = "is damaged"
    refused(capsys, ["evaluate", str(folder)], "model.safetensors", text)


@pytest.mark.parametrize("text", ["model: [", "model: SEA", "model: 5", "[a]", "3", ""])
def test_damaged_config(tmp_path, capsys, text):
    (tmp_path / "config.yaml").write_text(text)
    refused(capsys, ["evaluate", str(tmp_path)], "config.yaml", "damaged")


def test_weights_of_another_model(run, other_run, tmp_path, capsys):
    (tmp_path / "config.yaml").write_bytes((run / "config.yaml").read_bytes())
    weights = (other_run / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(weights)
    refused(capsys, ["evaluate", str(tmp_path)], "does not fit config.yaml")


def test_changed_data(run, tmp_path, capsys):
    text = (run / "config.yaml").read_text()
    (tmp_path / "config.yaml").write_text(
        text.replace("split_seed: 0", "split_seed: 1")
    )
    weights = (run / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(weights)
    refused(capsys, ["evaluate", str(tmp_path)], "interactions", "are not those")


@pytest.mark.parametrize("module", ["jsonargparse", "lightning.pytorch", "safetensors"])
def test_missing_extra(monkeypatch, tmp_path, capsys, module):
    monkeypatch.setitem(sys.modules, module, None)
    if module == "safetensors":
        monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    refused(capsys, _train(tmp_path / "run"), "pip install 'sea_pyg[train]'")


def test_version_and_help(capsys):
    for flag in ("--version", "--help"):
        with pytest.raises(SystemExit) as stop:
            main([flag])
        assert stop.value.code == 0
        assert "sea-pyg" in capsys.readouterr().out


def test_global_random_state_is_left_alone(tmp_path):
    state = torch.get_rng_state()
    assert main(_train(tmp_path / "run", "--model", "bprmf")) == 0
    assert torch.equal(torch.get_rng_state(), state)


def test_changed_features(tmp_path, capsys):
    data = tmp_path / "toy"
    data.mkdir()
    generator = np.random.default_rng(0)
    lines = [
        f"{user}\t{item}\t{n}"
        for user in range(20)
        for n, item in enumerate(generator.choice(30, 6, replace=False))
    ]
    head = "userID\titemID\ttimestamp"
    (data / "toy.inter").write_text("\n".join([head, *lines]))
    features = generator.standard_normal((30, 4)).astype(np.float32)
    np.save(data / "text_feat.npy", features)
    np.save(data / "image_feat.npy", features)
    more = ["--split", "leave-last-out", "--modalities", "text", "--max-epochs", "1"]
    runs = [str(tmp_path / name) for name in ("a", "b")]
    command = ["train", str(data), "--model", "vbpr", *more]
    assert main([*command, "--out", runs[0]]) == 0
    assert main(["evaluate", runs[0]]) == 0
    np.save(data / "image_feat.npy", -features)  # which the model does not read
    assert main(["evaluate", runs[0]]) == 0
    np.save(data / "text_feat.npy", -features)
    capsys.readouterr()
    for other in (["evaluate", runs[0]], ["train", "--resume", runs[0]]):
        refused(capsys, other, "x_text", "are not those")
    assert main([*command, "--out", runs[1], "--seed", "1"]) == 0
    assert main(["compare", *runs]) == 0
    assert "features.x_text" in capsys.readouterr().out


def test_the_labels_to_be_found_are_not_left_out(run, capsys):
    command = ["evaluate", str(run), "--on", "val", "--exclude", "train+val"]
    refused(capsys, command, "are validation labels", "exclude='train'")


def test_a_run_is_not_resumed_with_fewer_epochs(run, capsys):
    before = (run / "config.yaml").read_bytes()
    command = ["train", "--resume", str(run), "--max-epochs", "1"]
    refused(capsys, command, "2 epochs already", "max_epochs=1")
    assert (run / "config.yaml").read_bytes() == before


def test_inspect_counts_the_users_that_are_evaluated(tmp_path, capsys):
    # User 1's only interaction is held out.
    text = "userID\titemID\tx_label\n0\t0\t0\n0\t1\t1\n0\t2\t2\n1\t1\t2\n2\t0\t0\n"
    (tmp_path / "toy.inter").write_text(text)
    with pytest.warns(UserWarning, match="none in training"):
        assert main(["inspect", str(tmp_path), "--json"]) == 0
    assert printed_json(capsys)["evaluated_users"] == {"val": 1, "test": 1}


def test_compare_wants_a_metric_once(run, other_run, capsys):
    command = ["compare", str(run), str(other_run), "--json", "--metric"]
    assert main([*command, "recall@20,recall@20"]) == 0
    assert len(printed_json(capsys)["rows"]) == 2
    refused(capsys, [*command, ""], "at least one metric")


def test_the_command_line_starts_without_lightning():
    code = "import sys, sea_pyg.cli; assert 'lightning.pytorch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_name_of_a_data_set_wins_over_a_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fake").mkdir()
    assert main(_train(tmp_path / "run", "--model", "popularity")) == 0
    assert main(["evaluate", str(tmp_path / "run")]) == 0
    assert main(["train", "fake", "--resume", str(tmp_path / "run")]) == 0


def test_a_small_catalogue_is_told_before_anything_is_written(
    tmp_path, monkeypatch, capsys
):
    data = FakeMultimodalDataset(40, 15)[0]
    parts = RandomUserSplit()(data)
    monkeypatch.setattr("sea_pyg.cli.train.load_splits", lambda *args: parts)
    folder = tmp_path / "run"
    refused(capsys, _train(folder, "--model", "bprmf"), "20 of 15 items", "eval_k")
    assert not folder.exists()


def test_a_failed_run_leaves_foreign_files_alone(tmp_path, capsys):
    folder = tmp_path / "own"
    (folder / "keep.tmp").mkdir(parents=True)
    (folder / "keep.tmp" / "thesis.txt").write_text("x")
    (folder / "notes.tmp").write_text("x")
    refused(capsys, _train(folder), "not empty")
    assert (folder / "keep.tmp" / "thesis.txt").is_file()
    assert (folder / "notes.tmp").is_file()


def test_what_cannot_start_leaves_no_folder(tmp_path, capsys):
    folder = tmp_path / "run"
    for more in (["--device", "meta"], ["--set", "eval_every=9"]):
        refused(capsys, _train(folder, *more), more[1].split("=")[0].strip("-"))
        assert not any(folder.glob("*.yaml"))
    assert main(_train(folder, "--model", "bprmf")) == 0


def test_a_failed_resumption_keeps_what_was_found(tmp_path, capsys):
    folder = tmp_path / "run"
    assert main(_train(folder, "--model", "bprmf")) == 0
    capsys.readouterr()
    before = (folder / "metrics.json").read_bytes()
    best = folder / "checkpoints" / "best.safetensors"
    best.write_bytes(best.read_bytes()[:100])
    refused(capsys, ["train", "--resume", str(folder)], "best.safetensors", "damaged")
    assert (folder / "metrics.json").read_bytes() == before


def test_runs_of_one_second_have_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.strftime", lambda form: "20260101-000000")
    config = RunConfig("BPRMF", {}, None, "fake", None, None, 0, "", TrainingConfig())
    folders = {new_folder(config) for _ in range(3)}
    assert len(folders) == 3
    assert all(folder.is_dir() for folder in folders)


def test_of_two_starts_in_a_folder_one_succeeds(tmp_path):
    config = RunConfig("BPRMF", {}, None, "fake", None, None, 0, "", TrainingConfig())
    assert config.create(tmp_path)
    assert not config.create(tmp_path)


def test_a_flag_that_is_no_number(capsys):
    refused(capsys, ["train", "fake", "--seed", "abc"], "seed", "int", "abc")


def test_a_run_whose_data_has_moved_goes_on(tmp_path, capsys):
    folder, data = tmp_path / "run", tmp_path / "data"
    data.mkdir()
    rows = [f"{user}\t{(3 * user + i) % 25}\n" for user in range(30) for i in range(12)]
    (data / "toy.inter").write_text("userID\titemID\n" + "".join(rows))
    arguments = ["train", str(data), "--model", "bprmf", "--max-epochs"]
    assert main([*arguments, "1", "--out", str(folder)]) == 0
    moved = data.rename(tmp_path / "elsewhere")
    resume = ["--resume", str(folder), "--max-epochs", "2"]
    capsys.readouterr()
    refused(capsys, ["train", *resume], "is not there", "train DATA --resume")
    assert main(["train", str(moved), *resume[:2], "--json"]) == 0
    assert printed_json(capsys)["data"] == str(moved)
    assert RunConfig.load(folder).data == str(moved)
    assert main(["train", *resume]) == 0
    assert RunConfig.load(folder).data == str(moved)
    assert main(["evaluate", str(folder)]) == 0
    other = tmp_path / "other"
    shutil.copytree(moved, other)
    (other / "toy.inter").write_text("userID\titemID\n" + "".join(rows[:-1]))
    capsys.readouterr()
    refused(capsys, ["train", str(other), *resume], "are not those that the run")
    assert RunConfig.load(folder).data == str(moved)


def test_a_name_that_a_terminal_cannot_show_is_escaped(tmp_path):
    data = tmp_path / "\u0434"
    data.mkdir()
    rows = [f"{user}\t{(3 * user + i) % 25}\n" for user in range(30) for i in range(12)]
    (data / "toy.inter").write_text("userID\titemID\n" + "".join(rows))
    command = [
        "train",
        str(data),
        "--model",
        "popularity",
        "--out",
        str(tmp_path / "r"),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "sea_pyg", *command],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert "\\u0434, seed 0" in done.stdout


def test_a_reader_that_has_seen_enough_is_no_error():
    command = [sys.executable, "-m", "sea_pyg", "inspect", "fake"]
    reader = subprocess.run(
        f"{shlex.join(command)} | true", shell=True, capture_output=True, text=True
    )
    assert reader.stderr == ""
    full = subprocess.run(
        f"{shlex.join(command)} > /dev/full", shell=True, capture_output=True, text=True
    )
    assert full.returncode == 2
    assert full.stderr.startswith("sea-pyg: error: the result cannot be printed")
    assert full.stderr.count("\n") == 1
