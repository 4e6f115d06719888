import json
import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "benchmarks"


def test_compares_all_forms(tmp_path: Path) -> None:
    """The script itself checks that they agree."""
    output = tmp_path / "propagation.json"
    command = [sys.executable, FOLDER / "propagation.py", "--smoke", "--json"]
    done = subprocess.run(
        [*command, "--output", output],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    report = json.loads(done.stdout.splitlines()[-1])
    assert report == json.loads(output.read_text())
    rows = report["graphs"]["smoke"]["engines"]
    assert rows[0]["engine"] == "BipartitePropagation"
    assert rows[0]["ratio"] == 1
    assert len(rows) >= 5
    for row in rows:
        assert row["seconds"] > 0
        assert f"| {row['engine']} |" in output.with_suffix(".md").read_text()


def test_the_librarys_choice_is_the_fastest() -> None:
    """What the committed result file says, but for noise."""
    report = json.loads((FOLDER / "results" / "propagation.json").read_text())
    assert report["graphs"]["baby"]["items"] == 7050
    for graph in report["graphs"].values():
        rows = {row["engine"]: row["ratio"] for row in graph["engines"]}
        assert min(rows.values()) > 0.9
        assert rows["LGConv on edge_index"] > 4
