"""The programs of `docs/evaluation.md` run as they stand."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import torch

from sea_pyg import training
from sea_pyg.datasets import FakeMultimodalDataset
from sea_pyg.evaluation import evaluate
from sea_pyg.nn.models import BPRMF
from sea_pyg.transforms import RandomUserSplit

PAGE = Path(__file__).parents[2] / "docs" / "evaluation.md"


def test_programs(tmp_path: Path, monkeypatch, capsys) -> None:
    short = partial(training.TrainingConfig, max_epochs=1)
    monkeypatch.setattr(training, "TrainingConfig", short)
    monkeypatch.chdir(tmp_path)
    data = FakeMultimodalDataset(num_users=40, num_items=30)[0]
    train, val, test = RandomUserSplit(seed=0)(data)
    torch.manual_seed(0)
    scope: dict[str, Any] = {"train": train, "val": val, "test": test}
    scope |= {"evaluate": evaluate, "model": BPRMF.from_data(train)}
    for program in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(program, scope)
    assert (tmp_path / "test.safetensors").is_file()
    result = scope["result"]
    assert list(result.metrics) == ["recall@10", "recall@20", "r_prec@10", "r_prec@20"]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["BPRMF", "LightGCN"]
    assert lines[0].endswith("reference")
