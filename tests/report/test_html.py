import json
import re
from pathlib import Path
from statistics import mean
from urllib.parse import unquote

import pytest

from sea_pyg.report import (
    grid_plain,
    grid_sections,
    load_cells,
    sections_html,
    sections_markdown,
)
from sea_pyg.report.svg import Line, line_chart
from sea_pyg.report.svg import _ticks as ticks_around
from tests.report.grids import METHODS, write_cell, write_grid
from tests.report.pages import Page

BUDGET = "Budget and settings, fake, own split"
BEYOND = "Beyond accuracy, fake, own split"
CELLS = "Cells, fake, own split"


def _html(grid: Path, root: Path | None = None) -> str:
    return sections_html(grid_sections(load_cells(grid)), root or grid)


@pytest.fixture(scope="module")
def grid(tmp_path_factory) -> Path:
    folder = write_grid(tmp_path_factory.mktemp("grid"))
    return write_grid(folder, split="time")


@pytest.fixture(scope="module")
def page(grid) -> Page:
    return Page.read(_html(grid))


def _markdown_rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [line.strip("| ").split(" | ") for line in lines]


def test_loads_nothing(page):
    names = {name for _, attributes in page.tags for name in attributes}
    assert not names & {"src", "srcset", "style", "onclick", "onload"}
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"link", "img", "image", "iframe", "object", "use", "base"}
    for _, attributes in page.tags:
        for value in attributes.values():
            assert "://" not in (value or "")
            assert not (value or "").startswith("//")
    assert not re.search(r"url\(|@import|://", page.raw["style"])
    assert not re.search(r"fetch|import|XMLHttp|://", page.raw["script"])
    policy = page.attributes("meta", "content")[0]
    assert policy.startswith("default-src 'none'; ")


@pytest.mark.parametrize("split", ["own", "time"])
def test_shows_the_numbers_of_the_markdown(grid, page, split):
    text = sections_markdown(grid_sections(load_cells(grid)), grid)
    part = text.split("## ")[["own", "time"].index(split) + 1]
    rows = _markdown_rows(part)
    for metric in ("recall@20", "ndcg@20"):
        shown = page.tables[f"Test {metric}, fake, {split} split"]
        wanted = [row[1:] for row in rows if row[0] == metric]
        assert [row.texts for row in shown[1:]] == wanted
        assert len(wanted) == len(METHODS)
    shown = page.tables[f"Beyond accuracy, fake, {split} split"]
    beyond = [row for row in rows if len(row) == 8 and row[0] in METHODS]
    assert [row.texts for row in shown[1:]] == beyond
    assert len(beyond) == len(METHODS)
    shown = page.tables[f"Budget and settings, fake, {split} split"]
    budget = [row for row in rows if len(row) == 7 and row[0] in METHODS]
    assert [row.texts for row in shown[1:]] == [row[:-1] for row in budget]
    assert len(budget) == len(METHODS)


def test_every_number_leads_to_its_cells(grid, page):
    groups: dict[str, list[dict]] = {}
    names = {}
    for label, (_, *rows) in page.tables.items():
        if not label.startswith("Cells"):
            continue
        for row in rows:
            cell = json.loads((grid / row.entries[1].href).read_text())
            groups.setdefault(row.group, []).append(cell)
            names[row.entries[0].text] = row.group
            if row.id is not None:
                assert row.id == row.group
            assert row.texts[1] == str(cell["seed"])
            assert row.texts[2] == f"{cell['test']['recall@20']:.4f}"
            assert row.texts[4] == f"{cell['valid']['recall@20']:.4f}"
            assert row.texts[5:7] == [str(cell["best_epoch"]), str(cell["epochs"])]
            time = json.loads((grid / row.entries[-1].href).read_text())
            assert float(row.texts[-1]) == time["seconds_per_epoch"]
    ids = [attributes.get("id") for _, attributes in page.tags]
    numbers = 0
    for label, (head, *rows) in page.tables.items():
        if not label.startswith(("Test", "Beyond", "Budget")):
            continue
        for row in rows:
            assert groups[row.entries[0].href[1:]][0]["method"] == row.texts[0]
            for name, entry in zip(head.texts[1:], row.entries[1:], strict=True):
                if entry.text == "-":
                    assert entry.href is None
                    continue
                numbers += 1
                if entry.href.startswith("#"):
                    assert ids.count(entry.href[1:]) == 1
                    plain = json.loads(page.pieces[entry.href[1:]])
                    assert plain["method"] == row.texts[0]
                    _assert_has(plain, name, entry.text)
                    files = [json.loads((grid / p).read_text()) for p in plain["cells"]]
                else:
                    files = [json.loads((grid / entry.href).read_text())]
                    if name == "s/epoch":
                        assert float(entry.text) == files[0]["seconds_per_epoch"]
                        continue
                assert {cell["method"] for cell in files} == {row.texts[0]}
                assert all(f", {cell['split']} " in label for cell in files)
                if label.startswith("Test recall@20") and name == "mean":
                    average = mean(cell["test"]["recall@20"] for cell in files)
                    assert entry.text == f"{average:.4f}"
    assert numbers > 100


def _assert_has(plain: dict, name: str, text: str) -> None:
    """What the JSON that a number links to says of it."""
    keys = {
        "seeds": "num_runs",
        "std over seeds": "seed_std",
        "p (users)": "p_users",
        "p": "p_value",
        "p (Holm)": "p_holm",
        "parameters": "parameters",
        "with gradient": "parameters_with_gradient",
        "s/epoch": "seconds_per_epoch",
    }
    if name == "95% over users":
        assert text == f"{plain['ci_low']:.4f}..{plain['ci_high']:.4f}"
        return
    value = plain["test"][name] if "@" in name else plain[keys.get(name, name)]
    if isinstance(value, float):
        assert float(text) == pytest.approx(value, abs=6e-5)
    else:
        assert text == str(value)


def test_notes_lead_to_their_numbers(grid, page):
    own, time = (page.pieces[f"s{i}-json"] for i in (0, 1))
    assert json.loads(own)["split"] == "own"
    assert len(page.notes) > 4
    for text, href in page.notes:
        assert text in json.loads(page.pieces[href[1:]])["notes"]
    plain = grid_plain(grid_sections(load_cells(grid)), grid)
    names = [key for key in page.pieces if key.startswith("s1-json-rows-")]
    assert [json.loads(page.pieces[name]) for name in names] == (
        plain["sections"][1]["rows"]
    )
    made = json.loads(page.pieces["json-environments-0"])
    assert made["sha256"] == "3" * 64
    assert len(made["cells"]) == 20
    assert json.loads(time)["users"] == 40


def test_pictures_are_of_the_numbers(page):
    def bars(kind):
        return [a for t, a in page.tags if t == "rect" and a["class"] == kind]

    rows = page.tables["Test recall@20, fake, own split"][1:]
    value = {row.texts[0]: float(row.entries[2].value) for row in rows}
    ours, reference = float(bars("bar ours")[0]["width"]), bars("bar reference")[0]
    ratio = ours / float(reference["width"])
    assert ratio == pytest.approx(value["SEA"] / value["EASE"], abs=0.002)
    whiskers = [a["d"] for t, a in page.tags if a.get("class") == "whisker"]
    low, high = map(float, re.fullmatch(r"M(\S+) .*H(\S+)M.*", whiskers[0]).groups())
    ends = [float(text) for text in rows[1].texts[3].split("..")]
    assert rows[1].texts[0] == "SEA"  # the best one, and drawn first
    scale = ours / value["SEA"]
    assert (high - low) / scale == pytest.approx(ends[1] - ends[0], abs=0.001)
    lines = [a for t, a in page.tags if (a.get("class") or "").startswith("line ")]
    trained = len(METHODS) - 1
    assert len(lines) == 2 * 2 * trained * 3  # splits, quantities, methods, seeds
    assert all(a["d"].count("L") == 5 for a in lines)  # six epochs


def test_the_best_bar_comes_first(page):
    bars = [t for t in page.texts if re.match(r"\w+: 0\.\d{4} \(", t)][: len(METHODS)]
    assert [bar.partition(":")[0] for bar in bars] == [
        "SEA",
        "EASE",
        "LightGCN",
        "BPRMF",
    ]
    assert any("with 95% intervals over" in text for text in page.texts)


def test_curves_share_a_scale_and_mark_the_epoch_that_was_tested(page):
    drawn = [
        a["d"][1:].split("L")
        for t, a in page.tags
        if (a.get("class") or "").startswith("line ")
    ]
    trained = [level for method, level in METHODS.items() if method != "EASE"]
    heights = []
    for i, points in enumerate(drawn[:9]):  # validation, method by method
        first, last = (float(points[n].split()[1]) for n in (0, -1))
        heights.append((first - last) / (trained[i // 3] + 0.005 * (i % 3)))
    assert heights == pytest.approx([heights[0]] * 9, rel=0.02)
    marks = [a for t, a in page.tags if t == "circle"]
    for mark, points in zip(marks, drawn, strict=True):
        assert f"{mark['cx']} {mark['cy']}" == points[3]  # the fourth of six


def test_long_curves_are_thinned_and_end_where_they_end():
    for count in (1, 2, 199, 200, 201, 400, 401, 5000):
        points = [(float(n), n / count) for n in range(1, count + 1)]
        chart = line_chart("x", [Line("x", points, "#", "c0")], 0.0, 1.0)
        found = re.search(r'd="M([^"]*)" class="line c0"', chart)
        shown = found[1].split("L")
        assert len(shown) == count if count <= 200 else 100 <= len(shown) <= 200
        assert shown[-1] == ("46.0" if count == 1 else "260.0") + " 24.0"


def test_the_best_value_is_bold(page):
    _, *rows = page.tables["Test recall@20, fake, own split"]
    assert [r.texts[0] for r in rows for e in r.entries if e.bold] == ["SEA"]
    _, *rows = page.tables[BEYOND]  # where more is not always better
    assert not any(entry.bold for row in rows for entry in row.entries)


def test_headers_are_buttons(page):
    headers = [a for t, a in page.tags if t == "th" and a.get("aria-sort")]
    assert {a["aria-sort"] for a in headers} == {"none"}
    assert page.attributes("button", "type") == ["button"] * len(headers)
    assert len(headers) == 2 * (2 * 10 + 8 + 6 + 8)
    kinds = [a["data-kind"] for a in headers[:10]]
    assert kinds == ["text", *["number"] * 8, "text"]


def test_escapes_what_files_say(tmp_path):
    evil = "<script>alert(1)</script>&amp;\"'</title>"
    trials = [{"setting": {evil: evil}, "value": 0.1}]
    trials = [{"setting": {}, "value": 0.0}, *trials]
    more = {"trials": trials, "data_fingerprint": {evil: evil}}
    more["environment"] = {"sha256": evil, evil: {evil: evil}}
    for number, method in enumerate((evil, "SEA")):
        path = write_cell(tmp_path, method, 0, 0.3, number, **more)
        plain = json.loads(path.read_text())
        path.write_text(json.dumps({**plain, "data": evil, "split": evil}))
    sections = grid_sections(load_cells(tmp_path))
    text = sections_html(sections, tmp_path, evil)
    assert text.count("<script") == 1
    page = Page.read(text)
    assert page.texts.count(f"{evil}, {evil} split") == 2
    assert page.tables[f"Beyond accuracy, {evil}, {evil} split"][1].texts[0] == evil
    assert f"{evil}.{evil}" in page.texts
    assert f"{evil}={evil}" in page.texts
    assert {tag for tag, _ in page.tags}.isdisjoint({"b", "i", "img"})


def test_links_start_at_the_page(tmp_path):
    grid = write_grid(tmp_path / "a #1? %41 é" / "results")
    root = tmp_path / "other" / "deep"
    hrefs = [
        href
        for href in Page.read(_html(grid, root)).attributes("a", "href")
        if not href.startswith("#")
    ]
    assert hrefs
    for href in hrefs:
        assert href.startswith("../../a%20%231%3F%20%2541%20%C3%A9/results/")
        assert (tmp_path / unquote(href).removeprefix("../../")).is_file()


def test_a_second_run_gives_the_same_bytes(grid):
    assert _html(grid).encode() == _html(grid).encode()


def test_says_what_differs(tmp_path):
    write_grid(tmp_path)
    write_cell(
        tmp_path, "BPRMF", 7, 0.1, 3, environment={"sha256": "other", "python": "3.12"}
    )
    write_cell(tmp_path, "BPRMF", 8, 0.1, 3, data_fingerprint={"interactions": "new"})
    page = Page.read(_html(tmp_path))
    assert "The cells were made by 2 environments or versions." in page.texts
    assert any(
        text.startswith("The data differ (SHA-256): inter") for text in page.texts
    )
    head, *rows = page.tables["environment"]
    assert head.texts[1:] == ["11 cells", "1 cell"]
    assert ["python", "3.11.7", "3.12"] in [row.texts for row in rows]
    assert ["packages.torch", "2.13.0", "-"] in [row.texts for row in rows]
    assert ["interactions", "1" * 64, "new"] in [
        row.texts for row in page.tables["data fingerprint"]
    ]


def test_one_cell(tmp_path):
    write_cell(tmp_path, "SEA", 0, 0.3)
    page = Page.read(_html(tmp_path))
    assert "There is one cell only, and nothing to compare." in page.texts
    assert len(page.tables[CELLS]) == 2
    head, row = page.tables["Test recall@20, fake, own split"]
    texts = dict(zip(head.texts, row.texts, strict=True))
    assert texts["method"] == "SEA"
    low, high = map(float, texts["95% over users"].split(".."))
    assert low < float(texts["mean"]) < high


def test_without_history_there_are_no_curves(tmp_path):
    for number, method in enumerate(("EASE", "ItemKNN")):
        write_cell(tmp_path, method, 0, 0.3, number, history=[])
    assert "Learning curves" not in Page.read(_html(tmp_path)).texts


@pytest.mark.parametrize(
    "damage, text",
    [
        (lambda plain: plain.pop("history"), "'history' should be of type list"),
        (lambda plain: plain.update(seed="0"), "'seed' should be of type int"),
        (lambda plain: plain["test"].update({"recall@20": "x"}), "should be numbers"),
        (lambda plain: plain["history"].append(3), "should be numbers"),
        (lambda plain: plain.update(environment={}), "'environment' has no 'sha256'"),
    ],
)
def test_damaged_cells_are_named(tmp_path, damage, text):
    path = write_cell(tmp_path, "SEA", 0, 0.3)
    plain = json.loads(path.read_text())
    damage(plain)
    path.write_text(json.dumps(plain))
    with pytest.raises(ValueError, match=rf"seed-0\.json.* damaged .*{text}"):
        load_cells(tmp_path)


def test_unknown_metric(grid):
    with pytest.raises(ValueError, match=r"no metric 'recal@20'.*'recall@20'"):
        grid_sections(load_cells(grid), ["recal@20"])


def test_ticks_reach_from_end_to_end() -> None:
    for low, high in ((0.0, 0.43), (0.0, 1.0), (0.12, 0.31), (0.0, 0.0501), (3.0, 3.0)):
        ticks = ticks_around(low, high)
        assert ticks[0] <= low
        assert ticks[-1] >= high
        assert ticks == sorted(set(ticks))
