import importlib
import json
from pathlib import Path
from types import ModuleType

import pytest

from sea_pyg.nn import models

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def step_times(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("step_times")


@pytest.mark.slow
@pytest.mark.parametrize("separate", [False, True])
def test_times_every_model(
    step_times: ModuleType, separate: bool, tmp_path: Path
) -> None:
    output = tmp_path / "step_times.json"
    command = ["--smoke", "--steps", "1", "--output", str(output)]
    assert step_times.main(command + ["--separate"] * separate) == 0
    rows = json.loads(output.read_text())["models"]
    classes = [models.resolve(name) for name in models.classes]
    trained = [m for m in classes if m.trainable and (m.multimodal or not separate)]
    assert [row["model"].split("+")[0] for row in rows] == [
        model.__name__ for model in trained
    ]
    text = output.with_suffix(".md").read_text()
    for row in rows:
        assert row["step_ratio"] == row["step_seconds"] / row["matmul_seconds"] > 0
        assert step_times.line(row) in text


def test_resumes_and_refuses_other_settings(
    step_times: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "step_times.json"
    command = ["--smoke", "--steps", "1", "--output", str(output), "--models"]
    step_times.main([*command, "BPRMF"])
    first = json.loads(output.read_text())["models"]
    measured = []
    measure = step_times.measure
    monkeypatch.setattr(
        step_times,
        "measure",
        lambda model, *args: measured.append(model) or measure(model, *args),
    )
    step_times.main([*command, "BPRMF,LightGCN"])
    rows = json.loads(output.read_text())["models"]
    assert rows[:1] == first
    assert [type(model).__name__ for model in measured] == ["LightGCN"]
    with pytest.raises(SystemExit):
        step_times.main([*command, "BPRMF", "--steps", "2"])
    assert "choose another --output" in capsys.readouterr().err
