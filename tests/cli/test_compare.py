"""How often `sea-pyg compare` claims a difference that is none, in this process."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from sea_pyg.cli import main
from sea_pyg.evaluation import EvaluationResult
from sea_pyg.training import RunConfig, TrainingConfig

PAIRS, USERS = 200, 60


class Writer:
    """Writes finished runs of one model; each seed shifts all users and every one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.generator = torch.Generator().manual_seed(0)
        self.base = torch.rand(USERS, generator=self.generator)

    def run(self, name: str, seed: int, **options: Any) -> str:
        """Write a run and return its folder."""
        config = RunConfig(
            model="LightGCN",
            arguments={"num_users": USERS, "num_items": 50, "embedding_dim": 8},
            separate=None,
            data="fake",
            modalities=None,
            split=None,
            split_seed=0,
            fingerprint="0" * 64,
            training=TrainingConfig(seed=seed, **options),
        )
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        config.save(folder)
        (folder / "metrics.json").write_text("{}")
        shift = 0.05 * torch.randn(1, generator=self.generator)
        noise = 0.1 * torch.randn(USERS, generator=self.generator)
        values = self.base + shift + noise
        users = torch.arange(USERS)
        result = EvaluationResult(
            {"recall@20": float(values.mean())},
            {"recall@20": values},
            users,
            torch.ones_like(users),
            50,
            "train",
        )
        result.save(folder / "test.safetensors")
        return str(folder)


def _claims(capsys, runs: list[str]) -> tuple[dict, bool]:
    assert main(["compare", *runs, "--json"]) == 0
    plain = json.loads(capsys.readouterr().out.splitlines()[-1])
    claimed = any(
        row["significant"] or row["verdict"] in ("better", "worse")
        for row in plain["rows"]
    )
    return plain, claimed


@pytest.fixture
def writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Writer:
    from sea_pyg.cli import commands

    compare = commands.compare

    def cheap(runs, metrics):
        return compare(runs, metrics, num_permutations=300, num_resamples=10)

    monkeypatch.setattr(commands, "compare", cheap)
    return Writer(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("option", [{"patience": 50}, {"lr": 0.0011}])
def test_a_seed_each_is_rarely_claimed_to_differ(writer, capsys, option):
    """Whatever option the runs differ in: the seed alone makes the users differ."""
    claims = 0
    for pair in range(PAIRS):
        runs = [writer.run("a", 2 * pair), writer.run("b", 2 * pair + 1, **option)]
        plain, claimed = _claims(capsys, runs)
        claims += claimed
    assert claims / PAIRS <= 0.06
    methods = {row["method"] for row in plain["rows"]}
    assert len(methods) == (1 if "patience" in option else 2)


@pytest.mark.slow
def test_three_seeds_each_are_rarely_claimed_to_differ(writer, capsys):
    claims = 0
    for _ in range(PAIRS):
        runs = [writer.run(f"a{seed}", seed) for seed in range(3)]
        runs += [writer.run(f"b{seed}", seed, lr=0.0011) for seed in range(3)]
        plain, claimed = _claims(capsys, runs)
        assert [row["scope"] for row in plain["rows"]] == ["reference", "methods"]
        claims += claimed
    assert claims / PAIRS <= 0.06


def test_what_ends_a_training_makes_no_method(writer, capsys):
    options = [{}, {"patience": 50}, {"eval_every": 2}, {"metric": "ndcg@20"}]
    options += [{"max_epochs": 7}, {"eval_k": (5, 10, 20)}]
    runs = [writer.run(f"r{n}", n, **option) for n, option in enumerate(options)]
    plain, _ = _claims(capsys, runs)
    (row,) = plain["rows"]
    assert (row["method"], row["num_runs"]) == ("LightGCN", len(options))
    for option in ("patience (20, 50)", "eval_every (1, 2)", "max_epochs (7, 1000)"):
        text = f"The runs of LightGCN had different {option} and count as one method."
        assert text in plain["notes"]


def test_a_real_difference_of_two_runs_is_one_of_these_models(writer, capsys):
    runs = [writer.run("a", 0)]
    writer.base = writer.base + 1
    runs.append(writer.run("b", 1, lr=0.1))
    assert main(["compare", *runs]) == 0
    text = capsys.readouterr().out
    assert "these trained models differ" in text
    assert "nothing is claimed of the methods" in text
    _, claimed = _claims(capsys, runs)
    assert not claimed


def test_folders_put_together_of_several_runs(writer, capsys):
    runs = [writer.run(f"r{seed}", seed) for seed in range(3)]
    values = (Path(runs[0]) / "test.safetensors").read_bytes()
    (Path(runs[1]) / "test.safetensors").write_bytes(values)
    plain, _ = _claims(capsys, runs)
    said = [note for note in plain["notes"] if "the same value for every user" in note]
    assert len(said) == 1
    assert "LightGCN with seeds 0 and 1" in said[0]
    metrics = {"test": {"recall@20": 0.123}}
    (Path(runs[1]) / "metrics.json").write_text(json.dumps(metrics))
    assert main(["compare", *runs]) == 2
    assert "its files are of several runs" in capsys.readouterr().err


def test_runs_of_an_earlier_version_are_of_the_same_method(writer, capsys):
    """Which noted less, and whose model had fewer arguments."""
    runs = [writer.run(f"r{seed}", seed) for seed in range(6)]
    for seed, folder in enumerate(runs):
        config = RunConfig.load(folder)
        now = seed >= 3
        arguments = {"edge_type": ["user", "rates", "item"], "num_layers": 3}
        replace(
            config,
            arguments={**config.arguments, **(arguments if now else {})},
            split_id="a" if now else None,
            features={"x_text": "1" * 64} if now else None,
            own_code={"mine": "2" * 64} if now else None,
        ).save(folder)
    plain, _ = _claims(capsys, runs)
    (row,) = plain["rows"]
    assert (row["method"], row["num_runs"]) == ("LightGCN", 6)
    for what in ("its features", "its source"):
        text = f"of an earlier version, which did not note {what}"
        assert any(text in note for note in plain["notes"])
    plain, _ = _claims(capsys, runs[:3])
    assert not any("earlier version" in note for note in plain["notes"])
    # Those of one version differ by what they note.
    other = replace(RunConfig.load(runs[5]), features={"x_text": "3" * 64})
    other.save(runs[5])
    plain, _ = _claims(capsys, runs[3:])
    assert {row["method"] for row in plain["rows"]} == {
        "LightGCN features.x_text=11111111",
        "LightGCN features.x_text=33333333",
    }
