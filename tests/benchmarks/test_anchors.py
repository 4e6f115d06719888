"""The committed results hold what the documentation says of them."""

import json
import statistics
from pathlib import Path

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def test_sea_reaches_the_released_code() -> None:
    runs = json.loads((RESULTS / "anchors.json").read_text())
    found = [r for r in runs if (r["data"], r["model"]) == ("lfm2k", "SEA")]
    settings = {json.dumps(run["setting"]) for run in found}
    assert len(settings) == 3
    for setting in settings:
        group = [run for run in found if json.dumps(run["setting"]) == setting]
        assert sorted(run["seed"] for run in group) == [0, 1, 2]
        if setting == "{}":
            assert statistics.mean(run["test"] for run in group) >= 0.4087


def test_the_table_is_that_of_the_runs() -> None:
    table = (RESULTS / "anchors.md").read_text()
    runs = json.loads((RESULTS / "anchors.json").read_text())
    values = [
        run["test"] for run in runs if (run["model"], run["setting"]) == ("SEA", {})
    ]
    mean, spread = statistics.mean(values), statistics.stdev(values)
    assert f"| SEA | 0.4087 | {mean:.4f} ± {spread:.4f} |" in table
