"""Graphs where the model is."""

import copy
from itertools import chain

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.utils.memo import memoize


def device_of(module: torch.nn.Module) -> torch.device | None:
    """Return the device of a module's first parameter or buffer, if it has one."""
    tensor = next(chain(module.parameters(), module.buffers()), None)
    return None if tensor is None else tensor.device


def on_device(data: HeteroData, device: torch.device | str | None) -> HeteroData:
    """Return a graph whose tensors are on a device; the caller's stays where it is.

    A tensor that is elsewhere is copied once, however many graphs hold it and however
    often this is called, so that what is derived from the copy is kept, too.

    Args:
        data: The graph.
        device: The device; where it is if absent.
    """
    if device is None:
        return data
    target = torch.empty(0, device=device).device  # with its number

    def move(x: Tensor) -> Tensor:
        if x.device == target:
            return x
        if x.requires_grad:  # each call has a graph of its own
            return x.to(target)
        return memoize(x, ("on", target), lambda: x.to(target))

    moved = copy.copy(data)
    for store in moved.stores:
        # PyG looks into every entry of a list, as of titles.
        keys = [key for key, value in store.items() if not _is_text(value)]
        if keys:
            store.apply(move, *keys)
    return moved


def _is_text(value: object) -> bool:
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    return isinstance(value, str)
