"""results.sh asks for what is published: the cells that are there, set as they are."""

import argparse
import json
import subprocess
from pathlib import Path

import pytest
import torch
from torch_geometric.data import HeteroData

from sea_pyg.typing import RATES
from tests.benchmarks.conftest import FOLDER

RESULTS = FOLDER / "results"
MODALITIES = {
    "lfm2k": ("text", "audio"),
    "sports": ("attribute", "text"),
    "movielens-100k": ("title",),
}


def load(name, modalities, split):
    """Stand in for the data: what there is of it, and nothing in it."""
    data = HeteroData()
    data["item"].num_nodes = 1
    for modality in modalities or MODALITIES.get(name, ()):
        data["item"][f"x_{modality}"] = torch.zeros(1, 2)
    if name.startswith("movielens"):
        data[RATES].time = torch.zeros(1)
    return data, data, data


@pytest.fixture(scope="module")
def commands(tmp_path_factory) -> list[list[str]]:
    """Run results.sh with a Python that only notes what it is asked for."""
    folder = tmp_path_factory.mktemp("results")
    log, python = folder / "log", folder / "python"
    python.write_text(
        f"#!/usr/bin/env bash\nprintf '%s\\0' \"$@\" >> '{log}'\necho >> '{log}'\n"
    )
    python.chmod(0o755)
    script = ["bash", str(FOLDER / "results.sh"), str(python), str(folder / "out")]
    subprocess.run(script, check=True)
    return [line.split("\0")[:-1] for line in log.read_text().splitlines()]


@pytest.fixture(scope="module")
def planned(commands, on_path) -> dict[Path, dict]:
    """What is asked for, by the place of the cell."""
    import compare
    import studies

    found: dict[Path, dict] = {}

    def note(script, units, out: Path) -> None:
        for unit in units:
            name, _, preset = unit.method.removesuffix("+separate").partition(":")
            model = script.models.resolve(name)
            train = load(unit.name if script is compare else unit.data, None, "")[0]
            request = {
                **script.asked(unit),
                **script.preset_request(model, preset, train, unit.modalities),
            }
            place = unit.path.relative_to(out.parent)
            assert found.setdefault(place, request) == request, place

    def grid(options: argparse.Namespace) -> int:
        note(compare, compare.plan(options)[0], options.out)
        return 0

    def run(study: str, options: argparse.Namespace) -> list[str]:
        keys = set(options.variants)
        for group in studies.planned(study, options)[1]:
            note(studies, [u for u in group if not keys or u.key in keys], options.out)
        return []

    with pytest.MonkeyPatch.context() as patch:
        for script in (compare, studies):
            patch.setattr(script, "load", load)
        patch.setattr(compare, "grid", grid)
        patch.setattr(studies, "run", run)
        for command, *arguments in commands:
            for script in (compare, studies):
                if command == f"benchmarks/{script.__name__}.py":
                    assert script.main(arguments) == 0
    return found


def test_every_published_cell_is_asked_for_as_it_is(planned) -> None:
    cells = [
        *RESULTS.glob("*/*/*/seed-[0-9].json"),
        *RESULTS.glob("studies-*/cells/*/seed-[0-9].json"),
    ]
    assert len(cells) > 200
    for path in cells:
        place = path.relative_to(RESULTS)
        assert place in planned, f"results.sh does not make {place}"
        made = json.loads(path.read_text())["request"]
        asked = json.loads(json.dumps(planned[place]))
        assert {key: made.get(key) for key in asked} == asked, place


def test_every_published_measurement_has_its_command(commands) -> None:
    asked = {Path(argument).name for command in commands for argument in command}
    names = {path.name for path in RESULTS.glob("*.json")}
    assert names - {"mi.json"} <= asked  # mi.py is given the folder
    assert "benchmarks/mi.py" in {command[0] for command in commands}
    assert commands[-1][0] == "benchmarks/publish.py"
