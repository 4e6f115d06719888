"""Base class of the models that need no gradient."""

from abc import abstractmethod
from typing import Any, ClassVar

from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.nn.models.recommender import Recommender
from sea_pyg.typing import Triplets


class ClosedFormRecommender(Recommender):
    """A recommender that is fitted by :meth:`fit` instead of gradient descent.

    What :meth:`fit` finds is held in buffers, so that it is saved with the model.
    """

    trainable: ClassVar[bool] = False
    fitted: bool = False
    """Whether :meth:`fit` found what it holds, here or where its weights come from."""

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

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        # Also where the model is a part of another module.
        super()._load_from_state_dict(*args, **kwargs)
        self.fitted = True

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
