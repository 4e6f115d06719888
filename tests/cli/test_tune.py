"""`sea-pyg tune`, in this process."""

import json
import shlex
import sys
from pathlib import Path

import pytest

from sea_pyg.cli import main
from sea_pyg.cli import tune as command
from sea_pyg.training import LogUniform, Trial
from tests.cli.commands import printed_json, refused

SPACE = ["--search", "lr=1e-3..1e-1", "--search", "num_layers=1,2"]
FAKE = ["tune", "fake", "--model", "lightgcn", "--max-epochs", "2", "--trials", "3"]


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_command_that_is_told_trains_as_the_best_trial_did(tmp_path, capsys):
    folder = tmp_path / "my search"
    # With settings and values that hold what a shell and a parser would split.
    more = ["--modalities", "image,text", "--seed", "3", "--set", "batch_size=512"]
    weights = "{text: 0.9, image: 0.1},{text: 0.2, image: 0.8}"
    more += ["--search", f"item_graph_weights={weights}"]
    arguments = ["tune", "fake", "--model", "sea", "--max-epochs", "2", "--trials", "3"]
    arguments += [*more, "--set", "inner_steps=1", "--search", "lr=0.02,0.03"]
    assert main([*arguments, "--out", str(folder), "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    plain = json.loads(lines[-1])
    keys = "model data metric trials best train out"
    assert list(plain) == keys.split()
    assert (plain["model"], plain["metric"]) == ("SEA", "recall@20")
    assert plain["out"] == str(folder)
    assert len(plain["trials"]) == 3
    assert plain["trials"][0]["setting"] == {}
    assert lines[-2] == f"train with it: {plain['train']}"
    best = max(plain["trials"], key=lambda trial: trial["value"])
    assert plain["best"] == best
    assert best["number"] > 0  # the published rate learns nothing in two epochs
    words = shlex.split(plain["train"])
    assert words[0] == "sea-pyg"
    assert main([*words[1:], "--out", str(tmp_path / "run"), "--json"]) == 0
    run = printed_json(capsys)
    assert run["valid"]["recall@20"] == best["value"]
    assert (run["best_epoch"], run["seed"]) == (best["best_epoch"], 3)


def test_a_second_search_reads_the_first(tmp_path, capsys):
    arguments = [*FAKE, *SPACE, "--out", str(tmp_path)]
    assert main(arguments) == 0
    first, files = capsys.readouterr().out, _files(tmp_path)
    assert sorted(files) == [
        "search.json",
        "trial-000.json",
        "trial-001.json",
        "trial-002.json",
    ]
    assert main(arguments) == 0
    assert capsys.readouterr().out == first
    assert _files(tmp_path) == files
    other = [*arguments, "--set", "reg_weight=0.1"]
    refused(capsys, other, "trials of another search", "choose another folder")
    assert _files(tmp_path) == files


def test_an_interrupted_search_goes_on(tmp_path, capsys, monkeypatch):
    arguments = [*FAKE, *SPACE, "--out"]
    assert main([*arguments, str(tmp_path / "whole")]) == 0
    module = sys.modules["sea_pyg.training.tune"]
    real, calls = module.fit_setting, []

    def stop(*args):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(module, "fit_setting", stop)
    assert main([*arguments, str(tmp_path / "part")]) == 130
    assert "the same command goes on with the search" in capsys.readouterr().err
    assert main([*arguments, str(tmp_path / "part")]) == 0
    assert len(calls) == 4
    assert _files(tmp_path / "part") == _files(tmp_path / "whole")


def test_the_test_split_does_not_reach_the_search(tmp_path, monkeypatch, capsys):
    real = command.load_splits
    monkeypatch.setattr(command, "load_splits", lambda *how: (*real(*how)[:2], None))
    assert main([*FAKE, "--out", str(tmp_path)]) == 0


def test_what_is_searched(tmp_path, monkeypatch, capsys):
    seen = []

    def search(*args):
        seen.append(args)
        return [Trial(0, {}, None, error="it failed"), Trial(1, {"lr": 0.25}, 0.5)]

    monkeypatch.setattr(command, "tune", search)
    options = ["--separate", "--set", "separate.beta=0.5", "--set", "metric=ndcg@10"]
    options += ["--search", "separate.alpha=0.1,1", "--search", "lr=1e-3..1e-2"]
    options += [
        "--search",
        "embedding-dim=8, 16",
        "--trials",
        "7",
        "--modalities",
        "text",
    ]
    arguments = ["tune", "fake", "--model", "vbpr", *options]
    assert main([*arguments, "--out", str(tmp_path), "--json"]) == 0
    plain = printed_json(capsys)
    ((model, train, val, trials, folder, space, fixed, *rest),) = seen
    assert model.__name__ == "VBPR"
    assert train.split == "train"
    assert val.split == "val"
    assert (trials, folder) == (7, tmp_path)
    assert space == {
        "separate.alpha": (0.1, 1.0),
        "lr": LogUniform(1e-3, 1e-2),
        "embedding_dim": (8, 16),
    }
    assert fixed == {"separate.beta": 0.5, "metric": "ndcg@10"}
    assert rest == [["text"], None, True, False]
    assert (plain["model"], plain["metric"]) == ("VBPR+separate", "ndcg@10")
    assert plain["train"] == (
        "sea-pyg train fake --model vbpr --modalities text --separate "
        "--set separate.beta=0.5 --set metric=ndcg@10 --set lr=0.25"
    )
    # A preset has its own space and folder.
    monkeypatch.chdir(tmp_path)
    assert main(["tune", "fake", "--set", "preset=tuned"]) == 0
    assert seen[1][5] is None
    assert seen[1][8] == "tuned"
    assert seen[1][4] == Path("runs/tune-sea-tuned-fake")
    out = capsys.readouterr().out
    assert "it failed" in out
    assert "--set preset=tuned --set lr=0.25" in out


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--trials", "0"], "num_trials must be at least 1"),
        (["--search", "lr"], "--search expects key=1,2,3 or key=1e-4..1e-2"),
        (["--search", "lr= "], "--search expects key=1,2,3"),
        (["--search", "lrr=1"], "--search: neither SEA nor training has"),
        (["--search", "lr=a..b"], "--search lr expects a value of type float"),
        (["--search", "lr=1,x"], "--search lr expects a value of type float"),
        (["--search", "lr=1..0.1"], "must have 0 < low <= high"),
        (["--search", "lr=0.1,-1"], "lr=-1.0 of the search space: lr must lie in"),
        (["--search", "seed=1,2"], "'seed' cannot be searched"),
        (["--search", "preset=fast"], "a preset is no value"),
        (["--search", "num_layers=1..3"], "num_layers is whole"),
        (["--search", "collapsed=true..false"], "a range is of numbers"),
        (["--search", "lr=1", "--search", "lr=2"], "--search lr is given twice"),
        (["--search", "lr=1,2", "--set", "lr=1"], "lr is searched and set at once"),
        (["--seed", "1", "--set", "seed=2"], "seed is given twice"),
        (["--separate"], "--separate attaches SEA's losses to another model"),
        (["--model", "nope"], "nope"),
    ],
)
def test_bad_input_leaves_no_trace(options, text, tmp_path, capsys):
    folder = tmp_path / "search"
    common = ["tune", "fake", "--max-epochs", "1", "--out", str(folder)]
    refused(capsys, [*common, *options], text)
    assert not folder.exists()


def test_a_model_without_a_space_needs_one(tmp_path, capsys, monkeypatch):
    text = "from sea_pyg.nn.models import BPRMF\nclass Mine(BPRMF):\n    pass\n"
    (tmp_path / "own_tuned.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    arguments = ["tune", "fake", "--model", "own_tuned.Mine", "--max-epochs", "1"]
    refused(capsys, arguments, "no search space for 'Mine'", "--search")
    assert main([*arguments, "--search", "reg_weight=0.1,0.2", "--json"]) == 0
    plain = printed_json(capsys)
    assert plain["model"] == "Mine"
    assert len(plain["trials"]) == 3  # the published one and both values
