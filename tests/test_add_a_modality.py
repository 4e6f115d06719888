"""The programs of ``docs/add_a_modality.md`` run as they stand."""

import copy
import re
from pathlib import Path

import pytest
import torch

from sea_pyg import training
from sea_pyg.datasets import load_splits
from sea_pyg.nn.models import Recommender

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "add_a_modality.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT.partition("## ")[2], re.DOTALL)


def test_a_trainable_encoder(capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    config, fit = training.TrainingConfig(max_epochs=2, lr=1e-2), training.fit
    before = {}

    def short(model, *graphs):
        before.update(copy.deepcopy(model.encoder.state_dict()))
        return fit(model, *graphs, config)

    monkeypatch.setattr(training, "fit", short)
    in_model, in_loop = BLOCKS
    scope: dict = {}
    exec(in_model, scope)
    model = scope["model"]
    after = model.encoder.state_dict()
    assert before.keys() == after.keys()
    assert not any(torch.equal(after[name], value) for name, value in before.items())
    again = type(model)(**model.hparams())
    again.load_state_dict(model.state_dict())
    assert torch.equal(again.encode(scope["val"]).item, model.encode(scope["val"]).item)
    raw = load_splits("fake")[0]["item"].x_image
    assert torch.equal(scope["train"]["item"].x_image, raw)

    exec(in_loop, scope)
    assert isinstance(scope["model"], Recommender)
    assert scope["encoder"].weight.grad.abs().sum() > 0
    first, second = map(float, capsys.readouterr().out.split())
    assert 0 < first < 1
    assert 0 < second < 1
