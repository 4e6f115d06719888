"""`sea-pyg report`, in this process."""

import json
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from sea_pyg.cli import main
from sea_pyg.cli.report import report_grid
from sea_pyg.evaluation import EvaluationResult
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


def test_a_section_that_cannot_be_compared_leaves_the_others_alone(tmp_path, capsys):
    write_grid(tmp_path, data="whole")
    write_grid(tmp_path, data="mixed")
    values = tmp_path / "mixed-own" / "method-1" / "seed-0.safetensors"
    result = EvaluationResult.load(values)
    replace(result, fingerprint="of another split").save(values)
    tables = tmp_path / "tables.md"
    more = ["--markdown", str(tables), "--json"]
    assert main(["report", str(tmp_path), *more]) == 0
    plain = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [section["data"] for section in plain["sections"]] == ["whole"]
    (problem,) = plain["problems"]
    assert problem.startswith(f"the cells in {str(tmp_path / 'mixed-own')!r}")
    page = (tmp_path / "report.html").read_text()
    for text in (page, tables.read_text()):
        assert "Left out: the cells in" in text
        assert "whole, own split" in text
    shutil.rmtree(tmp_path / "whole-own")
    refused(capsys, ["report", str(tmp_path)], "mixed-own", "other users, labels")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere all names are text")
def test_a_folder_whose_name_is_no_text(tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff"))
    write_grid(folder)
    tables = tmp_path / "tables.md"
    # Not from the command line, whose parser has not always taken such names.
    options = {"results_dir": str(folder), "out": None, "markdown": str(tables)}
    report_grid(SimpleNamespace(**options, metric="recall@20"))
    assert "bad\\udcff" in (folder / "report.html").read_text()
    assert "bad%FF/fake-own/method-0/seed-0.json" in tables.read_text()


def test_a_cell_without_its_times(tmp_path, capsys):
    for path in write_grid(tmp_path).rglob("*.time.json"):
        if "method-1" in str(path) or path.name == "seed-0.time.json":
            path.unlink()
    assert main(["report", str(tmp_path)]) == 0
    capsys.readouterr()
    (section,) = grid_sections(load_cells(tmp_path))
    header, rows = section.beyond_table()
    seconds = {row[0]: row[header.index("s/epoch")] for row in rows}
    assert seconds["LightGCN"] is None
    assert seconds["SEA"] is not None
