"""MMSSL: adversarial and contrastive self-supervision between modalities."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Linear, Parameter, Sequential
from torch_geometric.data import HeteroData
from torch_geometric.utils import softmax

from sea_pyg.nn.conv import BipartitePropagation
from sea_pyg.nn.functional import l2_normalize, two_view_contrast
from sea_pyg.nn.models.batch import lookup, norm_penalty, triplet_bpr
from sea_pyg.nn.models.item_features import ItemFeatures
from sea_pyg.nn.models.recommender import Recommender
from sea_pyg.nn.models.user_item_graph import stacked_edges, to_users
from sea_pyg.typing import RATES, EdgeType, Embeddings, Triplets
from sea_pyg.utils import check_edge_type, edge_dot, spmm


class MMSSLState(NamedTuple):
    """What of a training step does not depend on the batch."""

    embeddings: Embeddings
    content: dict[str, Embeddings]
    """Features of every modality, gathered by users, with unit rows."""
    preference: dict[str, Tensor]
    """What every modality's attention gathers, users above items."""


class MMSSL(Recommender):
    r"""Let a critic and a contrast teach each modality what users prefer in it.

    From `"Multi-Modal Self-Supervised Learning for Recommendation"
    <https://arxiv.org/abs/2302.10632>`_. With tables :math:`E = [P, Q]`, mapped
    features :math:`F_m^I` of the items and their sums :math:`F_m^U` over a user's
    items, all of unit rows, and the symmetrically normalised interactions :math:`A`,

    .. math::
        E_m &= \alpha_m E, \qquad \alpha_m = \mathrm{softmax}_{s \in \mathcal{N}_t}
        \big( f_s^{(m)\top} f_t^{(m)} / \tau_g \big), \qquad
        \bar{E} = \frac{1}{M} \sum_m \mathrm{MultiHead}(E_1 \dots E_M)_m \\
        H &= \frac{1}{L + 1} \sum_{l=0}^{L} A^l E + \eta \Big( \mathrm{norm}(\bar{E}) +
        \sum_m \mathrm{norm}(F_m) \Big)

    The objective is BPR; InfoNCE between each user's :math:`H` and :math:`E_m`; and a
    Wasserstein critic of rows of :math:`|\mathcal{I}|` scores, which tells a user's
    modality scores :math:`f_u^{(m)\top} F_m^{I\top}` from softened interactions
    :math:`\mathrm{GumbelSoftmax}(\log(R_u + \epsilon)) + \zeta \cos(h_u, h_i)`. The
    critic takes :obj:`inner_steps` steps of its own, with a gradient penalty.

    Graphs: the interactions.

    Args:
        num_users: Number of users :math:`N_u`.
        num_items: Number of items :math:`N_i`.
        in_channels: Width of every modality.
        embedding_dim: Width of the embeddings :math:`D`.
        num_layers: Hops :math:`L` on the interactions.
        num_heads: Heads of the attention between modalities; divides ``embedding_dim``.
        feature_weight: :math:`\eta`.
        dropout: Share of the mapped features that a training step drops.
        graph_temperature: :math:`\tau_g`.
        temperature: Temperature of the contrast.
        cl_weight: Weight of the contrast.
        adversarial_weight: Weight of the critic in the objective.
        gradient_penalty: Weight of the gradient penalty.
        similarity_weight: :math:`\zeta`.
        critic_channels: Hidden width of the critic.
        critic_users: Users that the critic sees in a step.
        reg_weight: Weight of the squared norms of the tables in the batch.
        edge_type: The user-item edge type that the model reads.

    Shapes:
        :meth:`encode` returns :math:`[N_u, D]` and :math:`[N_i, D]`.

    Raises:
        ValueError: If ``num_heads`` does not divide ``embedding_dim`` or ``dropout`` is
            not in [0, 1).

    .. note::
        The released code attends over dense graphs of all users and items, which it
        rebuilds from the largest scores; here attention is on the interactions, so that
        memory grows with their number. The hidden width of its critic grows with the
        number of items.

    .. note::
        With a single modality there is nothing to attend to, and the attention's maps
        do not exist.
    """

    multimodal: ClassVar[bool] = True
    training_defaults: ClassVar[dict[str, Any]] = {
        "lr": 1e-3,
        "estimator_lr": 3e-4,
        "inner_steps": 1,
        "patience": 50,
    }

    def __init__(
        self,
        num_users: int,
        num_items: int,
        in_channels: Mapping[str, int],
        embedding_dim: int = 64,
        num_layers: int = 2,
        num_heads: int = 4,
        feature_weight: float = 0.55,
        dropout: float = 0.2,
        graph_temperature: float = 0.1,
        temperature: float = 0.5,
        cl_weight: float = 0.03,
        adversarial_weight: float = 0.02,
        gradient_penalty: float = 1.0,
        similarity_weight: float = 0.2,
        critic_channels: int = 64,
        critic_users: int = 256,
        reg_weight: float = 1e-5,
        edge_type: EdgeType = RATES,
    ) -> None:
        super().__init__(num_users, num_items, edge_type)
        if num_heads < 1 or embedding_dim % num_heads:
            raise ValueError(
                f"num_heads must divide embedding_dim {embedding_dim} (got {num_heads})"
            )
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must lie in [0, 1) (got {dropout})")
        self.num_heads = num_heads
        self.feature_weight = feature_weight
        self.graph_temperature = graph_temperature
        self.temperature = temperature
        self.cl_weight = cl_weight
        self.adversarial_weight = adversarial_weight
        self.gradient_penalty = gradient_penalty
        self.similarity_weight = similarity_weight
        self.critic_users = min(critic_users, num_users)
        self.reg_weight = reg_weight
        self.user_embedding = Parameter(torch.empty(num_users, embedding_dim))
        self.item_embedding = Parameter(torch.empty(num_items, embedding_dim))
        self.features = ItemFeatures(
            num_items, in_channels, embedding_dim, node_type=self.edge_type[2]
        )
        self.dropout = torch.nn.Dropout(dropout)
        self.query: Linear | None = None
        self.key: Linear | None = None
        if len(in_channels) > 1:
            self.query = Linear(embedding_dim, embedding_dim, bias=False)
            self.key = Linear(embedding_dim, embedding_dim, bias=False)
        self.propagation = BipartitePropagation(num_layers, readout="mean")
        self.critic = Sequential(
            Linear(num_items, critic_channels),
            torch.nn.LeakyReLU(0.2),
            Linear(critic_channels, 1, bias=False),  # one would cancel
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        torch.nn.init.xavier_uniform_(self.user_embedding)
        torch.nn.init.xavier_uniform_(self.item_embedding)
        self.features.reset_parameters()
        for module in (self.query, self.key, self.critic[0], self.critic[2]):
            if module is not None:
                assert isinstance(module, Linear)
                module.reset_parameters()

    @property
    def modality_channels(self) -> dict[str, int]:
        """Width of each of :meth:`modality_features`."""
        return self.features.channels

    def modality_features(self, data: HeteroData) -> dict[str, Tensor]:
        """Return the mapped features of every modality."""
        out: dict[str, Tensor] = self.features(data)
        return out

    def encode(self, data: HeteroData) -> Embeddings:
        """Add behaviour, attended behaviour and features."""
        return self.representations(data).embeddings

    def representations(self, data: HeteroData) -> MMSSLState:
        """Compute everything that does not depend on the batch."""
        check_edge_type(data, self.edge_type)
        edge_index = data[self.edge_type].edge_index
        edges = stacked_edges(edge_index, self.num_users)
        table = torch.cat([self.user_embedding, self.item_embedding])
        content, preference = {}, {}
        for name, features in self.modality_features(data).items():
            item = l2_normalize(self.dropout(features))
            user = l2_normalize(to_users(edge_index, item, self.num_users))
            content[name] = Embeddings(user, item)
            preference[name] = self._gather(torch.cat([user, item]), edges, table)
        attended = self._attend(torch.stack(list(preference.values()), dim=1))
        extra = l2_normalize(attended)
        for pair in content.values():
            extra = extra + torch.cat(pair)
        tables = (self.user_embedding, self.item_embedding)
        out = torch.cat(self.propagation(*tables, edge_index))
        out = out + self.feature_weight * extra
        parted = Embeddings(out[: self.num_users], out[self.num_users :])
        return MMSSLState(parted, content, preference)

    def _gather(self, x: Tensor, edges: Tensor, table: Tensor) -> Tensor:
        """Sum neighbours' rows of the table, weighed by likeness in the modality."""
        logit = edge_dot(edges, x, x) / self.graph_temperature
        share = softmax(logit, edges[1], num_nodes=x.size(0))
        return spmm(edges, share, table, (x.size(0), x.size(0)))

    def _attend(self, x: Tensor) -> Tensor:
        """Mix the modalities, [N, M, D], by multi-head attention, and average them."""
        if self.query is None or self.key is None:
            return x.mean(dim=1)
        shape = (*x.shape[:2], self.num_heads, -1)
        query, key, value = (
            y.view(shape).transpose(1, 2) for y in (self.query(x), self.key(x), x)
        )
        # By hand: the fused kernels' backward is not deterministic everywhere.
        logit = query @ key.transpose(2, 3) / math.sqrt(query.size(-1))
        mixed = logit.softmax(dim=-1) @ value  # [N, num_heads, M, D / num_heads]
        return mixed.transpose(1, 2).reshape(x.shape).mean(dim=1)

    def loss(
        self, data: HeteroData, batch: Triplets, state: Any = None
    ) -> dict[str, Tensor]:
        """Return ``bpr``, ``reg``, ``contrast`` and ``adversarial``."""
        if state is None:
            state = self.representations(data)
        assert isinstance(state, MMSSLState)
        table = Embeddings(self.user_embedding, self.item_embedding)
        penalty = norm_penalty(*lookup(table, batch), power=2)
        user = F.embedding(batch.user, state.embeddings.user)
        contrast = [
            two_view_contrast(F.embedding(batch.user, x), user, self.temperature)
            for x in state.preference.values()
        ]
        judged = batch.user[: self.critic_users]
        generated = [self._generated(pair, judged) for pair in state.content.values()]
        scores = [self.critic(rows) for rows in generated]
        return {
            "bpr": triplet_bpr(*lookup(state.embeddings, batch)),
            "reg": self.reg_weight * penalty,
            "contrast": self.cl_weight * torch.stack(contrast).sum(),
            "adversarial": -self.adversarial_weight * torch.cat(scores).mean(),
        }

    def _generated(self, content: Embeddings, user_index: Tensor) -> Tensor:
        return F.embedding(user_index, content.user) @ content.item.t()

    def estimator_loss(self, data: HeteroData, state: Any = None) -> Tensor:
        """Compute the critic's objective on users drawn at random."""
        with torch.no_grad():
            if state is None:
                state = self.representations(data)
            assert isinstance(state, MMSSLState)
            device = state.embeddings.user.device
            users = torch.randint(self.num_users, (self.critic_users,), device=device)
            real = self._softened(data, state.embeddings, users)
            fakes = [self._generated(pair, users) for pair in state.content.values()]
        losses = []
        for fake in fakes:
            mix = torch.rand(fake.size(0), 1, dtype=fake.dtype, device=device)
            between = (mix * real + (1 - mix) * fake).requires_grad_()
            with torch.enable_grad():
                total = self.critic(between).sum()
                (slope,) = torch.autograd.grad(total, between, create_graph=True)
            penalty = (slope.norm(dim=1) - 1).square().mean()
            difference = self.critic(fake).mean() - self.critic(real).mean()
            losses.append(difference + self.gradient_penalty * penalty)
        return torch.stack(losses).sum()

    def _softened(
        self, data: HeteroData, embeddings: Embeddings, user_index: Tensor
    ) -> Tensor:
        """Soften the users' interactions: [B, num_items]."""
        user, item = (l2_normalize(x) for x in embeddings)
        row, column = self.seen_items(data).seen(user_index)
        shape = (user_index.numel(), self.num_items)
        seen = torch.zeros(shape, dtype=user.dtype, device=user.device)
        seen = seen.index_put((row, column), seen.new_ones(()))
        soft = F.gumbel_softmax((seen + 1e-6).log(), dim=1)
        return soft + self.similarity_weight * (user[user_index] @ item.t())

    def estimator_parameters(self) -> list[Parameter]:
        """List the critic's parameters."""
        return list(self.critic.parameters())
