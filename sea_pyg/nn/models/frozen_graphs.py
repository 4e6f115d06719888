"""Base class of the models with a graph of similar items per modality."""

from torch_geometric.data import HeteroData

from sea_pyg.nn.models.item_graph import with_item_graph
from sea_pyg.nn.models.mapped_features import MappedFeaturesRecommender
from sea_pyg.transforms import ItemKNNGraph


class FrozenGraphsRecommender(MappedFeaturesRecommender):
    """A recommender that maps features and reads a frozen item graph of each."""

    frozen_graphs: dict[str, ItemKNNGraph]

    def prepare(self, data: HeteroData) -> HeteroData:
        """Add the frozen item-item graph of every modality."""
        for graph in self.frozen_graphs.values():
            data = with_item_graph(data, graph)
        return data
