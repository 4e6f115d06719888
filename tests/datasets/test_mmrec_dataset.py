import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from sea_pyg.datasets import MMRecDataset
from sea_pyg.typing import RATES

HEAD = "userID\titemID\n"
X = np.arange(12, dtype=np.float32).reshape(3, 4)


def test_reads_the_folder(write_folder):
    folder = write_folder(text=X.astype(np.float16), image=X[:, :2])
    before = {path: _written(path) for path in folder.iterdir()}
    dataset = MMRecDataset(folder)
    assert len(dataset) == 1
    data = dataset[0]
    assert data["user"].num_nodes == 2
    assert data["item"].num_nodes == 3
    assert data[RATES].edge_index.tolist() == [[0, 0, 0, 1, 1], [0, 1, 2, 0, 2]]
    assert data[RATES].split.tolist() == [0, 1, 2, 0, 0]
    assert data["item"].x_text.dtype == torch.float32
    assert torch.equal(data["item"].x_text, torch.from_numpy(X))
    assert torch.equal(data["item"].x_image, torch.from_numpy(X[:, :2]))
    assert {path: _written(path) for path in folder.iterdir()} == before


def _written(path: Path) -> tuple:
    """Return what is in a file, and all that tells of it but when it was read."""
    stat = path.stat()
    return (
        path.read_bytes(),
        stat.st_mtime_ns,
        stat.st_ctime_ns,
        stat.st_ino,
        stat.st_mode,
    )


def test_a_changed_file_is_read_again(write_folder):
    folder = write_folder()
    assert MMRecDataset(folder)[0]["item"].num_nodes == 3
    (folder / "toy.inter").write_text(HEAD + "0\t0\n0\t1\n0\t4\n")
    assert MMRecDataset(folder)[0]["item"].num_nodes == 5


def test_modalities_are_chosen_and_ordered(write_folder):
    folder = write_folder(text=X, image=X, audio=X)
    store = MMRecDataset(folder, ["text", "audio"])[0]["item"]
    assert [key for key in store if key.startswith("x_")] == [
        "x_text",
        "x_audio",
    ]


def test_transform_applies_on_access(write_folder):
    def transform(data):
        data.seen = True
        return data

    assert MMRecDataset(write_folder(), transform=transform)[0].seen


def test_items_and_users_without_interactions_are_kept(write_folder):
    with pytest.warns(UserWarning, match="only 1 of the users 0 to 3 have an inter"):
        data = MMRecDataset(write_folder(HEAD + "3\t1\n", text=X))[0]
    assert data["user"].num_nodes == 4
    assert data["item"].num_nodes == 3  # of the features' rows, of which none is told


def test_gaps_between_ids_are_told(write_folder):
    """Every number that is left out is an item that is ranked, untrained."""
    inter = HEAD + "".join(f"0\t{100 * i}\n" for i in range(4))
    with pytest.warns(UserWarning, match=r"only 4 of the items 0 to 300 .*Number them"):
        data = MMRecDataset(write_folder(inter))[0]
    assert data["item"].num_nodes == 301


def test_ratings_and_times(write_folder):
    inter = "userID\titemID\trating\ttimestamp\n1\t0\t2.5\t30\n0\t1\t4\t20\n"
    store = MMRecDataset(write_folder(inter))[0][RATES]
    assert store.edge_index.tolist() == [[0, 1], [1, 0]]
    assert store.rating.tolist() == [4.0, 2.5]
    assert store.time.tolist() == [20, 30]
    assert "split" not in store


def test_duplicates_are_merged_without_leaking(write_folder):
    inter = (
        "userID\titemID\ttimestamp\tx_label\n"
        "0\t1\t10\t2\n0\t1\t30\t0\n0\t1\t20\t0\n0\t2\t5\t1\n"
    )
    folder = write_folder(inter)
    with pytest.warns(
        UserWarning, match=r"toy.inter: merged 2 duplicate.*line 3: user 0, item 1"
    ):
        store = MMRecDataset(folder)[0][RATES]
    assert store.edge_index.tolist() == [[0, 0], [1, 2]]
    assert store.split.tolist() == [0, 1]
    assert store.time.tolist() == [20, 5]


def test_of_equal_duplicates_the_first_stays(write_folder):
    folder = write_folder("userID\titemID\trating\n0\t1\t4\n0\t0\t1\n0\t1\t5\n")
    with pytest.warns(UserWarning, match=r"merged 1 duplicate .*line 4"):
        store = MMRecDataset(folder)[0][RATES]
    assert store.rating.tolist() == [1, 4]


def _with(row: int, value: float, dtype: type = np.float32) -> np.ndarray:
    x = X.astype(dtype)
    x[row, 1] = value
    return x


def test_a_row_of_nan_is_an_item_without_the_modality(write_folder):
    x = X.astype(np.float32)
    x[1] = np.nan
    store = MMRecDataset(write_folder(text=x, image=X))[0]["item"]
    assert store.mask_text.tolist() == [True, False, True]
    assert store.x_text[1].tolist() == [0.0] * X.shape[1]
    assert torch.equal(store.x_text[0], torch.tensor(x[0]))
    assert "mask_image" not in store


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"text": np.full_like(X, np.nan, np.float32)}, "no item has features"),
        ({"text": _with(2, np.nan)}, r"text_feat.npy, row 2 .*column 1 is nan"),
        ({"text": _with(0, np.inf)}, r"text_feat.npy, row 0 .*column 1 is inf"),
        (
            {"text": _with(1, 1e300, np.float64)},
            r"row 1 .*column 1 is 1e\+300 in",
        ),
        ({"text": X[:2]}, r"toy.inter, line 4: item 2 has no row in text_feat.npy \(2"),
        ({"text": X, "image": X[:2]}, r"equally many rows .*image.* 2, text.* 3"),
        ({"text": X[0]}, r"text_feat.npy must hold floats of shape .*\[4\]"),
        ({"text": X[:, :0]}, r"text_feat.npy must hold floats of shape .*\[3, 0\]"),
        ({"text": X.astype(str)}, r"text_feat.npy must hold floats"),
        ({"text": X.astype(complex)}, r"text_feat.npy must hold floats"),
    ],
)
def test_bad_features_are_named(write_folder, features, message):
    folder = write_folder(**features)
    with pytest.raises(ValueError, match=message):
        MMRecDataset(folder)


def _pickled() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def _plain() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, X)
    return buffer.getvalue()


class _Bomb:
    def __reduce__(self):
        return os.mkdir, ("bomb",)


@pytest.mark.parametrize(
    "content",
    [_pickled(), pickle.dumps(_Bomb()), _plain()[:-5], b"", b"\x93NUMPY", b"text"],
    ids=["object array", "pickle", "truncated", "empty", "no header", "no array"],
)
def test_unreadable_arrays_are_named_and_never_unpickled(
    write_folder, content, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    folder = write_folder()
    (folder / "text_feat.npy").write_bytes(content)
    with pytest.raises(ValueError, match=r"text_feat.npy is not a readable array file"):
        MMRecDataset(folder)
    assert not (tmp_path / "bomb").exists()


def test_archive_of_arrays_is_refused(write_folder):
    folder = write_folder()
    with zipfile.ZipFile(folder / "text_feat.npy", "w") as archive:
        archive.writestr("x.npy", _plain())
    with pytest.raises(ValueError, match=r"text_feat.npy holds several arrays"):
        MMRecDataset(folder)


def test_missing_modality_names_the_closest(write_folder):
    folder = write_folder(text=X, image=X)
    with pytest.raises(ValueError, match=r"no file 'txt_feat.npy'.*mean 'text'\?"):
        MMRecDataset(folder, ["txt"])
    with pytest.raises(ValueError, match=r"named twice"):
        MMRecDataset(folder, ["text", "text"])


def test_modality_of_a_folder_without_features(write_folder):
    with pytest.raises(ValueError, match=r"no file 'text_feat.npy'"):
        MMRecDataset(write_folder(), ["text"])


def test_bad_folders(write_folder, tmp_path):
    with pytest.raises(ValueError, match=r"expected a folder .*nowhere"):
        MMRecDataset(tmp_path / "nowhere")
    folder = write_folder(None)
    with pytest.raises(ValueError, match=r"exactly one \*.inter file \(got none\)"):
        MMRecDataset(folder)
    for name in ("a.inter", "b.inter"):
        (folder / name).write_text(HEAD + "0\t0\n")
    with pytest.raises(ValueError, match=r"\(got a.inter, b.inter\)"):
        MMRecDataset(folder)


def _real_data() -> Path:
    default = Path(__file__).parents[3] / "shared" / "data"
    return Path(os.environ.get("SEA_PYG_DATA", default))


@pytest.mark.parametrize(
    ("name", "sizes", "features"),
    [
        ("baby", (19_445, 7_050, 160_792, 118_551), {}),
        ("sports", (35_598, 18_357, 296_337, 218_409), {"text": 384, "attribute": 64}),
        (
            "lfm2k",
            (1_858, 1_425, 56_345, 44_327),
            {"text": 384, "audio": 512, "acoustic": 128},
        ),
    ],
)
def test_real_folders(name, sizes, features):
    folder = _real_data() / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent (set SEA_PYG_DATA)")
    data = MMRecDataset(folder)[0]
    store = data[RATES]
    assert sizes == (
        data["user"].num_nodes,
        data["item"].num_nodes,
        store.edge_index.size(1),
        int((store.split == 0).sum()),
    )
    for modality, width in features.items():
        assert data["item"][f"x_{modality}"].shape == (sizes[1], width)


def test_a_modality_has_a_name(write_folder):
    folder = write_folder(**{"": np.ones((3, 2), dtype=np.float32)})
    with pytest.raises(ValueError, match="_feat.npy has no modality in its name"):
        MMRecDataset(folder)


def test_ids_that_number_no_nodes_are_refused(write_folder):
    folder = write_folder("userID\titemID\n0\t1\n999999999999\t3\n")
    with pytest.raises(ValueError, match=r"line 3: users must be numbered 0, 1, 2"):
        MMRecDataset(folder)
