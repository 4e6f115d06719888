"""Graphs that models derive from a HeteroData and add to it."""

import copy
from collections.abc import Callable, Sequence

from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.transforms import ItemKNNGraph, ItemWalkGraph, UserCooccurrence
from sea_pyg.typing import EdgeType
from sea_pyg.utils import has_graph, memoize, noted_settings


def with_graph(
    data: HeteroData,
    transform: ItemKNNGraph | ItemWalkGraph | UserCooccurrence,
    edge_type: EdgeType,
    sources: Callable[[], Sequence[Tensor]],
) -> HeteroData:
    """Return ``data`` with the graph that a transform makes, unless it has it.

    One that was made with other settings or of other tensors is replaced in what is
    returned; one without a note is the user's own and kept. The splits of a data set
    share what it is made of, so it is made once for all of them.

    Args:
        data: The graph to add to.
        transform: Makes the derived graph.
        edge_type: The type of its edges.
        sources: Gives what it is made of; it is kept as long as these tensors are.
    """
    if has_graph(data, edge_type, transform.note):
        return data

    def build() -> tuple[Tensor, Tensor, str]:
        graph = transform(copy.copy(data))[edge_type]
        return graph.edge_index, graph.edge_weight, graph.made_by

    settings = noted_settings(transform.note(data))
    tensors = sources()
    key = ("derived graph", edge_type, settings, len(tensors))
    # Without what it is made of, the transform says what is missing.
    made = memoize(tensors[0], key, build, *tensors[1:]) if tensors else build()
    data = copy.copy(data)
    store = data[edge_type]
    store.edge_index, store.edge_weight, store.made_by = made
    return data
