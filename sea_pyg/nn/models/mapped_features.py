"""Base class of the models that map item features linearly."""

from typing import ClassVar

from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.nn.models.item_features import ItemFeatures
from sea_pyg.nn.models.recommender import Recommender


class MappedFeaturesRecommender(Recommender):
    """A recommender that maps every modality by :class:`ItemFeatures`."""

    multimodal: ClassVar[bool] = True
    features: ItemFeatures

    @property
    def modality_channels(self) -> dict[str, int]:
        """Width of each of :meth:`modality_features`."""
        return self.features.channels

    def modality_features(self, data: HeteroData) -> dict[str, Tensor]:
        """Return the mapped features of every modality."""
        out: dict[str, Tensor] = self.features(data)
        return out
