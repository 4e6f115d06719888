"""What keeps the parts of every modality apart."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from torch.nn import Module, Parameter

from sea_pyg.nn.loss.distance_loss import DistanceLoss
from sea_pyg.nn.loss.orthogonal_loss import OrthogonalLoss
from sea_pyg.nn.loss.separate_options import Distance, distance_class
from sea_pyg.nn.mi import (
    ConditionalGaussian,
    LinearGaussian,
    MutualInformationEstimator,
)
from sea_pyg.nn.modality.module_dict import ModuleDict
from sea_pyg.utils import bind_arguments


class Distances(ModuleDict):
    """The distance of every modality's parts, or one that they share.

    Args:
        names: The modalities.
        distance: As in :class:`~sea_pyg.nn.loss.SeparateLearning`.
        kwargs: Further arguments of the distance's class.
        channels: Width of both parts.
        shared: Whether all modalities share one.

    Raises:
        TypeError: If its class has no such argument.
        ValueError: If the distance is unknown, or two modalities that should not share
            a part of theirs.
    """

    def __init__(
        self,
        names: Sequence[str],
        distance: Distance | None,
        kwargs: Mapping[str, Any],
        channels: int,
        shared: bool,
    ) -> None:
        super().__init__()
        make = distance_class(distance)
        self.shared_by = names[0] if shared else None
        if make is not None:
            widths = () if make in (DistanceLoss, OrthogonalLoss) else (channels,) * 2
            what = f"distance {getattr(make, '__name__', make)}"
            bind_arguments(what, inspect.signature(make), widths, kwargs)
            for name in names[: 1 if shared else None]:
                self[name] = make(*widths, **kwargs)
        self._check_apart()
        for estimator in self.estimators():
            # A trainer that meets a NaN names the step and the loss part instead.
            estimator.validate = False
        for module in self.modules():
            if isinstance(module, LinearGaussian):
                module.in_sample = True

    def of(self, name: str) -> Module:
        """Return the distance of a modality's parts."""
        module = self[self.shared_by or name]
        assert isinstance(module, Module)
        return module

    def estimator(self, name: str) -> MutualInformationEstimator:
        """Return the distance of a modality's parts, which is an estimator."""
        module = self.of(name)
        assert isinstance(module, MutualInformationEstimator)
        return module

    def estimators(self) -> list[MutualInformationEstimator]:
        """List those that estimate mutual information."""
        return [m for m in self.values() if isinstance(m, MutualInformationEstimator)]

    def fewest_rows(self, name: str) -> int:
        """Return how many rows the distance of a modality's parts takes at least."""
        model = getattr(self.of(name), "conditional", None)
        return model.fewest_samples if isinstance(model, ConditionalGaussian) else 2

    def estimator_parameters(self) -> list[Parameter]:
        """List what their own objective trains."""
        return [p for module in self.estimators() for p in module.parameters()]

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        for module in self.values():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()

    def _check_apart(self) -> None:
        owners: dict[Module, str] = {}
        for name, distance in self.items():
            for module in distance.modules():
                if owners.setdefault(module, name) != name:
                    raise ValueError(
                        f"modalities {owners[module]!r} and {name!r} must not share a "
                        f"module of their estimators (got one {type(module).__name__} "
                        "for both); pass a callable that makes it, or "
                        "shared_estimator=True"
                    )
