"""What a result was made from."""

import hashlib
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch_geometric.data import HeteroData

import sea_pyg
from sea_pyg.training.fingerprint import feature_fingerprints, fingerprint
from sea_pyg.typing import RATES, EdgeType
from sea_pyg.utils import modality_names

_PACKAGES = (
    "torch",
    "torch_geometric",
    "numpy",
    "scipy",
    "scikit-learn",  # computes features of titles
    "lightning",
    "optuna",
)


def data_fingerprint(
    splits: Sequence[HeteroData], edge_type: EdgeType = RATES
) -> dict[str, str]:
    """Return the SHA-256 of the splits' interactions and of every item feature.

    Args:
        splits: Training, validation and test graph.
        edge_type: The user-item edge type, which names the items' node type.

    Raises:
        ValueError: If there are no nodes of that type.
    """
    item_type = edge_type[2]
    names = modality_names(splits[0], item_type)
    found = feature_fingerprints(splits[0], names, item_type)
    return {"interactions": fingerprint(splits), **dict(sorted(found.items()))}


def environment() -> dict[str, Any]:
    """Return versions of Python, packages and this library, and their SHA-256.

    ``code`` is the SHA-256 of this library's source files, ``sha256`` that of all.
    """
    found: dict[str, Any] = {
        "sea_pyg": sea_pyg.__version__,
        "code": code_digest(),
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        "packages": {},
    }
    for name in _PACKAGES:
        try:
            found["packages"][name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found["packages"][name] = None
    found["sha256"] = hashlib.sha256(repr(sorted(found.items())).encode()).hexdigest()
    return found


def code_digest() -> str:
    """Return the SHA-256 of this library's source files."""
    root = Path(sea_pyg.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()
