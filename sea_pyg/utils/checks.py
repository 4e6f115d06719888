"""Checks of user input, and the wording of what to do about it."""

import difflib
import importlib
from collections.abc import Iterable, Sequence
from types import ModuleType

from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.typing import EdgeType


def closest(name: str, options: Iterable[str]) -> str:
    """Word a hint for an unknown name: the closest options, else all of them."""
    options = sorted(options)
    matches = difflib.get_close_matches(name.lower(), options, n=3, cutoff=0.5)
    if matches:
        return f"did you mean {' or '.join(repr(m) for m in matches)}?"
    return f"choose from {', '.join(options) if options else 'nothing: none exist'}"


def require(module: str, extra: str) -> ModuleType:
    """Import an optional dependency, or say which extra brings it.

    Raises:
        ImportError: If ``module`` is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"this needs the package {module!r}, which is not installed; "
            f"run: pip install 'sea_pyg[{extra}]'"
        ) from error


def check_edge_type(data: HeteroData, edge_type: EdgeType) -> None:
    """Check that ``data`` has edges of this type.

    Raises:
        ValueError: If it has not.
    """
    if edge_type not in data.edge_types or "edge_index" not in data[edge_type]:
        raise ValueError(
            f"the graph has no edge_index of type {edge_type!r} (its edge types are "
            f"{data.edge_types}); pass edge_type=... or add it"
        )


def check_users(user_index: Tensor, num_users: int) -> None:
    """Check that users exist.

    Raises:
        ValueError: If there is none, or a number is out of range.
    """
    if user_index.dim() != 1 or user_index.numel() == 0:
        raise ValueError(
            "user_index must be a non-empty vector of user numbers "
            f"(got shape {list(user_index.shape)})"
        )
    low, high = int(user_index.min()), int(user_index.max())
    if low < 0 or high >= num_users:
        raise ValueError(
            f"user numbers must lie in 0..{num_users - 1} "
            f"(got {low if low < 0 else high})"
        )


def modality_names(
    data: HeteroData, node_type: str = "item", names: Sequence[str] | None = None
) -> list[str]:
    """List the modalities of a node type, *i.e.* its ``x_<modality>`` attributes.

    Args:
        data: The graph.
        node_type: The node type that carries the features.
        names: Modalities to take, in this order; all in alphabetical order by
            default.

    Raises:
        ValueError: If one of ``names`` does not exist or is named twice.
    """
    store = data[node_type]
    found = sorted(key[2:] for key in list(store.keys()) if key.startswith("x_"))
    if names is None:
        return found
    for name in names:
        if name not in found:
            raise ValueError(
                f"node type {node_type!r} has no modality {name!r}, that is, no "
                f"attribute 'x_{name}'; {closest(name, found)}"
            )
    if len(set(names)) != len(names):
        raise ValueError(f"a modality is named twice (got {list(names)!r})")
    return list(names)
