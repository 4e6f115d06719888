import json
from dataclasses import replace
from pathlib import Path

import pytest

from sea_pyg.evaluation import EvaluationResult, compare
from sea_pyg.report import grid_sections, load_cells
from sea_pyg.report.grid_section import grid_notes
from tests.report.grids import write_cell, write_grid


def overrate_in_validation(folder: Path, method: str) -> None:
    """Let a method look best in validation, and leave its test values as they are."""
    for path in folder.rglob("seed-?.json"):
        plain = json.loads(path.read_text())
        if plain["method"] == method:
            plain["valid"] = dict.fromkeys(plain["valid"], 0.9)
            path.write_text(json.dumps(plain))


def raise_in_test(folder: Path, method: str, metric: str) -> None:
    """Let every user of a method have a test value of 0.9."""
    for path in folder.rglob("seed-?.json"):
        plain = json.loads(path.read_text())
        if plain["method"] == method:
            plain["test"][metric] = 0.9
            path.write_text(json.dumps(plain))
            values = path.with_suffix(".safetensors")
            result = EvaluationResult.load(values)
            result.per_user[metric].fill_(0.9)
            result.save(values)


def test_ours_are_tested_against_the_best_in_test_too(tmp_path: Path) -> None:
    """So that a weak reference that validation chose flatters nobody."""
    write_grid(tmp_path)
    overrate_in_validation(tmp_path, "BPRMF")
    cells = load_cells(tmp_path)
    (section,) = grid_sections(cells)
    assert section.reference == "BPRMF"
    best = max(
        ("LightGCN", "EASE"),
        key=lambda m: (
            sum(c.plain["test"]["recall@20"] for c in section.methods[m])
            / len(section.methods[m])
        ),
    )
    assert f"In test recall@20 the best baseline is another one: {best}." in (
        section.notes
    )
    runs = [cell.run() for m in ("SEA", best) for cell in section.methods[m]]
    rows = compare(runs, ["recall@20", "ndcg@20"], best).rows
    (recall,) = [r for r in rows if r.method == "SEA" and r.metric == "recall@20"]
    assert recall.difference == pytest.approx(recall.mean - 0.28, abs=0.02)
    found = [note for note in section.notes if note.startswith(f"Against {best}, SEA")]
    assert len(found) == 2
    assert f"{recall.verdict} ({recall.difference:+.4f}" in found[0]
    assert f"p (Holm) {recall.p_holm:.4f}" in found[0]


def test_nothing_is_added_where_test_and_validation_agree(tmp_path: Path) -> None:
    write_grid(tmp_path)
    overrate_in_validation(tmp_path, "EASE")
    raise_in_test(tmp_path, "EASE", "recall@20")
    (section,) = grid_sections(load_cells(tmp_path))
    assert section.reference == "EASE"
    assert not [note for note in section.notes if note.startswith("Against")]


def test_every_metric_has_its_own_best_baseline(tmp_path: Path) -> None:
    write_grid(tmp_path)
    overrate_in_validation(tmp_path, "EASE")
    raise_in_test(tmp_path, "EASE", "recall@20")
    raise_in_test(tmp_path, "BPRMF", "ndcg@20")
    (section,) = grid_sections(load_cells(tmp_path))
    notes = "\n".join(section.notes)
    assert "In test recall@20" not in notes
    assert "In test ndcg@20 the best baseline is another one: BPRMF." in notes
    found = [note for note in section.notes if note.startswith("Against")]
    assert [note.partition(":")[0] for note in found] == [
        "Against BPRMF, SEA in recall@20",
        "Against BPRMF, SEA in ndcg@20",
    ]


@pytest.mark.parametrize("seeds", [1, 2])
def test_a_method_alone_is_described(tmp_path: Path, seeds: int) -> None:
    for seed in range(seeds):
        write_cell(tmp_path, "EASE", seed, 0.3)
    (section,) = grid_sections(load_cells(tmp_path))
    for metric, row in zip(section.metrics, section.comparison.rows, strict=True):
        assert (row.method, row.metric, row.num_runs) == ("EASE", metric, seeds)
        assert row.ci_low < row.mean < row.ci_high
        assert row.verdict == "reference"
    assert not any("best baseline" in note for note in section.notes)


def test_one_method_with_values_has_an_interval_beside_those_without(
    tmp_path: Path,
) -> None:
    write_cell(tmp_path, "EASE", 0, 0.3)
    for seed in range(2):
        write_cell(tmp_path, "MMRec:BPR", seed, 0.2, 1, per_user=None)
    (section,) = grid_sections(load_cells(tmp_path))
    known, other = section.comparison.rows[:2]
    assert (known.method, known.scope) == ("EASE", "reference")
    assert known.ci_low < known.mean < known.ci_high
    assert (other.method, other.interval, other.scope) == (
        "MMRec:BPR",
        None,
        "untested",
    )


def test_methods_without_values_stand_beside_the_others_by_their_means(
    tmp_path: Path,
) -> None:
    for number, (method, level) in enumerate((("EASE", 0.3), ("SEA", 0.4))):
        write_cell(tmp_path, method, 0, level, number)
    for number, (method, level) in enumerate((("MMRec:A", 0.2), ("MMRec:B", 0.5)), 2):
        for seed in range(2):
            more = {"per_user": None, "mmrec": {"commit": number}}
            write_cell(tmp_path, method, seed, level + seed / 10, number, **more)
    (section,) = grid_sections(load_cells(tmp_path))
    rows = section.comparison.rows[:4]
    assert [r.method for r in rows] == ["EASE", "SEA", "MMRec:B", "MMRec:A"]
    for row in rows[2:]:
        first, second = (
            c.plain["test"]["recall@20"] for c in section.methods[row.method]
        )
        assert (row.num_runs, row.verdict) == (2, "not tested")
        assert row.mean == pytest.approx((first + second) / 2)
        assert row.seed_std == pytest.approx(abs(first - second) / 2**0.5)
        assert row.difference == pytest.approx(row.mean - rows[0].mean)
    notes = "\n".join(section.notes)
    assert "Methods without values per user ran in a program that prints" in notes
    assert "is the best baseline in validation recall@20 that can be tested." in notes
    assert "In validation recall@20 MMRec:B is better, but it is not tested." in notes
    assert grid_notes([section]) == ["MMRec's cells were made by 2 versions of it."]


def test_the_reference_is_the_best_on_average_over_seeds(tmp_path: Path) -> None:
    for number, (method, levels) in enumerate((("A", (0.1, 0.6)), ("B", (0.4, 0.4)))):
        for seed, level in enumerate(levels):
            write_cell(tmp_path, method, seed, level, number)
    (section,) = grid_sections(load_cells(tmp_path))
    assert section.reference == "B"


def test_one_run_of_what_has_no_seed_is_enough(tmp_path: Path) -> None:
    (section,) = grid_sections(load_cells(write_grid(tmp_path)))
    assert section.reference == "EASE"
    scopes = {row.method: row.scope for row in section.comparison.rows}
    assert scopes.pop("EASE") == "reference"
    assert set(scopes.values()) == {"methods"}


def test_the_table_beyond_accuracy_sums_up_the_seeds(tmp_path: Path) -> None:
    for seed, (seconds, cold) in enumerate(((1.0, 0.25), (9.0, None), (2.0, 0.75))):
        path = write_cell(tmp_path, "SEA", seed, 0.3)
        plain = json.loads(path.read_text())
        plain["test"]["cold_recall@20"] = cold
        path.write_text(json.dumps(plain))
        path.with_suffix(".time.json").write_text(f'{{"seconds_per_epoch": {seconds}}}')
    (section,) = grid_sections(load_cells(tmp_path))
    header, (row,) = section.beyond_table()
    found = dict(zip(header, row, strict=True))
    assert found["cold_recall@20"] == 0.5  # of those that have one
    assert found["s/epoch"] == "2"
    assert replace(section, metrics=("ndcg@5",)).beyond_keys[0] == "coverage@5"


def test_the_best_of_ours_alone_is_called_no_baseline(tmp_path: Path) -> None:
    for number, (method, level) in enumerate((("SEA", 0.2), ("SEA:fast", 0.4))):
        write_cell(tmp_path, method, 0, level, number)
    overrate_in_validation(tmp_path, "SEA")
    (section,) = grid_sections(load_cells(tmp_path))
    notes = "\n".join(section.notes)
    assert "The reference SEA is the best method in validation" in notes
    assert "In test recall@20 the best method is another one: SEA:fast." in notes
    assert "baseline" not in notes


def test_features_that_differ_are_named_in_a_line(tmp_path: Path) -> None:
    made = {"interactions": "1" * 64, "x_text": "2" * 64}
    write_cell(tmp_path, "EASE", 0, 0.3)
    write_cell(tmp_path, "VBPR", 0, 0.2, 1)
    other = {**made, "x_text": "e1ed78" + "0" * 58}
    write_cell(tmp_path, "SEA", 0, 0.3, 2, data_fingerprint=other)
    (section,) = grid_sections(load_cells(tmp_path))
    assert [note for note in section.notes if "SHA-256" in note] == [
        "The features differ, the interactions do not (SHA-256): x_text is 222222… for "
        "EASE, VBPR; e1ed78… for SEA."
    ]
    for cell in section.methods["SEA"]:
        cell.plain["data_fingerprint"]["interactions"] = "3" * 64
    (section,) = grid_sections(section.cells)
    assert any(note.startswith("The data differ (SHA-256)") for note in section.notes)


def test_the_number_of_users_is_that_of_the_cells(tmp_path: Path) -> None:
    (section,) = grid_sections(load_cells(write_grid(tmp_path)))
    assert section.users == 40
    assert section.notes[0] == "Users that are evaluated in test: 40."


@pytest.mark.parametrize("ours", ["SEA", "SEA:tuned", "FREEDOM+separate"])
def test_ours_and_their_presets_are_never_the_reference(
    tmp_path: Path, ours: str
) -> None:
    for number, (method, level) in enumerate(((ours, 0.6), ("SEAL", 0.4), ("A", 0.2))):
        for seed in range(3):
            write_cell(tmp_path, method, seed, level, number)
    (section,) = grid_sections(load_cells(tmp_path))
    assert section.reference == "SEAL"
    assert [m for m in section.methods if section.is_ours(m)] == [ours]
