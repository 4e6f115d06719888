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
from torch.nn import Linear, Sequential

from sea_pyg.utils import memoize, once_differentiable


class Weights(NamedTuple):
    """The networks of all models, or anything of their shape.

    Of a model's two networks the mean's comes first. Below each hidden layer's rows is
    one that hands the row of ones on.
    """

    input: Tensor
    """:math:`(M, 2 (H + 1), d_x + 1)`, since both networks read the same samples."""
    output: Tensor
    """:math:`(2 M, d_y, H + 1)`"""


def stack(parameters: Sequence[Tensor], hand_on: bool = True) -> Weights:
    """Lay the networks of all models out side by side, biases as further columns.

    Args:
        parameters: Weight and bias of both layers of every network, of each model the
            mean's first.
        hand_on: Whether the row of ones is handed on, as in weights; not so in what
            belongs to weights. (default: :obj:`True`)
    """
    (hidden, x_channels), y_channels = parameters[0].shape, parameters[2].size(0)
    num_networks = len(parameters) // 4
    first = parameters[0].new_zeros(num_networks, hidden + 1, x_channels + 1)
    first[:, hidden, x_channels] = float(hand_on)
    weights = Weights(
        first.view(num_networks // 2, -1, x_channels + 1),
        parameters[0].new_empty(num_networks, y_channels, hidden + 1),
    )
    for part, value in zip(unstack(weights), parameters, strict=True):
        part.copy_(value)
    return weights


def unstack(weights: Weights) -> list[Tensor]:
    """Take apart what :func:`stack` laid out, as views."""
    num_networks, _, width = weights.output.shape
    networks = weights.input.view(num_networks, width, -1)
    parts = []
    for first, second in zip(networks[:, :-1], weights.output, strict=True):
        parts += [first[:, :-1], first[:, -1], second[:, :-1], second[:, -1]]
    return parts


def layers(*networks: Sequential) -> list[Tensor]:
    """Return weight and bias of both layers of every network, as :func:`stack` takes
    them.
    """
    parameters: list[Tensor] = []
    for network in networks:
        for layer in (network[0], network[2]):
            assert isinstance(layer, Linear)
            parameters += [layer.weight, layer.bias]
    return parameters


def columns(
    samples: Sequence[Tensor], dtype: torch.dtype, ones: bool, keep: bool = False
) -> Tensor:
    """Return the samples as columns.

    Args:
        samples: Those of every model, :math:`(N, d)` each.
        dtype: The result's type.
        ones: Whether a row of ones is put below.
        keep: Whether the layout is kept for the next call with these tensors.
            (default: :obj:`False`)

    Shapes:
        Returns :math:`(M, d, N)`, or with the ones :math:`(M, d + 1, N)`.
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
    key = ("columns", dtype, ones, len(samples))
    return memoize(first, key, build, *others) if keep else build()


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
            (default: :obj:`True`)

    Shapes:
        Returns a scalar, and the gradient, of the shape of ``weights``.
    """
    num_models, _, num_samples = y.shape
    mean, log_variance = slice(0, None, 2), slice(1, None, 2)
    # tanh(z) = 2 s - 1 with s = sigmoid(2 z), which is several times as fast.
    output = weights.output.clone()
    output[log_variance] *= 2 / bound
    h = torch.bmm(weights.input, x).relu_()
    h = h.view(2 * num_models, -1, num_samples)  # [2 M, H + 1, N]
    out = torch.bmm(output, h)  # [2 M, d_y, N]
    error = out[mean].sub_(y)
    s = out[log_variance].sigmoid_()
    log_precision = torch.add(s.new_tensor(bound), s, alpha=-2 * bound)
    loss = -0.5 * log_precision.sum()
    # The results replace what they are made of, since fresh memory costs more than the
    # arithmetic.
    grad_mean = log_precision.exp_().mul_(error)
    square = error.mul_(grad_mean)
    loss = (loss + 0.5 * square.sum()) / num_samples
    if not gradient:
        return loss, None
    # In twice the raw log-variance over its bound, but for a factor of -bound.
    torch.ops.aten.sigmoid_backward.grad_input(square.sub_(1), s, grad_input=s)
    out[mean] = grad_mean
    grad_h = torch.bmm(output.transpose(1, 2), out)
    torch.ops.aten.threshold_backward.grad_input(grad_h, h, 0, grad_input=grad_h)
    grad_h = grad_h.view(num_models, -1, num_samples)
    grad_input = torch.bmm(grad_h, x.transpose(1, 2)).div_(num_samples)
    grad_output = torch.bmm(out, h.transpose(1, 2)).div_(num_samples)
    # The factor, and in the second layer that of its weight.
    networks = grad_input.view(2 * num_models, -1, x.size(1))
    networks[log_variance] *= -bound
    networks[:, -1] = 0  # the row of ones is no weight
    grad_output[log_variance] *= -2
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
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        scaled = Weights(*(grad * saved for saved in ctx.saved_tensors))
        return None, None, None, *unstack(scaled)


def fused_nll(
    xs: Sequence[Tensor],
    ys: Sequence[Tensor],
    bound: float,
    parameters: Sequence[Tensor],
    keep: bool = False,
) -> Tensor:
    """Compute the sum of models' mean negative log-likelihoods, without their constant.

    The gradient reaches the parameters alone.

    Args:
        xs: The conditions of every model.
        ys: The variables of every model.
        bound: Range of the log-variance.
        parameters: Those of all networks, see :func:`stack`.
        keep: Whether the samples' layout is kept, see :func:`columns`.
            (default: :obj:`False`)

    Shapes:
        ``xs`` :math:`(N, d_x)` each, ``ys`` :math:`(N, d_y)` each; returns a scalar.
    """
    dtype = parameters[0].dtype
    x = columns(xs, dtype, ones=True, keep=keep)
    y = columns(ys, dtype, ones=False, keep=keep)
    out: Tensor = _FusedNLL.apply(  # type: ignore[no-untyped-call]
        x, y, bound, *parameters
    )
    return out
