"""Watch what tensors take, without a clock or the operating system."""

import weakref
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Allocations(TorchDispatchMode):
    """Follow the tensors that operators return while the mode is on.

    Tensors from before are not counted, nor is what an operator holds inside.
    """

    def __init__(self) -> None:
        super().__init__()
        self.largest = 0
        """Elements of the largest dense tensor."""
        self.live = 0
        """Bytes that are held now."""
        self.peak = 0
        """Most bytes that were held at a time."""
        self._known: weakref.WeakSet[Any] = weakref.WeakSet()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        before = tree_leaves((args, kwargs))
        for tensor in (part for leaf in before for part in _dense_parts(leaf)):
            self._know(tensor, 0)
        out = func(*args, **kwargs)
        for tensor in (
            part for leaf in tree_leaves(out) for part in _dense_parts(leaf)
        ):
            self.largest = max(self.largest, tensor.numel())
            self._know(tensor, tensor.untyped_storage().nbytes())
        return out

    def _know(self, tensor: Tensor, size: int) -> None:
        """Count a storage until it dies, unless it is known: views share one."""
        storage = tensor.untyped_storage()
        if storage in self._known:
            return
        self._known.add(storage)
        weakref.finalize(storage, self._free, size)
        self.live += size
        self.peak = max(self.peak, self.live)

    def _free(self, size: int) -> None:
        self.live -= size


def _dense_parts(value: Any) -> Iterator[Tensor]:
    if not isinstance(value, Tensor):
        return
    if value.layout == torch.strided:
        yield value
    elif value.layout == torch.sparse_coo:
        yield from (value._indices(), value._values())
    else:
        yield from (value.crow_indices(), value.col_indices(), value.values())
