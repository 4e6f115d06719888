"""A Gaussian model q(y|x) with small networks for mean and variance."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import Linear, ReLU, Sequential

from sea_pyg.nn.mi.conditional_gaussian import ConditionalGaussian
from sea_pyg.utils import memoize


class GaussianMLP(ConditionalGaussian):
    r"""Model :math:`q(y|x)` as a Gaussian whose mean and log-variance are networks with
    one hidden layer each, as in `"CLUB: A Contrastive Log-ratio Upper Bound of Mutual
    Information" <https://arxiv.org/abs/2006.12013>`_.

    Args:
        x_channels: Width of the condition.
        y_channels: Width of the variable.
        hidden_channels: Hidden width of both networks. (default: :obj:`8`)
        log_variance: :obj:`"wide"` bounds :math:`\log \sigma^2` smoothly to
            :math:`\pm 10`; :obj:`"tanh"` to :math:`\pm 1`. (default: :obj:`"wide"`)

    Shapes:
        - **input:** conditions :math:`(N, d_x)`
        - **output:** means and logarithms of the variances, each :math:`(N, d_y)`

    Raises:
        ValueError: If a width is not positive or ``log_variance`` is unknown.

    .. note::
        CLUB's and SEA's released code have ``log_variance="tanh"``, which cannot
        represent a variance below :math:`1/e` or above :math:`e`.
    """

    def __init__(
        self,
        x_channels: int,
        y_channels: int,
        hidden_channels: int = 8,
        log_variance: Literal["wide", "tanh"] = "wide",
    ) -> None:
        super().__init__(x_channels, y_channels)
        if hidden_channels < 1:
            raise ValueError(
                f"hidden_channels must be positive (got {hidden_channels})"
            )
        if log_variance not in ("wide", "tanh"):
            raise ValueError(
                f"log_variance must be 'wide' or 'tanh' (got {log_variance!r})"
            )
        self.log_variance_bound = 1.0 if log_variance == "tanh" else 10.0
        self.mean = self._network(hidden_channels)
        self.log_variance = self._network(hidden_channels)
        self.reset_parameters()

    def _network(self, hidden_channels: int) -> Sequential:
        return Sequential(
            Linear(self.x_channels, hidden_channels),
            ReLU(),
            Linear(hidden_channels, self.y_channels),
        )

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        for network in (self.mean, self.log_variance):
            for module in network:
                if isinstance(module, Linear):
                    module.reset_parameters()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of y given x."""
        bound = self.log_variance_bound
        raw: Tensor = self.log_variance(x)
        return self.mean(x), bound * torch.tanh(raw / bound)

    def nll(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the mean negative log-likelihood without its constant, in nats.

        Where only the parameters need a gradient, as in fitting, it is computed
        together with the value.
        """
        if x.requires_grad or y.requires_grad:
            return super().nll(x, y)
        return self.joint_nll([self], [x], [y])

    @staticmethod
    def joint_nll(
        models: Sequence["GaussianMLP"], xs: Sequence[Tensor], ys: Sequence[Tensor]
    ) -> Tensor:
        """Return the sum of several models' :meth:`nll`, computed side by side.

        The gradient reaches the parameters alone.

        Args:
            models: Models of one shape and one range of variances.
            xs: The conditions of every model.
            ys: The variables of every model.

        Shapes:
            ``xs`` :math:`(N, d_x)` each, ``ys`` :math:`(N, d_y)` each; returns a
            scalar.
        """
        first = models[0]
        parameters = [p for model in models for p in model._layers()]
        dtype = parameters[0].dtype
        arguments = (
            _columns(xs, dtype, ones=True),
            _columns(ys, dtype, ones=False),
            first.log_variance_bound,
            *parameters,
        )
        out: Tensor = _FusedNLL.apply(*arguments)  # type: ignore[no-untyped-call]
        return out

    def joins(self, other: "GaussianMLP") -> bool:
        """Return whether :meth:`joint_nll` takes both models side by side."""
        return (
            self.log_variance_bound == other.log_variance_bound
            and [p.shape for p in self._layers()] == [p.shape for p in other._layers()]
            and self._layers()[0].dtype == other._layers()[0].dtype
        )

    def _layers(self) -> list[Tensor]:
        parameters: list[Tensor] = []
        for network in (self.mean, self.log_variance):
            for layer in (network[0], network[2]):
                assert isinstance(layer, Linear)
                parameters += [layer.weight, layer.bias]
        return parameters


def _columns(samples: Sequence[Tensor], dtype: torch.dtype, ones: bool) -> Tensor:
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


class _FusedNLL(torch.autograd.Function):
    """The likelihood of :class:`GaussianMLP` and its gradient, in few passes.

    The networks are so small that autograd's bookkeeping and its many passes over the
    samples cost more than the multiplications. Samples are columns, since products of
    a small matrix with a wide one run several times as fast as with a tall one. A
    bias is a further column of its weight, against a row of ones, so that its gradient
    comes with the weight's.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, y: Tensor, bound: float, *parameters: Tensor
    ) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            num_models, num_samples = x.size(0), x.size(2)
            ctx.shapes = [p.shape for p in parameters[:8]]
            # [M, 2 (H + 1), d_x + 1] and [2 M, d_y, H + 1]; of a pair of networks the
            # mean's comes first.
            weight_in, weight_out = _stack(parameters)
            weight_out[1::2] *= 2 / bound
            h = torch.bmm(weight_in, x).relu_()
            h = h.view(2 * num_models, -1, num_samples)  # [2 M, H + 1, N]
            out = torch.bmm(weight_out, h)  # [2 M, d_y, N]
            error = out[0::2].sub_(y)
            # tanh(z) = 2 s - 1 with s = sigmoid(2 z), which is several times as fast.
            s = out[1::2].sigmoid_()
            log_precision = torch.add(s.new_tensor(bound), s, alpha=-2 * bound)
            loss = -0.5 * log_precision.sum()
            if not any(ctx.needs_input_grad):
                square = error.square_().mul_(log_precision.exp_())
                return (loss + 0.5 * square.sum()) / num_samples
            grad = torch.empty_like(out)
            grad_mean = torch.mul(error, log_precision.exp_(), out=grad[0::2])
            square = torch.mul(error, grad_mean, out=log_precision)
            loss = (loss + 0.5 * square.sum()) / num_samples
            # In the raw log-variance, but for a factor of -2.
            square.sub_(1)
            torch.ops.aten.sigmoid_backward.grad_input(square, s, grad_input=grad[1::2])
            grad_h = torch.bmm(weight_out.transpose(1, 2), grad)
            grad_h = torch.ops.aten.threshold_backward(grad_h, h, 0)
            grad_h = grad_h.view(num_models, -1, num_samples)
            grad_in = torch.bmm(grad_h, x.transpose(1, 2)).div_(num_samples)
            grad_out = torch.bmm(grad, h.transpose(1, 2)).div_(num_samples)
            # The factor, and on its way into h that of the weight.
            grad_in.view(2 * num_models, -1, x.size(1))[1::2] *= -bound
            grad_out[1::2] *= -2
            ctx.save_for_backward(grad_in, grad_out)
        return loss

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        grad_in, grad_out = ctx.saved_tensors
        return None, None, None, *_unstack(grad * grad_in, grad * grad_out, ctx.shapes)


def _stack(parameters: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Lay the networks of all models out side by side, biases as further columns.

    Below each hidden layer's rows is one that hands the row of ones on.
    """
    shapes = [p.shape for p in parameters[:8]]
    (hidden, x_channels), y_channels = shapes[0], shapes[2][0]
    num_networks = len(parameters) // 4
    weight_in = parameters[0].new_zeros(num_networks, hidden + 1, x_channels + 1)
    weight_out = parameters[0].new_empty(num_networks, y_channels, hidden + 1)
    weight_in[:, hidden, x_channels] = 1
    for network in range(num_networks):
        first, shift, second, bias = parameters[4 * network : 4 * network + 4]
        weight_in[network, :hidden, :x_channels] = first
        weight_in[network, :hidden, x_channels] = shift
        weight_out[network, :, :hidden] = second
        weight_out[network, :, hidden] = bias
    return weight_in.view(num_networks // 2, -1, x_channels + 1), weight_out


def _unstack(
    weight_in: Tensor, weight_out: Tensor, shapes: Sequence[torch.Size]
) -> list[Tensor]:
    """Take apart what :func:`_stack` laid out."""
    hidden, x_channels = shapes[0]
    weight_in = weight_in.view(-1, hidden + 1, x_channels + 1)[:, :hidden]
    parameters = []
    for first, second in zip(weight_in, weight_out, strict=True):
        parameters += [first[:, :-1], first[:, -1], second[:, :-1], second[:, -1]]
    return parameters
