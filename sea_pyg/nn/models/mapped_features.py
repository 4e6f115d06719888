"""Base class of the models that map item features linearly."""

from collections.abc import Mapping

from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.nn.models.item_features import ItemFeatures
from sea_pyg.nn.models.item_graph import with_item_graph
from sea_pyg.nn.models.multimodal import MultimodalRecommender
from sea_pyg.transforms import ItemKNNGraph


class MappedFeaturesRecommender(MultimodalRecommender):
    """A recommender that maps every modality by :class:`ItemFeatures`."""

    features: ItemFeatures
    frozen_graphs: Mapping[str, ItemKNNGraph] = {}
    """The graphs of similar items that the model reads, by modality."""

    def prepare(self, data: HeteroData) -> HeteroData:
        """Add the frozen item-item graph of every modality that has one."""
        for graph in self.frozen_graphs.values():
            data = with_item_graph(data, graph)
        return data

    @property
    def modality_channels(self) -> dict[str, int]:
        """Width of each of :meth:`modality_features`."""
        return self.features.channels

    def modality_features(self, data: HeteroData) -> dict[str, Tensor]:
        """Return the mapped features of every modality."""
        out: dict[str, Tensor] = self.features(data)
        return out
