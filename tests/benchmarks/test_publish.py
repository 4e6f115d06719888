"""The README's table is that of the cells, and nothing heavy is copied."""

import json
import sys
from pathlib import Path

import pytest
import torch

from sea_pyg.evaluation import EvaluationResult
from sea_pyg.report import load_cells
from tests.report.grids import write_grid

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def script():
    sys.path.insert(0, str(FOLDER))
    try:
        import publish

        yield publish
    finally:
        sys.path.remove(str(FOLDER))


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    for method, seed, recall in [("A", 0, 0.2), ("A", 1, 0.4), ("B", 0, 0.35)]:
        cell = folder / "grid" / "toy-own" / method / f"seed-{seed}.json"
        cell.parent.mkdir(parents=True, exist_ok=True)
        test = {"recall@20": recall, "ndcg@20": recall / 2}
        plain = {"data": "toy", "split": "own", "method": method, "test": test}
        cell.write_text(json.dumps(plain))
        cell.with_suffix(".time.json").write_text("{}")
        (cell.parent / "seed-9.work").mkdir(exist_ok=True)
        (cell.parent / "seed-9.work" / "config.json").write_text("{}")
        (cell.parent / "model.safetensors").write_text("heavy")
    text = "## toy, own split\n\n| A | [0](toy-own/A/seed-0.json) [1](x.json) |\n"
    (folder / "grid" / "table.md").write_text(text)
    return folder


def test_the_repository_agrees_with_itself(script, capsys):
    assert script.main(["--check"]) == 0
    assert "is that of the cells" in capsys.readouterr().out


def test_table_has_means_and_the_best_first(script, results, tmp_path):
    readme, target = tmp_path / "README.md", tmp_path / "kept"
    readme.write_text(f"before\n{script.START}\nold\n{script.END}\nafter\n")
    places = ["--readme", str(readme), "--target", str(target)]
    assert script.main([str(results), *places]) == 0
    page = readme.read_text()
    assert page.startswith("before\n")
    assert page.endswith("after\n")
    assert "old" not in page
    rows = [line for line in page.splitlines() if line.startswith("| toy")]
    assert rows == [
        "| toy | B | 0.3500 | 0.1750 | 1 |",
        "| toy | A | 0.3000 ± 0.1414 | 0.1500 ± 0.0707 | 2 |",
    ]
    names = {path.name for path in target.rglob("*") if path.is_file()}
    assert "model.safetensors" not in names
    assert "config.json" not in names
    assert {"seed-0.json", "seed-1.json", "table.md"} <= names
    included = (target / "grid" / "docs.md").read_text()
    assert included == "### toy, own split\n\n| A | 0 1 |\n"
    assert script.main(["--check", *places]) == 0
    readme.write_text(page.replace("0.3500", "0.3600"))
    assert script.main(["--check", *places]) == 1
    assert "0.3600" in readme.read_text()


def test_values_per_user_are_published_compressed(script, tmp_path):
    source, target = tmp_path / "results", tmp_path / "kept"
    cells = load_cells(write_grid(source / "grid"))
    path = cells[0].path.with_suffix(".safetensors")
    result = EvaluationResult.load(path)
    result.per_user["mrr@20"] = result.per_user["recall@20"].clone()
    result.save(path)
    script.copy_results(source, target)
    assert not list(target.rglob("*.safetensors"))
    copies = load_cells(target / "grid")
    assert [cell.method for cell in copies] == [cell.method for cell in cells]
    for cell, copy in zip(cells, copies, strict=True):
        whole, packed = cell.run().result, copy.run().result
        assert set(packed.per_user) == set(script.METRICS)
        assert packed.fingerprint == whole.fingerprint
        for name, values in packed.per_user.items():
            assert torch.equal(values, whole.per_user[name])
    script.copy_results(target, tmp_path / "again")
    assert len(list((tmp_path / "again").rglob("*.xz"))) == len(cells)


def test_published_values_are_those_of_the_cells(script):
    published = [cell for cell in load_cells(script.RESULTS / "grid") if cell.has_users]
    assert published
    for cell in published:
        for name, values in cell.run().result.per_user.items():
            found = float(values.double().nanmean())
            assert found == pytest.approx(cell.plain["test"][name], abs=1e-9), cell.path


@pytest.mark.parametrize("page", ["none", "{end} {start}", "{start} {start} {end}"])
def test_pages_without_marks_are_refused(script, results, tmp_path, page, capsys):
    readme = tmp_path / "README.md"
    readme.write_text(page.format(start=script.START, end=script.END))
    places = ["--readme", str(readme), "--target", str(tmp_path / "kept")]
    assert script.main([str(results), *places]) == 2
    assert "should" in capsys.readouterr().err


def test_an_empty_folder_is_refused(script, tmp_path, capsys):
    assert script.main([str(tmp_path)]) == 2
    assert "no results" in capsys.readouterr().err
