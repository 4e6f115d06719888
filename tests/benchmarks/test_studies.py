"""That every study measures what its table says."""

import hashlib
import inspect
import json
import math
import re
import shutil
from pathlib import Path

import pytest
import torch

from sea_pyg.nn.models import SEA
from sea_pyg.report import load_cell, load_cells, study_sections
from sea_pyg.training import load_tensors, save_tensors

STUDIES = ["ablation", "tuned", "modes", "sensitivity", "modalities"]
STUDIES += ["curves", "embeddings", "information", "score"]


@pytest.fixture(scope="module")
def script(on_path):
    import studies

    return studies


@pytest.fixture(scope="module")
def smoke(script, tmp_path_factory):
    folder = tmp_path_factory.mktemp("studies")
    assert script.main(["--smoke", "--out", str(folder)]) == 0
    return folder


def _cell(folder, key):
    return load_cell(folder / "cells" / key / "seed-0.json").plain


def _losses(folder, key):
    row = _cell(folder, key)["history"][0]
    return {name: value for name, value in row.items() if name.startswith("loss/")}


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(".time.json")
    }


def test_every_study_has_its_files(smoke):
    for study in STUDIES:
        assert (smoke / f"{study}.md").read_text().startswith("| ")
        assert (smoke / f"{study}.svg").read_text().startswith("<?xml")
    assert not list(smoke.rglob("*.work"))


def test_every_row_has_its_numbers_in_full(smoke):
    (section,) = study_sections(load_cells(smoke))
    assert [study.name for study in section.studies] == sorted(STUDIES)
    for study in section.studies:
        tables = [block for block in study.blocks() if isinstance(block, list)]
        plain = study.plain()
        assert len(tables) == len(plain)
        for (_, *rows), entries in zip(tables, plain.values(), strict=True):
            for row, entry in zip(rows, entries, strict=True):
                assert all((smoke / path).is_file() for path in entry["cells"])
                named = [
                    f"{v:g}" if isinstance(v, float) else v for v in entry.values()
                ]
                assert row[0] in named[:2]  # the metric, the variant, or a weight
    ablation = json.loads((smoke / "ablation.json").read_text())
    (row,) = (
        row
        for row in ablation["rows"]
        if row["method"] == "l2" and row["metric"] == "recall@20"
    )
    assert row["mean"] == pytest.approx(_cell(smoke, "l2")["test"]["recall@20"])
    assert row["cells"] == ["cells/l2/seed-0.json"]


def test_variants_of_another_version_are_named(script, smoke, tmp_path):
    folder = tmp_path / "studies"
    shutil.copytree(smoke, folder)
    path = folder / "cells" / "l2" / "seed-0.json"
    plain = json.loads(path.read_text())
    plain["environment"]["code"] = "0" * 64
    path.write_text(json.dumps(plain))
    assert script.main(["ablation", "--smoke", "--out", str(folder)]) == 0
    text = (folder / "ablation.md").read_text()
    assert "by the version of the library that trained SEA, which can make" in text
    assert text.rstrip().endswith(": l2.")
    assert "Not all trained" not in (smoke / "ablation.md").read_text()


def test_ablations_take_away_what_they_say(smoke):
    full = _losses(smoke, "SEA")
    assert full["loss/distance"] != 0
    assert full["loss/alignment"] != 0
    assert full["loss/estimator"] != 0
    for key, distance, alignment in [
        ("without-split", False, False),
        ("without-distance", False, True),
        ("without-SoloSim", True, False),
        ("subtraction", False, True),
    ]:
        found = _losses(smoke, key)
        assert (found["loss/distance"] != 0) == distance
        assert (found["loss/alignment"] != 0) == alignment
        assert ("loss/estimator" in found) == distance


def test_ablations_have_the_distance_they_say(smoke):
    beta = _cell(smoke, "SEA")["arguments"]["beta"]
    assert _losses(smoke, "l2")["loss/distance"] < 0
    assert 0 < _losses(smoke, "orthogonal")["loss/distance"] < beta
    linear = _losses(smoke, "linear-q")
    assert "loss/estimator" not in linear
    assert linear["loss/distance"] > 0
    arguments = _cell(smoke, "linear-q")["arguments"]
    assert arguments["distance_kwargs"] == {"conditional": "linear"}


def test_variants_are_distinct_models(smoke):
    """No two of them train alike, subtraction and no distance neither.

    The correction is of the score alone, and a collapsed projection is the square one
    where features are narrow.
    """
    paths = [cell.path for cell in load_cells(smoke / "cells")]
    assert len(paths) == 36
    alike = re.compile("correction|^collapsed$|exact-projection")
    trained = [path for path in paths if not alike.search(path.parent.name)]
    assert len(trained) == 32
    histories = {json.dumps(load_cell(path).plain["history"]) for path in trained}
    assert len(histories) == len(trained)


def test_options_of_the_preset_are_one_switch_away(script, smoke):
    full, *others = script.plan("tuned", ["image", "text"])
    assert (full.key, full.setting) == ("SEA-tuned", {})
    base = _cell(smoke, full.key)
    parts = {"loss/softmax", "loss/distance", "loss/alignment", "loss/total"}
    assert set(_losses(smoke, full.key)) == parts
    switches = []
    for variant in others[:-1]:
        cell = _cell(smoke, variant.key)
        changed = {
            name: value
            for name, value in cell["arguments"].items()
            if value != base["arguments"][name]
        }
        assert changed == {k: v for k, v in variant.setting.items() if k in changed}
        assert changed
        switches.append(json.dumps(changed, sort_keys=True))
    assert len(set(switches)) == len(others) - 1
    for key, distance, alignment in [
        ("tuned-without-separate-learning", False, False),
        ("tuned-without-distance", False, True),
        ("tuned-without-SoloSim", True, False),
    ]:
        found = _losses(smoke, key)
        assert (found["loss/distance"] != 0) == distance
        assert (found["loss/alignment"] != 0) == alignment
    assert "loss/bpr" in _losses(smoke, "tuned-with-BPR")
    without = _cell(smoke, "tuned-without-id-embedding")
    assert without["parameters"] < base["parameters"]


def test_every_departure_of_the_preset_has_an_ablation(script):
    _, *others = script.plan("tuned", ["image", "text"])
    arguments = inspect.signature(SEA).parameters
    preset = SEA.preset_arguments("tuned", ["image", "text"])
    varied: dict[str, list[object]] = {}
    for variant in others[:-1]:
        for name, value in variant.setting.items():
            if value != preset.get(name, arguments[name].default):
                varied.setdefault(name, []).append(value)
    departures = {k for k, v in preset.items() if v != arguments[k].default}
    assert departures >= {"ranking_candidates", "distance_kwargs", "walk_weight"}
    assert departures <= set(varied)
    assert {"ranking_temperature", "walk_k"} <= set(varied)


def test_modes_are_forms_of_one_model(smoke):
    full, collapsed, fast = (
        _cell(smoke, key)["arguments"] for key in ("SEA", "collapsed", "SEA-fast")
    )
    assert (full["collapsed"], collapsed["collapsed"]) == (False, True)
    assert {**collapsed, "collapsed": False} == full
    assert fast["collapsed"]
    assert fast["separate_items"] == "batch"


def test_options_of_training_reach_every_variant(script, tmp_path):
    options = ["modes", "--smoke", "--set", "batch_size=64", "--out", str(tmp_path)]
    assert script.main(options) == 0
    for key in ("SEA", "collapsed", "SEA-fast"):
        assert _cell(tmp_path, key)["training"]["batch_size"] == 64


def test_some_variants_are_tested_against_the_reference(script, tmp_path, capsys):
    common = ["modes", "--smoke", "--out", str(tmp_path), "--variants"]
    assert script.main([*common, "SEA-fast"]) == 0
    found = sorted(path.name for path in (tmp_path / "cells").iterdir())
    assert found == ["SEA", "SEA-fast"]
    kept = [path.parent.name for path in tmp_path.rglob("*.model.safetensors")]
    assert kept == ["SEA"]  # others are not measured
    assert "collapsed" not in (tmp_path / "modes.md").read_text()
    assert script.main([*common, "SEA-fats"]) == 2
    assert "did you mean 'SEA-fast'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        script.main(["all", "--out", str(tmp_path), "--variants", "SEA-fast"])
    assert "of one study" in capsys.readouterr().err
    # What was made before stays in the table.
    assert script.main([*common, "collapsed"]) == 0
    table = (tmp_path / "modes.md").read_text()
    assert "SEA:fast" in table
    assert "collapsed" in table


def test_the_reference_of_settings_is_the_default(script):
    """Not the first value, which is the smallest one."""
    every = script.plan("sensitivity", ["image", "text"])
    assert every[0].key == "alpha=0.00012"
    some = script.some(every, ["k=40"])
    assert [variant.key for variant in some] == ["SEA"] * 4 + ["k=40"]


def test_the_default_of_every_setting_is_trained_once(script, tmp_path, capsys):
    options = ["sensitivity", "--smoke", "--out", str(tmp_path), "--variants", "k=40"]
    assert script.main(options) == 0
    cells = [line for line in capsys.readouterr().err.splitlines() if "seed 0" in line]
    assert cells == ["fake, SEA, seed 0 ...", "fake, k=40, seed 0 ..."]
    table = (tmp_path / "sensitivity.md").read_text()
    for name in ("alpha | 0.012", "beta | 0.006", "temperature | 0.046", "k | 40"):
        assert f"| {name} | " in table


def test_ablations_are_tested_against_the_full_model(smoke):
    rows = [
        line.split(" | ") for line in (smoke / "ablation.md").read_text().split("\n")
    ]
    reference = [row[1] for row in rows if row[-1].startswith("reference")]
    assert reference == ["SEA", "SEA"]
    assert sum(row[0] == "| recall@20" for row in rows) == 8


def test_sensitivity_changes_one_setting_at_a_time(script):
    found = script.plan("sensitivity", ["audio", "text"])
    assert len(found) == 19
    defaults = SEA(4, 5, {"text": 4}).hparams()
    for variant in found:
        assert set(variant.setting) <= {variant.parameter}
        value = variant.setting.get(variant.parameter, variant.value)
        assert value == variant.value
        assert (value == defaults[variant.parameter]) == (not variant.setting)
        assert type(value) is type(defaults[variant.parameter])
    for name in ("alpha", "beta", "temperature", "k"):
        assert sum(not v.setting for v in found if v.parameter == name) == 1


def test_modalities_alone_in_pairs_and_together(script, smoke):
    found = [v.label for v in script.plan("modalities", ["a", "b", "c"])]
    assert found == ["a+b+c", "a", "b", "c", "a+b", "a+c", "b+c"]
    found = [v.label for v in script.plan("modalities", ["a", "b"])]
    assert found == ["a+b", "a", "b"]
    assert list(_cell(smoke, "text")["arguments"]["in_channels"]) == ["text"]
    assert len(_cell(smoke, "SEA")["arguments"]["in_channels"]) == 2


def test_a_second_run_changes_nothing(script, smoke, capsys):
    before = _files(smoke)
    assert script.main(["--smoke", "--out", str(smoke)]) == 0
    assert _files(smoke) == before
    assert "..." not in capsys.readouterr().err


def test_other_weights_are_measured_again(script, smoke, tmp_path, capsys):
    shutil.copytree(smoke, tmp_path, dirs_exist_ok=True)
    options = ["score", "--smoke", "--out", str(tmp_path)]
    cell = tmp_path / "cells" / "SEA-tuned" / "seed-0.json"
    weights = cell.with_suffix(".model.safetensors")
    path = tmp_path / "score" / "seed-0.json"
    before = json.loads(path.read_text())
    assert before["weights"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    tensors, _ = load_tensors(weights)
    save_tensors(weights, {name: x.flip(0) for name, x in tensors.items()})
    assert script.main(options) == 0
    assert "score, seed 0 ..." in capsys.readouterr().err
    after = json.loads(path.read_text())
    assert after["weights"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert after["rows"] != before["rows"]

    # Of what was measured before there was a digest nobody knows the weights.
    del before["weights"]
    path.write_text(json.dumps(before))
    assert script.main(options) == 0
    assert json.loads(path.read_text()) == after


def test_published_measurements_need_no_weights(script, smoke, tmp_path, capsys):
    shutil.copytree(smoke, tmp_path, dirs_exist_ok=True)
    options = ["score", "--smoke", "--out", str(tmp_path)]
    cell = tmp_path / "cells" / "SEA-tuned" / "seed-0.json"
    cell.with_suffix(".model.safetensors").unlink()
    path = tmp_path / "score" / "seed-0.json"
    plain = json.loads(path.read_text())
    for _ in range(2):  # with a digest and without
        before = path.read_bytes()
        assert script.main(options) == 0
        assert path.read_bytes() == before
        plain.pop("weights", None)
        path.write_text(json.dumps(plain))
    assert "..." not in capsys.readouterr().err

    path.unlink()
    assert script.main(options) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert "seed-0.model.safetensors' is missing, the weights that score is" in error
    assert error.endswith(f"delete {str(cell)!r}, so that they are trained again")
    cell.unlink()
    assert script.main(options) == 0
    assert json.loads(path.read_text())["rows"] == plain["rows"]


def test_a_cell_without_the_table_s_metric_is_named(script, smoke, tmp_path, capsys):
    shutil.copytree(smoke, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "cells" / "collapsed" / "seed-0.json"
    plain = json.loads(path.read_text())
    del plain["valid"]["recall@20"]
    path.write_text(json.dumps(plain))
    assert script.main(["modes", "--smoke", "--out", str(tmp_path)]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert f"{str(path)!r} has no metric 'recall@20' in 'valid' (got recall@10" in error
    assert error.endswith("with an eval_k that holds 20")


def test_a_run_from_the_start_comes_out_the_same(script, smoke, tmp_path):
    for study in ("curves", "embeddings", "information", "score"):
        assert script.main([study, "--smoke", "--out", str(tmp_path)]) == 0
    found, whole = _files(tmp_path), _files(smoke)
    assert {f"{s}.svg" for s in STUDIES[5:]} <= set(found)
    assert found == {name: whole[name] for name in found}


@pytest.mark.slow
def test_jobs_give_the_same_files(script, smoke, tmp_path):
    options = ["curves", "--smoke", "--jobs", "2", "--out", str(tmp_path)]
    assert script.main(options) == 0
    found, whole = _files(tmp_path), _files(smoke)
    assert found == {name: whole[name] for name in found}


def test_other_options_are_refused(script, smoke, capsys):
    options = ["curves", "--smoke", "--epochs", "2", "--out", str(smoke)]
    assert script.main(options) == 2
    assert "epochs=1" in capsys.readouterr().err
    options = ["modalities", "--data", "fake:text", "--out", str(smoke)]
    assert script.main(options) == 2
    assert "two or more" in capsys.readouterr().err


def test_parts_are_those_before_and_after_training(script, smoke):
    path = smoke / "cells/SEA/seed-0.json"
    train, val, _ = script.load("fake", ["image", "text"], "own")
    setting = {"seed": 0, "max_epochs": 1, **script.SMOKE}
    found = script.Trained(path, setting, train, val, ["image", "text"]).stages()
    torch.manual_seed(0)
    model = SEA.from_data(train, ["image", "text"])
    with torch.no_grad():
        features = model.modality_features(train)
    for name, x in features.items():
        before = torch.cat(found["before"].halves[name], dim=1)
        after = torch.cat(found["after"].halves[name], dim=1)
        assert torch.equal(before, x)
        assert not torch.equal(after, before)


def test_weights_of_the_score_are_tried_on_validation_data(script, smoke):
    rows = json.loads((smoke / "score" / "seed-0.json").read_text())["rows"]
    names = list(script.score.OPTIONS)
    found = {tuple(row.pop(name) for name in names): row for row in rows}
    assert set(found) == {(a, b) for a in (0.0, 0.5) for b in (0.0, 12.0)}
    assert len({json.dumps(row) for row in rows}) > 1
    cell = _cell(smoke, "SEA-tuned")
    own = found[tuple(cell["arguments"][name] for name in names)]
    assert own == {name: cell["valid"][name] for name in own}
    assert own != {name: cell["test"][name] for name in own}


def _correlated(information, num_pairs=1400, channels=16):
    generator = torch.Generator().manual_seed(0)
    rho = math.sqrt(1 - math.exp(-2 * information / channels))
    x, noise = torch.randn(2, num_pairs, channels, generator=generator)
    return x, rho * x + math.sqrt(1 - rho**2) * noise


def test_information_is_held_out(script, monkeypatch):
    """Estimators find much in independent pairs, if they have seen them before."""
    information = script.information
    x, y = _correlated(0.0)
    found = information.held_out_information(x, y, 0)
    assert set(found) == {"Gaussian", "InfoNCE"}
    assert max(found.values()) < 0.02

    def same(self, _):
        half = self[: len(self) // 2]
        return half, half

    monkeypatch.setattr(torch.Tensor, "tensor_split", same)
    seen = information.held_out_information(x, y, 0)
    assert min(seen.values()) > 0.1


def test_information_of_gaussians(script):
    for truth in (2.0, 4.0):
        x, y = _correlated(truth)
        found = script.information.held_out_information(x, y, 0)
        assert 0.8 * truth < found["Gaussian"] < 1.02 * truth
        assert 0.5 * truth < found["InfoNCE"] < truth
    with pytest.raises(ValueError, match="two at least"):
        script.information.held_out_information(x[:3], y[:3], 0)


def test_components_are_those_of_the_rows_that_are_fitted(script):
    x, _ = _correlated(0.0, 40, 6)
    fit = torch.arange(20)
    whitened = script.information.whiten(x, fit, 4)
    assert whitened.shape == (40, 4)
    torch.testing.assert_close(whitened[:20].T.cov(correction=0), torch.eye(4))
    x[20:] *= 100
    torch.testing.assert_close(script.information.whiten(x, fit, 4)[:20], whitened[:20])


def test_far_clouds_are_told_apart(script):
    x, _ = _correlated(0.0, 20, 4)
    points, near = script.embeddings.plane(x, x.flip(0))
    assert [len(side) for side in points] == [20, 20]
    _, far = script.embeddings.plane(x, x + 100)
    assert near < 0.05
    assert far > 0.9


def test_separate_learning_has_no_options_of_its_own_here(script, capsys):
    """SEA has these arguments itself."""
    with pytest.raises(SystemExit):
        script.main(["modes", "--smoke", "--set", "separate.alpha=1"])
    assert "no option of training" in capsys.readouterr().err


def test_options_reach_every_cell(script, tmp_path, monkeypatch):
    found = []

    def run(study, options):
        _, (found[:], *_) = script.planned(study, options)
        return []

    monkeypatch.setattr(script, "run", run)
    options = ["modes", "--data", "fake", "--out", str(tmp_path)]
    assert script.main([*options, "--epochs", "7", "--threads", "2"]) == 0
    cells = [(unit.seed, unit.epochs, unit.threads) for unit in found]
    assert cells == [(seed, 7, 2) for seed in range(3)]
