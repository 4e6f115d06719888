"""What goes wrong with one cell of a grid is said, and the others are trained."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from sea_pyg.report import published

OPTIONS = ["--data", "fake", "--epochs", "2", "--trials", "0"]
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
WORKER = """
import atexit, sys
sys.path.insert(0, {path!r})
from grid_work import worker

def work(plain):
    print("half a line", end="", file=sys.stderr)
    raise {error}

atexit.register(lambda: print("a warning at the end", file=sys.stderr))
sys.exit(worker(sys.argv[2], work))
"""
KILLED = """
import os, sys
print("a harmless warning", file=sys.stderr, flush=True)
os.kill(os.getpid(), {number})
"""


@dataclass(frozen=True)
class Piece:
    """The least that can be worked on apart."""

    number: int = 0

    def __str__(self) -> str:
        return f"piece {self.number}"


@pytest.fixture(scope="module")
def script(on_path):
    import compare

    return compare


@pytest.fixture(scope="module")
def studies(on_path):
    import studies

    return studies


@pytest.fixture(scope="module")
def work(on_path):
    import grid_work

    return grid_work


def _write_data(folder: Path, shift: int = 0) -> Path:
    """Write interactions and features in MMRec's format."""
    folder.mkdir(parents=True)
    lines = ["userID\titemID\tx_label"]
    for user in range(30):
        lines += [f"{user}\t{(user + n + shift) % 30}\t{n % 3}" for n in range(6)]
    (folder / f"{folder.name}.inter").write_text("\n".join(lines) + "\n")
    x = np.random.default_rng(shift).standard_normal((30, 6)).astype("float32")
    np.save(folder / "text_feat.npy", x)
    np.save(folder / "image_feat.npy", x[:, :4])
    return folder


def _errors(capsys) -> list[str]:
    lines = capsys.readouterr().err.splitlines()
    return [line for line in lines if line.startswith("error: ")]


def _grid(script, out: Path, models: str = "BPRMF", seeds: str = "0,1") -> int:
    return script.main(
        [*OPTIONS, "--models", models, "--seeds", seeds, "--out", str(out)]
    )


def test_data_is_called_by_the_end_of_its_path(
    script, work, tmp_path, monkeypatch, capsys
):
    data = _write_data(tmp_path / "shared" / "tiny")
    out = tmp_path / "out"
    common = ["--models", "Popularity", "--seeds", "0", "--trials", "0"]
    common += ["--out", str(out)]
    assert script.main(["--data", str(data), *common]) == 0
    assert {path.name for path in data.parent.iterdir()} == {"tiny"}
    path = out / "tiny-own" / "Popularity" / "seed-0.json"
    assert json.loads(path.read_text())["data"] == "tiny"
    assert "## tiny, own split" in (out / "table.md").read_text()

    # Its name alone, or another spelling, finds the cell.
    capsys.readouterr()
    monkeypatch.setattr(work, "DATA", data.parent)
    monkeypatch.chdir(tmp_path)
    for text in ("tiny", "shared/tiny", "out/../shared/tiny/"):
        assert script.main(["--data", text, *common]) == 0
    assert "..." not in capsys.readouterr().err


def test_two_data_sets_of_one_name_are_refused(script, tmp_path, capsys):
    first = _write_data(tmp_path / "a" / "tiny")
    second = _write_data(tmp_path / "b" / "tiny", shift=1)
    out = tmp_path / "out"
    common = ["--models", "Popularity", "--seeds", "0", "--trials", "0"]
    common += ["--out", str(out)]
    assert script.main(["--data", f"{first},{second}", *common]) == 2
    assert f"both {str(first)!r} and {str(second)!r} 'tiny'" in capsys.readouterr().err
    assert not list(out.rglob("*.json"))
    assert script.main(["--data", str(first), *common]) == 0
    before = (out / "tiny-own" / "Popularity" / "seed-0.json").read_bytes()
    assert script.main(["--data", str(second), *common]) == 2
    assert "was started with data_fingerprint=" in capsys.readouterr().err
    assert (out / "tiny-own" / "Popularity" / "seed-0.json").read_bytes() == before


def test_cells_of_other_data_are_not_joined(script, tmp_path, capsys):
    first = _write_data(tmp_path / "a" / "tiny")
    second = _write_data(tmp_path / "b" / "tiny", shift=1)
    out = tmp_path / "out"
    common = ["--seeds", "0", "--trials", "0", "--out", str(out), "--models"]
    assert script.main(["--data", str(first), *common, "Popularity"]) == 0
    table = (out / "table.md").read_text()
    path = out / "tiny-own" / "Popularity" / "seed-0.json"
    (path.parent / "seed-1.json").write_text("{")  # says nothing of its data
    capsys.readouterr()
    assert script.main(["--data", str(second), *common, "ItemKNN"]) == 2
    (error,) = _errors(capsys)
    assert "tiny (own split) is not what it was: " in error
    for folder in (path.parent, out / "tiny-own" / "ItemKNN"):
        assert repr(str(folder)) in error
    assert error.endswith("choose another --out, or restore the data")
    assert not (out / "tiny-own" / "ItemKNN").exists()
    assert (out / "table.md").read_text() == table

    # Of the same data, and of another data set beside it, they are joined.
    (path.parent / "seed-1.json").unlink()
    assert script.main(["--data", str(first), *common, "ItemKNN"]) == 0
    assert script.main(["--data", "fake", *common, "ItemKNN"]) == 0


def test_studies_call_data_by_the_end_of_its_path(studies, tmp_path):
    data = _write_data(tmp_path / "shared" / "tiny")
    out = tmp_path / "out"
    options = ["modes", "--smoke", "--data", str(data), "--variants", "collapsed"]
    assert studies.main([*options, "--out", str(out)]) == 0
    folder = out / "cells" / "collapsed"
    assert json.loads((folder / "request.json").read_text())["data"] == "tiny"
    assert json.loads((folder / "seed-0.json").read_text())["data"] == "tiny"


def test_a_model_whose_tuning_fails_leaves_the_others_alone(
    script, work, tmp_path, monkeypatch, capsys
):
    def here(units, do, jobs, path, fate):
        return work.run_all(units, do, 1, path, fate)

    monkeypatch.setattr(script, "run_all", here)
    command = [*OPTIONS, "--models", "SMORE,Popularity", "--seeds", "0", "--jobs", "2"]
    command += ["--trials", "1", "--set", "SMORE.num_layers=-1", "--out"]
    assert script.main([*command, str(tmp_path)]) == 1
    (error,) = _errors(capsys)
    assert "SMORE, tuning: " in error
    assert (tmp_path / "fake-own" / "Popularity" / "seed-0.json").is_file()
    assert "Popularity" in (tmp_path / "table.md").read_text()


@pytest.mark.slow
def test_a_process_that_fails_leaves_the_others_alone(script, tmp_path, capsys):
    (tmp_path / "fake-own").mkdir()
    (tmp_path / "fake-own" / "EASE").write_text("in the way")
    command = [*OPTIONS, "--models", "EASE,Popularity", "--seeds", "0", "--jobs", "2"]
    assert script.main([*command, "--out", str(tmp_path)]) == 1
    (error,) = _errors(capsys)
    assert "EASE, tuning: FileExistsError: " in error
    assert (tmp_path / "fake-own" / "Popularity" / "seed-0.json").is_file()


@pytest.mark.parametrize(
    "error, reason", [("IndexError(3)", "IndexError: 3"), ("ValueError('x')", "x")]
)
def test_the_reason_of_a_worker_is_no_warning(work, tmp_path, capsys, error, reason):
    script = tmp_path / "script.py"
    script.write_text(WORKER.format(path=str(BENCHMARKS), error=error))
    ((_, found),) = work.run_all([Piece()], print, 2, str(script))
    assert found == f"piece 0: {reason}"
    said = capsys.readouterr().err
    assert "half a line" in said
    assert "a warning at the end" in said
    assert work.REASON not in said
    assert ("Traceback" in said) == error.startswith("IndexError")


@pytest.mark.parametrize(
    "number, reason",
    [
        (9, "ended by signal 9 (SIGKILL: often out of memory); use fewer --jobs"),
        (15, "ended by signal 15 (Terminated); what it said stands above"),
    ],
)
def test_a_worker_that_was_killed_says_so(work, tmp_path, capsys, number, reason):
    script = tmp_path / "script.py"
    script.write_text(KILLED.format(number=number))
    found = work.run_all([Piece(), Piece(1)], print, 2, str(script))
    assert [text for _, text in found] == [f"piece 0: {reason}", f"piece 1: {reason}"]
    assert capsys.readouterr().err.count("a harmless warning\n") == 2


def test_a_worker_without_a_reason_has_its_exit_code(work, tmp_path, capsys):
    script = tmp_path / "script.py"
    script.write_text("import no_such_module")
    ((_, found),) = work.run_all([Piece()], print, 2, str(script))
    assert found == "piece 0: ended with exit code 1; what it said stands above"
    assert "No module named 'no_such_module'" in capsys.readouterr().err


def test_any_error_is_of_one_cell(script, tmp_path, monkeypatch, capsys):
    def broken(self, *arguments, **options):
        raise IndexError("index 3 is out of bounds")

    monkeypatch.setattr(script.models.ItemKNN, "fit", broken)
    assert _grid(script, tmp_path, "ItemKNN,Popularity", "0") == 1
    (error,) = _errors(capsys)
    assert "ItemKNN, seed 0: IndexError: index 3 is out of bounds" in error
    assert (tmp_path / "fake-own" / "Popularity" / "seed-0.json").is_file()

    def interrupted(self, *arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(script.models.ItemKNN, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _grid(script, tmp_path, "ItemKNN", "0")


def test_what_nobody_expected_leaves_its_traceback(work, capsys):
    assert work.reason_of(TypeError("not\nthis one")) == "TypeError: not this one"
    assert "TypeError" in capsys.readouterr().err
    assert work.reason_of(ValueError("not\nthis one")) == "not this one"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "name, content, reason",
    [
        ("seed-1.json", '{"data": "fa', "Unterminated string"),
        ("seed-1.json", "{}", "'per_user' is missing"),
        ("request.json", "[]", "got []"),
        ("trials/trial-001.json", "", "Expecting value"),
        ("trials/trial-001.json", '{"numer": 1}', "unexpected keyword"),
    ],
)
def test_damaged_files_are_named_and_the_rest_goes_on(
    script, tmp_path, capsys, name, content, reason
):
    options = [*OPTIONS, "--trials", "2", "--seeds", "0,1", "--out", str(tmp_path)]
    assert script.main([*options, "--models", "BPRMF"]) == 0
    path = tmp_path / "fake-own" / "BPRMF" / name
    path.write_text(content)
    capsys.readouterr()
    options += ["--models", "BPRMF,Popularity"]
    assert script.main(options) == 1
    errors = _errors(capsys)
    assert len(errors) == (1 if name == "seed-1.json" else 2)
    for error in errors:
        assert f"{str(path)!r} is damaged: " in error
        assert reason in error
        assert error.endswith("delete it and start again")
    assert "Popularity" in (tmp_path / "table.md").read_text()
    assert path.read_text() == content
    path.unlink()
    assert script.main(options) == 0


def test_a_cell_that_lost_its_values_is_trained_again(script, tmp_path, capsys):
    assert _grid(script, tmp_path) == 0
    folder = tmp_path / "fake-own" / "BPRMF"
    files = {
        path: path.read_bytes()
        for path in folder.iterdir()
        if path.is_file() and not path.name.endswith(".time.json")
    }
    values = folder / "seed-1.safetensors"
    values.unlink()
    capsys.readouterr()
    # A table without this cell says so.
    assert _grid(script, tmp_path, seeds="0") == 1
    (error,) = _errors(capsys)
    assert "seed-1.json' cannot be reported (there is no evaluation result" in error
    assert "| BPRMF |" in (tmp_path / "table.md").read_text()
    assert _grid(script, tmp_path) == 0
    assert "seed 1 ..." in capsys.readouterr().err
    assert {path: path.read_bytes() for path in files} == files

    # Damaged ones are as good as none, but are not made anew without being asked.
    values.write_bytes(files[values][:100])
    assert _grid(script, tmp_path) == 1
    (error,) = _errors(capsys)
    assert "seed-1.json' cannot be reported" in error
    assert "seed-1.safetensors' is not a readable evaluation result" in error
    assert values.write_bytes(files[values])

    # What was published has them in another file.
    packed = published(values)
    values.rename(packed)
    import lzma

    packed.write_bytes(lzma.compress(packed.read_bytes()))
    assert _grid(script, tmp_path) == 0
    assert "..." not in capsys.readouterr().err
    assert not values.exists()


def test_what_is_no_cell_of_the_grid_is_not_in_its_table(script, tmp_path, caplog):
    assert _grid(script, tmp_path, "Popularity", "0") == 0
    table = (tmp_path / "table.md").read_text()
    folder = tmp_path / "fake-own" / "Popularity"
    for path in (folder / "seed-notes.json", folder / "seed-7.json"):
        path.write_text('{"method": "by hand", "seed": 7}')
    assert _grid(script, tmp_path / "other", "Popularity,ItemKNN", "0") == 0
    assert not caplog.messages
    assert _grid(script, tmp_path, "Popularity", "0") == 0
    assert (tmp_path / "table.md").read_text() == table
    (line,) = caplog.messages
    assert "seed-notes.json" in line
    assert "seed-7.json" in line


def test_a_damaged_cell_of_a_study_is_named(studies, tmp_path, capsys):
    options = ["modes", "--smoke", "--out", str(tmp_path)]
    path = tmp_path / "cells" / "collapsed" / "seed-0.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    assert studies.main(options) == 1
    (error,) = _errors(capsys)
    assert f"{str(path)!r} is damaged" in error
    assert "| SEA |" in (tmp_path / "modes.md").read_text()
    # Nothing is left that SEA could be compared with.
    shutil.rmtree(tmp_path / "cells" / "SEA-fast")
    assert studies.main([*options, "--variants", "collapsed"]) == 1
    first, second = _errors(capsys)
    assert "is damaged" in first
    assert second == "error: modes: a comparison needs at least two runs (got 1)"


@pytest.mark.parametrize("seeds", ["a,b", "0,", ""])
@pytest.mark.parametrize("name", ["script", "studies"])
def test_seeds_are_numbers(request, name, seeds, capsys):
    with pytest.raises(SystemExit):
        request.getfixturevalue(name).main(["--smoke", "--seeds", seeds])
    message = capsys.readouterr().err.splitlines()[-1]
    assert f"argument --seeds: expected whole numbers (got {seeds!r})" in message


@pytest.mark.parametrize("name", ["script", "studies"])
def test_rankings_that_no_table_is_made_of_are_refused(request, name, tmp_path, capsys):
    out = tmp_path / "out"
    options = ["--smoke", "--set", "eval_k=[5,10]", "--set", "metric=recall@10"]
    with pytest.raises(SystemExit):
        request.getfixturevalue(name).main([*options, "--out", str(out)])
    message = capsys.readouterr().err.splitlines()[-1]
    assert "eval_k must hold 20, which the tables are made of (got [5, 10])" in message
    assert message.endswith("add it, as eval_k=[5, 10, 20]")
    assert not out.exists()


@pytest.mark.parametrize("name", ["script", "studies"])
def test_a_folder_that_cannot_be_made(request, name, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    out = str(tmp_path / "file" / "x")
    with pytest.raises(SystemExit):
        request.getfixturevalue(name).main(["--smoke", "--out", out])
    message = capsys.readouterr().err.splitlines()[-1]
    assert f"--out {out!r}: Not a directory; choose another folder" in message


@pytest.mark.parametrize(
    "entry, message",
    [
        ("VBPR.embedding_dim=abc", "embedding_dim expects a value of type int"),
        ("separate.sample_size=few", "separate.sample_size expects a value of type"),
        ("batch_size=abc", "batch_size expects a value of type int"),
    ],
)
def test_options_have_types(script, entry, message, capsys):
    with pytest.raises(SystemExit):
        script.main(["--smoke", "--set", entry])
    assert message in capsys.readouterr().err.splitlines()[-1]
