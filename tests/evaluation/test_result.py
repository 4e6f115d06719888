import dataclasses
import json

import pytest
import torch

from sea_pyg.evaluation import EvaluationResult, evaluate
from sea_pyg.typing import Embeddings
from tests.evaluation.graphs import random_graph


@pytest.fixture
def result() -> EvaluationResult:
    _, test, score = random_graph()
    embeddings = Embeddings(score, torch.eye(30))
    return evaluate(embeddings, test, beyond_accuracy=True, cold_degree=0)


@pytest.mark.parametrize("name", ["result.safetensors", "result.safetensors.xz"])
def test_save_and_load(result: EvaluationResult, tmp_path, name: str) -> None:
    path = tmp_path / name
    result.save(path)
    loaded = EvaluationResult.load(path)
    assert loaded.to_json() == result.to_json()
    assert list(loaded.metrics) == list(result.metrics)
    assert loaded.per_user.keys() == result.per_user.keys()
    for name, value in result.per_user.items():
        assert torch.equal(loaded.per_user[name].nan_to_num(-1), value.nan_to_num(-1))
    for field in dataclasses.fields(result):
        if field.name in ("user_index", "num_labels"):
            found, value = getattr(loaded, field.name), getattr(result, field.name)
            assert torch.equal(found, value)
        elif field.name not in ("metrics", "per_user"):
            assert getattr(loaded, field.name) == getattr(result, field.name)


def test_json(result: EvaluationResult) -> None:
    plain = json.loads(result.to_json(indent=2))
    assert plain["metrics"]["recall@20"] == result.metrics["recall@20"]
    assert plain["num_users"] == result.num_users
    assert "per_user" not in plain


def test_compressed_files_are_smaller_and_damage_is_found(
    result: EvaluationResult, tmp_path
) -> None:
    plain, packed = tmp_path / "a.safetensors", tmp_path / "a.safetensors.xz"
    result.save(plain)
    result.save(packed)
    assert packed.stat().st_size < plain.stat().st_size
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(ValueError, match="not a readable evaluation result"):
        EvaluationResult.load(packed)
    packed.write_bytes(plain.read_bytes())
    with pytest.raises(ValueError, match="not a readable evaluation result"):
        EvaluationResult.load(packed)


def test_damaged_files(result: EvaluationResult, tmp_path) -> None:
    path = tmp_path / "result.safetensors"
    with pytest.raises(FileNotFoundError, match=r"result\.safetensors"):
        EvaluationResult.load(path)
    result.save(path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ValueError, match="not a readable evaluation result"):
        EvaluationResult.load(path)
    safetensors = pytest.importorskip("safetensors.torch")
    safetensors.save_file({"weight": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match="not a readable evaluation result"):
        EvaluationResult.load(path)


def test_another_format_is_refused(result: EvaluationResult, tmp_path, monkeypatch):
    path = tmp_path / "result.safetensors"
    monkeypatch.setitem(EvaluationResult.save.__globals__, "_FORMAT", 2)
    result.save(path)
    monkeypatch.undo()
    with pytest.raises(ValueError, match="unknown format"):
        EvaluationResult.load(path)


def test_a_noted_mean_may_differ_by_rounding_alone(result: EvaluationResult) -> None:
    mean = result.metrics["recall@20"]
    for noted in (mean, mean * (1 + 1e-6), None):
        assert result.differing_mean({"recall@20": noted, "gini@20": 7.0}) is None
    noted = mean * (1 + 1e-4)
    found = result.differing_mean(
        {"ndcg@20": result.metrics["ndcg@20"], "recall@20": noted}
    )
    assert found == ("recall@20", pytest.approx(mean), noted)


def test_is_frozen(result: EvaluationResult) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.exclude = "none"
