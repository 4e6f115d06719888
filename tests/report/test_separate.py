from pathlib import Path

import pytest

from sea_pyg.evaluation import holm
from sea_pyg.report import (
    grid_sections,
    load_cells,
    sections_html,
    sections_markdown,
    separate_comparison,
)
from tests.report.grids import write_cell, write_grid

METRIC = "recall@20"


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    """Two backbones with and without; one is helped by it, one is not."""
    write_grid(tmp_path)
    levels = {"LightGCN+separate": 0.35, "BPRMF+separate": 0.1}
    for method, level in levels.items():
        number = ["LightGCN+separate", "BPRMF+separate"].index(method)
        for seed in range(3):
            path = write_cell(tmp_path, method, seed, level, number)
            folder = path.parents[1] / method
            folder.mkdir(exist_ok=True)
            for file in path.parent.glob(f"seed-{seed}.*"):
                file.rename(folder / file.name)
    write_grid(tmp_path)  # the files that were moved
    return tmp_path


def test_every_model_is_compared_with_itself(grid: Path) -> None:
    found = separate_comparison(load_cells(grid), METRIC)
    assert found is not None
    rows = {without.method: (without, added) for without, added in found.rows}
    assert set(rows) == {"LightGCN", "BPRMF"}
    for method, (without, added) in rows.items():
        assert added.method == f"{method}+separate"
        assert added.difference == pytest.approx(added.mean - without.mean)
    assert rows["LightGCN"][1].verdict == "better"
    assert rows["BPRMF"][1].verdict == "no difference shown"
    expected = holm([added.p_value or 0.0 for _, added in found.rows])
    assert [added.p_holm for _, added in found.rows] == pytest.approx(expected)
    assert found.notes[0].startswith("Of 2 models, separate learning makes 1 better")
    cells = [cell for cell in load_cells(grid) if "LightGCN" in cell.method]
    alone = separate_comparison(cells, METRIC)
    assert alone is not None
    assert alone.notes[0].startswith("Of 1 model, separate learning makes 1 better")


def test_a_table_has_what_is_without_and_with(grid: Path) -> None:
    found = separate_comparison(load_cells(grid), METRIC)
    assert found is not None
    header, rows = found.table()
    for row, (without, added) in zip(rows, found.rows, strict=True):
        assert row[header.index("without")] == without.mean
        assert row[header.index("with")] == added.mean
        assert row[header.index("without") + 1] == without.seed_std
        assert row[header.index("with") + 1] == added.seed_std
        assert row[-1] == added.verdict
    mean = sum(added.difference or 0.0 for _, added in found.rows) / 2
    assert f"The mean difference of {METRIC} is {mean:+.4f}." in found.notes[0]
    assert min(added.difference or 0.0 for _, added in found.rows) < 0 < mean


def test_claims_keep_the_level_that_is_asked_for(grid: Path) -> None:
    found = separate_comparison(load_cells(grid), METRIC)
    assert found is not None
    (p_holm,) = (row.p_holm for _, row in found.rows if row.verdict == "better")
    assert p_holm is not None
    strict = separate_comparison(load_cells(grid), METRIC, level=p_holm / 2)
    assert strict is not None
    assert {row.verdict for _, row in strict.rows} == {"no difference shown"}


def test_other_metrics_can_be_the_main_one(grid: Path) -> None:
    (section,) = grid_sections(load_cells(grid), ["ndcg@20", METRIC])
    assert section.separate is not None
    assert {added.metric for _, added in section.separate.rows} == {"ndcg@20"}


def test_of_too_few_seeds_nothing_is_said_to_be_the_same(tmp_path: Path) -> None:
    for number, (method, level) in enumerate((("VBPR", 0.2), ("VBPR+separate", 0.4))):
        for seed in range(1 + number):
            write_cell(tmp_path, method, seed, level, number)
    write_cell(tmp_path, "BPRMF", 0, 0.2, 2)
    write_cell(tmp_path, "BPRMF+separate", 0, 0.2, 3, per_user=None)
    found = separate_comparison(load_cells(tmp_path), METRIC)
    assert found is not None
    ((_, added),) = found.rows  # only what has values of every user
    assert added.verdict == "these trained models differ"
    assert "no difference is shown for 0" in found.notes[0]
    assert found.notes[1] == "Too few seeds to claim anything of: VBPR+separate."
    header, (row,) = found.table()
    assert row[header.index("seeds")] == 1


def test_pairs_of_two_versions_are_named(grid: Path) -> None:
    cells = load_cells(grid)
    for cell in cells:
        cell.plain["environment"]["code"] = "now"
    found = separate_comparison(cells, METRIC)
    assert found is not None
    assert len(found.notes) == 1
    (one, *_) = (cell for cell in cells if cell.method == "BPRMF+separate")
    one.plain["environment"]["code"] = "then"
    found = separate_comparison(cells, METRIC)
    assert found is not None
    assert found.notes[1].startswith("Not all trained by one version of the library")
    assert found.notes[1].endswith(": BPRMF.")


def test_it_stands_in_both_reports(grid: Path) -> None:
    cells = load_cells(grid)
    sections = grid_sections(cells)
    title = "With and without separate learning"
    for text in (sections_markdown(sections, grid), sections_html(sections, grid)):
        assert title in text
    assert sections[0].reference in ("EASE", "LightGCN", "BPRMF")
    assert sections[0].is_ours("LightGCN+separate")
    assert sections[0].is_ours("package.module.LightGCN:preset")
    assert not sections[0].is_ours("MMRec:LightGCN:reg_weight=0.1")


def test_without_it_nothing_is_said(tmp_path: Path) -> None:
    cells = load_cells(write_grid(tmp_path))
    assert separate_comparison(cells, METRIC) is None
    assert "separate learning" not in sections_markdown(grid_sections(cells), tmp_path)
