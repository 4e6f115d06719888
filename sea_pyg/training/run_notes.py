"""What a checkpoint notes of its run, so that no other one goes on from it."""

import json
from typing import Any

from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.loader import NegativeSampler
from sea_pyg.nn.models import Recommender, WithSeparateLearning
from sea_pyg.training.fingerprint import feature_fingerprints, fingerprint
from sea_pyg.utils.split_id import tensor_digest


def model_note(model: Recommender) -> dict[str, Any]:
    """Return a model's name, and its arguments as :func:`arguments_note` has them."""
    return {"name": type(model).__name__, **arguments_note(model)}


def arguments_note(model: Recommender) -> dict[str, Any]:
    """Return a model's arguments as JSON has them.

    Callables stand there by their name, and tensors by their shape and SHA-256.
    """
    note: dict[str, Any] = json.loads(json.dumps(model.hparams(), default=_text_of))
    return note


def modalities_of(model: Recommender) -> list[str]:
    """Return the names of the modalities that a model reads."""
    reader = model.backbone if isinstance(model, WithSeparateLearning) else model
    return list(reader.hparams().get("in_channels") or {})


def data_note(model: Recommender, train: HeteroData, val: HeteroData) -> dict[str, str]:
    """Return the SHA-256 of the interactions and of the features that a model reads.

    The order of the training interactions counts, since batches follow it.
    """
    names = modalities_of(model)
    return {
        "interactions": tensor_digest(train[model.edge_type].edge_index),
        "validation interactions": fingerprint((val,)),
        **feature_fingerprints(train, names, model.edge_type[2]),
    }


def sampler_note(sampler: NegativeSampler | None) -> str | None:
    """Return what tells a sampler of negatives: its own ``repr``, or its class."""
    if sampler is None:
        return None
    own = type(sampler).__repr__ is not object.__repr__
    return repr(sampler) if own else type(sampler).__qualname__


def _text_of(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"Tensor {list(value.shape)} {tensor_digest(value)}"
    return str(getattr(value, "__qualname__", type(value).__qualname__))
