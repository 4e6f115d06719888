"""DualGNN: modalities on the interactions, then users among each other."""

from collections.abc import Mapping
from typing import Any

import torch
from torch_geometric.data import HeteroData

from sea_pyg.nn.models.user_graph import aggregate_users, with_user_graph
from sea_pyg.nn.models.user_weighed import UserWeighedRecommender
from sea_pyg.typing import RATES, EdgeType, Embeddings
from sea_pyg.utils import check_counts


class DualGNN(UserWeighedRecommender):
    r"""Weigh the modalities per user, and learn from users of the same taste.

    From `"DualGNN: Dual Graph Neural Network for Multimedia Recommendation"
    <https://doi.org/10.1109/TMM.2021.3138298>`_. With :math:`U_m, I_m` of
    :class:`~sea_pyg.nn.models.modality_gcn.ModalityGCN` and :math:`C` the graph of
    users with shared items, whose weights are a softmax of their number,

    .. math::
        U = \sum_m w_{um} U_m, \qquad \hat{U} = U + C U, \qquad
        \hat{I} = \sum_m I_m, \qquad
        \mathcal{L} = \mathcal{L}_{BPR} + \lambda \Big( \sum_m \overline{P_m^2} +
        \overline{w^2} \Big)

    The weights are free parameters; a softmax gives their initial values only.

    Graphs: the interactions, and ``('user', 'co_rates', 'user')`` of
    :class:`~sea_pyg.transforms.UserCooccurrence`, which :meth:`prepare` adds.

    Args:
        num_users: Number of users :math:`N_u`.
        num_items: Number of items :math:`N_i`.
        in_channels: Width of every modality.
        embedding_dim: Width of the embeddings :math:`D`. (default: :obj:`64`)
        num_layers: Hops on the interactions. (default: :obj:`2`)
        k: Most neighbours per user. (default: :obj:`40`)
        reg_weight: :math:`\lambda`. (default: :obj:`1e-3`)
        log_base: Base of the logarithm in BPR. (default: natural)
        cumulative: Whether the first modality's user embeddings contain those of the
            others before they are weighed. (default: :obj:`False`)
        edge_type: The user-item edge type that the model reads.

    Shapes:
        :meth:`encode` returns :math:`[N_u, D]` and :math:`[N_i, D]`.

    Raises:
        ValueError: If a number is out of range or there is no modality.

    .. note::
        The released code of the MMRec toolbox adds the text embeddings to the image
        embeddings in place before it weighs both (``cumulative=True``), takes BPR to
        base 2 (``log_base=2``), fills up a user's neighbours to 40 with random ones of
        them, and has maps and item weights that nothing reads. It ranks with the
        embeddings of the last training batch, which are encoded anew here.

    .. note::
        The released code does not read the weights of a single modality; here they do
        not exist then.
    """

    def __init__(
        self,
        num_users: int,
        num_items: int,
        in_channels: Mapping[str, int],
        embedding_dim: int = 64,
        num_layers: int = 2,
        k: int = 40,
        reg_weight: float = 1e-3,
        log_base: float | None = None,
        cumulative: bool = False,
        edge_type: EdgeType = RATES,
    ) -> None:
        super().__init__(
            num_users,
            num_items,
            in_channels,
            embedding_dim,
            num_layers,
            reg_weight,
            log_base,
            edge_type,
        )
        check_counts(1, k=k)
        self.k = k
        self.cumulative = cumulative

    def prepare(self, data: HeteroData) -> HeteroData:
        """Add the user-user graph."""
        return with_user_graph(data, self.k, self.edge_type)

    def encode(self, data: HeteroData, state: Any = None) -> Embeddings:
        """Fuse the modalities, then aggregate over users of the same taste."""
        self.check_graph(data)
        data = self.prepare(data)
        parts = self.propagate(data, state)
        item = torch.stack([part.item for part in parts]).sum(dim=0)
        users = [part.user for part in parts]
        if self.cumulative:
            users[0] = torch.stack(users).sum(dim=0)
        if self.weight is None:
            (user,) = users
        else:
            weighed = self.weight.unsqueeze(-1) * torch.stack(users, dim=1)
            user = weighed.sum(dim=1)
        user = user + aggregate_users(data, user, self.k, self.edge_type[0])
        return Embeddings(user, item)
