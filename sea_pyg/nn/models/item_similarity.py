"""Base class of the models that score items by the items a user has seen."""

from abc import abstractmethod
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.nn.models.closed_form import ClosedFormRecommender
from sea_pyg.transforms.two_hops import hop_rows
from sea_pyg.typing import Embeddings
from sea_pyg.utils import EdgeMembership, csr_tensor


class ItemSimilarityRecommender(ClosedFormRecommender):
    r"""A recommender :math:`\hat{Y} = X W^\top` with an item-item matrix :math:`W`.

    :math:`X` says who has seen what (binary, from the edges of the graph that is
    given), so that a new interaction counts without fitting again.
    """

    @abstractmethod
    def item_weight(self) -> Tensor:
        """Return :math:`W`, dense or sparse CSR, a row per scored item."""

    def encode(self, data: HeteroData) -> Embeddings:
        """Return :math:`X` (sparse) and :math:`W`."""
        self.check_fitted()
        seen, sizes = self.seen_items(data), (self.num_users, self.num_items)
        one = torch.ones(seen.item.numel(), device=seen.item.device)
        user = csr_tensor(seen.rowptr, seen.item, one, sizes)
        return Embeddings(user, self.item_weight())

    def score(
        self,
        data: HeteroData,
        user_index: Tensor,
        embeddings: Embeddings | None = None,
    ) -> Tensor:
        """Score all items for some users.

        Shapes:
            ``user_index`` :math:`[B]`; returns :math:`[B, N_i]`.
        """
        self.check_fitted()
        weight = self.item_weight() if embeddings is None else embeddings.item
        row, item = self.seen_items(data).seen(user_index)
        if weight.layout == torch.strided:  # a sum of few rows, not a dense product
            users = torch.arange(user_index.numel() + 1, device=row.device)
            start = torch.searchsorted(row, users)
            return F.embedding_bag(
                item, weight.t(), start, mode="sum", include_last_offset=True
            )
        dtype = weight.dtype
        if dtype in (torch.float16, torch.bfloat16):
            weight = weight.float()  # a CPU has no sparse product in half precision
        profile = torch.zeros(
            self.num_items, user_index.numel(), dtype=weight.dtype, device=weight.device
        )
        profile[item, row] = 1
        with torch.autocast(profile.device.type, enabled=False):
            return (weight @ profile).t().to(dtype)

    def users_of_items(self, data: HeteroData) -> EdgeMembership:
        """Return the users of every item, each once."""
        edge_index = self.interactions(data)
        return EdgeMembership(edge_index.flip(0), self.num_items, self.num_users)


def common_users(
    users: EdgeMembership, chunk_size: int, dtype: torch.dtype
) -> Iterator[tuple[Tensor, Tensor]]:
    r"""Count the users that items have in common: rows of :math:`X^\top X`.

    Args:
        users: The users of every item.
        chunk_size: Items at a time.
        dtype: Data type of the counts.

    Yields:
        Consecutive items, :math:`[B]`, and their counts, :math:`[B, N_i]`.
    """
    rows = hop_rows(users, dtype=dtype)
    everything = torch.arange(users.num_users, device=users.item.device)
    for start, item in zip(
        range(0, users.num_users, chunk_size), everything.split(chunk_size), strict=True
    ):
        yield item, rows(start, start + item.numel()).to_dense()
