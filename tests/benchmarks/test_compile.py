import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

FOLDER = Path(__file__).parents[2] / "benchmarks"
SCRIPT = FOLDER / "compile.py"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("compile")


@pytest.mark.xfail(
    torch.__version__.startswith("2.5."), reason="torch 2.5 cannot compile SEA's step"
)
@pytest.mark.slow
def test_compares_compiled_pieces_with_eager_ones(tmp_path: Path) -> None:
    output = tmp_path / "compile.json"
    done = subprocess.run(
        [sys.executable, SCRIPT, "--smoke", "--json", "--output", output],
        capture_output=True,
        text=True,
        check=True,
    )
    rows: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    assert rows == json.loads(output.read_text())
    written = output.with_suffix(".md").read_text()
    assert written in done.stdout
    assert [row["piece"] for row in rows] == ["objective", "estimator"]
    for row in rows:
        assert (row["mode"], row["backend"]) == ("exact", "aot_eager")
        assert "error" not in row
        assert row["same_loss"]
        assert 0 <= row["gradient_error"] < 1e-4
        assert row["ratio"] == row["compiled_seconds"] / row["eager_seconds"]
        assert row["graph_breaks"] == sum(row["break_reasons"].values())
        start = f"| {row['mode']} | {row['piece']} | {row['eager_seconds']:.4f} |"
        assert start in written
        for reason in row["break_reasons"]:
            assert reason in written


def setting(**changes: Any) -> dict[str, Any]:
    return {
        "mode": "exact",
        "piece": "estimator",
        "users": 60,
        "items": 40,
        "interactions": 300,
        "dims": [8, 6],
        "steps": 1,
        "batch_size": 64,
        "backend": "inductor",
        **changes,
    }


def test_a_piece_that_does_not_compile_is_a_row(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(function: Any, backend: str) -> Any:
        def call() -> None:
            raise RuntimeError("no | such\nbackend")

        return call

    monkeypatch.setattr(benchmark.torch, "compile", refuse)
    row = benchmark.measure(setting())
    assert row == setting(error="RuntimeError: no | such")
    lines = benchmark.table([row]).splitlines()
    assert r"| exact | estimator | RuntimeError: no \| such | | | | | | |" in lines


@pytest.mark.parametrize("code", [-11, 1])
def test_a_process_that_ends_early(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    done = subprocess.CompletedProcess([], code, stdout="", stderr="what went wrong")
    caches = []

    def run(*_: Any, env: dict[str, str], **__: Any) -> Any:
        caches.append(Path(env["TORCHINDUCTOR_CACHE_DIR"]))
        assert not list(caches[0].iterdir())
        return done

    monkeypatch.setattr(benchmark.subprocess, "run", run)
    if code < 0:  # compiled code can do that
        row = benchmark.measure_apart(setting())
        assert row == setting(error="the process died of signal 11")
    else:
        with pytest.raises(RuntimeError, match="what went wrong"):
            benchmark.measure_apart(setting())
    assert not caches[0].exists()


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [("--modes", "quick", "--modes must be of"), ("--steps", "0", "at least 1")],
)
def test_wrong_options_are_refused(
    benchmark: ModuleType,
    capsys: pytest.CaptureFixture[str],
    option: str,
    value: str,
    message: str,
) -> None:
    with pytest.raises(SystemExit, match="2"):
        benchmark.main([option, value])
    assert message in capsys.readouterr().err
