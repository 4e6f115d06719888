"""Tensors and plain values in one safetensors file that notices damage."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sea_pyg.training.atomic import atomic
from sea_pyg.utils import require

_HEADER = "sea_pyg"


def save_tensors(
    path: str | Path, tensors: Mapping[str, Tensor], plain: Any = None
) -> None:
    """Write tensors, and a value that JSON can hold, to one file, atomically.

    Nothing is pickled. The same content makes the same bytes.

    Raises:
        ImportError: If safetensors is not installed.
        ValueError: If a tensor is sparse.
        OSError: If the file cannot be written.
    """
    safetensors = require("safetensors", "train")
    to_file = require("safetensors.torch", "train").save_file
    cpu: dict[str, Tensor] = {}
    storages: set[int] = set()
    for name, value in tensors.items():
        if value.layout != torch.strided:
            raise ValueError(
                f"{name!r} is a tensor of the layout {value.layout}, which is not "
                "saved; make a buffer that is computed from the graph with "
                "register_buffer(..., persistent=False)"
            )
        # Copies of shared or strided memory: safetensors takes neither.
        plain_value = _plain(value)
        if plain_value.untyped_storage().data_ptr() in storages:
            plain_value = plain_value.clone()
        storages.add(plain_value.untyped_storage().data_ptr())
        cpu[name] = plain_value
    text = json.dumps(plain)
    # One entry only: several would be written in random order.
    header = {_HEADER: json.dumps({"sha256": _digest(cpu, text), "plain": text})}
    with atomic(path) as temporary:
        try:
            to_file(cpu, str(temporary), metadata=header)
        except safetensors.SafetensorError as error:
            raise OSError(f"{str(path)!r} cannot be written ({error})") from error


def load_tensors(path: str | Path) -> tuple[dict[str, Tensor], Any]:
    """Read what :func:`save_tensors` wrote.

    Raises:
        ImportError: If safetensors is not installed.
        ValueError: If the file is missing, truncated, or its content has changed.
    """
    safetensors = require("safetensors", "train")
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no file {str(path)!r}")
    try:
        with safetensors.safe_open(str(path), framework="pt") as file:
            header = json.loads((file.metadata() or {})[_HEADER])
            tensors = {name: file.get_tensor(name) for name in _names(file)}
        plain = json.loads(header["plain"])
        if _digest(tensors, header["plain"]) != header["sha256"]:
            raise ValueError("its content does not match its checksum")
    except (
        safetensors.SafetensorError,
        KeyError,
        OSError,
        TypeError,
        ValueError,
    ) as error:
        reason = f"no entry {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(
            f"{str(path)!r} is damaged or was not written by sea_pyg ({reason}); "
            "restore it from a copy or train again"
        ) from error
    return tensors, plain


def _plain(value: Tensor) -> Tensor:
    value = value.detach().cpu().contiguous()
    if value.untyped_storage().nbytes() != value.numel() * value.element_size():
        value = value.clone()
    return value


def _names(file: Any) -> list[str]:
    return list(file.keys())


def _digest(tensors: Mapping[str, Tensor], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        value = tensors[name]
        digest.update(f"{name};{value.dtype};{list(value.shape)};".encode())
        if value.numel():
            content: Any = value.reshape(-1).view(torch.uint8).numpy()
            digest.update(content)
    return digest.hexdigest()
