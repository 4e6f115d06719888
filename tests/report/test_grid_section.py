import json
from pathlib import Path

import pytest

from sea_pyg.evaluation import compare
from sea_pyg.report import grid_sections, load_cells
from tests.report.grids import write_grid


def overrate_in_validation(folder: Path, method: str) -> None:
    """Let a method look best in validation, and leave its test values as they are."""
    for path in folder.rglob("seed-?.json"):
        plain = json.loads(path.read_text())
        if plain["method"] == method:
            plain["valid"] = dict.fromkeys(plain["valid"], 0.9)
            path.write_text(json.dumps(plain))


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
    for path in tmp_path.rglob("seed-?.json"):
        plain = json.loads(path.read_text())
        if plain["method"] == "EASE":
            plain["test"]["recall@20"] = 0.9
            path.write_text(json.dumps(plain))
    (section,) = grid_sections(load_cells(tmp_path))
    assert section.reference == "EASE"
    assert not [note for note in section.notes if note.startswith("Against")]


def test_every_metric_has_its_own_best_baseline(tmp_path: Path) -> None:
    write_grid(tmp_path)
    for path in tmp_path.rglob("seed-?.json"):
        plain = json.loads(path.read_text())
        if plain["method"] == "EASE":
            plain["valid"] = dict.fromkeys(plain["valid"], 0.9)
            plain["test"]["recall@20"] = 0.9
        if plain["method"] == "BPRMF":
            plain["test"]["ndcg@20"] = 0.9
        path.write_text(json.dumps(plain))
    (section,) = grid_sections(load_cells(tmp_path))
    notes = "\n".join(section.notes)
    assert "In test recall@20" not in notes
    assert "In test ndcg@20 the best baseline is another one: BPRMF." in notes
    found = [note for note in section.notes if note.startswith("Against")]
    assert [note.partition(":")[0] for note in found] == [
        "Against BPRMF, SEA in recall@20",
        "Against BPRMF, SEA in ndcg@20",
    ]
