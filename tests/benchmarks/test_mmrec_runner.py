"""MMRec's models in the grid, with a stand-in for MMRec."""

import copy
import importlib
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from sea_pyg.datasets import FakeMultimodalDataset, MMRecDataset, load_splits
from sea_pyg.transforms import LabelSplit, MaskModality, RandomUserSplit
from sea_pyg.typing import RATES
from tests.benchmarks.fake_mmrec import make_checkout

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
BASE = ["--data", "fake", "--seeds", "0,1", "--epochs", "4", "--trials", "0"]


@pytest.fixture(scope="module")
def compare(on_path: None) -> ModuleType:
    return importlib.import_module("compare")


@pytest.fixture(scope="module")
def runner(on_path: None) -> ModuleType:
    return importlib.import_module("mmrec_runner")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return make_checkout(tmp_path / "MMRec")


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        path.relative_to(folder).as_posix(): (
            path.read_bytes() if path.is_file() else b"",
            path.stat().st_mtime_ns,
        )
        for path in [folder, *folder.rglob("*")]
    }


def cell(folder: Path, method: str, seed: int = 0) -> dict:
    path = folder / "fake-own" / method / f"seed-{seed}.json"
    return json.loads(path.read_text(encoding="utf-8"))


# The export


def test_export_is_read_as_it_was(runner, tmp_path):
    splits = load_splits("fake")
    runner.export_mmrec(splits, tmp_path / "data")
    found = LabelSplit()(MMRecDataset(tmp_path / "data")[0])
    for before, after in zip(splits, found, strict=True):
        for key in ("edge_index", "edge_label_index"):
            pairs = [sorted(g[RATES][key].t().tolist()) for g in (before, after)]
            assert pairs[0] == pairs[1]
        assert set(after["item"].keys()) >= {"x_image", "x_text"}
        for key in ("x_image", "x_text"):
            assert torch.equal(before["item"][key], after["item"][key])


@pytest.mark.parametrize(
    "names, roles",
    [
        (["image", "text"], {"image": "image", "text": "text"}),
        (["lyrics", "audio"], {"text": "lyrics", "image": "audio"}),
        (["audio"], {"text": "audio"}),
        (["image"], {"image": "image"}),
        (["image", "audio"], {"image": "image", "text": "audio"}),
        (["audio", "text"], {"text": "text", "image": "audio"}),
        ([], {}),
    ],
)
def test_roles(runner, names, roles):
    assert runner.export.modality_roles(names) == roles


def test_other_names_take_the_roles_in_order(runner, tmp_path):
    splits = RandomUserSplit()(
        FakeMultimodalDataset(in_channels={"lyrics": 5, "audio": 3})[0]
    )
    runner.export_mmrec(splits, tmp_path / "both", ["lyrics", "audio"])
    x = np.load(tmp_path / "both" / "text_feat.npy")
    assert np.array_equal(x, splits[0]["item"].x_lyrics)
    x = np.load(tmp_path / "both" / "image_feat.npy")
    assert np.array_equal(x, splits[0]["item"].x_audio)
    runner.export_mmrec(splits, tmp_path / "one", ["audio"])
    names = {path.name for path in (tmp_path / "one").iterdir()}
    assert names == {"one.inter", "text_feat.npy"}


def test_items_without_a_modality_get_the_mean(runner, tmp_path):
    data = MaskModality({"text": 0.3})(FakeMultimodalDataset()[0])
    splits = RandomUserSplit()(data)
    runner.export_mmrec(splits, tmp_path)
    x = torch.from_numpy(np.load(tmp_path / "text_feat.npy"))
    item = splits[0]["item"]
    mask = item.mask_text
    assert 0 < int(mask.sum()) < mask.numel()
    assert torch.equal(x[mask], item.x_text[mask])
    mean = item.x_text[mask].mean(dim=0)
    torch.testing.assert_close(x[~mask], mean.expand_as(x[~mask]))


def test_the_last_item_is_named_in_no_split(runner, tmp_path):
    splits = [copy.copy(split) for split in load_splits("fake")]
    last = splits[0]["item"].num_nodes - 1
    for split in splits:
        store = split[RATES]
        for key in ("edge_index", "edge_label_index"):
            store[key] = store[key][:, store[key][1] < last]
    runner.export_mmrec(tuple(splits), tmp_path)
    table = np.loadtxt(next(tmp_path.glob("*.inter")), skiprows=1, dtype=int)
    assert table[:, 1].max() == last
    assert table[table[:, 1] == last][:, 2].tolist() == [3]


# The output

METRICS = "recall@20: {:.4f}    ndcg@20: 0.1000    "


def output(*epochs: tuple[float, float], final: int = 0) -> str:
    lines = []
    for number, (valid, test) in enumerate(epochs):
        lines += [
            f"01 Jan 10:00 INFO epoch {number} evaluating [time: 1.00s, "
            f"valid_score: {valid:f}]",
            "01 Jan 10:00 INFO valid result: ",
            METRICS.format(valid),
            "01 Jan 10:00 INFO test result: ",
            METRICS.format(test),
        ]
    valid, test = epochs[final]
    lines.append("01 Jan 10:00 INFO best valid result: " + METRICS.format(valid))
    lines.append("01 Jan 10:00 INFO test result: " + METRICS.format(test))
    return "\n".join(lines)


def test_the_first_best_validation_epoch_counts(runner):
    text = output((0.1, 0.5), (0.3, 0.2), (0.3, 0.4), (0.2, 0.9), final=1)
    found = runner.parse_output(text)
    assert found.best_epoch == 2
    assert found.epochs == 4
    assert found.test == {"recall@20": 0.2, "ndcg@20": 0.1}
    assert found.valid["recall@20"] == 0.3
    assert found.parameters is None
    assert [row["val/recall@20"] for row in found.history] == [0.1, 0.3, 0.3, 0.2]


def test_results_of_another_epoch_are_refused(runner):
    text = output((0.1, 0.5), (0.3, 0.2), final=0)
    with pytest.raises(runner.MMRecError, match="other results than those of epoch 2"):
        runner.parse_output(text)


def test_several_settings_and_other_metrics_are_refused(runner):
    text = output((0.1, 0.5))
    with pytest.raises(runner.MMRecError, match=r"got 2, 2 and 2"):
        runner.parse_output(f"{text}\n{text}")
    with pytest.raises(runner.MMRecError, match="no valid recall@20"):
        runner.parse_output(text.replace("recall@20", "recall@5"))
    with pytest.raises(runner.MMRecError, match="got 1, 0 and 1"):
        runner.parse_output(text.replace("best valid", "the best"))


# Models and options


def test_options_of_a_model(runner, checkout):
    found = runner.Checkout(checkout)
    method = runner.Method.parse("Toy:learning_rate=1e-3+reg_weight=0.5")
    assert method.fixed == {"learning_rate": 0.001, "reg_weight": 0.5}
    assert method.name == "MMRec:Toy:learning_rate=1e-3+reg_weight=0.5"
    assert runner.Method.parse(method.name) == method
    assert found.proposals(method, 9) == [
        {"reg_weight": 0.5, "mode": "a", "learning_rate": 0.001}
    ]
    free = runner.Method.parse("Toy")
    settings = found.proposals(free, 9)
    assert [setting["reg_weight"] for setting in settings[:1]] == [0.1]
    assert {setting["reg_weight"] for setting in settings} == {0.1, 0.0, 0.01}
    assert found.proposals(free, 2) == found.proposals(free, 9)[:2]


@pytest.mark.parametrize(
    "text, message",
    [
        ("Toi", "no model 'Toi'; choose from Crash"),
        ("Toy:reg_wait=1", "did you mean 'reg_weight'"),
        ("Toy:seed=1", "is set by the grid"),
        ("Toy:reg_weight", "expected MODEL or MODEL:key=value"),
        ("Toy:reg_weight=[64", "is no value in YAML"),
        ("Toy:reg_weight=*x", "is no value in YAML"),
    ],
)
def test_wrong_models_and_options(runner, checkout, text, message):
    with pytest.raises(runner.MMRecError, match=message):
        runner.Checkout(checkout).space(runner.Method.parse(text))


def test_commas_within_a_list_part_no_models(compare, checkout):
    options = SimpleNamespace(
        mmrec_root=checkout,
        mmrec_models="Toy:reg_weight=[0.1,0.2]+mode=a,Toy:reg_weight=[0.1,Toy",
        fixed={},
    )
    methods, problems = compare.plan_mmrec(options)
    assert list(methods) == ["MMRec:Toy:reg_weight=[0.1,0.2]+mode=a", "MMRec:Toy"]
    assert len(problems) == 1
    assert "is no value in YAML" in problems[0]


# The grid


def test_grid(compare, checkout, tmp_path, capsys):
    before = files(checkout)
    out = tmp_path / "out"
    command = [*BASE, "--models", "EASE,Popularity", "--trials", "3"]
    command += ["--out", str(out), "--mmrec-root", str(checkout)]
    command += ["--mmrec-models", "Toy,Plain:reg_weight=0"]
    assert compare.main(command) == 0
    assert files(checkout) == before

    folder = out / "fake-own"
    found = cell(out, "MMRec-Toy", 1)
    # 0.1 is best in test, and 0 in validation; epoch 4 in test, and 2 in validation.
    assert found["setting"] == {"reg_weight": 0.0, "mode": "a"}
    assert found["best_epoch"] == 2
    assert found["valid"]["recall@20"] == pytest.approx(0.33)
    assert found["test"]["recall@20"] == pytest.approx(0.24)
    assert found["test"]["recall@10"] == pytest.approx(0.23)
    assert found["parameters"] == 1234
    assert found["per_user"] is None
    assert len(found["trials"]) == 3
    assert found["mmrec"]["packages"]["numpy"] == np.__version__
    fingerprint = cell(out, "EASE")["data_fingerprint"]
    assert found["data_fingerprint"] == fingerprint

    text = (folder / "MMRec-Toy" / "seed-1.log").read_text(encoding="utf-8")
    given = json.loads(text.partition("Given: ")[2].partition("\n")[0])
    assert given["files"] == ["data.inter", "image_feat.npy", "text_feat.npy"]
    assert given["header"] == ["userID", "itemID", "x_label"]
    config = given["config"]
    assert (config["seed"], config["epochs"], config["topk"]) == ([1], 4, [10, 20])
    assert (config["reg_weight"], config["mode"]) == ([0.0], ["a"])

    # Without training: one epoch and one seed; without features: no such files.
    plain = folder / "MMRec-Plain-reg_weight=0"
    assert [path.name for path in plain.glob("seed-?.json")] == ["seed-0.json"]
    text = (plain / "seed-0.log").read_text(encoding="utf-8")
    given = json.loads(text.partition("Given: ")[2].partition("\n")[0])
    assert given["files"] == ["data.inter"]
    assert given["config"]["epochs"] == 1
    assert not [*out.rglob("*.work")]

    table = (out / "table.md").read_text()
    row = next(line for line in table.splitlines() if "| MMRec:Toy |" in line)
    assert row.startswith("| recall@20 | MMRec:Toy | 2 | 0.2350 | - | 0.0071 |")
    assert row.endswith("| - | - | - | not tested |")
    assert "prints means of four decimals alone" in table
    assert "| none | reg_weight=0 | [0](fake-own/MMRec-Toy/seed-0.json)" in table

    done = files(out)
    capsys.readouterr()
    assert compare.main(command) == 0
    assert files(out).keys() == done.keys()
    cells = [name for name in done if name.startswith("fake-own/")]
    assert {n: files(out)[n] for n in cells} == {n: done[n] for n in cells}
    assert "..." not in capsys.readouterr().err

    (checkout / "src" / "models" / "toy.py").write_text("changed = True\n")
    assert compare.main(command) == 2
    assert "mmrec_source" in capsys.readouterr().err


def test_a_finished_cell_needs_its_search_no_more(compare, checkout, tmp_path, capsys):
    out = tmp_path / "out"
    command = [*BASE, "--models", "", "--trials", "2", "--out", str(out)]
    command += ["--mmrec-root", str(checkout), "--mmrec-models", "Toy"]
    assert compare.main(command) == 0
    trials = out / "fake-own" / "MMRec-Toy" / "trials"
    (trials / "trial-001.json").write_text("{")
    assert compare.main(command) == 1
    assert "trial-001.json' is damaged" in capsys.readouterr().err
    shutil.rmtree(trials)
    before = files(out / "fake-own")
    assert compare.main(command) == 0
    assert files(out / "fake-own") == before


def test_what_fails_is_said_and_the_rest_goes_on(compare, checkout, tmp_path, capsys):
    before = files(checkout)
    out = tmp_path / "out"
    command = [*BASE, "--models", "EASE", "--out", str(out)]
    command += ["--mmrec-root", str(checkout), "--mmrec-timeout", str(4 / 3600)]
    command += ["--mmrec-models", "Crash,Cuda,Import,Silent,Slow,Unknown,Toy"]
    assert compare.main(command) == 1
    lines = capsys.readouterr().err.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    assert len(errors) == 6  # every model once, not once per seed
    expected = {
        "Unknown": ["no model 'Unknown'", "choose from Crash"],
        "Crash": ["exit code 1 (KeyError: 'graph')", "requirements.txt", "seed-0.log"],
        "Cuda": ["not compiled with CUDA", "needs a GPU"],
        "Import": ["not_installed_here", "install it for", "--mmrec-python"],
        "Silent": ["expected lines 'epoch N evaluating'", "got 0, 0 and 0"],
        "Slow": ["did not end within", "--mmrec-timeout", "seed-0.log"],
    }
    for (name, parts), error in zip(expected.items(), errors, strict=True):
        for part in parts:
            assert part in error, name
    assert cell(out, "MMRec-Toy", 1)["test"]
    assert cell(out, "EASE")["test"]
    assert "MMRec:Toy" in (out / "table.md").read_text()
    assert files(checkout) == before
    assert not [*out.rglob("*.work")]


def test_no_checkout_and_no_interpreter(compare, checkout, tmp_path, capsys):
    command = [*BASE, "--models", "EASE", "--out", str(tmp_path / "a")]
    assert compare.main([*command, "--mmrec-root", str(tmp_path / "none")]) == 1
    error = capsys.readouterr().err
    assert "is no checkout of MMRec: expected src/main.py" in error
    assert "https://github.com/enoche/MMRec" in error
    assert cell(tmp_path / "a", "EASE")["test"]

    command += ["--mmrec-root", str(checkout), "--mmrec-models", "Toy"]
    assert compare.main([*command, "--mmrec-python", str(tmp_path / "python")]) == 1
    assert "cannot be started (No such file or directory)" in capsys.readouterr().err


def test_programs_that_end_early_and_well(compare, checkout, tmp_path, capsys):
    command = [*BASE, "--models", "EASE", "--mmrec-root", str(checkout)]
    command += ["--mmrec-models", "Toy,Plain", "--out"]
    other = [*command, str(tmp_path / "a"), "--mmrec-python", "/bin/true"]
    assert compare.main(other) == 1
    lines = capsys.readouterr().err.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    assert len(errors) == 2
    for name, error in zip(("Toy", "Plain"), errors, strict=True):
        assert f"has not run MMRec's {name}; name a Python that has what" in error
    assert cell(tmp_path / "a", "EASE")["test"]
    assert "EASE" in (tmp_path / "a" / "table.md").read_text()

    usage = 'import sys\nprint("usage: main.py FILE")\nsys.exit(0)\n'
    (checkout / "src" / "main.py").write_text(usage)
    assert compare.main([*command, str(tmp_path / "b")]) == 1
    lines = capsys.readouterr().err.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    assert len(errors) == 2
    for error in errors:
        assert "its output is not of the form that is understood" in error
    assert cell(tmp_path / "b", "EASE")["test"]
    assert not [*tmp_path.rglob("*.work")]


def test_options_of_training_are_not_for_mmrec(compare, checkout, tmp_path, capsys):
    command = [*BASE, "--models", "BPRMF", "--mmrec-root", str(checkout)]
    command += ["--mmrec-models", "Plain", "--out", str(tmp_path / "out")]
    command += [
        "--epochs",
        "1",
        "--set",
        "batch_size=64",
        "--set",
        "VBPR.reg_weight=0.1",
    ]
    assert compare.main(command) == 0
    lines = capsys.readouterr().err.splitlines()
    (line,) = [line for line in lines if line.startswith("--set")]
    assert line.startswith("--set batch_size: MMRec's models do not take part in it")
    assert "--mmrec-models MODEL:key=value" in line
    assert cell(tmp_path / "out", "MMRec-Plain")["setting"]["mode"] == "a"


def test_only_mmrec(compare, checkout, tmp_path):
    command = [*BASE, "--models", "", "--out", str(tmp_path / "out")]
    command += ["--mmrec-root", str(checkout), "--mmrec-models", "Toy:reg_weight=0"]
    assert compare.main(command) == 0
    table = (tmp_path / "out" / "table.md").read_text()
    row = "| recall@20 | MMRec:Toy:reg_weight=0 | 2 | 0.2350 | - | 0.0071 | - |"
    assert row in table


def test_one_tested_method_is_the_reference_and_stands_first(
    compare, checkout, tmp_path
):
    command = [*BASE, "--models", "EASE", "--out", str(tmp_path / "out")]
    command += ["--mmrec-root", str(checkout)]
    command += ["--mmrec-models", "Toy:reg_weight=1,Toy:reg_weight=0"]
    assert compare.main(command) == 0
    table = (tmp_path / "out" / "table.md").read_text()
    rows = [r.split(" | ") for r in table.splitlines() if r.startswith("| recall@20")]
    names = [row[1] for row in rows]
    # The larger penalty is better in test.
    assert names == ["EASE", "MMRec:Toy:reg_weight=1", "MMRec:Toy:reg_weight=0"]
    assert rows[0][-1] == "reference |"
    assert ".." in rows[0][4]
    assert [row[4] for row in rows[1:]] == ["-", "-"]
    assert "best baseline in validation recall@20 that can be tested." in table


def test_a_diverged_trial_is_not_chosen(compare, checkout, tmp_path):
    out = tmp_path / "out"
    command = [*BASE, "--models", "", "--trials", "2", "--seeds", "0"]
    command += ["--out", str(out), "--mmrec-root", str(checkout)]
    assert compare.main([*command, "--mmrec-models", "Diverging"]) == 0
    found = cell(out, "MMRec-Diverging")
    first, second = found["trials"]
    assert first["value"] is None
    assert "NaN" in first["error"]
    assert found["setting"] == second["setting"]


def test_three_modalities(runner, checkout, tmp_path):
    data = FakeMultimodalDataset(in_channels={"a": 3, "b": 3, "c": 3})[0]
    splits = RandomUserSplit()(data)
    known = runner.Checkout(checkout)
    run = runner.Runner(known, sys.executable, 60.0, 1, splits)
    setting = {"reg_weight": 0.0, "mode": "a"}
    with pytest.raises(runner.MMRecError, match=r"two modalities.*NAME:a\+b"):
        run.run("Toy", setting, 0, 1, tmp_path / "a.log")
    found = run.run("Plain", setting, 0, 1, tmp_path / "b.log")  # needs none
    assert found.result.epochs == 1


def test_the_process_ends_with_its_parent(checkout, tmp_path):
    (tmp_path / "configs").symlink_to(checkout / "src" / "configs")
    (checkout / "src" / "configs" / "dataset" / "data.yaml").write_text("{}")
    job = {"source": str(checkout / "src"), "model": "Slow", "dataset": "data"}
    (tmp_path / "job.json").write_text(json.dumps({**job, "options": {}}))
    command = [sys.executable, str(BENCHMARKS / "mmrec_runner/shim.py"), "job.json"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        assert process.stdin is not None
        assert b"waiting" in process.stderr.readline()
        start = time.monotonic()
        process.stdin.close()
        assert process.wait(30) == 1
        assert time.monotonic() - start < 30


@pytest.mark.slow
def test_jobs(compare, checkout, tmp_path, capsys):
    out = tmp_path / "out"
    command = [*BASE, "--models", "EASE", "--trials", "2", "--jobs", "2"]
    command += ["--out", str(out), "--mmrec-root", str(checkout)]
    assert compare.main([*command, "--mmrec-models", "Crash,Toy"]) == 1
    assert capsys.readouterr().err.count("error: ") == 1
    assert cell(out, "MMRec-Toy", 1)["test"]
    assert cell(out, "EASE")["test"]
