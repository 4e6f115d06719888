"""The likelihood of several small Gaussian networks, computed side by side.

The networks are so small that autograd's bookkeeping and its many passes over the
samples cost more than the multiplications. Samples are columns, since products of a
small matrix with a wide one run several times as fast as with a tall one. A bias is a
further column of its weight, against a row of ones, so that its gradient comes with the
weight's.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sea_pyg.utils import memoize


class Weights(NamedTuple):
    """The networks of all models, or anything of their shape.

    Of a model's two networks the mean's comes first. Below each hidden layer's rows is
    one that hands the row of ones on.
    """

    input: Tensor
    """:math:`(M, 2 (H + 1), d_x + 1)`"""
    output: Tensor
    """:math:`(2 M, d_y, H + 1)`"""


def stack(parameters: Sequence[Tensor], hand_on: bool = True) -> Weights:
    """Lay the networks of all models out side by side, biases as further columns.

    Args:
        parameters: Weight and bias of both layers of every network.
        hand_on: Whether the row of ones is handed on, as in weights; not so in what
            belongs to weights.
    """
    (hidden, x_channels), y_channels = parameters[0].shape, parameters[2].size(0)
    num_networks = len(parameters) // 4
    first = parameters[0].new_zeros(num_networks, hidden + 1, x_channels + 1)
    second = parameters[0].new_empty(num_networks, y_channels, hidden + 1)
    first[:, hidden, x_channels] = float(hand_on)
    for part, value in zip(_parts(first, second), parameters, strict=True):
        part.copy_(value)
    return Weights(first.view(num_networks // 2, -1, x_channels + 1), second)


def unstack(weights: Weights) -> list[Tensor]:
    """Take apart what :func:`stack` laid out, as views."""
    num_networks, _, width = weights.output.shape
    return _parts(
        weights.input.view(num_networks, width, weights.input.size(-1)), weights.output
    )


def _parts(first: Tensor, second: Tensor) -> list[Tensor]:
    parts = []
    for a, b in zip(first[:, :-1], second, strict=True):
        parts += [a[:, :-1], a[:, -1], b[:, :-1], b[:, -1]]
    return parts


def columns(samples: Sequence[Tensor], dtype: torch.dtype, ones: bool) -> Tensor:
    """Return the samples as columns, laid out once for all steps of a fit.

    Shapes:
        ``samples`` :math:`(N, d)` each; returns :math:`(M, d, N)`, or with a row of
        ones below :math:`(M, d + 1, N)`.
    """

    def build() -> Tensor:
        num_samples, channels = samples[0].shape
        out = samples[0].new_ones(
            len(samples), channels + ones, num_samples, dtype=dtype
        )
        for part, x in zip(out, samples, strict=True):
            part[:channels] = x.detach().t()
        return out

    first, *others = samples
    return memoize(first, ("columns", dtype, ones, len(samples)), build, *others)


def nll_and_gradient(
    x: Tensor, y: Tensor, weights: Weights, bound: float, gradient: bool = True
) -> tuple[Tensor, Weights | None]:
    """Compute the sum of the models' mean negative log-likelihoods.

    Args:
        x: The conditions, see :func:`columns`, with ones.
        y: The variables, see :func:`columns`.
        weights: The networks.
        bound: Range of the log-variance, which is ``bound * tanh(raw / bound)``.
        gradient: Whether the gradient in the weights is computed too.

    Shapes:
        Returns a scalar, and the gradient, of the shape of ``weights``.
    """
    num_models, num_samples = x.size(0), x.size(2)
    # tanh(z) = 2 s - 1 with s = sigmoid(2 z), which is several times as fast.
    scale = y.new_ones(2, 1, 1)
    scale[1] = 2 / bound
    out_scale = scale.repeat(num_models, 1, 1)
    output = weights.output * out_scale
    h = torch.bmm(weights.input, x).relu_()
    h = h.view(2 * num_models, -1, num_samples)  # [2 M, H + 1, N]
    out = torch.bmm(output, h)  # [2 M, d_y, N]
    error = out[0::2].sub_(y)
    s = out[1::2].sigmoid_()
    log_precision = torch.add(s.new_tensor(bound), s, alpha=-2 * bound)
    loss = -0.5 * log_precision.sum()
    if not gradient:
        square = error.square_().mul_(log_precision.exp_())
        return (loss + 0.5 * square.sum()) / num_samples, None
    grad = torch.empty_like(out)
    grad_mean = torch.mul(error, log_precision.exp_(), out=grad[0::2])
    square = torch.mul(error, grad_mean, out=log_precision)
    loss = (loss + 0.5 * square.sum()) / num_samples
    # In twice the raw log-variance over its bound, but for a factor of -bound.
    square.sub_(1)
    torch.ops.aten.sigmoid_backward.grad_input(square, s, grad_input=grad[1::2])
    grad_h = torch.bmm(output.transpose(1, 2), grad)
    grad_h = torch.ops.aten.threshold_backward(grad_h, h, 0)
    grad_h = grad_h.view(num_models, -1, num_samples)
    grad_input = torch.bmm(grad_h, x.transpose(1, 2)).div_(num_samples)
    grad_output = torch.bmm(grad, h.transpose(1, 2)).div_(num_samples)
    # The factor, and in the second layer that of its weight.
    networks = grad_input.view(2 * num_models, -1, x.size(1))
    networks[1::2] *= -bound
    networks[:, -1] = 0  # the row of ones is no weight
    grad_output[1::2] *= -2
    return loss, Weights(grad_input, grad_output)


class _FusedNLL(torch.autograd.Function):
    """:func:`nll_and_gradient`, computed once for value and gradient."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, y: Tensor, bound: float, *parameters: Tensor
    ) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            loss, gradient = nll_and_gradient(
                x, y, stack(parameters), bound, any(ctx.needs_input_grad)
            )
        if gradient is not None:
            ctx.save_for_backward(*gradient)
        return loss

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        scaled = Weights(*(grad * saved for saved in ctx.saved_tensors))
        return None, None, None, *unstack(scaled)


def fused_nll(
    x: Tensor, y: Tensor, bound: float, parameters: Sequence[Tensor]
) -> Tensor:
    """Compute the loss of :func:`nll_and_gradient` with a gradient in the parameters.

    Args:
        x: The conditions, see :func:`columns`, with ones.
        y: The variables, see :func:`columns`.
        bound: Range of the log-variance.
        parameters: Those of all networks, see :func:`stack`.

    Shapes:
        Returns a scalar.
    """
    out: Tensor = _FusedNLL.apply(  # type: ignore[no-untyped-call]
        x, y, bound, *parameters
    )
    return out
