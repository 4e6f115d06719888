"""The graphs that SEA propagates its embeddings over."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import Parameter
from torch_geometric.data import HeteroData

from sea_pyg.nn.conv import BipartitePropagation
from sea_pyg.nn.functional import l2_normalize
from sea_pyg.nn.modality import ModalityFusion
from sea_pyg.nn.models.item_graph import graph_of, hops, with_item_graph
from sea_pyg.nn.models.user_graph import aggregate_users, with_user_graph
from sea_pyg.transforms import ItemKNNGraph
from sea_pyg.typing import EdgeType, Embeddings
from sea_pyg.utils import check_counts


class SEAEncoder(torch.nn.Module):
    """Propagate parts of embeddings over the interactions, and fuse them.

    A part is a modality, or the id embedding; each has a table of users.

    Args:
        num_users: Number of users.
        num_parts: Number of parts.
        embedding_dim: Width of each part.
        propagation: Hops over the interactions.
        item_graph: Builds the graph of similar items.
        num_item_layers: Hops on that graph.
        user_k: Neighbours per user in the graph of users with shared items;
            :obj:`None` for no hop on it.
        edge_type: The interactions.

    Raises:
        ValueError: If an option is out of range.
    """

    def __init__(
        self,
        num_users: int,
        num_parts: int,
        embedding_dim: int,
        propagation: BipartitePropagation,
        item_graph: ItemKNNGraph,
        num_item_layers: int,
        user_k: int | None,
        edge_type: EdgeType,
    ) -> None:
        super().__init__()
        check_counts(0, num_item_layers=num_item_layers)
        self.users = torch.nn.ParameterList(
            Parameter(torch.empty(num_users, embedding_dim)) for _ in range(num_parts)
        )
        self.propagation = propagation
        self.fusion = ModalityFusion(num_users, num_parts)
        self.item_graph = item_graph
        self.num_item_layers = num_item_layers
        self.user_k = user_k
        self.edge_type = edge_type

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        for table in self.users:
            torch.nn.init.xavier_normal_(table)
        self.fusion.reset_parameters()

    def prepare(self, data: HeteroData) -> HeteroData:
        """Return ``data`` with the frozen graphs added that it does not have.

        One that was made otherwise is replaced.
        """
        data = with_item_graph(data, self.item_graph)
        if self.user_k is not None:
            data = with_user_graph(data, self.user_k, self.edge_type)
        return data

    def propagate(self, edge_index: Tensor, parts: Sequence[Tensor]) -> Embeddings:
        """Propagate all parts over the interactions, side by side.

        Args:
            edge_index: The interactions, :math:`(2, E)`.
            parts: The items' embeddings, part by part.

        Shapes:
            Each part :math:`(N_i, D)`; returns user :math:`(N_u, M D)` and item
            :math:`(N_i, M D)` embeddings.
        """
        users = [l2_normalize(table) for table in self.users]
        items = [l2_normalize(part) for part in parts]
        out: Embeddings = self.propagation(
            torch.cat(users, dim=1),  # [num_users, num_parts * embedding_dim]
            torch.cat(items, dim=1),
            edge_index,
        )
        return out

    def fuse(self, data: HeteroData, user: Tensor, item: Tensor) -> Embeddings:
        """Weigh the users' parts, and add what similar items and users tell.

        The arguments are what :meth:`propagate` returned, of the same shapes.
        """
        user = self.fusion.weigh(user)
        if self.num_item_layers > 0:
            data = with_item_graph(data, self.item_graph)
            graph = graph_of(data, self.item_graph.edge_type)
            item = item + hops(*graph, item, self.num_item_layers)
        if self.user_k is not None:
            data = with_user_graph(data, self.user_k, self.edge_type)
            user = user + aggregate_users(data, user, self.user_k, self.edge_type[0])
        return Embeddings(user, item)
