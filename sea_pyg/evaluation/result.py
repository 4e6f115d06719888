"""What an evaluation found."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from sea_pyg.utils import require

_HEADER = "sea_pyg.evaluation"
_FORMAT = 1


@dataclass(frozen=True, eq=False)
class EvaluationResult:
    """Metrics of one ranking of the catalogue, with every user's own values."""

    metrics: dict[str, float]
    """Means over users, keyed like ``'recall@20'``; NaN where no user counts."""
    per_user: dict[str, Tensor] = field(repr=False)
    """Values of each user, :math:`[U]`, float32; NaN where a user does not count."""
    user_index: Tensor = field(repr=False)
    """The users that were evaluated, :math:`[U]`, ascending."""
    num_labels: Tensor = field(repr=False)
    """Number of items each of them should have got, :math:`[U]`."""
    num_items: int
    """Size of the catalogue."""
    exclude: str
    """What was not to be ranked: ``'train'``, ``'train+val'`` or ``'none'``."""
    num_users_without_labels: int = 0
    """Users left out since they have nothing to be found."""
    num_users_without_edges: int = 0
    """Users left out since they have labels but no training edge."""
    fingerprint: str = field(default="", repr=False)
    """SHA-256 of users, labels and excluded items: equal means comparable."""
    cold_degree: int | None = None
    """``cold_recall`` counts items with fewer training edges; unknown in results of
    earlier versions."""

    @property
    def num_users(self) -> int:
        """Number of users that were evaluated."""
        return self.user_index.numel()

    def differing_mean(
        self, metrics: Mapping[str, float | None]
    ) -> tuple[str, float, float] | None:
        """Return the first metric that the values per user are not those of.

        Args:
            metrics: Means that were noted elsewhere, by name; only metrics with values
                per user are compared.

        Returns:
            Its name, the mean of the values, and the one that was noted.
        """
        for name, noted in metrics.items():
            if name in self.per_user and noted is not None:
                mean = float(self.per_user[name].double().nanmean())
                if not math.isclose(mean, noted, rel_tol=1e-5, abs_tol=1e-7):
                    return name, mean, noted
        return None

    def pooled_recall(self, k: int) -> float:
        """Compute all users' hits at ``k`` over all users' labels.

        MMRec calls it ``recall2``; users count by their number of labels.

        Raises:
            ValueError: If recall at ``k`` was not evaluated.
        """
        key = f"recall@{k}"
        if key not in self.per_user:
            raise ValueError(
                f"{key!r} was not evaluated (got {', '.join(self.per_user)}); "
                f"pass k={k} and the metric 'recall' to evaluate"
            )
        weight = self.num_labels.double()
        return float((self.per_user[key].double() * weight).sum() / weight.sum())

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the tensors, ready for JSON (NaN becomes null)."""
        tensors = {"per_user", "user_index", "num_labels"}
        plain = {
            name: getattr(self, name)
            for name in self.__dataclass_fields__
            if name not in tensors
        }
        plain["metrics"] = {
            name: None if math.isnan(value) else value
            for name, value in self.metrics.items()
        }
        plain["num_users"] = self.num_users
        return plain

    def to_json(self, indent: int | None = None) -> str:
        """Return :meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def save(self, path: str | Path) -> None:
        """Write the result to one safetensors file, compressed if it ends in ``.xz``.

        Raises:
            ImportError: If safetensors is not installed.
        """
        safetensors = require("safetensors.torch", "train")
        tensors = {f"per_user/{name}": value for name, value in self.per_user.items()}
        tensors["user_index"] = self.user_index
        tensors["num_labels"] = self.num_labels
        tensors = {name: value.contiguous() for name, value in tensors.items()}
        header = {_HEADER: json.dumps({"format": _FORMAT, **self.to_dict()})}
        raw = safetensors.save(tensors, metadata=header)
        if _is_compressed(path):
            import lzma  # not every Python has it

            raw = lzma.compress(raw)
        Path(path).write_bytes(raw)

    @classmethod
    def load(cls, path: str | Path) -> "EvaluationResult":
        """Read what :meth:`save` wrote.

        Raises:
            ImportError: If safetensors is not installed.
            FileNotFoundError: If there is no such file.
            ValueError: If the file holds no evaluation result or is damaged.
        """
        safetensors = require("safetensors", "train")
        read = require("safetensors.torch", "train").load
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"there is no evaluation result {str(path)!r}")
        try:
            raw = path.read_bytes()
            raw = _decompressed(raw) if _is_compressed(path) else raw
            tensors = read(raw)
            plain = json.loads(_metadata(raw)[_HEADER])
            if plain.pop("format") != _FORMAT:
                raise ValueError("unknown format")
            plain.pop("num_users")
            plain["metrics"] = {
                name: math.nan if value is None else value
                for name, value in plain["metrics"].items()
            }
            return cls(
                per_user={
                    name.removeprefix("per_user/"): value
                    for name, value in tensors.items()
                    if name.startswith("per_user/")
                },
                user_index=tensors["user_index"],
                num_labels=tensors["num_labels"],
                **plain,
            )
        except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{str(path)!r} is not a readable evaluation result ({error}); "
                "evaluate the run again"
            ) from error


def _is_compressed(path: str | Path) -> bool:
    return Path(path).suffix == ".xz"


def _decompressed(raw: bytes) -> bytes:
    import lzma  # not every Python has it

    try:
        return lzma.decompress(raw)
    except (lzma.LZMAError, EOFError) as error:
        raise ValueError(str(error)) from error


def _metadata(raw: bytes) -> dict[str, str]:
    """Read the strings in the header of a safetensors file, which its loader skips."""
    size = int.from_bytes(raw[:8], "little")
    found: dict[str, str] = json.loads(raw[8 : 8 + size]).get("__metadata__", {})
    return found
