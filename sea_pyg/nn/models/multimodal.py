"""Base class of the models that compute their item features once a training step."""

from typing import Any, ClassVar

from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.nn.models.recommender import Recommender


class MultimodalRecommender(Recommender):
    """A recommender whose state of a training step is its modality features.

    The products with wide features cost most of many models' steps, and separate
    learning reads the same ones as the model's own objective. A subclass with another
    state overrides :meth:`representations` and :meth:`features_in`, and one with
    another ``encode`` takes the state as its second argument where the model does.
    """

    multimodal: ClassVar[bool] = True

    def representations(self, data: HeteroData) -> Any:
        """Return :meth:`modality_features`, which do not depend on the batch."""
        return self.modality_features(data)

    def features_in(self, data: HeteroData, state: Any) -> dict[str, Tensor]:
        """Return the features in ``state``, which is what they are."""
        features: dict[str, Tensor]
        features = self.modality_features(data) if state is None else state
        return features
