import json
from pathlib import Path

import pytest

from sea_pyg.report import find_cells, grid_sections, load_cells
from tests.report.grids import METHODS, write_cell, write_grid


def test_other_files_are_left_out(tmp_path: Path, caplog) -> None:
    write_grid(tmp_path)
    cells = load_cells(tmp_path)
    assert not caplog.messages
    folder = tmp_path / "fake-own" / "method-0"
    (folder / "seed-notes.json").write_text("{}")
    (folder / "seed-9.json").write_text('{"method": "SEA", "seed": 9}')
    (tmp_path / "seed-1.json").write_text("[1, 2]")
    found = load_cells(tmp_path)
    assert [cell.path for cell in found] == [cell.path for cell in cells]
    (line,) = caplog.messages
    for name in ("method-0/seed-notes.json", "method-0/seed-9.json", "/seed-1.json"):
        assert name in line
    assert "delete" not in line


def test_measurements_of_a_study_are_no_cells(tmp_path: Path, caplog) -> None:
    path = write_cell(tmp_path, "SEA", 0, 0.3)
    (tmp_path / "score").mkdir()
    plain = {"seed": 0, "cell": "x.json", "rows": [], "environment": {}}
    (tmp_path / "score" / "seed-0.json").write_text(json.dumps(plain))
    assert find_cells(tmp_path) == [path]
    assert not caplog.messages


def test_a_grid_of_its_own(tmp_path: Path) -> None:
    path = write_cell(tmp_path, "SEA", 0, 0.3)
    below = write_cell(tmp_path / "below", "SEA", 0, 0.3)
    study = tmp_path / "cells" / "SEA" / "seed-0.json"
    study.parent.mkdir(parents=True)
    study.write_bytes(path.read_bytes())
    assert find_cells(tmp_path, recursive=False) == [path]
    assert set(find_cells(tmp_path)) == {path, below, study}


def test_every_grid_has_sections_of_its_own(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_grid(tmp_path / "grids" / name)
    write_grid(tmp_path / "grids" / "b", split="time")
    sections = grid_sections(load_cells(tmp_path))
    assert [section.title for section in sections] == [
        "fake, own split (a)",
        "fake, own split (b)",
        "fake, time split (b)",
    ]
    for section in sections:
        assert section.methods.keys() == METHODS.keys()
        assert len({cell.root for cell in section.cells}) == 1
    (section,) = grid_sections(load_cells(tmp_path / "grids" / "a"))
    assert section.title == "fake, own split"


def test_a_cell_that_is_there_twice_is_named_with_the_other(tmp_path: Path) -> None:
    write_grid(tmp_path)
    folder = tmp_path / "fake-own" / "method-0"
    copy = folder.rename(folder.with_name("a copy"))
    write_grid(tmp_path)
    with pytest.raises(ValueError, match="both SEA with seed 0; keep one") as error:
        grid_sections(load_cells(tmp_path))
    for path in (copy, folder):
        assert repr(str(path / "seed-0.json")) in str(error.value)
