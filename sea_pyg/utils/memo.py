"""Values that are derived from tensors once and live as long as the tensor does."""

import weakref
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

T = TypeVar("T")


class _Entry(NamedTuple):
    versions: tuple[int, ...]
    others: tuple["weakref.ref[Tensor]", ...]
    value: Any


_MEMO: WeakIdKeyDictionary = WeakIdKeyDictionary()


def memoize(
    tensor: Tensor, key: Hashable, build: Callable[[], T], *others: Tensor
) -> T:
    """Return what ``build()`` made for these very tensor objects, or build it.

    The entry dies with ``tensor``, and an in-place change of any of the tensors makes
    it stale. One behind torch's back is not seen: through ``.data``, memory that is
    shared with numpy, or a step of a fused optimizer, so that values of what is trained
    are not to be kept. Tensors made in inference mode count no changes, so that nothing
    is kept for them.

    Args:
        tensor: The tensor that the value derives from (by identity, not content).
        key: What tells several values of one tensor apart, *e.g.* a name and sizes.
        build: Makes the value; the value must not refer to ``tensor`` itself.
        *others: Further tensors that the value derives from.
    """
    if any(source.is_inference() for source in (tensor, *others)):
        return build()
    versions = (tensor._version, *(other._version for other in others))
    entries: dict[Hashable, _Entry] | None = _MEMO.get(tensor)
    if entries is None:
        entries = {}
        _MEMO[tensor] = entries
    found = entries.get(key)
    if (
        found is not None
        and found.versions == versions
        and all(ref() is other for ref, other in zip(found.others, others, strict=True))
    ):
        value: T = found.value
        return value
    value = _built(build)
    refs = tuple(weakref.ref(other) for other in others)
    entries[key] = _Entry(versions, refs, value)
    return value


def _built(build: Callable[[], T]) -> T:
    """Build it as one that training can use, too."""
    if not torch.is_inference_mode_enabled():
        return build()
    with torch.inference_mode(False), torch.no_grad():
        return build()
