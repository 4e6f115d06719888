"""What a table says of budgets, and of what the search did."""

from pathlib import Path
from typing import Any

from sea_pyg.report import grid_sections, load_cell, load_cells, sections_markdown
from sea_pyg.report.budget import budget_of, preset_note
from tests.report.grids import write_cell

GRID = Path(__file__).parents[2] / "benchmarks" / "results" / "grid"


def _given(trials: int, epochs: int, **fixed: Any) -> dict[str, Any]:
    """What a cell says of its budget, with a search that keeps the first trial."""
    made = [{"number": n, "setting": {}, "value": 0.3 - n} for n in range(trials)]
    request = {"trials": trials, "epochs": epochs, "trial_epochs": epochs}
    return {
        "request": {**request, "fixed": fixed},
        "trials": made,
        "setting": fixed,
    }


def _rows(folder: Path) -> tuple[dict[str, list[Any]], list[str]]:
    (section,) = grid_sections(load_cells(folder))
    _, rows = section.budget_table()
    return {row[0]: row[1:] for row in rows}, section.notes


def test_unequal_budgets_are_said(tmp_path: Path) -> None:
    write_cell(tmp_path, "Popularity", 0, 0.1, 0, deterministic=True, **_given(2, 2))
    write_cell(tmp_path, "BPRMF", 0, 0.2, 1, **_given(2, 2))
    write_cell(tmp_path, "LightGCN", 0, 0.3, 2, **_given(0, 1, patience=7))
    rows, notes = _rows(tmp_path)
    assert rows == {
        "Popularity": [2, None, None, "none", "nothing"],
        "BPRMF": [2, 2, 2, "none", "nothing"],
        "LightGCN": [0, 1, None, "patience=7", "not tuned"],
    }
    wanted = (
        "The rows were not given the same. Trials: 2 for Popularity, BPRMF; 0 for "
        "LightGCN. Epochs at most: 2 for BPRMF; 1 for LightGCN. Epochs of a trial at "
        "most: 2. Options set: none for Popularity, BPRMF; patience=7 for LightGCN."
    )
    assert wanted in notes
    sections = grid_sections(load_cells(tmp_path))
    assert wanted in sections_markdown(sections, tmp_path)


def test_equal_budgets_are_said(tmp_path: Path) -> None:
    for number, method in enumerate(("BPRMF", "LightGCN")):
        write_cell(tmp_path, method, 0, 0.2, number, **_given(1, 5, lr=0.01))
    _, notes = _rows(tmp_path)
    assert (
        "All rows were given the same. Trials: 1. Epochs at most: 5. Epochs of a trial "
        "at most: 5. Options set: lr=0.01."
    ) in notes


def test_what_was_set_is_no_outcome_of_the_search(tmp_path: Path) -> None:
    write_cell(tmp_path, "SEA", 0, 0.3, 0, **_given(1, 5, lr=0.0021, patience=7))
    more = _given(2, 5, lr=0.0021)
    more["trials"][1] |= {"setting": {"lr": 0.001, "k": 3}, "value": 0.4}
    write_cell(tmp_path, "BPRMF", 0, 0.2, 1, **more)
    failed = [{"number": 0, "setting": {}, "value": None}]
    write_cell(tmp_path, "EASE", 0, 0.2, 2, **{**_given(1, 5), "trials": failed})
    rows, _ = _rows(tmp_path)
    assert rows["SEA"][3:] == ["lr=0.0021, patience=7", "nothing"]
    assert rows["BPRMF"][3:] == ["lr=0.0021", "lr=0.001, k=3"]
    assert rows["EASE"][3:] == ["none", "not tuned"]


def test_a_search_whose_first_setting_is_given_says_what_it_changed(
    tmp_path: Path,
) -> None:
    trials = [
        {"number": 0, "setting": {"reg": 0.1, "dropout": 0.8}, "value": 0.1},
        {"number": 1, "setting": {"reg": 0.0, "dropout": 0.8}, "value": 0.2},
    ]
    write_cell(tmp_path, "MMRec:X", 0, 0.3, 0, **{**_given(2, 5), "trials": trials})
    rows, notes = _rows(tmp_path)
    assert rows["MMRec:X"][3:] == ["none", "reg=0"]
    assert any(note.startswith("Trials: 2. Epochs at most: 5.") for note in notes)


def test_a_search_that_ends_early_is_said(tmp_path: Path) -> None:
    given = _given(1, 5)
    given["request"]["trials"] = 5
    write_cell(tmp_path, "Popularity", 0, 0.1, 0, **given)
    rows, notes = _rows(tmp_path)
    assert rows["Popularity"][0] == 1
    assert any("want of settings: Popularity after 1." in note for note in notes)


def test_cells_that_do_not_tell(tmp_path: Path) -> None:
    write_cell(tmp_path, "SEA", 0, 0.3, request=None, trials=[])
    rows, notes = _rows(tmp_path)
    assert rows == {"SEA": [None] * 5}
    assert not any("given the same" in note for note in notes)


def test_of_cells_that_do_not_tell_nothing_is_claimed(tmp_path: Path) -> None:
    for number, method in enumerate(("BPRMF", "LightGCN")):
        write_cell(tmp_path, method, 0, 0.2, number, **_given(1, 5))
    write_cell(tmp_path, "VBPR", 0, 0.3, 2, request=None, trials=[])
    _, notes = _rows(tmp_path)
    (note,) = (note for note in notes if "given the same" in note)
    assert note.startswith("All rows but VBPR, of which nothing is known, were given")


def test_a_setting_that_is_asked_for_is_what_was_set(tmp_path: Path) -> None:
    """Cells of studies tell no ``fixed``."""
    request = {"epochs": 5, "setting": {"lr": 0.01}}
    write_cell(tmp_path, "SEA", 0, 0.3, request=request, trials=None)
    rows, _ = _rows(tmp_path)
    assert rows == {"SEA": [0, 5, None, "lr=0.01", "not tuned"]}


def test_what_is_not_trained_ends_at_no_limit(tmp_path: Path) -> None:
    request = {"trials": 0, "epochs": 1}
    write_cell(tmp_path, "EASE", 0, 0.3, request=request, epochs=1, deterministic=True)
    _, notes = _rows(tmp_path)
    assert not any("ended at their limit" in note for note in notes)


def test_published_cells() -> None:
    """The search for FREEDOM kept its first trial; for SEA:tuned there was none."""
    budgets = {
        name: budget_of(load_cell(GRID / "sports-own" / name / "seed-0.json"))
        for name in ("FREEDOM", "SEA-tuned", "ItemKNN")
    }
    fixed = {"batch_size": 8192, "lr": 0.003, "patience": 8}
    assert budgets["FREEDOM"] == (5, 5, 200, 60, fixed, {}, 3)
    assert budgets["SEA-tuned"] == (0, 0, 200, None, fixed, None, 0)
    item_knn = budgets["ItemKNN"]
    assert item_knn is not None
    assert item_knn[2:5] == (None, None, {})
    assert item_knn.found
    assert item_knn.cut == 0


def test_trials_that_had_no_time_are_said(tmp_path: Path) -> None:
    given = _given(3, 5)
    for trial, epochs in zip(given["trials"], (5, 4, 5), strict=True):
        trial["epochs"] = epochs
    write_cell(tmp_path, "LightGCN", 0, 0.3, 2, **given)
    write_cell(tmp_path, "BPRMF", 0, 0.2, 1, **_given(3, 5))
    _, notes = _rows(tmp_path)
    wanted = "Trials that ended at their limit of epochs: LightGCN 2 of 3;"
    assert any(wanted in note for note in notes)
    assert not any("BPRMF 0" in note for note in notes)


def test_presets_are_said_where_they_were_chosen(tmp_path: Path) -> None:
    for data in ("lfm2k", "toy"):
        for number, method in enumerate(("SEA:tuned", "BPRMF")):
            cell = _given(1, 5)
            write_cell(tmp_path, method, 0, 0.3, number, data=data, **cell)
    sections = grid_sections(load_cells(tmp_path))
    notes = {section.data: " ".join(section.notes) for section in sections}
    chosen = "SEA:tuned were chosen on validation data of lfm2k and sports before"
    assert chosen in notes["lfm2k"]
    assert "The rows were not given the same." in notes["lfm2k"]
    assert chosen not in notes["toy"]
    assert "All rows were given the same." in notes["toy"]
    for method in ("SEA", "SEA:fast", "LightGCN", "VBPR+separate", "MMRec:BPR"):
        assert preset_note(method, "lfm2k") is None


def test_trainings_that_had_no_time_are_said(tmp_path: Path) -> None:
    for seed, epochs in enumerate((12, 5, 12)):
        request = {"trials": 0, "epochs": 12}
        write_cell(tmp_path, "LightGCN", seed, 0.3, 2, request=request, epochs=epochs)
        request = {"trials": 0, "epochs": 50}
        write_cell(tmp_path, "BPRMF", seed, 0.2, 1, request=request, epochs=epochs)
    _, notes = _rows(tmp_path)
    wanted = "Cells that ended at their limit of epochs: LightGCN 2 of 3;"
    assert any(wanted in note for note in notes)
