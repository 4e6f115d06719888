import importlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


def run(output: Path) -> tuple[str, str]:
    command = [sys.executable, FOLDER / "growth.py", "--smoke", "--json"]
    command += ["--modes", "fast"]
    done = subprocess.run(
        [*command, "--output", output],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return done.stdout, done.stderr


@pytest.mark.slow
def test_measures_every_size_apart_and_once(tmp_path: Path) -> None:
    output = tmp_path / "growth.json"
    first, progress = run(output)
    report = json.loads(first.splitlines()[-1])
    rows = report["rows"]
    assert [(row["mode"], row["items"]) for row in rows] == [
        ("fast", 60),
        ("fast", 120),
    ]
    for row in rows:
        assert row["step_seconds"] > 0
        assert 0.05 < row["item_graph_peak_gb"] <= row["peak_rss_gb"]
        assert f"| {row['mode']} | {row['users']} |" in first
    seconds = [row["step_seconds"] for row in rows]
    slope = report["growth"]["fast"]["step_slope"]
    assert slope == pytest.approx(math.log(seconds[1] / seconds[0]) / math.log(2))
    picture = output.with_suffix(".svg").read_text()
    assert f"fast: slope {report['growth']['fast']['step_ratio_slope']:.2f}" in picture
    assert output.with_suffix(".md").read_text() in first
    assert run(output) == (first, progress), "kept, not measured again"


def test_line_and_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    growth = importlib.import_module("growth")
    assert growth.fit_line([0, 1, 2], [1.0, 3.5, 4.0]) == pytest.approx((1.5, 4 / 3))
    shapes = growth.shapes(growth.FIRST, growth.LAST, 5)
    assert shapes[0] == growth.FIRST
    assert shapes[-1] == growth.LAST
    factors = [
        b["items"] / a["items"] for a, b in zip(shapes, shapes[1:], strict=False)
    ]
    assert factors == pytest.approx([factors[0]] * 4, rel=1e-3)
