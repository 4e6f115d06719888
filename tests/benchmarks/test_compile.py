import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "compile.py"


@pytest.mark.slow
def test_compares_the_compiled_piece_with_the_eager_one(tmp_path: Path) -> None:
    output = tmp_path / "compile.json"
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--smoke", "--json", "--output", str(output)],
        capture_output=True,
        text=True,
        check=True,
    )
    (row,) = json.loads(done.stdout.splitlines()[-1])
    assert row == json.loads(output.read_text())[0]
    assert row["piece"] == "estimator"
    if "error" in row:  # where there is no compiler
        assert row["error"] in output.with_suffix(".md").read_text()
        return
    assert row["same_loss"]
    assert row["ratio"] == row["compiled_seconds"] / row["eager_seconds"]
    assert row["compile_seconds"] > row["compiled_seconds"]
    assert f"| {row['ratio']:.2f} |" in output.with_suffix(".md").read_text()


def test_unknown_modes_are_refused() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--modes", "quick"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "--modes must be of" in done.stderr
