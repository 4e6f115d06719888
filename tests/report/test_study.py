"""Studies in a report, from files as `benchmarks/studies.py` writes them."""

import base64
import json
from pathlib import Path

import pytest

from sea_pyg.cli import main
from sea_pyg.report import load_cells, markdown_table, study_sections
from tests.report.grids import write_cell, write_grid
from tests.report.pages import Page

SVG = '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"></svg>\n'


def _write_studies(folder: Path) -> Path:
    """Write two studies of two variants, whose cells have lost their values."""
    for number, (method, level) in enumerate({"SEA": 0.3, "SEA-fast": 0.25}.items()):
        for seed in range(2):
            path = write_cell(folder / "made", method, seed, level, number)
            target = folder / "cells" / method / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
            path.with_suffix(".time.json").rename(target.with_suffix(".time.json"))
    links = "[0](cells/SEA/seed-0.json) [1](cells/SEA/seed-1.json)"
    rows = [["SEA|x", 0.3, None, links], ["SEA:fast", 0.25, 0.001, "-"]]
    table = markdown_table(rows, ["variant", "test", "std", "seeds"])
    texts = [table, "Test data; <b>all</b>.", table.replace("variant", "again")]
    (folder / "modes.md").write_text("\n\n".join(texts) + "\n")
    cells = ["cells/SEA/seed-0.json", "cells/SEA/seed-1.json"]
    one, other = {"mean": 0.3, "cells": cells}, {"mean": 0.25, "cells": cells[:1]}
    plain = {"rows": [one, other], "again": [one, other]}
    (folder / "modes.json").write_text(json.dumps(plain))
    (folder / "modes.svg").write_text(SVG)
    (folder / "curves.md").write_text(markdown_table([["SEA", 1.5]], ["method", "n"]))
    (folder / "modes.docs.md").write_text("| not | this |")
    (folder / "notes.md").write_text("# Not this one")
    return folder


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    write_grid(folder / "grid")
    _write_studies(folder / "studies-fake")
    return folder


def test_a_folder_of_everything(results, capsys):
    options = ["--markdown", str(results / "all.md"), "--json"]
    assert main(["report", str(results), *options]) == 0
    plain = json.loads(capsys.readouterr().out.splitlines()[-1])
    (section,) = plain["sections"]
    assert (section["data"], section["methods"], section["cells"]) == ("fake", 4, 10)
    (studies,) = plain["studies"]
    assert studies["folder"] == str(results / "studies-fake")
    assert (studies["studies"], studies["cells"]) == (["curves", "modes"], 4)

    page = Page.read((results / "report.html").read_text())
    title = "Studies on fake, studies-fake"
    assert page.texts.count(title) == 2  # the list of contents has it too
    head, first, second = page.tables[f"modes, {title}"]
    assert head.texts == ["variant", "test", "std", "seeds"]
    assert first.texts == ["SEA|x", "0.3000", "-", "0 1"]
    assert second.texts == ["SEA:fast", "0.2500", "0.0010", "-"]
    assert page.tables[f"modes, {title}, table 2"][0].texts[0] == "again"
    assert page.tables[f"curves, {title}"][1].texts == ["SEA", "1.5000"]
    assert "Test data; <b>all</b>." in page.texts
    rows = page.tables[f"Cells, {title}"][1:]
    assert [row.texts[:2] for row in rows] == [
        ["SEA", "0"],
        ["SEA", "1"],
        ["SEA-fast", "0"],
        ["SEA-fast", "1"],
    ]
    for row in rows:
        assert (results / row.entries[1].href).is_file()
    assert "Not this one" not in "".join(page.texts)

    text = (results / "all.md").read_text()
    assert f"\n\n## {title}\n\n### curves\n\n| method" in text
    assert "[1](studies-fake/cells/SEA/seed-1.json)" in text
    assert "## fake, own split" in text


def test_numbers_of_a_study_link_to_what_they_are_made_of(results):
    assert main(["report", str(results)]) == 0
    page = Page.read((results / "report.html").read_text())
    title = "Studies on fake, studies-fake"
    anchors = set(page.attributes("pre", "id"))
    for label, key in (
        (f"modes, {title}", "rows"),
        (f"modes, {title}, table 2", "again"),
    ):
        for i, row in enumerate(page.tables[label][1:]):
            name, *rest = row.entries
            assert name.href is None
            for entry, text in zip(rest, row.texts[1:], strict=True):
                found = entry.href
                assert found is None if text == "-" else found.endswith(f"-{key}-{i}")
                assert found is None or found.removeprefix("#") in anchors
    links = page.attributes("a", "href")
    assert links.count("studies-fake/cells/SEA/seed-1.json") >= 3
    # An earlier version kept no numbers.
    assert page.tables[f"curves, {title}"][1].entries[1].href is None


def test_pictures_stand_in_the_page(results):
    assert main(["report", str(results)]) == 0
    page = Page.read((results / "report.html").read_text())
    (source,) = page.attributes("img", "src")
    kind, _, data = source.partition(",")
    assert kind == "data:image/svg+xml;base64"
    assert base64.b64decode(data).decode() == SVG
    assert page.attributes("img", "alt") == ["modes, Studies on fake, studies-fake"]
    policy = page.attributes("meta", "content")[0]
    assert policy.endswith("; img-src data:")


def test_studies_alone(results, tmp_path, capsys):
    folder = results / "studies-fake"
    options = ["--out", str(tmp_path / "a.html"), "--markdown", str(tmp_path / "a.md")]
    assert main(["report", str(folder), *options]) == 0
    assert "Studies on fake, studies-fake" in capsys.readouterr().out
    assert (tmp_path / "a.md").read_text().startswith("## Studies on fake")
    (section,) = study_sections(load_cells(folder))
    assert [study.name for study in section.studies] == ["curves", "modes"]
    assert section.studies[0].picture is None
    assert study_sections(load_cells(results / "grid")) == []
