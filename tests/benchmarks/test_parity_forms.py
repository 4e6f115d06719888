"""The parity benchmark on files that differ from ours in form, not in what is right."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from torch import Tensor

from sea_pyg.nn.conv import BipartitePropagation
from sea_pyg.nn.models import LGMRec
from tests.benchmarks.dense_dualgnn import write_files

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "tests" / "reference"
NAMES = sorted(
    path.stem
    for path in REFERENCE.glob("*.npz")
    if path.stem != "sea" and not path.stem.startswith("graph")
)
Arrays = dict[str, Any]
LETTERS = {"image": "v", "text": "t"}


@pytest.fixture
def parity(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("parity")


def load(name: str) -> tuple[Arrays, Arrays]:
    """Return a file's arrays, and its graph's."""
    arrays = dict(np.load(REFERENCE / f"{name}.npz"))
    num_users = arrays["score"].shape[0]
    return arrays, dict(np.load(REFERENCE / f"graph{num_users}.npz"))


def save(folder: Path, name: str, arrays: Arrays, graph: Arrays) -> str:
    np.savez(folder / f"graph{arrays['score'].shape[0]}.npz", **graph)
    np.savez(folder / f"{name}.npz", **arrays)
    return str(folder / f"{name}.npz")


def configure(arrays: Arrays, **options: Any) -> None:
    config = json.loads(str(arrays["config"])) | options
    arrays["config"] = np.array(json.dumps(config))


def permuted(name: str) -> tuple[Arrays, Arrays]:
    """Give users and items other numbers, and change nothing else."""
    arrays, graph = load(name)
    num_users, num_items = arrays["score"].shape
    generator = np.random.default_rng(0)
    user = generator.permutation(num_users)  # the old number of each
    item = generator.permutation(num_items)
    both = np.concatenate([user, num_users + item])
    rows = {len(order): order for order in (user, item, both)}
    for key, value in arrays.items():
        table = key.startswith(("param/", "grad/", "tensor/"))
        weight = any(part in key for part in ("_trs", "_hyper", ".MLP"))
        if table and not weight and len(value) in rows:
            arrays[key] = value[rows[len(value)]]
    arrays["score"] = arrays["score"][user][:, item]
    new_user, new_item = user.argsort(), item.argsort()
    first, *others = arrays["batch"]
    arrays["batch"] = np.stack([new_user[first], *(new_item[x] for x in others)])
    for key, value in graph.items():
        if key.endswith("_edge"):
            graph[key] = np.stack([new_user[value[0]], new_item[value[1]]])
        elif key == "user_graph_index":
            graph[key] = new_user[value]
        elif key in LETTERS:
            graph[key] = value[item]
    return arrays, graph


@pytest.mark.parametrize("name", NAMES)
def test_other_numbers_of_users_and_items(
    parity: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    lgmrec = importlib.import_module("parity_adaptors.lgmrec")
    monkeypatch.setattr(lgmrec, "DRAWS", 64)
    assert parity.main([save(tmp_path, name, *permuted(name))]) == 0


@pytest.mark.parametrize(
    "name", ["bm3", "dragon", "freedom", "lattice", "lgmrec", "mgcn", "smore"]
)
def test_trained_features(parity: ModuleType, tmp_path: Path, name: str) -> None:
    """Scale the columns of the tables, and their maps by the inverse.

    By powers of two, so that nothing but the tables' nearest neighbours changes, which
    are not those of the item-item graph any more.
    """
    arrays, graph = load(name)
    generator = np.random.default_rng(0)
    for modality, letter in LETTERS.items():
        factor = 2.0 ** generator.integers(-3, 4, graph[modality].shape[1])
        factor = factor.astype(np.float32)
        table = f"{modality}_embedding.weight"
        by_column = (f"{modality}_trs.weight", f"{letter}_gcn.MLP.weight")
        by_row = (f"item_{modality}_trs", f"{letter}_hyper")
        scales = {table: factor} | dict.fromkeys(by_column, 1 / factor)
        scales |= dict.fromkeys(by_row, 1 / factor[:, None])
        for key, scale in scales.items():
            if f"param/{key}" in arrays:
                arrays[f"param/{key}"] = arrays[f"param/{key}"] * scale
            if f"grad/{key}" in arrays:
                arrays[f"grad/{key}"] = arrays[f"grad/{key}"] / scale
    assert parity.main([save(tmp_path, name, arrays, graph)]) == 0


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("name", ["mgcn", "smore"])
def test_norms_are_divided_by_the_configured_batch_size(
    parity: ModuleType, tmp_path: Path, name: str, named: bool
) -> None:
    arrays, graph = load(name)
    size = 2048
    weight = json.loads(str(arrays["config"])).get("reg_weight", 1e-4)
    configure(arrays, reg_weight=weight * size / arrays["batch"].shape[1])
    if named:
        configure(arrays, train_batch_size=size)
    assert parity.main([save(tmp_path, name, arrays, graph)]) == 0
    configure(arrays, train_batch_size=arrays["batch"].shape[1])
    assert parity.main([save(tmp_path, name, arrays, graph)]) == 1


@pytest.mark.parametrize("modality", LETTERS)
@pytest.mark.parametrize("name", ["dualgnn", "dragon"])
def test_one_modality(
    parity: ModuleType, tmp_path: Path, name: str, modality: str
) -> None:
    path = write_files(tmp_path, name, modality)
    assert parity.main([str(path)]) == 0
    arrays = dict(np.load(path))
    arrays["param/weight_u"] = 2 * arrays["param/weight_u"]
    np.savez(path, **arrays)
    assert parity.main([str(path)]) == 1


@pytest.mark.parametrize("name", ["dualgnn", "dragon"])
def test_tables_under_their_second_name(
    parity: ModuleType, tmp_path: Path, name: str
) -> None:
    arrays, graph = load(name)
    for letter in LETTERS.values():
        table = arrays.pop(f"param/{letter}_gcn.preference")
        arrays[f"param/{letter}_preference"] = table
    assert parity.main([save(tmp_path, name, arrays, graph)]) == 0


def with_neighbours(graph: Arrays, users: np.ndarray, count: int) -> Arrays:
    """Leave some users their first neighbours alone."""
    index, weight = graph["user_graph_index"], graph["user_graph_weight"]
    dropped = np.zeros(index.shape[1], dtype=bool)
    for user in users:
        dropped[np.flatnonzero(index[0] == user)[count:]] = True
    kept = {
        "user_graph_index": index[:, ~dropped],
        "user_graph_weight": weight[~dropped],
    }
    return graph | kept


@pytest.mark.parametrize("name", ["dualgnn", "dragon"])
def test_users_with_few_neighbours(
    parity: ModuleType, tmp_path: Path, name: str, capsys: pytest.CaptureFixture
) -> None:
    arrays, graph = load(name)
    everyone = np.arange(arrays["score"].shape[0])
    drawn = np.unique(arrays["batch"][0])
    others = np.setdiff1d(everyone, drawn)
    assert len(others) > 0

    path = save(tmp_path, name, arrays, with_neighbours(graph, others, 39))
    assert parity.main([path]) == 0  # the loss reads none of them
    out = capsys.readouterr().out
    assert f"not deterministic: {len(others)} of {len(everyone)} users" in out
    assert "not compared" not in out

    few = with_neighbours(graph, drawn[:5], 10)
    path = save(tmp_path, name, arrays, few)
    assert parity.main([path]) == 0
    out = capsys.readouterr().out
    assert "not deterministic: 5 of 60 users" in out
    for key in ("loss_total", "loss_repeat", "grad/weight_u"):
        assert f"{key:<34} not compared" in out, key
    wrong = arrays | {"score": arrays["score"].copy()}
    wrong["score"][drawn[5]] *= 1.001
    assert parity.main([save(tmp_path, name, wrong, few)]) == 1

    path = save(tmp_path, name, arrays, with_neighbours(graph, everyone, 10))
    assert parity.main([path]) == 2
    assert "not deterministic: 60 of 60 users" in capsys.readouterr().out


def test_a_single_neighbour_is_filled_up_with_itself(
    parity: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = write_files(tmp_path, "dualgnn", "text")
    graph_path = tmp_path / "graph45.npz"
    graph = with_neighbours(dict(np.load(graph_path)), np.array([3]), 1)
    np.savez(graph_path, **graph)
    assert parity.main([str(path)]) == 1  # its numbers are those of 40
    assert "not deterministic" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["bpr", "lgmrec"])
def test_scalars_of_shape_one(parity: ModuleType, tmp_path: Path, name: str) -> None:
    arrays, graph = load(name)
    for key in ("loss_total", "loss_repeat"):
        arrays[key] = arrays[key].reshape(1)
    assert parity.main([save(tmp_path, name, arrays, graph)]) == 0
    arrays["loss_total"] = arrays["loss_total"] * 1.01
    assert parity.main([save(tmp_path, name, arrays, graph)]) == 1


def test_other_shapes_are_shown(
    parity: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    arrays, graph = load("bpr")
    arrays["grad/user_embedding.weight"] = np.zeros((29, 64), dtype=np.float32)
    assert parity.main([save(tmp_path, "bpr", arrays, graph)]) == 1
    assert "(shape [30, 64], in the file [29, 64])" in capsys.readouterr().out


def replaced(name: str, value: Any) -> Callable[[LGMRec], None]:
    return lambda model: setattr(model, name, value)


def averaged(model: LGMRec) -> None:
    """Take the mean of a user's logits, nearly, in place of their sum."""
    assign, num_users = model._assign, model.num_users

    def mean_of_users(logit: Tensor) -> Tensor:
        return assign(logit / 5 if logit.size(0) == num_users else logit)

    replaced("_assign", mean_of_users)(model)


LOCAL = {
    "num_layers": replaced("propagation", BipartitePropagation(3, readout="mean")),
    "readout": replaced("propagation", BipartitePropagation(2, readout="last")),
    "num_modality_layers": replaced(
        "modality_propagation", BipartitePropagation(1, "last")
    ),
}
GLOBAL = {
    "alpha": replaced("alpha", 0.31),
    "temperature": replaced("temperature", 0.21),
    "cl_weight": replaced("cl_weight", 1.2e-4),
    "reg_weight": replaced("reg_weight", 1e-3),
    "num_hyper_layers": replaced("num_hyper_layers", 2),
    "mean": averaged,
}


@pytest.mark.parametrize(
    ("change", "seeded"),
    [(name, True) for name in (*LOCAL, *GLOBAL)] + [(name, False) for name in LOCAL],
)
def test_a_wrong_lgmrec_fails(
    parity: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    change: str,
    seeded: bool,
) -> None:
    lgmrec = importlib.import_module("parity_adaptors.lgmrec")
    build = lgmrec.build

    def wrong(reference: Any) -> Any:
        model, weights = build(reference)
        (LOCAL | GLOBAL)[change](model)
        return model, weights

    arrays, graph = load("lgmrec") if seeded else permuted("lgmrec")
    path = save(tmp_path, "lgmrec", arrays, graph)
    monkeypatch.setattr(lgmrec, "DRAWS", 8)
    monkeypatch.setattr(lgmrec, "build", wrong)
    assert parity.main([path]) == 1
    out = capsys.readouterr().out
    failed = [line.split()[0] for line in out.splitlines() if "ABOVE" in line]
    assert seeded or "score/local" in failed
    assert ("noise drawn again from seed 1" in out) == seeded


def test_the_seed_is_not_that_of_the_config(
    parity: ModuleType, capsys: pytest.CaptureFixture
) -> None:
    assert parity.main([str(REFERENCE / "lgmrec.npz")]) == 0
    assert "noise drawn again from seed 1, compared exactly" in capsys.readouterr().out
