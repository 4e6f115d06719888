"""The README's programs run as they stand, and its figures are measured ones."""

import json
import re
import statistics
from pathlib import Path

import pytest
import torch

from sea_pyg import training

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
LAYER, TRAINING = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


def test_layer() -> None:
    scope: dict = {}
    exec(LAYER, scope)
    model = scope["MyModel"](3, 2, 4)
    user, item = model(torch.tensor([[0, 1, 1], [0, 0, 1]]))
    assert user.shape == (3, 4)
    assert item.shape == (2, 4)
    assert torch.equal(user[2], model.user.weight[2])  # has no interaction
    assert not torch.allclose(user[0], model.user.weight[0])


def test_training(capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    fit = training.fit
    config = training.TrainingConfig(max_epochs=2, inner_steps=2)
    monkeypatch.setattr(training, "fit", lambda *graphs: fit(*graphs, config))
    exec(TRAINING, {})
    assert 0 < float(capsys.readouterr().out) < 1


def test_lists_every_package() -> None:
    text = README.read_text()
    for path in (ROOT / "sea_pyg").rglob("__init__.py"):
        name = ".".join(path.parent.relative_to(ROOT).parts)
        if name not in ("sea_pyg", "sea_pyg.nn", "sea_pyg.cli", "sea_pyg.utils"):
            covered = name in text or name == "sea_pyg.nn.functional"
            assert covered, f"README.md does not name {name}"


@pytest.mark.parametrize(
    ("mode", "title"), [("exact", "exact"), ("fast", "`SEA:fast`")]
)
def test_speed_is_that_of_the_result_files(mode: str, title: str) -> None:
    results = ROOT / "benchmarks" / "results"
    runs = json.loads((results / "speed.json").read_text())["runs"][mode]
    ratios = [run["step_seconds"] / run["matmul_seconds"] for run in runs]
    peak = statistics.median(run["peak_rss_gb"] for run in runs)
    rows = json.loads((results / "growth.json").read_text())["rows"]
    (large,) = (r for r in rows if (r["mode"], r["items"]) == (mode, 63_001))
    figures = [
        f"{statistics.median(ratios):.2f} T",
        f"{peak:.2f} GB",
        f"{large['step_ratio']:.2f} T",
        f"{large['peak_rss_gb']:.2f} GB",
    ]
    (line,) = re.findall(rf"^\| {title}.*$", README.read_text(), re.MULTILINE)
    assert line.split("|")[2:-1] == [f" {figure} " for figure in figures]
