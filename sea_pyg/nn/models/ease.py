"""EASE: a linear autoencoder in closed form."""

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.nn.models.item_similarity import ItemSimilarityRecommender, common_users
from sea_pyg.typing import RATES, EdgeType
from sea_pyg.utils import check_counts, check_interval


class EASE(ItemSimilarityRecommender):
    r"""Reconstruct interactions by a linear map between items, solved exactly.

    From `"Embarrassingly Shallow Autoencoders for Sparse Data"
    <https://arxiv.org/abs/1905.03375>`_: the ridge regression of every item on all
    others,

    .. math::
        \min_B \| X - X B \|_F^2 + \lambda \| B \|_F^2, \quad \mathrm{diag}(B) = 0
        \quad \Rightarrow \quad
        B_{ij} = -\frac{P_{ij}}{P_{jj}} \; (i \ne j), \quad
        P = (X^\top X + \lambda I)^{-1}, \quad \hat{Y} = X B

    Time grows with the cube and memory with the square of the number of items: this
    is the one model here that holds a dense item-item matrix, as its solution is one.

    Graphs: the interactions.

    Args:
        num_users: Number of users :math:`N_u`.
        num_items: Number of items :math:`N_i`.
        l2_weight: :math:`\lambda`. (default: :obj:`100.0`)
        chunk_size: Rows of :math:`X^\top X` computed at a time.
            (default: :obj:`1024`)
        edge_type: The user-item edge type that the model reads.

    Shapes:
        :meth:`encode` returns who saw what, sparse :math:`[N_u, N_i]`, and
        :math:`B^\top` :math:`[N_i, N_i]`.

    Raises:
        ValueError: If ``l2_weight`` or ``chunk_size`` is not positive.
    """

    weight: Tensor

    def __init__(
        self,
        num_users: int,
        num_items: int,
        l2_weight: float = 100.0,
        chunk_size: int = 1024,
        edge_type: EdgeType = RATES,
    ) -> None:
        super().__init__(num_users, num_items, edge_type)
        check_counts(1, chunk_size=chunk_size)
        check_interval("(0, inf)", l2_weight=l2_weight)
        self.l2_weight = l2_weight
        self.chunk_size = chunk_size
        self.register_buffer("weight", torch.zeros(num_items, num_items))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Forget what was fitted."""
        self.fitted = False
        self.weight.zero_()

    def fit(self, data: HeteroData) -> None:
        """Solve for the item-item matrix by the interactions in ``data``."""
        users = self.users_of_items(data)
        # float64: the inverse loses as many digits as the Gram matrix is conditioned.
        gram = torch.empty(
            self.num_items, self.num_items, dtype=torch.double, device=users.item.device
        )
        for item, shared in common_users(users, self.chunk_size, torch.double):
            gram[item] = shared
        gram.diagonal().add_(self.l2_weight)
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(gram))
        del gram
        inverse /= -inverse.diagonal().clone()  # Column j by P_jj.
        inverse.fill_diagonal_(0)
        self.weight.copy_(inverse)
        self.note_training(data)

    def item_weight(self) -> Tensor:
        """Return :math:`B^T`."""
        return self.weight.t()  # B's own rows are what the items seen add to a score
