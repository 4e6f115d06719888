"""A file of another implementation's numbers, and the comparison with ours."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.typing import RATES, Triplets

FORWARD_TOLERANCE = 1e-5
"""Allowed relative error of intermediates, losses, scores and metrics."""

GRADIENT_TOLERANCE = 1e-4
"""Allowed relative error of gradients."""


class Quantity(NamedTuple):
    """One quantity as we compute it and as the file has it."""

    name: str
    ours: Tensor
    theirs: Tensor
    tolerance: float = FORWARD_TOLERANCE
    scale: float | None = None
    """What the error is relative to; the largest magnitude in the file by default."""

    @property
    def error(self) -> float:
        """Largest difference, relative; infinite if there is nothing to compare."""
        if self.mismatch:
            return math.inf
        ours, theirs = self.ours.detach().double(), self.theirs.detach().double()
        ours, theirs = ours.flatten(), theirs.flatten()
        if ours.numel() == 0:
            return 0.0
        difference = float((ours - theirs).abs().max())
        scale = float(theirs.abs().max()) if self.scale is None else self.scale
        if math.isnan(difference) or math.isnan(scale):
            return math.inf
        if difference == 0:
            return 0.0
        return difference / scale if scale > 0 else math.inf

    @property
    def mismatch(self) -> str:
        """What tells the shapes apart, if they differ by more than axes of a scalar."""
        if self.ours.shape == self.theirs.shape:
            return ""
        if self.ours.numel() == self.theirs.numel() == 1:
            return ""
        return f"shape {list(self.ours.shape)}, in the file {list(self.theirs.shape)}"

    @property
    def passed(self) -> bool:
        """Whether the error is tolerable."""
        return self.error <= self.tolerance


class Reference:
    """The arrays of a file, as tensors; everything real is in float64.

    Whatever precision the file was computed in, ours adds no rounding of its own to
    the comparison.

    Args:
        path: The ``.npz`` file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.arrays = _load(path)
        self.read: set[str] = set()
        self.notes: list[str] = []
        """What an adaptor has to say of how it compared."""

    def __contains__(self, key: str) -> bool:
        return key in self.arrays

    def __getitem__(self, key: str) -> Tensor:
        if key not in self.arrays:
            raise ValueError(f"{self.path}: there is no array {key!r}")
        self.read.add(key)
        return _tensor(self.arrays[key])

    def group(self, prefix: str) -> dict[str, Tensor]:
        """Return the arrays named ``<prefix>/<name>`` by name."""
        start = f"{prefix}/"
        return {key[len(start) :]: self[key] for key in self._keys(start)}

    def names(self, prefix: str) -> frozenset[str]:
        """Return the names of a group without reading it."""
        start = f"{prefix}/"
        return frozenset(key[len(start) :] for key in self._keys(start))

    def _keys(self, start: str) -> list[str]:
        return [key for key in self.arrays if key.startswith(start)]

    @property
    def config(self) -> dict[str, Any]:
        """The hyper-parameters, where the file has them."""
        if "config" not in self.arrays:
            return {}
        self.read.add("config")
        config: dict[str, Any] = json.loads(str(self.arrays["config"]))
        return config

    @property
    def batch(self) -> Triplets:
        """The training batch."""
        return Triplets(*self["batch"])

    @property
    def is_graph(self) -> bool:
        """Whether the file is a graph only, without a model's weights and results."""
        return "train_edge" in self and not self._keys("param/") + self._keys("grad/")

    @property
    def unread(self) -> list[str]:
        """The arrays that no comparison has touched."""
        return sorted(set(self.arrays) - self.read)

    def graph(self, num_users: int) -> "Reference":
        """Return the file's graph: its own, or ``graph<num_users>.npz`` beside it."""
        if "train_edge" in self:
            return self
        return Reference(self.path.with_name(f"graph{num_users}.npz"))

    def data(self, num_users: int, label: str = "test_edge") -> HeteroData:
        """Return the graph as a ``HeteroData`` with modalities image and text.

        Args:
            num_users: Number of users.
            label: The edges to be ranked.
        """
        graph = self.graph(num_users)
        graph.read.update(key for key in graph.arrays if key.endswith("_edge"))
        data = HeteroData()
        for name in ("image", "text"):
            if name in graph:
                data["item"][f"x_{name}"] = graph[name]
                data["item"].num_nodes = graph[name].size(0)
        data["user"].num_nodes = num_users
        data[RATES].edge_index = graph["train_edge"]
        if label in graph:
            data[RATES].edge_label_index = graph[label]
        return data

    def compare(
        self,
        ours: Mapping[str, Tensor],
        tolerance: float = FORWARD_TOLERANCE,
        prefix: str = "",
    ) -> Iterator[Quantity]:
        """Compare quantities by their names in the file."""
        for name, value in ours.items():
            yield Quantity(prefix + name, value, self[prefix + name], tolerance)


def assign(parameter: Tensor, value: Tensor) -> None:
    """Copy a weight of the file into a parameter of ours.

    Raises:
        ValueError: If the shapes differ.
    """
    if parameter.shape != value.shape:
        raise ValueError(
            f"a weight of shape {list(value.shape)} does not fit our parameter of "
            f"shape {list(parameter.shape)}"
        )
    with torch.no_grad():
        parameter.copy_(value)


def total(parts: Iterable[Tensor]) -> Tensor:
    """Add up the parts of a loss."""
    return torch.stack(list(parts)).sum()


def _load(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except FileNotFoundError:
        raise
    except Exception as error:
        raise ValueError(f"{path}: not a readable .npz file ({error})") from error


def _tensor(array: np.ndarray) -> Tensor:
    tensor = torch.from_numpy(np.array(array))
    return tensor.double() if tensor.is_floating_point() else tensor
