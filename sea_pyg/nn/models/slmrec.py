"""SLMRec: modalities that predict each other."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Linear, ModuleList, Parameter, Sequential
from torch_geometric.data import HeteroData

from sea_pyg.nn.conv import BipartitePropagation
from sea_pyg.nn.functional import info_nce, l2_normalize, log_partition
from sea_pyg.nn.models.batch import check_not_empty, distinct, rows_with_modality, total
from sea_pyg.nn.models.item_features import ItemFeatures
from sea_pyg.nn.models.multimodal import MultimodalRecommender
from sea_pyg.typing import RATES, EdgeType, Embeddings, Triplets
from sea_pyg.utils import check_counts, check_interval, modality_masks


class SLMRec(MultimodalRecommender):
    r"""Contrast what behaviour and every modality say of an item.

    From `"Self-supervised Learning for Multimedia Recommendation"
    <https://doi.org/10.1109/TMM.2022.3187556>`_, with its strongest task, "fine and
    coarse". With tables :math:`P, Q`, mapped features :math:`H_m` of unit rows, and
    LightGCN's propagation :math:`G`,

    .. math::
        [U_0, I_0] = G(P, Q), \qquad [U_m, I_m] = G(P, H_m), \qquad
        \hat{U} = \Big( \big\Vert_{m \geq 0} U_m \Big) W_U, \qquad
        \hat{I} = \Big( \big\Vert_{m \geq 0} I_m \Big) W_I

    The objective is InfoNCE between the users of the batch and their items, by cosine,
    plus :math:`\lambda` times InfoNCE, by dot product, between a chain of linear maps
    :math:`Z_1 = I_0 V_1, \; Z_m = Z_{m-1} V_m` and each :math:`I_m T_m`.

    Graphs: the interactions.

    Args:
        num_users: Number of users :math:`N_u`.
        num_items: Number of items :math:`N_i`.
        in_channels: Width of every modality; in this order the chain passes them.
        embedding_dim: Width of the embeddings :math:`D`; even. (default: :obj:`64`)
        num_layers: Hops on the interactions. (default: :obj:`3`)
        temperature: Temperature of the contrast between users and items.
            (default: :obj:`0.2`)
        ssl_weight: :math:`\lambda`. (default: :obj:`0.01`)
        ssl_temperature: Temperature of the contrast between modalities.
            (default: :obj:`0.1`)
        missing_level: Whether the chain has one more map before the last, without a
            modality of its own. (default: :obj:`False`)
        edge_type: The user-item edge type that the model reads.

    Shapes:
        :meth:`encode` returns :math:`[N_u, D]` and :math:`[N_i, D]`.

    Raises:
        ValueError: If a number is out of range, ``embedding_dim`` is odd, there is no
            modality, or ``missing_level`` is set with one.

    .. note::
        The paper's data has three modalities. The released code of the MMRec toolbox
        takes two of them and keeps the map of the third (``missing_level=True``), with
        another that nothing reads. The maps :math:`T_m` have a bias there, which adds
        the same to all logits of a query and so never learns. It ranks by the sigmoid
        of the score, which ties high ones, and with the embeddings of the last training
        batch, which are encoded anew here.
    """

    training_defaults: ClassVar[dict[str, Any]] = {
        "lr": 1e-3,
        "weight_decay": 1e-4,
        "patience": 50,
    }

    def __init__(
        self,
        num_users: int,
        num_items: int,
        in_channels: Mapping[str, int],
        embedding_dim: int = 64,
        num_layers: int = 3,
        temperature: float = 0.2,
        ssl_weight: float = 0.01,
        ssl_temperature: float = 0.1,
        missing_level: bool = False,
        edge_type: EdgeType = RATES,
    ) -> None:
        super().__init__(num_users, num_items, edge_type)
        check_counts(1, embedding_dim=embedding_dim)
        check_interval("[0, inf)", ssl_weight=ssl_weight)
        check_interval(
            "(0, inf)", temperature=temperature, ssl_temperature=ssl_temperature
        )
        if embedding_dim % 2:
            raise ValueError(f"embedding_dim must be even (got {embedding_dim})")
        if missing_level and len(in_channels) < 2:
            raise ValueError("missing_level needs at least two modalities (got one)")
        self.temperature = temperature
        self.ssl_weight = ssl_weight
        self.ssl_temperature = ssl_temperature
        self.user_embedding = Parameter(torch.empty(num_users, embedding_dim))
        self.item_embedding = Parameter(torch.empty(num_items, embedding_dim))
        self.features = ItemFeatures(
            num_items, in_channels, embedding_dim, node_type=self.edge_type[2]
        )
        self.propagation = BipartitePropagation(num_layers, readout="mean")
        joint = embedding_dim * (1 + len(in_channels))
        self.user_fusion = Linear(joint, embedding_dim)
        self.item_fusion = Linear(joint, embedding_dim)
        # The last of several modalities is compared in half the width.
        self.chain, self.target = ModuleList(), ModuleList()
        for level in range(len(in_channels)):
            last = 0 < level == len(in_channels) - 1
            width = embedding_dim // 2 if last else embedding_dim
            step = Linear(embedding_dim, width)
            extra = [Linear(embedding_dim, embedding_dim)] * (last and missing_level)
            self.chain.append(Sequential(*extra, step))
            self.target.append(Linear(embedding_dim, width, bias=False))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        torch.nn.init.xavier_uniform_(self.user_embedding)
        torch.nn.init.xavier_uniform_(self.item_embedding)
        for module in self.modules():
            if isinstance(module, Linear):
                module.reset_parameters()
                torch.nn.init.xavier_uniform_(module.weight)

    @property
    def modality_channels(self) -> dict[str, int]:
        """Width of each of :meth:`modality_features`."""
        return self.features.channels

    def modality_features(self, data: HeteroData) -> dict[str, Tensor]:
        """Return the mapped features of every modality."""
        linear = self.features.linear
        return {
            n: linear[n](l2_normalize(x)) for n, x in self.features.raw(data).items()
        }

    def encode(self, data: HeteroData) -> Embeddings:
        """Propagate behaviour and every modality, and fuse them."""
        return self._fuse(self._propagate(data, self.modality_features(data)))

    def _propagate(
        self, data: HeteroData, features: Mapping[str, Tensor]
    ) -> list[Embeddings]:
        edge_index = self.interactions(data)
        items = [self.item_embedding, *features.values()]
        count = len(items)
        users = self.user_embedding.repeat(1, count)
        out = self.propagation(users, torch.cat(items, dim=1), edge_index)
        parts = zip(*(x.chunk(count, dim=1) for x in out), strict=True)
        return [Embeddings(*pair) for pair in parts]

    def _fuse(self, parts: list[Embeddings]) -> Embeddings:
        user = torch.cat([part.user for part in parts], dim=1)
        item = torch.cat([part.item for part in parts], dim=1)
        return Embeddings(self.user_fusion(user), self.item_fusion(item))

    def loss(
        self, data: HeteroData, batch: Triplets, state: Any = None
    ) -> dict[str, Tensor]:
        """Return ``interaction`` and ``contrast``."""
        check_not_empty(batch)
        users, items = distinct(batch.user), distinct(batch.positive)
        parts = [
            Embeddings(F.embedding(users.node, user), F.embedding(items.node, item))
            for user, item in self._propagate(data, self.features_in(data, state))
        ]
        masks = modality_masks(data, self.modality_channels, self.edge_type[2])
        chained, contrast = parts[0].item, []
        for name, step, target, part in zip(
            self.modality_channels, self.chain, self.target, parts[1:], strict=True
        ):
            chained = step(chained)
            query, key, weight = rows_with_modality(
                masks.get(name), items.node, chained, target(part.item), items.counts
            )
            if query.size(0) > 0:
                contrast.append(
                    info_nce(query, key, self.ssl_temperature, 512, weight=weight)
                )
        user, item = map(l2_normalize, self._fuse(parts))
        pair = F.embedding(users.position, user) * F.embedding(items.position, item)
        mass = log_partition(
            user,
            item,
            self.temperature,
            unit=True,
            weight=users.counts,
            key_weight=items.counts,
        )
        return {
            "interaction": (mass - pair.sum() / self.temperature) / pair.size(0),
            "contrast": self.ssl_weight * total(contrast, user),
        }
