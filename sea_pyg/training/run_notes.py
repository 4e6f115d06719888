"""What a checkpoint notes of its run, so that no other one goes on from it."""

import functools
import hashlib
import json
import marshal
import sys
import sysconfig
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.loader import NegativeSampler
from sea_pyg.nn.models import Recommender, WithSeparateLearning, model_name
from sea_pyg.training.check_splits import differing_features
from sea_pyg.training.fingerprint import feature_fingerprints, fingerprint
from sea_pyg.utils.split_id import tensor_digest

_INSTALLED = {"site-packages", "dist-packages"}
_STANDARD = Path(sysconfig.get_path("stdlib"))


def model_note(model: Recommender) -> dict[str, Any]:
    """Return a model's name, and its arguments as :func:`arguments_note` has them."""
    return {"name": model_name(type(model)), **arguments_note(model)}


def arguments_note(model: Recommender) -> dict[str, Any]:
    """Return a model's arguments as JSON has them.

    Classes and functions stand there by where they stand, those without such a place
    with the SHA-256 of their code, and tensors by their shape and SHA-256.

    Raises:
        ValueError: If nothing tells an argument from others of its kind.
    """
    note: dict[str, Any] = _plain(model.hparams())
    return note


def modalities_of(model: Recommender) -> list[str]:
    """Return the names of the modalities that a model reads."""
    reader = model.backbone if isinstance(model, WithSeparateLearning) else model
    return list(reader.hparams().get("in_channels") or {})


def data_note(model: Recommender, train: HeteroData, val: HeteroData) -> dict[str, str]:
    """Return the SHA-256 of the interactions and of the features that a model reads.

    The order of the training interactions counts, since batches follow it.
    """
    names, item_type = modalities_of(model), model.edge_type[2]
    other = differing_features(train, val, names, item_type)
    validated = feature_fingerprints(val, names, item_type) if other else {}
    return {
        "interactions": tensor_digest(train[model.edge_type].edge_index),
        "validation interactions": fingerprint((val,)),
        **feature_fingerprints(train, names, item_type),
        **{f"validation {k}": digest for k, digest in validated.items() if k in other},
    }


def sampler_note(sampler: NegativeSampler | None) -> str | None:
    """Return what tells a sampler of negatives: its own ``repr``, or its class."""
    if sampler is None:
        return None
    own = type(sampler).__repr__ is not object.__repr__
    return repr(sampler) if own else type(sampler).__qualname__


def own_code(model: Recommender) -> dict[str, str]:
    """Return the SHA-256 of the source files of a model that is not of this library.

    The file of every class that it, its parts and their base classes are of counts, but
    for those of installed packages.
    """
    found: dict[str, str] = {}
    for module in model.modules():
        for cls in type(module).__mro__:
            package = cls.__module__.partition(".")[0]
            source = getattr(sys.modules.get(cls.__module__), "__file__", None)
            if package == "sea_pyg" or source is None or cls.__module__ in found:
                continue
            path = Path(source)
            if _INSTALLED & {*path.parts} or path.is_relative_to(_STANDARD):
                continue
            found[cls.__module__] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _text_of(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Tensor):
        return f"Tensor {list(value.shape)} {tensor_digest(value)}"
    if isinstance(value, functools.partial):
        return {
            "partial": _text_of(value.func),
            "args": [_plain(entry) for entry in value.args],
            "kwargs": {name: _plain(entry) for name, entry in value.keywords.items()},
        }
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, FunctionType):
        where = f"{value.__module__}.{value.__qualname__}"
        if value.__qualname__.isidentifier():
            return where
        held = [cell.cell_contents for cell in value.__closure__ or ()]
        read = [_plain(entry) for entry in (*held, *(value.__defaults__ or ()))]
        code = marshal.dumps(value.__code__) + json.dumps(read).encode()
        return f"{where} {hashlib.sha256(code).hexdigest()}"
    raise ValueError(
        "arguments that are kept must be numbers, texts, lists, mappings, tensors, "
        f"classes or functions (got {value!r})"
    )


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=_text_of))
