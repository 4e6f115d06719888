"""MMSSL: adversarial and contrastive self-supervision between modalities."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Linear, Parameter
from torch_geometric.data import HeteroData

from sea_pyg.nn.conv import BipartitePropagation
from sea_pyg.nn.functional import l2_normalize, two_view_contrast
from sea_pyg.nn.models.batch import lookup, norm_penalty, triplet_bpr
from sea_pyg.nn.models.critic_rows import UnseenRows, softened_rows
from sea_pyg.nn.models.interaction_critic import InteractionCritic
from sea_pyg.nn.models.item_features import ItemFeatures
from sea_pyg.nn.models.mapped_features import MappedFeaturesRecommender
from sea_pyg.nn.models.modality_attention import ModalityAttention
from sea_pyg.nn.models.preference_graph import PreferenceGraph
from sea_pyg.nn.models.user_item_graph import alternating_hops, root_degree_sums
from sea_pyg.typing import RATES, EdgeType, Embeddings, Triplets
from sea_pyg.utils import check_choice, check_counts, check_interval, memoize


class MMSSLState(NamedTuple):
    """What of a training step does not depend on the batch."""

    features: dict[str, Tensor]
    """The mapped features of every modality, each :math:`[N_i, D]`."""
    embeddings: Embeddings
    content: dict[str, Embeddings]
    """Features of every modality, summed over the interactions."""
    preference: dict[str, Embeddings]
    """Sums of the tables over every modality's graph."""
    judged: Tensor
    """Users whose rows the critic sees, :math:`[B]`."""
    fakes: list[UnseenRows]
    """Their fake rows by every modality, each :math:`[B, N_i]`."""


class MMSSL(MappedFeaturesRecommender):
    r"""Let a critic and a contrast teach each modality what users prefer in it.

    From `"Multi-Modal Self-Supervised Learning for Recommendation"
    <https://arxiv.org/abs/2302.10632>`_. Let :math:`E = [P, Q]` be the tables,
    :math:`F_m = [F_m^U, F_m^I]` the mapped features of the items, summed into users and
    these into items, each divided by :math:`\sqrt{d}` of the receiver, :math:`A` the
    symmetrically normalised interactions, and :math:`\mathcal{N}_m` the graph of every
    user's :math:`k` unseen items of the largest :math:`f_u^{(m)\top} f_i^{(m)}`:

    .. math::
        e_u^{(m)} &= \sum_{i \in \mathcal{N}_m(u)} \frac{q_i}{\sqrt{d_u}}, \qquad
        e_i^{(m)} = \sum_{u \in \mathcal{N}_m(i)} \frac{p_u}{\sqrt{d_i}}, \qquad
        \bar{E} = \frac{1}{M} \sum_m \mathrm{MultiHead}(E_1 \dots E_M)_m \\
        E^{(0)} &= E + \eta \, \mathrm{norm}(\bar{E}), \qquad
        H = \frac{1}{L + 1} \sum_{l=0}^{L} A^l E^{(0)} + \omega \sum_m
        \mathrm{norm}(F_m)

    The objective is BPR; InfoNCE between each user's :math:`E_m` and :math:`H`; squared
    norms of the batch's :math:`H` and of all :math:`F_m`; and a Wasserstein critic of
    rows of :math:`N_i` entries. With :math:`S(X)_u` the products :math:`x_u^\top x_i`,
    zero where :math:`u` has seen :math:`i` and then of unit length, it tells the fake
    rows :math:`S(F_m)_u` from softened interactions,
    :math:`\mathrm{norm}(\mathrm{softmax}((R_u + \sigma g) / \tau_R) + \zeta S(H)_u)`
    with Gumbel noise :math:`g`. The training option :obj:`inner_steps` is the number of
    its own steps to each step of the model. An item without interactions has no
    :math:`F_m`.

    Graphs: the interactions, and :math:`\mathcal{N}_m`, see
    :class:`~sea_pyg.nn.models.preference_graph.PreferenceGraph`. Nothing of the size
    :math:`N_u \times N_i` is formed but the search's chunks and the softened rows.

    Args:
        num_users: Number of users :math:`N_u`.
        num_items: Number of items :math:`N_i`.
        in_channels: Width of every modality.
        embedding_dim: Width of the embeddings :math:`D`. (default: :obj:`64`)
        num_layers: Hops :math:`L` on the interactions. (default: :obj:`2`)
        num_heads: Heads of the attention between modalities; divides ``embedding_dim``.
            (default: :obj:`4`)
        attention_weight: :math:`\eta`. (default: :obj:`0.36`)
        feature_weight: :math:`\omega`. (default: :obj:`0.55`)
        dropout: Share of the mapped features that a training step drops.
            (default: :obj:`0.2`)
        preference_k: :math:`k`. (default: :obj:`10`)
        search_every: Training steps per search of these items. (default: :obj:`64`)
        temperature: Temperature of the contrast. (default: :obj:`0.5`)
        cl_weight: Weight of the contrast. (default: :obj:`0.03`)
        adversarial_weight: Weight of the critic in the objective.
            (default: :obj:`1e-4`)
        gradient_penalty: Weight of the critic's gradient penalty. (default: :obj:`0.3`)
        similarity_weight: :math:`\zeta`. (default: :obj:`100.0`)
        noise_scale: :math:`\sigma`. (default: :obj:`1e-5`)
        softening_temperature: :math:`\tau_R`. (default: :obj:`0.005`)
        critic_channels: Width of the critic's first hidden layer; the second has half.
            (default: :obj:`64`)
        critic_dropout: Dropout of the critic's hidden layers.
            (default: :obj:`(0.31, 0.5)`)
        critic_users: Users that the critic sees in a step; a search holds the scores of
            as many at a time. (default: :obj:`1024`)
        reg_weight: Weight of the squared norms of the batch's final embeddings.
            (default: :obj:`1e-5`)
        feature_reg_weight: Weight of the squared norms of the features.
            (default: :obj:`1e-5`)
        hops: ``'released'``, or ``'symmetric'``, LightGCN's; see below.
            (default: :obj:`"released"`)
        edge_type: The user-item edge type that the model reads.

    Shapes:
        :meth:`encode` returns :math:`[N_u, D]` and :math:`[N_i, D]`.

    Raises:
        ValueError: If ``num_heads`` does not divide ``embedding_dim`` or a number is
            not in its range.

    .. note::
        Hops are those of the released code, which in place of :math:`A` divide by the
        root of the receiver's degree alone, let items read the users of the same hop,
        and send the last hop through a softmax over the channels.
        ``hops='symmetric'`` is the formula above.

    .. note::
        Not in ours, but in the released code: keys made of queries, so that their map
        never learns; a temperature :math:`\tau_R` that divides the noise and not the
        interactions; a leaky ReLU of slope 1.

    .. note::
        The released :math:`\mathcal{N}_m` has :math:`10^{-4} N_i` items (none on Baby)
        for the users of one batch, in one step of an epoch: mostly, there is nothing to
        attend to or to contrast with. Ours has all users; negative products link none.

    .. note::
        The released critic has :math:`N_i / 4` and :math:`N_i / 8` hidden channels,
        whose maps grow with :math:`N_i^2`. The users that it judges are drawn from all
        with interactions, here as there; our batches are of interactions, not of users.

    .. note::
        Training here has Adam. The released code has AdamW with a decay of 0.01, a rate
        that falls by the factor 0.96 every 50 epochs (``lr_decay=0.99918``), betas of
        0.5 and 0.9 for the critic, and a patience of 7 epochs.

    .. note::
        With a single modality there is nothing to attend to, and the attention's maps
        do not exist.
    """

    training_defaults: ClassVar[dict[str, Any]] = {
        "lr": 5.5e-4,
        "batch_size": 1024,
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
        attention_weight: float = 0.36,
        feature_weight: float = 0.55,
        dropout: float = 0.2,
        preference_k: int = 10,
        search_every: int = 64,
        temperature: float = 0.5,
        cl_weight: float = 0.03,
        adversarial_weight: float = 1e-4,
        gradient_penalty: float = 0.3,
        similarity_weight: float = 100.0,
        noise_scale: float = 1e-5,
        softening_temperature: float = 0.005,
        critic_channels: int = 64,
        critic_dropout: tuple[float, float] = (0.31, 0.5),
        critic_users: int = 1024,
        reg_weight: float = 1e-5,
        feature_reg_weight: float = 1e-5,
        hops: str = "released",
        edge_type: EdgeType = RATES,
    ) -> None:
        super().__init__(num_users, num_items, edge_type)
        check_counts(1, embedding_dim=embedding_dim, num_heads=num_heads)
        check_counts(1, preference_k=preference_k, search_every=search_every)
        check_counts(2, critic_channels=critic_channels, critic_users=critic_users)
        check_interval(
            "[0, inf)",
            attention_weight=attention_weight,
            feature_weight=feature_weight,
            cl_weight=cl_weight,
            adversarial_weight=adversarial_weight,
            gradient_penalty=gradient_penalty,
            similarity_weight=similarity_weight,
            noise_scale=noise_scale,
            reg_weight=reg_weight,
            feature_reg_weight=feature_reg_weight,
        )
        check_interval(
            "(0, inf)",
            temperature=temperature,
            softening_temperature=softening_temperature,
        )
        check_interval("[0, 1)", dropout=dropout)
        check_choice(("released", "symmetric"), hops=hops)
        if len(critic_dropout) != 2 or not all(0 <= p < 1 for p in critic_dropout):
            raise ValueError(
                f"critic_dropout must be two shares in [0, 1) (got {critic_dropout!r})"
            )
        if embedding_dim % num_heads:
            raise ValueError(
                f"num_heads must divide embedding_dim {embedding_dim} (got {num_heads})"
            )
        self.num_heads = num_heads
        self.attention_weight = attention_weight
        self.feature_weight = feature_weight
        self.temperature = temperature
        self.cl_weight = cl_weight
        self.adversarial_weight = adversarial_weight
        self.gradient_penalty = gradient_penalty
        self.similarity_weight = similarity_weight
        self.noise_scale = noise_scale
        self.softening_temperature = softening_temperature
        self.critic_users = critic_users
        self.reg_weight = reg_weight
        self.feature_reg_weight = feature_reg_weight
        self.hops = hops
        self.user_embedding = Parameter(torch.empty(num_users, embedding_dim))
        self.item_embedding = Parameter(torch.empty(num_items, embedding_dim))
        self.features = ItemFeatures(
            num_items, in_channels, embedding_dim, node_type=self.edge_type[2]
        )
        self.dropout = torch.nn.Dropout(dropout)
        self.preference_graph = PreferenceGraph(
            num_users,
            num_items,
            list(in_channels),
            preference_k,
            search_every,
            chunk_size=critic_users,
        )
        self.attention: ModalityAttention | None = None
        if len(in_channels) > 1:
            self.attention = ModalityAttention(embedding_dim, num_heads)
        self.propagation = BipartitePropagation(num_layers, readout="mean")
        self.critic = InteractionCritic(num_items, critic_channels, critic_dropout)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        torch.nn.init.xavier_uniform_(self.user_embedding)
        torch.nn.init.xavier_uniform_(self.item_embedding)
        self.features.reset_parameters()
        for linear in self.features.linear.values():
            assert isinstance(linear, Linear)
            torch.nn.init.xavier_uniform_(linear.weight)
        self.preference_graph.reset_parameters()
        if self.attention is not None:
            self.attention.reset_parameters()
        self.critic.reset_parameters()

    def encode(self, data: HeteroData) -> Embeddings:
        """Propagate the tables with the attended ones, and add the features."""
        return self._encode(data, self.modality_features(data))[0]

    def representations(self, data: HeteroData) -> MMSSLState:
        """Compute all of :meth:`encode`, and draw the users that the critic judges."""
        seen = self.seen_items(data)
        active = memoize(seen.rowptr, "active", lambda: seen.degree.nonzero().flatten())
        if active.numel() == 0:
            raise ValueError(
                f"the graph has no interactions of type {self.edge_type!r}, of whose "
                "users the critic judges some; train on a graph with edges"
            )
        size = (self.critic_users,)
        judged = active[torch.randint(active.numel(), size, device=active.device)]
        features = self.modality_features(data)
        embeddings, content, preference = self._encode(data, features)
        fakes = [UnseenRows.of(x, judged, seen) for x in content.values()]
        return MMSSLState(features, embeddings, content, preference, judged, fakes)

    def features_in(self, data: HeteroData, state: Any) -> dict[str, Tensor]:
        """Return the mapped features of a training step."""
        return self.modality_features(data) if state is None else state.features

    def _encode(
        self, data: HeteroData, features: Mapping[str, Tensor]
    ) -> tuple[Embeddings, dict[str, Embeddings], dict[str, Embeddings]]:
        edge_index = self.interactions(data)
        content = {
            name: root_degree_sums(edge_index, self.dropout(x), self.num_users)
            for name, x in features.items()
        }
        tables = Embeddings(self.user_embedding, self.item_embedding)
        preference = self.preference_graph(content, tables, self.seen_items(data))
        inputs = [
            table + self.attention_weight * l2_normalize(self._attend(views))
            for table, *views in zip(tables, *preference.values(), strict=True)
        ]
        if self.hops == "released":
            layers = self.propagation.num_layers
            user, item = alternating_hops(edge_index, inputs[0], inputs[1], layers)
        else:
            user, item = self.propagation(*inputs, edge_index)
        for pair in content.values():
            user = user + self.feature_weight * l2_normalize(pair.user)
            item = item + self.feature_weight * l2_normalize(pair.item)
        return Embeddings(user, item), content, preference

    def _attend(self, views: Sequence[Tensor]) -> Tensor:
        if self.attention is None:
            return views[0]
        out: Tensor = self.attention(torch.stack(list(views), dim=1))
        return out

    def loss(
        self, data: HeteroData, batch: Triplets, state: Any = None
    ) -> dict[str, Tensor]:
        """Return ``bpr``, ``reg``, ``feature_reg``, ``contrast``, ``adversarial``."""
        if state is None:
            state = self.representations(data)
        assert isinstance(state, MMSSLState)
        rows = lookup(state.embeddings, batch)
        users = batch.user.unique()  # another row of the same user is no negative
        final = F.embedding(users, state.embeddings.user)
        contrast = [
            two_view_contrast(F.embedding(users, x.user), final, self.temperature)
            for x in state.preference.values()
        ]
        squares = [x.square().sum() for pair in state.content.values() for x in pair]
        feature_reg = self.feature_reg_weight / (2 * self.num_items)
        return {
            "bpr": triplet_bpr(*rows),
            "reg": self.reg_weight * norm_penalty(*rows, power=2),
            "feature_reg": feature_reg * torch.stack(squares).sum(),
            "contrast": self.cl_weight * torch.stack(contrast).sum(),
            "adversarial": -self.adversarial_weight * self.critic(*state.fakes).mean(),
        }

    def estimator_loss(self, data: HeteroData, state: Any = None) -> Tensor:
        """Compute the critic's objective."""
        seen = self.seen_items(data)
        with torch.no_grad():
            if state is None:
                state = self.representations(data)
            assert isinstance(state, MMSSLState)
            real = softened_rows(
                UnseenRows.of(state.embeddings, state.judged, seen).dense(),
                state.judged,
                seen,
                self.noise_scale,
                self.softening_temperature,
                self.similarity_weight,
            )
        fakes = [rows.detach() for rows in state.fakes]
        return self.critic.loss(real, fakes, self.gradient_penalty)

    def estimator_parameters(self) -> list[Parameter]:
        """List the critic's parameters."""
        return list(self.critic.parameters())
