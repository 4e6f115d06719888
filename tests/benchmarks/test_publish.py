"""The README's table is that of the cells, and nothing heavy is copied."""

import json
import re
import shutil
from dataclasses import replace

import pytest
import torch

from sea_pyg.evaluation import EvaluationResult
from sea_pyg.report import (
    grid_sections,
    load_cells,
    preset_note,
    sections_markdown,
)
from tests.report.grids import write_cell, write_grid


@pytest.fixture(scope="module")
def script(on_path):
    import publish

    return publish


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    for number, (method, seed, level) in enumerate(
        [("A", 0, 0.2), ("A", 1, 0.4), ("B", 0, 0.35)]
    ):
        cell = write_cell(folder / "grid", method, seed, level, number, "toy")
        (cell.parent / "seed-9.work").mkdir(exist_ok=True)
        (cell.parent / "seed-9.work" / "config.json").write_text("{}")
        (cell.parent / "model.safetensors").write_text("heavy")
    (folder / "grid" / "table.md").write_text("of other cells")
    return folder


def publish(script, results, tmp_path):
    """Publish results; return the folder, and the options that name it."""
    readme, target = tmp_path / "README.md", tmp_path / "kept"
    readme.write_text(f"{script.START}\n{script.END}\n")
    places = ["--readme", str(readme), "--target", str(target)]
    assert script.main([str(results), *places]) == 0
    return target, places


@pytest.mark.slow
def test_the_repository_agrees_with_itself(script, capsys):
    assert script.main(["--check"]) == 0, capsys.readouterr().out
    assert "files are those of their cells" in capsys.readouterr().out


def test_table_has_means_and_the_best_first(script, results, tmp_path, capsys):
    readme, target = tmp_path / "README.md", tmp_path / "kept"
    readme.write_text(f"before\n{script.START}\nold\n{script.END}\nafter\n")
    places = ["--readme", str(readme), "--target", str(target)]
    assert script.main([str(results), *places]) == 0
    page = readme.read_text()
    assert page.startswith("before\n")
    assert page.endswith("after\n")
    assert "old" not in page
    rows = [line for line in page.splitlines() if line.startswith("| toy")]
    cells = load_cells(target / "grid")
    one, other, best = (cell.plain["test"]["recall@20"] for cell in cells)
    average, spread = (one + other) / 2, abs(one - other) / 2**0.5
    for row, method, text in (
        (rows[0], "B", f"{best:.4f} "),
        (rows[1], "A", f"{average:.4f} ± {spread:.4f} "),
    ):
        assert row.startswith(f"| toy (40) | {method} | {text}| ")
    assert [row.split(" | ")[-2] for row in rows] == ["1", "2"]  # seeds
    assert [row.split(" | ")[-3] for row in rows].count("reference") == 1
    names = {path.name for path in target.rglob("*") if path.is_file()}
    assert "model.safetensors" not in names
    assert "config.json" not in names
    assert {"seed-0.json", "seed-1.json", "table.md", "comparison.json"} <= names


def test_table_tells_splits_verdicts_trials_and_presets(script, tmp_path):
    cells = [("BPRMF", 0.2), ("SEA:tuned", 0.4), ("EASE", 0.3)]
    for number, (method, level) in enumerate(cells):
        for seed in range(1 if method == "EASE" else 3):
            write_cell(tmp_path, method, seed, level, number, "lfm2k", "time")
    (section,) = grid_sections(load_cells(tmp_path))
    lines = script.table([section]).splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines[2:5]]
    assert {row[0] for row in rows} == {"lfm2k, time split (40)"}
    assert [row[1] for row in rows] == ["SEA:tuned", "EASE", "BPRMF"]
    assert [row[4] for row in rows] == ["better", "reference", "worse"]
    assert [row[5:] for row in rows] == [["3", "2\\*"], ["1", "1"], ["3", "1"]]
    assert lines[5:] == ["", f"\\* {preset_note('SEA:tuned', 'lfm2k')}"]
    # Recall makes the order and is what was tested, whatever NDCG says.
    other = [
        row._replace(mean=1 - row.mean, differs=False)
        if row.metric == "ndcg@20" and row.scope != "reference"
        else row
        for row in section.comparison.rows
    ]
    found = replace(section, comparison=replace(section.comparison, rows=other))
    again = [line.split(" | ") for line in script.table([found]).splitlines()[2:5]]
    assert [row[1] for row in again] == [row[1] for row in rows]
    assert [row[4] for row in again] == [row[4] for row in rows]


def test_a_check_copies_nothing(script, results, tmp_path, capsys):
    target, places = publish(script, results, tmp_path)
    write_cell(results / "grid", "C", 0, 0.1, 3, "toy")
    assert script.main([str(results), "--check", *places]) == 0
    assert not list(target.rglob("method-3"))


def test_cells_that_the_source_has_no_more_are_named(script, results, tmp_path, capsys):
    target, places = publish(script, results, tmp_path)
    write_cell(target / "grid", "C", 0, 0.1, 3, "toy")  # of a model that stays
    old = [write_cell(target / "grid", "A", seed, 0.3, 0, "toy") for seed in (2, 3)]
    write_cell(results / "grid", "B", 1, 0.3, 1, "toy")
    before = sorted(target.rglob("*"))
    assert script.main([str(results), *places]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert f"would keep {old[0]}, {old[1]} and count them in its tables" in error
    assert "delete them" in error
    assert sorted(target.rglob("*")) == before
    for path in old:
        path.unlink()
    assert script.main([str(results), *places]) == 0
    names = {path.parent.name for path in target.rglob("seed-*.json")}
    assert "method-3" in names


def test_values_without_what_is_tested_are_named(script, results, tmp_path, capsys):
    (values,) = results.rglob("method-2/seed-0.safetensors")
    result = EvaluationResult.load(values)
    replace(result, per_user={"recall@10": result.per_user["recall@20"]}).save(values)
    places = ["--readme", str(tmp_path / "x"), "--target", str(tmp_path / "kept")]
    assert script.main([str(results), *places]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert f"{str(values)!r} has no values of 'recall@20', which the tables" in error
    assert error.endswith("with an eval_k that holds 20")


def test_a_file_that_is_missing_is_said_in_a_line(script, results, tmp_path, capsys):
    target, places = publish(script, results, tmp_path)
    (values,) = target.rglob("method-2/seed-0.safetensors.xz")
    values.unlink()
    capsys.readouterr()
    assert script.main(["--check", *places]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith("error: ")
    assert "there is no evaluation result" in error
    readme = tmp_path / "none.md"
    assert script.main(["--target", str(target), "--readme", str(readme)]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert "none.md" in error


def test_trials_at_work_are_not_copied(script, results, tmp_path):
    for name in ("trials/trial-000.json", "trials/work-001/config.json"):
        path = results / "grid" / "toy-own" / "method-0" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    names = {path.name for path in script.copy_results(results, tmp_path / "kept")}
    assert "trial-000.json" in names
    assert "config.json" not in names


def test_settings_are_told_apart_by_their_values(script):
    every = script.plan("sensitivity", ["image", "text"])
    table = "".join(f"{script.row_start(variant)}\n" for variant in every[:-1])
    assert [v for v in every if script.row_start(v) not in table] == every[-1:]


def test_tables_are_made_of_the_cells_that_are_kept(script, results, tmp_path, capsys):
    target, places = publish(script, results, tmp_path)
    grid = target / "grid"
    table = (grid / "table.md").read_text()
    assert table == sections_markdown(grid_sections(load_cells(grid)), grid)
    assert "](toy-own/" in table
    included = (grid / "docs.md").read_text()
    assert included == script.without_links(table)
    assert included.startswith("### toy, own split\n")
    assert "](" not in included
    assert script.main(["--check", *places]) == 0
    for name, old, new in [
        ("table.md", "| A | 2 |", "| A | 3 |"),
        ("docs.md", "evaluated in test: 40.", "evaluated in test: 41."),
        ("comparison.json", '"users": 40', '"users": 41'),
        ("../../README.md", "| A |", "| C |"),
    ]:
        path = (grid / name).resolve()
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        capsys.readouterr()
        assert script.main(["--check", *places]) == 1
        said = capsys.readouterr().out
        assert path.name in said
        assert said.count("is not that of its cells") == 1
        assert new in path.read_text()
        assert script.main(places) == 0  # makes it anew
        assert path.read_text() == text


def test_numbers_in_json_agree_up_to_rounding(script, tmp_path):
    path = tmp_path / "comparison.json"
    path.write_text('{"a": [0.30000000000000004, 1, null], "b": "x"}')
    assert script.agree(path, '{"a": [0.3, 1, null], "b": "x"}')
    assert not script.agree(path, '{"a": [0.3001, 1, null], "b": "x"}')
    assert not script.agree(path, '{"a": [0.3, 1], "b": "x"}')
    assert not script.agree(tmp_path / "none.json", "{}")


def test_a_study_is_checked_where_its_cells_can_make_it(script, tmp_path):
    folder = tmp_path / "studies-toy"
    measured = folder / "score" / "seed-0.json"
    measured.parent.mkdir(parents=True)
    row = {"sampling_correction": 0.5, "walk_weight": 6.0}
    row |= {"recall@20": 0.25, "ndcg@20": 0.125}
    measured.write_text(json.dumps({"seed": 0, "rows": [row]}))
    path = folder / "score.md"
    path.write_text("wrong")
    assert "| 0.5 | 6 | 0.2500 | - | 0.1250 | - |" in script.study_result(path)[0]
    (folder / "others.md").write_text("of no study")
    with pytest.raises(ValueError, match="is no study's table"):
        script.study_result(folder / "others.md")
    with pytest.raises(ValueError, match="no measurements in embeddings/"):
        script.study_result(folder / "embeddings.md")
    for number, key in enumerate(("SEA", "collapsed")):
        for seed in range(2):
            request = {"setting": {"lr": 0.01}, "epochs": 7}
            made = write_cell(
                tmp_path / "cells", key, seed, 0.3, number, request=request
            )
            cells = folder / "cells" / key
            cells.mkdir(parents=True, exist_ok=True)
            for file in made.parent.glob(f"seed-{seed}.*"):
                file.rename(cells / file.name)
        (cells / "request.json").write_text('{"loaded": ["text"]}')
    path = folder / "modes.md"
    path.write_text("| SEA | and | collapsed |")
    text, plain = script.study_result(path)
    assert "| recall@20 | collapsed | 2 |" in text
    assert "](cells/SEA/seed-1.json)" in text
    assert "Set for all: lr=0.01; 7 epochs at most." in text
    for file in folder.rglob("*.safetensors"):
        file.unlink()
    with pytest.raises(ValueError, match="cells without values"):
        script.study_result(path)


@pytest.mark.slow
def test_tables_of_studies_and_scripts_are_checked(script, results, tmp_path, capsys):
    target, places = publish(script, results, tmp_path)
    study = target / "studies-lfm2k"
    published = script.RESULTS / study.name
    for name in ("information", "embeddings", "score"):
        shutil.copytree(published / name, study / name)
    shutil.copytree(published / "cells", study / "cells")
    for path in [*published.glob("*.*"), *script.RESULTS.glob("*.*")]:
        shutil.copy(path, target / path.relative_to(script.RESULTS))
    assert script.main(["--check", *places]) == 0, capsys.readouterr().out
    tables = [*study.glob("*.md"), *target.glob("*.md")]
    assert len(tables) > 15
    for path in tables:
        *_, last = re.finditer(r"\d\.\d+", text := path.read_text())
        other = f"{float(last[0]) + 0.01:.4f}"
        path.write_text(text[: last.start()] + other + text[last.end() :])
    capsys.readouterr()
    assert script.main(["--check", *places]) == 1
    said = capsys.readouterr().out.splitlines()
    assert set(said) == {f"{path} is not that of its cells" for path in tables}
    (target / "speed.json").unlink()
    assert script.main(["--check", *places]) == 2
    assert "speed.json is missing" in capsys.readouterr().err


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


def test_what_is_published_is_no_source(script, results, capsys):
    assert script.main([str(results), "--target", str(results)]) == 2
    assert "is what is published" in capsys.readouterr().err


def test_values_of_another_cell_are_refused(script, results, tmp_path):
    target, places = publish(script, results, tmp_path)
    # A cell that was made there, and then one of the same name from elsewhere.
    (there,) = target.rglob("method-2/seed-0.json")
    write_cell(target / "grid", "B", 0, 0.9, 2, "toy")
    assert there.with_suffix(".safetensors").is_file()
    assert script.main([str(results), *places]) == 0
    assert not there.with_suffix(".safetensors").exists()
    assert script.main(["--check", *places]) == 0
    other = write_cell(tmp_path / "other", "B", 0, 0.9, 2, "toy")
    values = other.with_suffix(".safetensors").read_bytes()
    there.with_suffix(".safetensors").write_bytes(values)
    with pytest.raises(ValueError, match="holds the values of another cell"):
        grid_sections(load_cells(target / "grid"))
