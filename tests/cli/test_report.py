"""`sea-pyg report`, in this process."""

import json
from pathlib import Path

import pytest

from sea_pyg.cli import main
from sea_pyg.report import grid_sections, load_cells, sections_markdown
from tests.cli.commands import refused
from tests.report.grids import write_cell, write_grid


@pytest.fixture(scope="module")
def grid(tmp_path_factory) -> Path:
    return write_grid(tmp_path_factory.mktemp("grid"))


def test_writes_beside_the_results(grid, capsys):
    assert main(["report", str(grid), "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    plain = json.loads(lines[-1])
    page = grid / "report.html"
    assert plain["html"] == str(page) == lines[-2]
    assert plain["markdown"] is None
    (section,) = plain["sections"]
    assert (section["data"], section["split"]) == ("fake", "own")
    assert (section["methods"], section["cells"]) == (4, 10)
    assert section["reference"] == "EASE"
    assert {row["method"] for row in section["rows"]} == {
        "SEA",
        "LightGCN",
        "EASE",
        "BPRMF",
    }
    before = page.read_bytes()
    assert before.startswith(b"<!DOCTYPE html>")
    assert main(["report", str(grid)]) == 0
    assert page.read_bytes() == before


def test_writes_where_it_is_told(grid, tmp_path, capsys):
    page, tables = tmp_path / "new" / "a.html", tmp_path / "docs" / "results.md"
    options = ["--out", str(page), "--markdown", str(tables), "--metric", "ndcg@20"]
    assert main(["report", str(grid), *options, "--json"]) == 0
    plain = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert plain["markdown"] == str(tables)
    metrics = ["ndcg@20"]
    sections = grid_sections(load_cells(grid), metrics)
    assert tables.read_text() == sections_markdown(sections, tables.parent)
    assert "Test ndcg@20" in page.read_text()
    assert "Test recall@20" not in page.read_text()


def test_refuses(grid, tmp_path, capsys):
    refused(
        capsys,
        ["report", str(tmp_path)],
        "no finished cell",
        "benchmarks/compare.py",
    )
    refused(capsys, ["report", str(tmp_path / "nowhere")], "no finished cell")
    refused(
        capsys,
        ["report", str(grid), "--metric", "recal@20"],
        "did you mean 'recall@20'",
    )
    refused(capsys, ["report", str(grid), "--metric", ","], "at least one metric")
    same = str(tmp_path / "x")
    refused(
        capsys, ["report", str(grid), "--out", same, "--markdown", same], "one file"
    )
    refused(
        capsys, ["report", str(grid), "--out", str(tmp_path)], "choose another path"
    )


@pytest.mark.parametrize("name", ["seed-0.json", "seed-0.time.json"])
def test_damaged_cell(tmp_path, capsys, name):
    path = write_cell(tmp_path, "SEA", 0, 0.3).with_name(name)
    path.write_text("[1")
    refused(
        capsys,
        ["report", str(tmp_path)],
        "seed-0.json' is damaged",
        "run the grid again",
    )
    assert not (tmp_path / "report.html").exists()


def test_missing_values_of_users(tmp_path, capsys):
    path = write_cell(tmp_path, "SEA", 0, 0.3)
    write_cell(tmp_path, "BPRMF", 0, 0.2, 1)
    path.with_suffix(".safetensors").unlink()
    refused(capsys, ["report", str(tmp_path)], "seed-0.safetensors")
