"""What ties a model to a user-item graph."""

from typing import ClassVar

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.typing import RATES, EdgeType
from sea_pyg.utils import (
    EdgeMembership,
    check_edge_type,
    checked_edges,
    first_of_another,
    get_split_id,
    memoize,
    node_count,
    training_id,
)


class GraphModel(torch.nn.Module):
    """Base class that knows for which graphs a model was built, and trained on which.

    Its arguments are those of :class:`~sea_pyg.nn.models.Recommender`.
    """

    trainable: ClassVar[bool] = True
    """Whether the model is trained by gradient descent."""

    trained_on: tuple[str, ...] = ()
    """What :meth:`note_training` noted; empty before training."""

    def __init__(
        self, num_users: int, num_items: int, edge_type: EdgeType = RATES
    ) -> None:
        super().__init__()
        if num_users < 1 or num_items < 1:
            raise ValueError(
                "a recommender needs at least one user and one item "
                f"(got num_users={num_users}, num_items={num_items})"
            )
        self.num_users = num_users
        self.num_items = num_items
        self.edge_type: EdgeType = (edge_type[0], edge_type[1], edge_type[2])

    def check_graph(self, data: HeteroData) -> None:
        """Check that a graph has the nodes that the model was built for.

        Raises:
            ValueError: If it has more or fewer users or items.
        """
        user_type, _, item_type = self.edge_type
        for node_type, expected in (
            (user_type, self.num_users),
            (item_type, self.num_items),
        ):
            count = node_count(data, node_type)
            if count != expected:
                raise ValueError(
                    f"the model was built for {expected} nodes of type {node_type!r} "
                    f"(got {count}); build it from this graph with from_data"
                )

    def interactions(self, data: HeteroData) -> Tensor:
        """Return the edges of a graph that the model was built for.

        Models read a graph through this or :meth:`check_graph`. The edges are checked
        once per tensor.

        Shapes:
            Returns :math:`[2, E]` as (user, item).

        Raises:
            ValueError: If it has other numbers of nodes, or no such edges, or these
                are not int64 or end at nodes that there are not.
        """
        check_edge_type(data, self.edge_type)
        self.check_graph(data)
        sizes = (self.num_users, self.num_items)
        return checked_edges(data[self.edge_type].edge_index, self.edge_type, sizes)

    def note_training(self, data: HeteroData) -> None:
        """Note in :attr:`trained_on` which interactions the model is trained on.

        The ``split_id`` of a split's training edges, else a digest of the edges.
        Training does it; :func:`~sea_pyg.evaluation.evaluate` refuses the graphs of
        another split.

        Args:
            data: The training graph.

        Raises:
            ValueError: If it is of a split, and the model was trained on other
                interactions before. A closed form forgets them.
        """
        check_edge_type(data, self.edge_type)
        found = training_id(data, self.edge_type)
        before = self.known_interactions() if self.trainable else []
        split_id = get_split_id(data[self.edge_type])
        other = None if split_id is None else first_of_another(before, split_id)
        if other is not None:
            raise ValueError(
                f"the model was trained on other interactions ({other}) than those "
                f"of this split ({split_id}), which may hold what is to be tested; "
                "build a new model, and for a run that is resumed take its split"
            )
        for model in self._models():
            model.trained_on = tuple(dict.fromkeys((*before, found)))

    def known_interactions(self) -> list[str]:
        """List :attr:`trained_on` of the model and of those it is built on."""
        return [noted for model in self._models() for noted in model.trained_on]

    def _models(self) -> list["GraphModel"]:
        # A backbone may have been trained alone.
        return [m for m in self.modules() if isinstance(m, GraphModel)]

    def seen_items(self, data: HeteroData) -> EdgeMembership:
        """Return the graph's user-item pairs (built once per ``edge_index``)."""
        edge_index = self.interactions(data)
        sizes = (self.num_users, self.num_items)
        return memoize(
            edge_index, ("seen", *sizes), lambda: EdgeMembership(edge_index, *sizes)
        )
