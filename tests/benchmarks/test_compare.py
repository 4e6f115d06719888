import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sea_pyg.evaluation import EvaluationResult
from sea_pyg.report import (
    grid_plain,
    grid_sections,
    load_cells,
    markdown_table,
    sections_markdown,
)
from sea_pyg.training import SEARCH_SPACES

FOLDER = Path(__file__).parents[2] / "benchmarks"
OPTIONS = ["--data", "fake", "--models", "EASE,BPRMF", "--seeds", "0,1", "--trials"]
OPTIONS += ["2", "--epochs", "12", "--split", "time"]


@pytest.fixture(scope="module")
def script(on_path):
    import compare

    return compare


@pytest.fixture(scope="module")
def grid(script, tmp_path_factory):
    folder = tmp_path_factory.mktemp("grid")
    assert script.main([*OPTIONS, "--out", str(folder)]) == 0
    return folder


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _settled(folder: Path) -> dict[str, bytes]:
    """Leave out what depends on the clock, or sums up all cells."""
    return {
        name: content
        for name, content in _files(folder).items()
        if not name.endswith((".time.json", "table.md", "comparison.json", "lock"))
    }


def test_a_cell_says_where_it_comes_from(grid):
    folder = grid / "fake-time" / "BPRMF"
    cell = json.loads((folder / "seed-1.json").read_text())
    assert cell["seed"] == 1
    assert [trial["number"] for trial in cell["trials"]] == [0, 1]
    best = max(cell["trials"], key=lambda trial: trial["value"])
    assert cell["setting"] == best["setting"]
    for key, value in best["setting"].items():
        assert {**cell["arguments"], **cell["training"]}[key] == value
    assert len(cell["history"]) == 12
    assert set(cell["data_fingerprint"]) == {"interactions", "x_image", "x_text"}
    assert cell["trained_by"] == [cell["environment"]["code"]]
    assert len(cell["environment"]["sha256"]) == 64
    result = EvaluationResult.load(folder / cell["per_user"])
    values = result.per_user["recall@20"].double()
    assert float(values.mean()) == cell["test"]["recall@20"]
    assert not (grid / "fake-time" / "EASE" / "seed-1.json").exists()  # no seed matters


def test_a_second_run_changes_nothing(script, grid, capsys):
    before = _files(grid)
    assert script.main([*OPTIONS, "--out", str(grid)]) == 0
    assert _files(grid) == before
    assert "..." not in capsys.readouterr().err


def test_a_finished_cell_needs_its_search_no_more(script, grid, tmp_path, capsys):
    """Another version would try other settings; what was found stands in the cell."""
    shutil.copytree(grid, tmp_path, dirs_exist_ok=True)
    trials = tmp_path / "fake-time" / "BPRMF" / "trials"
    (trials / "search.json").unlink()
    path = trials / "trial-001.json"
    path.write_text(path.read_text().replace('"setting": {', '"setting": {"lr": 1,'))
    before = _files(tmp_path)
    capsys.readouterr()
    assert script.main([*OPTIONS, "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().err == ""
    assert _files(tmp_path) == before


def test_a_wrong_value_does_not_claim_the_folder(script, tmp_path, capsys):
    options = ["--data", "fake", "--models", "BPRMF,EASE", "--seeds", "0", "--trials"]
    options += ["0", "--epochs", "1", "--out", str(tmp_path)]
    assert script.main([*options, "--set", "BPRMF.embedding_dim=0"]) == 1
    assert "embedding_dim must be at least 1" in capsys.readouterr().err
    assert not (tmp_path / "fake-own" / "BPRMF").exists()
    assert (tmp_path / "fake-own" / "EASE" / "seed-0.json").is_file()
    assert script.main([*options, "--set", "BPRMF.embedding_dim=4"]) == 0


def test_a_cell_of_another_environment_is_finished(script, grid, tmp_path, capsys):
    shutil.copytree(grid, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "fake-time" / "EASE" / "seed-0.json"
    plain = json.loads(path.read_text())
    del plain["environment"]["packages"]["scikit-learn"]
    plain["environment"]["sha256"] = "0" * 64
    path.write_text(json.dumps(plain))
    before = path.read_bytes()
    capsys.readouterr()
    assert script.main([*OPTIONS, "--out", str(tmp_path)]) == 0
    assert path.read_bytes() == before
    assert "..." not in capsys.readouterr().err
    assert "made by 2 environments" in (tmp_path / "table.md").read_text()


def test_modalities_can_be_chosen(script, tmp_path):
    options = ["--data", "fake:text", "--models", "VBPR", "--seeds", "0"]
    options += ["--trials", "0", "--epochs", "1", "--out", str(tmp_path)]
    assert script.main(options) == 0
    request = json.loads((tmp_path / "fake-own" / "VBPR" / "request.json").read_text())
    assert request["modalities"] == ["text"]


def test_separate_learning_can_be_attached(script, tmp_path, capsys):
    options = ["--data", "fake", "--models", "VBPR,VBPR+separate", "--seeds", "0"]
    options += ["--trials", "1", "--epochs", "1", "--out", str(tmp_path)]
    assert script.main(options) == 0
    plain, added = (
        json.loads((tmp_path / "fake-own" / name / "seed-0.json").read_text())
        for name in ("VBPR", "VBPR+separate")
    )
    assert added["arguments"].keys() == {"backbone", "separate"}
    assert added["parameters"] > plain["parameters"]
    assert "With and without separate learning" in (tmp_path / "table.md").read_text()
    assert script.main([*options, "--models", "BPRMF+separate"]) == 2
    assert "learns nothing from item features" in capsys.readouterr().err


def test_other_options_are_refused(script, grid, capsys):
    before = _files(grid)
    assert script.main([*OPTIONS, "--epochs", "3", "--out", str(grid)]) == 2
    assert "epochs=12" in capsys.readouterr().err
    assert _files(grid) == before


def test_killed_and_started_again(script, grid, tmp_path):
    command = [sys.executable, str(FOLDER / "compare.py"), *OPTIONS]
    command += ["--out", str(tmp_path), "--models", "BPRMF"]
    mark = tmp_path / "fake-time/BPRMF/seed-0.work/checkpoints/last.safetensors"
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not mark.exists() and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
    assert not (tmp_path / "table.md").exists()
    assert script.main([*OPTIONS, "--models", "BPRMF", "--out", str(tmp_path)]) == 0
    whole = _settled(grid)
    names = {name for name in whole if "/BPRMF/" in name}
    assert _settled(tmp_path) == {name: whole[name] for name in names}


@pytest.mark.slow
def test_jobs_give_the_same_files(script, grid, tmp_path):
    options = [*OPTIONS, "--models", "EASE", "--jobs", "2"]
    assert script.main([*options, "--out", str(tmp_path)]) == 0
    whole = _settled(grid)
    names = {name for name in whole if "/EASE/" in name}
    assert _settled(tmp_path) == {name: whole[name] for name in names}


def test_the_table_is_made_of_the_cells(grid):
    cells = load_cells(grid)
    text = sections_markdown(grid_sections(cells), grid)
    assert text == (grid / "table.md").read_text()
    for cell in cells:
        link = cell.path.relative_to(grid).as_posix()
        assert f"({link})" in text
        assert (grid / link).is_file()
    plain = json.loads((grid / "comparison.json").read_text())
    assert plain == grid_plain(grid_sections(cells), grid)
    for section in plain["sections"]:
        for row in section["rows"]:
            assert f"| {row['metric']} | {row['method']} |" in text
            assert f"| {row['mean']:.4f} |" in text
            found = [json.loads((grid / path).read_text()) for path in row["cells"]]
            assert {cell["method"] for cell in found} == {row["method"]}
            assert len(found) == row["num_runs"]
    assert "Trials: 2." in text
    means = {cell.method: cell.plain["valid"]["recall@20"] for cell in cells}
    reference = max(means, key=lambda method: means[method])
    assert f"The reference {reference} is the best baseline" in text


def test_missing_and_damaged_cells_are_named(tmp_path):
    with pytest.raises(ValueError, match="no finished cell"):
        load_cells(tmp_path)
    (tmp_path / "seed-0.json").write_text("{")
    with pytest.raises(ValueError, match=r"seed-0\.json.* damaged"):
        load_cells(tmp_path)


def test_markdown_table():
    text = markdown_table([["a|b", 0.5], ["c", None]], ["name", "value"])
    assert text.splitlines() == [
        "| name | value |",
        "| --- | ---: |",
        "| a\\|b | 0.5000 |",
        "| c | - |",
    ]


def test_options_for_all_models(script, tmp_path):
    common = ["--data", "fake", "--seeds", "0", "--epochs", "1", "--out", str(tmp_path)]
    chosen = ["--set", "batch_size=64", "--set", "lr=0.002"]
    arguments = [*common, "--models", "BPRMF,Popularity", "--trials", "1", *chosen]
    assert script.main(arguments) == 0
    cell = json.loads((tmp_path / "fake-own" / "BPRMF" / "seed-0.json").read_text())
    assert cell["setting"] == {"batch_size": 64, "lr": 0.002}
    assert cell["training"]["batch_size"] == 64
    assert cell["training"]["lr"] == 0.002
    ranked = json.loads(
        (tmp_path / "fake-own" / "Popularity" / "seed-0.json").read_text()
    )
    assert ranked["setting"] == {}
    assert script.main([*common, "--models", "BPRMF", "--trials", "1"]) == 2


def test_options_of_separate_learning_are_for_models_that_have_it(script, tmp_path):
    common = ["--data", "fake", "--seeds", "0", "--epochs", "1", "--out", str(tmp_path)]
    chosen = ["--set", "inner_steps=1", "--set", "separate.sample_size=16"]
    chosen += ["--set", "ItemKNN.k=7", "--set", "VBPR.embedding_dim=8"]
    chosen += ["--set", "SEA.k=3"]
    models = ["--models", "VBPR,VBPR+separate,ItemKNN", "--trials", "0"]
    assert script.main([*common, *models, *chosen]) == 0
    cells = [
        json.loads((tmp_path / "fake-own" / name / "seed-0.json").read_text())
        for name in ("VBPR", "VBPR+separate", "ItemKNN")
    ]
    assert [cell["setting"] for cell in cells] == [
        {"inner_steps": 1, "embedding_dim": 8},
        {"inner_steps": 1, "embedding_dim": 8, "separate.sample_size": 16},
        {"k": 7},
    ]
    assert cells[0]["arguments"]["embedding_dim"] == 8
    assert cells[1]["arguments"]["backbone"]["embedding_dim"] == 8
    assert cells[2]["arguments"]["k"] == 7


def test_cells_of_another_preset_are_refused(script, tmp_path, capsys, monkeypatch):
    common = ["--data", "fake", "--seeds", "0", "--epochs", "1", "--out", str(tmp_path)]
    common += ["--models", "SEA:tuned", "--trials", "0"]
    assert script.main(common) == 0
    path = tmp_path / "fake-own" / "SEA-tuned" / "seed-0.json"
    before = path.read_bytes()
    assert json.loads(before)["request"]["preset"]["walk_weight"] == 12
    assert script.main(common) == 0
    own = script.models.SEA.preset_arguments
    changed = classmethod(lambda cls, *names: own(*names) | {"walk_weight": 13.0})
    monkeypatch.setattr(script.models.SEA, "preset_arguments", changed)
    assert script.main(common) != 0
    assert "was started with preset=" in capsys.readouterr().err
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "entry, message",
    [
        ("MICRO.contrast=batch", "did you mean 'MICRO.contrast_on'"),
        ("separate.sample=1", "did you mean 'separate.sample_size'"),
        ("seed=1", "other than seed"),
        ("batch_size", "OPTION=VALUE"),
        ("embedding_dim=32", "no option of training"),
        ("lr=-1", "lr must lie in (0, inf)"),
    ],
)
def test_wrong_options_for_all_models(script, entry, message, capsys):
    with pytest.raises(SystemExit):
        script.main(["--smoke", "--set", entry])
    assert message in capsys.readouterr().err


def test_data_without_features_has_no_rows_of_models_that_read_them(
    script, tmp_path, monkeypatch, capsys
):
    interactions = tmp_path / "data" / "plain"
    interactions.mkdir(parents=True)
    lines = ["userID\titemID\tx_label"]
    for user in range(30):
        lines += [f"{user}\t{(user + shift) % 30}\t{shift % 3}" for shift in range(6)]
    (interactions / "plain.inter").write_text("\n".join(lines) + "\n")
    import grid_work

    monkeypatch.setattr(grid_work, "DATA", tmp_path / "data")
    out = tmp_path / "out"
    models = "SEA:tuned,VBPR+separate,Popularity,BPRMF"
    options = ["--data", "plain", "--models", models, "--seeds", "0", "--epochs", "1"]
    assert script.main([*options, "--trials", "0", "--out", str(out)]) == 0
    assert {p.name for p in (out / "plain-own").iterdir()} == {"Popularity", "BPRMF"}
    said = capsys.readouterr().err
    assert "plain has no item features: SEA:tuned is left out there" in said
    assert "VBPR+separate is left out" in said


def test_what_is_named_twice_is_trained_once(script, tmp_path, capsys):
    options = ["--data", "fake", "--models", "BPRMF,bprmf", "--seeds", "0", "--trials"]
    options += ["0", "--epochs", "2", "--split", "own,own", "--out", str(tmp_path)]
    assert script.main(options) == 0
    assert capsys.readouterr().err.count("BPRMF, seed 0 ...") == 1


@pytest.mark.parametrize("option", ["--epochs", "--threads", "--jobs"])
def test_a_slip_does_not_claim_the_folder(script, tmp_path, option, capsys):
    options = ["--data", "fake", "--models", "BPRMF", "--trials", "0", "--seeds", "0"]
    options += ["--out", str(tmp_path / "grid")]
    assert script.main([*options, option, "0"]) == 2
    assert f"{option[2:]} must be at least 1 (got 0)" in capsys.readouterr().err
    assert not (tmp_path / "grid" / "fake-own" / "BPRMF").exists()


def test_options_that_bound_each_other_can_be_given(script):
    grid_work = sys.modules["grid_work"]
    fixed = grid_work.parse_fixed(["metric=recall@5", "eval_k=[5,20]"])
    assert fixed["metric"] == "recall@5"
    assert list(fixed["eval_k"]) == [5, 20]


@pytest.mark.parametrize(
    "text, found",
    [
        ("lfm2k", ("lfm2k", None)),
        ("lfm2k:", ("lfm2k", None)),
        ("lfm2k:text+audio", ("lfm2k", ["text", "audio"])),
        ("/mnt/a:b/lfm2k", ("/mnt/a:b/lfm2k", None)),
        ("/mnt/a:b/lfm2k:text", ("/mnt/a:b/lfm2k", ["text"])),
        ("C:\\data\\lfm2k", ("C:\\data\\lfm2k", None)),
        ("C:\\data\\lfm2k:text+audio", ("C:\\data\\lfm2k", ["text", "audio"])),
    ],
)
def test_colons_in_paths_are_before_no_modalities(script, text, found):
    assert script.parse_data(text) == found


def test_a_folder_with_a_colon_is_taken_whole(script, tmp_path, monkeypatch):
    for name in ("a:b", "a:b:text"):
        (tmp_path / name).mkdir()
        assert script.parse_data(str(tmp_path / name)) == (str(tmp_path / name), None)
    monkeypatch.setattr(sys.modules["grid_work"], "DATA", tmp_path)
    assert script.parse_data("a:b") == ("a:b", None)
    assert script.parse_data("a:b:image") == ("a:b", ["image"])


def test_options_reach_every_cell(script, tmp_path, monkeypatch, capsys):
    found = []

    def grid(options):
        found[:] = script.plan(options)[0]
        return 0

    monkeypatch.setattr(script, "grid", grid)
    common = ["--data", "fake", "--models", "BPRMF", "--out", str(tmp_path)]
    options = ["--seeds", "3,1", "--trial-epochs", "7", "--threads", "2"]
    assert script.main([*common, *options]) == 0
    assert [(u.seed, u.tuning_seed) for u in found] == [(3, 3), (1, 3)]
    assert {(u.epochs, u.trial_epochs, u.threads) for u in found} == {(1000, 7, 2)}
    assert script.main(common) == 0
    assert [(u.seed, u.trials) for u in found] == [(seed, 10) for seed in range(5)]
    assert {u.trial_epochs for u in found} == {1000}
    assert script.main([*common, "--trial-epochs", "0"]) == 2
    assert "trial_epochs must be at least 1" in capsys.readouterr().err


@pytest.mark.parametrize("method", ["SEA", "SEA:tuned", "VBPR+separate"])
def test_what_is_searched_is_the_method_s_own_space(script, tmp_path, method):
    options = ["--data", "fake", "--models", method, "--seeds", "0", "--trials", "1"]
    options += ["--epochs", "1", "--set", "lr=0.01", "--out", str(tmp_path)]
    assert script.main(options) == 0
    folder = tmp_path / "fake-own" / method.replace(":", "-")
    plain = json.loads((folder / "seed-0.json").read_text())
    space = SEARCH_SPACES[method.removesuffix("+separate")]
    assert set(plain["request"]["space"]) == set(space)
    trials = json.loads((folder / "trials" / "search.json").read_text())
    assert set(trials["space"]) == set(space) - {"lr"}  # which is given


def test_a_model_of_one_s_own_is_compared(script, tmp_path, monkeypatch, capsys):
    module = f"own_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{module}.py").write_text(
        "from sea_pyg.nn.models import BPRMF\n\n\nclass Mine(BPRMF):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    name = f"{module}.Mine"
    out = tmp_path / "out"
    common = ["--data", "fake", "--seeds", "0", "--epochs", "1", "--out", str(out)]
    common += ["--models", f"BPRMF,{name}"]
    untuned = [*common, "--trials", "0", "--set", "Mine.embedding_dim=8"]
    assert script.main(untuned) == 0
    cell = json.loads((out / "fake-own" / name / "seed-0.json").read_text())
    assert (cell["method"], cell["arguments"]["embedding_dim"]) == (name, 8)
    assert name in (out / "table.md").read_text()
    tuned = [*common[:-4], "--out", str(tmp_path / "tuned"), "--models", name]
    assert script.main([*tuned, "--trials", "1"]) == 1
    assert "no search space for 'Mine'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        script.main([*common, "--models", f"{module}_none.Mine"])
    assert f"no module '{module}_none'" in capsys.readouterr().err


def test_options_of_classes_of_one_name(script, tmp_path, monkeypatch, capsys):
    module = f"own_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{module}.py").write_text(
        "import sea_pyg.nn.models as m\n\n\nclass BPRMF(m.BPRMF):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    own = script.models.resolve(f"{module}.BPRMF")
    library = script.models.BPRMF
    prefixes = script.option_prefixes([library, own])
    assert prefixes == {"BPRMF.": library, f"{module}.BPRMF.": own}
    fixed = script.parse_fixed(
        ["lr=0.1", "BPRMF.embedding_dim=8", f"{module}.BPRMF.embedding_dim=4"],
        [library, own],
    )
    for model, width in ((library, 8), (own, 4)):
        found = script.fixed_of(model, False, fixed, prefixes)
        assert found == {"lr": 0.1, "embedding_dim": width}
