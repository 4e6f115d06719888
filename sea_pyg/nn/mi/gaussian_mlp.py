"""A Gaussian model q(y|x) with small networks for mean and variance."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import Linear, ReLU, Sequential

from sea_pyg.nn.mi.conditional_gaussian import ConditionalGaussian
from sea_pyg.nn.mi.side_by_side import (
    Weights,
    columns,
    fused_nll,
    nll_and_gradient,
    stack,
    unstack,
)
from sea_pyg.utils import check_choice, check_counts, is_unmodified


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
        check_counts(1, hidden_channels=hidden_channels)
        check_choice(("wide", "tanh"), log_variance=log_variance)
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

    @property
    def has_kernel(self) -> bool:
        """Whether :meth:`joint_nll` computes what :meth:`forward` stands for: not that
        of a subclass, other layers or hooks, which it knows nothing of.
        """
        kinds = (Linear, ReLU, Linear)
        return is_unmodified(self, GaussianMLP) and all(
            is_unmodified(network, Sequential)
            and len(network) == len(kinds)
            and all(map(is_unmodified, network, kinds))
            for network in (self.mean, self.log_variance)
        )

    def nll(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the mean negative log-likelihood without its constant, in nats.

        Where only the parameters need a gradient, as in fitting, it is computed
        together with the value.
        """
        if not self.has_kernel or x.requires_grad or y.requires_grad:
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
        parameters = [p for model in models for p in model._layers()]
        dtype = parameters[0].dtype
        return fused_nll(
            columns(xs, dtype, ones=True),
            columns(ys, dtype, ones=False),
            models[0].log_variance_bound,
            parameters,
        )

    @staticmethod
    @torch.no_grad()
    def joint_fit(
        models: Sequence["GaussianMLP"],
        xs: Sequence[Tensor],
        ys: Sequence[Tensor],
        optimizer: torch.optim.Adam,
        steps: int,
    ) -> Tensor:
        """Take Adam's steps on :meth:`joint_nll`, and return its last value.

        The parameters and Adam's moments are laid out side by side for all the steps;
        they come out as if the optimizer had taken each step.

        Args:
            models: Models that may be fitted so, see :meth:`fits_with`.
            xs: The conditions of every model.
            ys: The variables of every model.
            optimizer: Adam over the models' parameters.
            steps: Number of steps, at least one.

        Shapes:
            Those of :meth:`joint_nll`.
        """
        parameters = [p for model in models for p in model._layers()]
        dtype, bound = parameters[0].dtype, models[0].log_variance_bound
        x, y = columns(xs, dtype, ones=True), columns(ys, dtype, ones=False)
        weights = stack(parameters)
        group = {k: v for k, v in optimizer.param_groups[0].items() if k != "params"}
        twin = torch.optim.Adam(weights, **group)
        states = [optimizer.state[p] for p in parameters]
        if any(states):
            for key in ("exp_avg", "exp_avg_sq"):
                moments = stack([state[key] for state in states], hand_on=False)
                for weight, moment in zip(weights, moments, strict=True):
                    twin.state[weight][key] = moment
            for weight in weights:
                twin.state[weight]["step"] = states[0]["step"].clone()
        loss = x.new_zeros(())
        with torch.autocast(x.device.type, enabled=False):
            for _ in range(steps):
                loss, gradient = nll_and_gradient(x, y, weights, bound)
                assert gradient is not None
                weights.input.grad, weights.output.grad = gradient
                twin.step()
        for parameter, value in zip(parameters, unstack(weights), strict=True):
            parameter.copy_(value)
        for key in ("exp_avg", "exp_avg_sq"):
            moments = Weights(*(twin.state[weight][key] for weight in weights))
            for state, moment in zip(states, unstack(moments), strict=True):
                state[key] = moment.clone()
        for state in states:
            state["step"] = twin.state[weights.input]["step"].clone()
        return loss

    @staticmethod
    def fits_with(
        models: Sequence["GaussianMLP"], optimizer: torch.optim.Optimizer
    ) -> bool:
        """Return whether :meth:`joint_fit` stands for the optimizer's own steps.

        It does for Adam over nothing but the parameters of different models, none of
        them frozen, without weight decay, hooks or a scheduler, which notes its rate
        in the group and watches the steps, as long as they have learned together.
        """
        if type(optimizer) is not torch.optim.Adam or len(optimizer.param_groups) != 1:
            return False
        group = optimizer.param_groups[0]
        parameters = [p for model in models for p in model._layers()]
        learned = {len(optimizer.state.get(p, ())) > 0 for p in parameters}
        return (
            len({id(p) for p in parameters}) == len(parameters)
            and {id(p) for p in parameters} == {id(p) for p in group["params"]}
            and all(p.requires_grad for p in parameters)
            and not (group["weight_decay"] or group["amsgrad"])
            and group.keys() == {"params", *optimizer.defaults}
            and not optimizer._optimizer_step_pre_hooks
            and not optimizer._optimizer_step_post_hooks
            and len(learned) == 1
        )

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
