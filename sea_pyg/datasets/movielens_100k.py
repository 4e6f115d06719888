"""MovieLens 100K with titles and genres."""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch_geometric.data import HeteroData, InMemoryDataset

from sea_pyg.datasets.interaction_file import parse_interactions
from sea_pyg.datasets.mmrec_dataset import build_graph
from sea_pyg.datasets.movie_features import genre_features, title_features

TERMS = (
    "MovieLens 100K is provided by GroupLens Research at the University of Minnesota "
    "for research under its own terms: no redistribution without separate permission, "
    "no commercial use without permission, no endorsement implied, and publications "
    "acknowledge it by citing Harper and Konstan, 2015 "
    "(https://doi.org/10.1145/2827872). Full text: "
    "https://files.grouplens.org/datasets/movielens/ml-100k-README.txt"
)


class MovieLens100K(InMemoryDataset):
    r"""The MovieLens 100K ratings with two modalities of the films.

    From `"The MovieLens Datasets: History and Context"
    <https://doi.org/10.1145/2827872>`_: 943 users, 1,682 films and 100,000 ratings
    with timestamps; every rating counts as an interaction. The modalities are
    ``title`` (TF-IDF of words and character n-grams, truncated SVD) and ``genre``
    (genres and year of release).

    The data comes from the wheel ``recbole==1.2.1`` on the Python package index,
    which carries it as an example; the wheel is fetched with pip, checked against
    its SHA-256 and not installed. GroupLens' `terms of use
    <https://files.grouplens.org/datasets/movielens/ml-100k-README.txt>`_ apply and
    are shown when the data is fetched.

    Args:
        root: Where the data is cached.
        transform: Applied on every access.
        wheel: The wheel, if it is on disk already; nothing is downloaded then.
        force_reload: Whether to recompute the features. (default: :obj:`False`)

    Shapes:
        ``data['item'].x_title`` :math:`[1682, 64]`, ``x_genre`` :math:`[1682, 28]`,
        ``title`` (list of str); ``data['user', 'rates', 'item'].edge_index``
        :math:`[2, 100000]` sorted by user and item, ``rating`` float32 and ``time``
        int64 (seconds), each :math:`[100000]`. Node numbers start at 0, the original
        ids are ``original_id`` of users and items.

    Raises:
        ValueError: If the wheel is not the expected one.
        OSError: If it cannot be downloaded.
        ImportError: If scikit-learn, needed to process the titles, is not installed.
    """

    requirement = "recbole==1.2.1"
    sha256 = "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"
    folder_in_wheel = "recbole/dataset_example/ml-100k/"

    def __init__(
        self,
        root: str | Path,
        transform: Callable[[Any], Any] | None = None,
        wheel: str | Path | None = None,
        force_reload: bool = False,
    ) -> None:
        self.wheel = wheel
        super().__init__(str(root), transform, force_reload=force_reload)
        path = self.processed_paths[0]
        try:
            content = torch.load(path, weights_only=True)
        except Exception as error:
            raise ValueError(
                f"{path} is damaged ({type(error).__name__}); delete it and it will be "
                f"made again"
            ) from error
        self.data, self.slices = HeteroData.from_dict(content), None

    @property
    def raw_file_names(self) -> list[str]:
        """The two files that are read."""
        return ["ml-100k.item", "ml-100k.inter"]

    @property
    def processed_file_names(self) -> str:
        """The processed graph."""
        return "data_v1.pt"

    def download(self) -> None:
        """Fetch the wheel and take the raw files from it."""
        print(TERMS, file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            wheel = self._fetch(folder) if self.wheel is None else Path(self.wheel)
            digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
            if digest != self.sha256:
                raise ValueError(
                    f"{wheel} is not the expected wheel of {self.requirement}: its "
                    f"SHA-256 must be {self.sha256} (got {digest}); fetch it again"
                )
            with zipfile.ZipFile(wheel) as archive:
                for path in map(Path, self.raw_paths):
                    _write(path, archive.read(self.folder_in_wheel + path.name))

    def _fetch(self, folder: str) -> Path:
        command = [sys.executable, "-m", "pip", "download", self.requirement]
        command += ["--no-deps", "--only-binary=:all:", "--no-input", "--quiet"]
        command += ["--disable-pip-version-check", "--dest", folder]
        done = subprocess.run(command, capture_output=True, text=True)
        found = list(Path(folder).glob("*.whl"))
        if done.returncode != 0 or not found:
            reason = (done.stderr.strip().splitlines() or ["no wheel arrived"])[-1]
            raise OSError(
                f"downloading {self.requirement} with pip failed ({reason}); check the "
                f"network and pip's index, or fetch the wheel elsewhere (pip download "
                f"--no-deps {self.requirement}) and pass "
                f"MovieLens100K({self.root!r}, wheel=...)"
            )
        return found[0]

    def _process(self) -> None:
        # PyG's own writes further marker files, not atomically, and reads them with
        # pickle; this data set has no pre_transform for them to guard.
        path = Path(self.processed_paths[0])
        if self.force_reload or not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            self.process()

    def process(self) -> None:
        """Build the graph from the raw files."""
        item_path, inter_path = map(Path, self.raw_paths)
        inter = parse_interactions(inter_path.read_bytes(), str(inter_path))
        lines = item_path.read_text(encoding="utf-8").splitlines()[1:]
        fields = [line.split("\t") for line in lines]
        item_id = np.array([int(field[0]) for field in fields])
        user_id, user = np.unique(inter.user, return_inverse=True)
        order = np.argsort(item_id)
        item = order[np.searchsorted(item_id[order], inter.item)]
        data = build_graph(
            inter._replace(user=user, item=item),
            user_id.size,
            item_id.size,
            str(inter_path),
        )
        data["user"].original_id = torch.from_numpy(user_id)
        data["item"].original_id = torch.from_numpy(item_id)
        _, titles, years, genres = map(list, zip(*fields, strict=True))
        data["item"].title = [
            f"{title} ({year})" if year.isdigit() else title
            for title, year in zip(titles, years, strict=True)
        ]
        data["item"].x_title = title_features(titles)
        data["item"].x_genre = genre_features(genres, years)

        path = Path(self.processed_paths[0])
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        torch.save(data.to_dict(), temporary)
        os.replace(temporary, path)


def _write(path: Path, content: bytes) -> None:
    """Write a file that is either whole or absent, whatever happens."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(content)
    os.replace(temporary, path)
