"""Base class of the models that need no gradient."""

from abc import abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.nn.models.recommender import Recommender
from sea_pyg.typing import RATES, EdgeType, Triplets


class ClosedFormRecommender(Recommender):
    """A recommender that is fitted by :meth:`fit` instead of gradient descent.

    What :meth:`fit` finds is held in buffers, so that it is saved with the model.
    """

    trainable: ClassVar[bool] = False

    was_fitted: Tensor

    def __init__(
        self, num_users: int, num_items: int, edge_type: EdgeType = RATES
    ) -> None:
        super().__init__(num_users, num_items, edge_type)
        self.register_buffer("was_fitted", torch.zeros((), dtype=torch.bool))

    @property
    def fitted(self) -> bool:
        """Whether :meth:`fit` found what it holds, here or where its weights are of."""
        return bool(self.was_fitted)

    @fitted.setter
    def fitted(self, value: bool) -> None:
        self.was_fitted.fill_(value)

    def note_training(self, data: HeteroData) -> None:
        """Note what the model was fitted to."""
        super().note_training(data)
        self.fitted = True

    def check_fitted(self) -> None:
        """Check that there is something to score by.

        Raises:
            RuntimeError: If the model was not fitted.
        """
        if not self.fitted:
            raise RuntimeError(
                f"{type(self).__name__} has not been fitted; call fit(data) with the "
                "training graph, or load the weights of a fitted one"
            )

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        key = f"{prefix}was_fitted"
        own = [name for name, _ in self.named_buffers() if name != "was_fitted"]
        if key not in state_dict and own and all(prefix + n in state_dict for n in own):
            # Saved by a version that took every model with weights for fitted.
            state_dict[key] = torch.ones((), dtype=torch.bool)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    @abstractmethod
    def fit(self, data: HeteroData) -> None:
        """Fit the model to the training edges of ``data``."""

    def loss(
        self, data: HeteroData, batch: Triplets, state: Any = None
    ) -> dict[str, Tensor]:
        """Raise: there is no training objective.

        Raises:
            TypeError: Always.
        """
        raise TypeError(
            f"{type(self).__name__} has a closed form: call fit(data) instead of "
            "training it on batches"
        )
