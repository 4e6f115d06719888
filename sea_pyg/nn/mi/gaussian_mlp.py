"""A Gaussian model q(y|x) with small networks for mean and variance."""

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
        layers = [m for n in (self.mean, self.log_variance) for m in (n[0], n[2])]
        parameters = [p for layer in layers for p in (layer.weight, layer.bias)]
        dtype = next(self.parameters()).dtype
        arguments = (
            _columns(x, dtype),
            _columns(y, dtype),
            self.log_variance_bound,
            *parameters,
        )
        out: Tensor = _FusedNLL.apply(*arguments)  # type: ignore[no-untyped-call]
        return out


def _columns(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the samples as columns, laid out once for all steps of a fit."""

    def build() -> Tensor:
        return x.detach().to(dtype).t().contiguous()

    return memoize(x, ("columns", dtype), build)


class _FusedNLL(torch.autograd.Function):
    """The likelihood of a :class:`GaussianMLP` and its gradient, in few passes.

    The networks are so small that autograd's bookkeeping and its many passes over the
    samples cost more than the multiplications. Samples are columns, since products of
    a small matrix with a wide one run several times as fast as with a tall one.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        y: Tensor,
        bound: float,
        mean_in: Tensor,
        mean_in_bias: Tensor,
        mean_out: Tensor,
        mean_out_bias: Tensor,
        variance_in: Tensor,
        variance_in_bias: Tensor,
        variance_out: Tensor,
        variance_out_bias: Tensor,
    ) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            num_samples, hidden = x.size(1), mean_in.size(0)
            weight = torch.cat([mean_in, variance_in])
            bias = torch.cat([mean_in_bias, variance_in_bias])
            h = torch.addmm(bias.unsqueeze(1), weight, x).relu_()  # [2 * hidden, N]
            h_mean, h_variance = h[:hidden], h[hidden:]
            error = torch.addmm(mean_out_bias.unsqueeze(1), mean_out, h_mean).sub_(y)
            # tanh(z) = 2 s - 1 with s = sigmoid(2 z), which is several times as fast.
            s = torch.addmm(
                (2 / bound * variance_out_bias).unsqueeze(1),
                2 / bound * variance_out,
                h_variance,
            ).sigmoid_()
            log_precision = torch.add(s.new_tensor(bound), s, alpha=-2 * bound)
            loss = -0.5 * log_precision.sum()
            grad_mean = error * log_precision.exp_()
            square = error.mul_(grad_mean)  # (y - mean)^2 / variance
            loss = (loss + 0.5 * square.sum()) / num_samples
            if not any(ctx.needs_input_grad):
                return loss
            grad_mean.div_(num_samples)
            slope = torch.addcmul(s, s, s, value=-1)  # s (1 - s)
            grad_raw = square.sub_(1).mul_(slope).mul_(-2 / num_samples)
            grad_h = torch.cat([mean_out.t() @ grad_mean, variance_out.t() @ grad_raw])
            grad_h = torch.ops.aten.threshold_backward(grad_h, h, 0)
            grad_in, grad_in_bias = grad_h @ x.t(), grad_h.sum(dim=1)
            ctx.save_for_backward(
                grad_in[:hidden],
                grad_in_bias[:hidden],
                grad_mean @ h_mean.t(),
                grad_mean.sum(dim=1),
                grad_in[hidden:],
                grad_in_bias[hidden:],
                grad_raw @ h_variance.t(),
                grad_raw.sum(dim=1),
            )
        return loss

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        grads = [grad * saved for saved in ctx.saved_tensors]
        return None, None, None, *grads
