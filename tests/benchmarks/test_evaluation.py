import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "evaluation.py"


def test_prints_its_measurements(tmp_path: Path) -> None:
    output = tmp_path / "evaluation.json"
    options = ["--smoke", "--significance", "--json", "--output", str(output)]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *options],
        capture_output=True,
        text=True,
        check=True,
    )
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["evaluate_seconds"] > 0
    assert result["matmul_seconds"] > 0
    assert result["shape"]["users"] == 500
    cells = result["significance"]
    assert len(cells) == 30
    assert {len(cell["between"]) for cell in cells} == {2}
    assert sum(None in cell["between"] for cell in cells) == 9
    for cell in cells:
        rates = cell["false_positive_rate"]
        assert 0 <= rates["0.002"] <= rates["0.05"] <= 0.3
    assert result == json.loads(output.read_text())
    lines = output.with_suffix(".md").read_text().splitlines()
    for name, key in (
        ("evaluate", "ratio"),
        ("negatives", "negatives_ratio"),
        ("cooccurrence", "cooccurrence_ratio"),
    ):
        seconds, ratio = result[f"{name}_seconds"], result[key]
        assert seconds > 0
        assert ratio == seconds / result["matmul_seconds"]
        row = f"| {1e3 * seconds:.1f} | {ratio:.3f} |"
        assert any(line.endswith(row) for line in lines)
    assert "500 users" in output.with_suffix(".md").read_text()
