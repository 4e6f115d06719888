from pathlib import Path

import pytest
import safetensors
import safetensors.torch
import torch

from sea_pyg.training import load_tensors, save_tensors


def test_tensors_that_share_memory_are_saved_twice(tmp_path: Path) -> None:
    table = torch.randn(3, 4)
    given = {"own": table, "tied": table, "row": table[1], "none": torch.empty(0)}
    save_tensors(tmp_path / "file", {**given, "nothing": torch.empty(0, 2)})
    found, _ = load_tensors(tmp_path / "file")
    assert all(torch.equal(found[name], value) for name, value in given.items())


def test_a_sparse_tensor_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'adj' is a tensor.*persistent=False"):
        save_tensors(tmp_path / "file", {"adj": torch.eye(3).to_sparse()})


def test_a_file_that_cannot_be_written_is_an_error_of_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise safetensors.SafetensorError("I/O error: File too large")

    save_tensors(tmp_path / "file", {"x": torch.ones(2)})
    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(OSError, match=r"file' cannot be written \(I/O error"):
        save_tensors(tmp_path / "file", {"x": torch.zeros(2)})
    assert load_tensors(tmp_path / "file")[0]["x"].tolist() == [1, 1]
