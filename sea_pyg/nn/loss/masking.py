"""Which items a loss compares, and on what scale."""

from collections.abc import Mapping

import torch
from torch import Tensor

from sea_pyg.nn.functional.linear_gaussian import rounding_variance
from sea_pyg.typing import OptTensor
from sea_pyg.utils import memoize

_SMALLEST_VARIANCE = 1e-12
"""A constant column stays zero."""


def rows_of(mask: OptTensor) -> OptTensor:
    """Return the rows that the mask keeps, or None if it keeps all."""
    if mask is None:
        return None

    def build() -> OptTensor:
        return None if bool(mask.all()) else mask.nonzero().squeeze(1)

    return memoize(mask, "rows", build)


def incomplete(
    masks: Mapping[str, Tensor] | None, index: OptTensor = None
) -> dict[str, Tensor]:
    """Return the masks, of some items if given, without those that keep every item.

    Which rows a mask keeps is then asked once, and not of the items of every batch.
    """
    found = {n: m for n, m in (masks or {}).items() if rows_of(m) is not None}
    return found if index is None else {n: m[index] for n, m in found.items()}


def standardized(x: Tensor, mask: OptTensor) -> Tensor:
    """Return x with mean zero and variance one in every column, over masked rows."""
    rows, dtype = rows_of(mask), x.dtype
    # Squares and the smallest variance lie outside of what float16 can hold.
    x = x.to(torch.promote_types(dtype, torch.float32))
    present = x if rows is None else x[rows]
    if present.size(0) < 2:
        return x.to(dtype)
    mean = present.mean(dim=0)
    centred = x - mean
    spread = centred if rows is None else centred[rows]
    variance = spread.square().mean(dim=0)
    # All that is left of a constant column is rounding, which has no scale to be given.
    rounding = rounding_variance(mean.square(), x.dtype)
    scale = (variance + _SMALLEST_VARIANCE).rsqrt()
    return (centred * scale.masked_fill(variance <= rounding, 0)).to(dtype)


def detached(x: Tensor) -> Tensor:
    """Return one and the same detached tensor for all inner steps."""
    return memoize(x, "detached", x.detach)


def common_rows(masks: Mapping[str, Tensor], a: str, b: str) -> OptTensor:
    """Return the rows that both modalities have, or None if that is all."""
    if a not in masks or b not in masks:
        return rows_of(masks.get(a, masks.get(b)))
    first, second = masks[a], masks[b]

    def build() -> OptTensor:
        both = first & second
        return None if bool(both.all()) else both.nonzero().squeeze(1)

    return memoize(first, ("common rows", a, b), build, second)
