"""ItemKNN: items that the same users liked."""

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.nn.models.item_similarity import ItemSimilarityRecommender, common_users
from sea_pyg.typing import RATES, EdgeType
from sea_pyg.utils import check_counts, check_interval, csr_tensor


class ItemKNN(ItemSimilarityRecommender):
    r"""Score an item by its similarity to the items that the user has seen.

    Item-based collaborative filtering from `"Item-Based Top-N Recommendation
    Algorithms" <https://doi.org/10.1145/963770.963776>`_. The cosine of the
    interaction vectors of two items, kept for the ``k`` nearest items
    :math:`\mathcal{N}_k(i)` of the item that is scored (itself excluded):

    .. math::
        \hat{y}_{ui} = \sum_{j \in \mathcal{I}_u \cap \mathcal{N}_k(i)}
        \frac{|\mathcal{U}_i \cap \mathcal{U}_j|}
        {\sqrt{|\mathcal{U}_i| \, |\mathcal{U}_j|} + \lambda}

    The shrinkage :math:`\lambda` takes weight from items that few users share, whose
    cosines are high by chance.

    Graphs: the interactions.

    Args:
        num_users: Number of users :math:`N_u`.
        num_items: Number of items :math:`N_i`.
        k: Number of neighbours per item, all others if there are fewer.
            (default: :obj:`100`)
        shrink: The shrinkage :math:`\lambda`. (default: :obj:`0.0`)
        chunk_size: Items searched at a time. (default: :obj:`1024`)
        edge_type: The user-item edge type that the model reads.

    Shapes:
        :meth:`encode` returns sparse matrices: who saw what :math:`[N_u, N_i]`, and
        each item's neighbours :math:`[N_i, N_i]` with ``k`` entries a row.

    Raises:
        ValueError: If ``k`` or ``chunk_size`` is less than 1, or ``shrink`` negative.
    """

    neighbour: Tensor
    similarity: Tensor

    def __init__(
        self,
        num_users: int,
        num_items: int,
        k: int = 100,
        shrink: float = 0.0,
        chunk_size: int = 1024,
        edge_type: EdgeType = RATES,
    ) -> None:
        super().__init__(num_users, num_items, edge_type)
        check_counts(1, k=k, chunk_size=chunk_size)
        check_interval("[0, inf)", shrink=shrink)
        self.k = k
        self.shrink = shrink
        self.chunk_size = chunk_size
        shape = (num_items, min(k, num_items - 1))
        self.register_buffer("neighbour", torch.zeros(shape, dtype=torch.long))
        self.register_buffer("similarity", torch.zeros(shape))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Forget what was fitted."""
        self.fitted = False
        self.neighbour.zero_()
        self.similarity.zero_()

    def fit(self, data: HeteroData) -> None:
        """Find the nearest items of every item by the interactions in ``data``."""
        users = self.users_of_items(data)
        dtype = torch.promote_types(self.similarity.dtype, torch.float32)
        root = users.degree.clamp(min=1).to(dtype).sqrt()
        for item, shared in common_users(users, self.chunk_size, dtype):
            norm = root[item].view(-1, 1) * root  # [chunk, num_items]
            cosine = shared / norm.add_(self.shrink)
            cosine[item - item[0], item] = -1
            value, index = cosine.topk(self.similarity.size(1), dim=1)
            order = index.argsort(dim=1)  # Sorted columns make valid CSR rows.
            self.neighbour[item] = index.gather(1, order)
            self.similarity[item] = value.gather(1, order).to(self.similarity)
        self.note_training(data)

    def item_weight(self) -> Tensor:
        """Return the neighbours of every item as a sparse matrix."""
        num_rows, k = self.neighbour.shape
        rowptr = torch.arange(num_rows + 1, device=self.neighbour.device) * k
        return csr_tensor(
            rowptr,
            self.neighbour.flatten(),
            self.similarity.flatten(),
            (num_rows, num_rows),
        )
