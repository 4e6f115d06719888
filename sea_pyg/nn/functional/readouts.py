"""Linear maps that read a projection's output, applied without forming it."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sea_pyg.typing import OptTensor
from sea_pyg.utils import memoize, once_differentiable

_ROWS = 1024
"""Rows that a CPU multiplies at a time; more leave its caches."""


class Readout(NamedTuple):
    """A linear map that reads some columns of a projection's output."""

    weight: Tensor
    """Shape :math:`[C_{out}, stop - start]`."""
    bias: OptTensor
    """Shape :math:`[C_{out}]`."""
    start: int
    """First column that is read."""
    stop: int
    """Column after the last one that is read."""
    call: Callable[[Tensor], Tensor] | None = None
    """What is called with these columns in place of the product, as a module with hooks
    has to be."""


def linear_readouts(
    x: Tensor, weight: Tensor, bias: Tensor, readouts: Sequence[Readout]
) -> list[Tensor]:
    r"""Apply linear maps to the columns of a projection :math:`y = x W^\top + b`.

    :math:`y` itself is formed only where that is cheaper. Otherwise the small maps are
    composed with the projection first, :math:`(R W) x` in place of :math:`R (W x)`:
    the same function of the same parameters, and so the same gradients.

    Args:
        x: Input.
        weight: :math:`W`, the projection's weight.
        bias: :math:`b`, the projection's bias.
        readouts: The maps.

    Shapes:
        ``x`` :math:`[N, d]`, ``weight`` :math:`[C, d]`, ``bias`` :math:`[C]`; returns
        one :math:`[N, C_{out}]` per readout.
    """
    if not readouts:
        return []
    lower = torch.is_autocast_enabled(x.device.type)
    if (
        any(r.call is not None for r in readouts)
        or lower
        and any(map(_is_wide, readouts))
        or not _composing_pays(x, weight, readouts)
    ):
        return read_columns(F.linear(x, weight, bias), readouts)
    shifts = []
    for r in readouts:
        shift = r.weight @ bias[r.start : r.stop]
        shifts.append(shift if r.bias is None else shift + r.bias)
    spans = [(r.start, r.stop) for r in readouts]
    out: Tensor = _Composed.apply(  # type: ignore[no-untyped-call]
        x, weight, torch.cat(shifts), spans, *(r.weight for r in readouts)
    )  # [N, sum of C_out]
    return list(out.split([r.weight.size(0) for r in readouts], dim=1))


def read_columns(y: Tensor, readouts: Sequence[Readout]) -> list[Tensor]:
    """Apply linear maps to the columns of a projection's output.

    Under autocast, a map to more dimensions than it reads keeps its own precision.

    Shapes:
        ``y`` :math:`[N, C]`; returns one :math:`[N, C_{out}]` per readout.
    """
    return [_read(y[:, r.start : r.stop], r) for r in readouts]


def _read(columns: Tensor, r: Readout) -> Tensor:
    def read(x: Tensor) -> Tensor:
        return F.linear(x, r.weight, r.bias) if r.call is None else r.call(x)

    if not _is_wide(r):
        return read(columns)
    with torch.autocast(columns.device.type, enabled=False):
        return read(columns.to(r.weight.dtype))


def _is_wide(r: Readout) -> bool:
    """Tell whether a map has dimensions that half precision would fill with rounding,
    which is all that is in them.
    """
    return r.weight.size(0) > r.weight.size(1)


def _composing_pays(x: Tensor, weight: Tensor, readouts: Sequence[Readout]) -> bool:
    """Compare the multiplications of both orders, backward included."""
    num_rows, in_channels = x.shape
    read = sum(r.weight.numel() for r in readouts)
    width = sum(r.weight.size(0) for r in readouts)
    # Forward and the gradient of W; the readouts' two backward products.
    explicit = 2 * num_rows * weight.numel() + 3 * num_rows * read
    composed = 3 * read * in_channels + 2 * num_rows * width * in_channels
    return composed < explicit


class _Segment(NamedTuple):
    """Columns of the projection that the same maps read."""

    start: int
    stop: int
    maps: list[int]
    """Which maps read them."""


def _segments(spans: Sequence[tuple[int, int]]) -> list[_Segment]:
    borders = sorted({border for span in spans for border in span})
    out = []
    for start, stop in zip(borders, borders[1:], strict=False):
        maps = [i for i, (a, b) in enumerate(spans) if a <= start and stop <= b]
        if maps:
            out.append(_Segment(start, stop, maps))
    return out


class _Composed(torch.autograd.Function):
    """Compose all maps with the projection, then apply them in one product.

    The maps that read the same columns are stacked, so that composing takes one product
    per range of columns, forward and backward, and the projection's gradient is
    written once. Autograd would add up one padded matrix per map.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        shift: Tensor,
        spans: list[tuple[int, int]],
        *maps: Tensor,
    ) -> Tensor:
        device = x.device.type
        lower = torch.is_autocast_enabled(device)
        with torch.autocast(device, enabled=False):
            composed = _compose(weight, spans, maps)
            dtype = torch.get_autocast_dtype(device) if lower else x.dtype
            if x.dtype != dtype and ctx.needs_input_grad[0]:
                x = x.to(dtype)
            elif x.dtype != dtype:
                x = memoize(x, ("lower precision", dtype), lambda: x.to(dtype))
            composed = composed.to(x.dtype)
            ctx.save_for_backward(x, composed, weight, *maps)
            ctx.spans = spans
            return _row_product(x, composed, shift.to(x.dtype))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        x, composed, weight, *maps = ctx.saved_tensors
        grad = grad.to(x.dtype)
        grad_x = grad @ composed if ctx.needs_input_grad[0] else None
        grad_composed = (x.t() @ grad).t().to(weight.dtype)  # [sum of C_out, d]
        parts = grad_composed.split([m.size(0) for m in maps])
        grad_weight = torch.empty_like(weight)
        grad_maps = [torch.empty_like(m) for m in maps]
        end = 0
        for segment in _segments(ctx.spans):
            grad_weight[end : segment.start] = 0
            end = segment.stop
            columns = weight[segment.start : segment.stop]
            stacked = torch.cat([parts[i] for i in segment.maps])
            torch.mm(
                _stack(segment, ctx.spans, maps).t(),
                stacked,
                out=grad_weight[segment.start : segment.stop],
            )
            rows = (stacked @ columns.t()).split(
                [maps[i].size(0) for i in segment.maps]
            )
            for i, part in zip(segment.maps, rows, strict=True):
                offset = ctx.spans[i][0]
                grad_maps[i][:, segment.start - offset : segment.stop - offset] = part
        grad_weight[end:] = 0
        grad_shift = grad.sum(dim=0, dtype=weight.dtype)
        return grad_x, grad_weight, grad_shift, None, *grad_maps


def _row_product(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    r"""Return :math:`x W^\top + b`, of one dtype and without gradient.

    On a CPU, products with few outputs take up to a fifth longer than their
    multiplications do elsewhere, unless the rows are multiplied in chunks.
    """
    if x.device.type != "cpu" or x.size(0) <= _ROWS:
        return torch.addmm(bias, x, weight.t())
    out = x.new_empty(x.size(0), weight.size(0))
    for rows, part in zip(x.split(_ROWS), out.split(_ROWS), strict=True):
        torch.addmm(bias, rows, weight.t(), out=part)
    return out


def _stack(
    segment: _Segment, spans: Sequence[tuple[int, int]], maps: Sequence[Tensor]
) -> Tensor:
    """Return the parts of the maps that read a segment, one below the other."""
    return torch.cat(
        [
            maps[i][:, segment.start - spans[i][0] : segment.stop - spans[i][0]]
            for i in segment.maps
        ]
    )


def _compose(
    weight: Tensor, spans: Sequence[tuple[int, int]], maps: Sequence[Tensor]
) -> Tensor:
    sizes = [m.size(0) for m in maps]
    out = weight.new_zeros(sum(sizes), weight.size(1))
    targets = out.split(sizes)
    for segment in _segments(spans):
        product = _stack(segment, spans, maps) @ weight[segment.start : segment.stop]
        parts = product.split([sizes[i] for i in segment.maps])
        for i, part in zip(segment.maps, parts, strict=True):
            targets[i].add_(part)
    return out
