"""Rows over all items that a critic of interactions compares."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sea_pyg.nn.functional import l2_normalize
from sea_pyg.nn.functional.log_partition import in_full
from sea_pyg.typing import Embeddings
from sea_pyg.utils import EdgeMembership, edge_dot, spmm


class UnseenRows(NamedTuple):
    r"""Scores of users for the items that they have not seen, at unit length.

    Row :math:`u` holds :math:`x_u^\top x_i`, zero where :math:`u` has seen :math:`i`,
    divided by its length. The matrix is kept as its factors and the entries that are
    missing, so that ``rows @ weight`` takes
    :math:`O((B + N_i) C H + P H)` with :math:`P` pairs in place of the
    :math:`O(B N_i (C + H))` of the matrix itself. A row whose unseen part
    is below rounding error is zero.
    """

    user: Tensor
    """Shape :math:`[B, C]`."""
    item: Tensor
    """Shape :math:`[N_i, C]`."""
    edges: Tensor
    """What the users have seen, as (item, row), :math:`[2, P]`."""
    score: Tensor
    """The products there, :math:`[P]`."""
    length: Tensor
    """Of every row, :math:`[B, 1]`; infinite where there is nothing unseen."""

    @classmethod
    def of(
        cls, x: Embeddings, user_index: Tensor, seen: EdgeMembership
    ) -> "UnseenRows":
        """Take the rows of some users.

        Shapes:
            ``user_index`` :math:`[B]`.
        """
        user, item = in_full(F.embedding(user_index, x.user), x.item)
        row, column = seen.seen(user_index)
        edges = torch.stack([column, row])
        # What is unseen is a difference, of which half precision leaves nothing.
        with torch.autocast(user.device.type, enabled=False):
            score = edge_dot(edges, item, user)
            whole = ((user @ (item.t() @ item)) * user).sum(dim=1)
        square = whole.index_add(0, row, score.square(), alpha=-1)
        nothing = square <= 100 * torch.finfo(square.dtype).eps * whole  # rounding
        square = square.masked_fill(nothing, torch.inf)
        return cls(user, item, edges, score, square.sqrt().unsqueeze(1))

    def __matmul__(self, weight: Tensor) -> Tensor:
        """Multiply the matrix by ``weight`` :math:`[N_i, H]`."""
        size = (self.item.size(0), self.user.size(0))
        full = weight.to(self.score.dtype)
        with torch.autocast(weight.device.type, enabled=False):
            known = spmm(self.edges, self.score, full, size)
            out = (self.user @ (self.item.t() @ full) - known) / self.length
        return out.to(weight.dtype)

    def detach(self) -> "UnseenRows":
        """Return the rows as constants."""
        return UnseenRows(*(part.detach() for part in self))

    def dense(self) -> Tensor:
        """Return the matrix, :math:`[B, N_i]`."""
        score = self.user @ self.item.t()
        score[self.edges[1], self.edges[0]] = 0
        return score.div_(self.length)


def softened_rows(
    unseen: Tensor,
    user_index: Tensor,
    seen: EdgeMembership,
    noise_scale: float,
    temperature: float,
    unseen_weight: float,
) -> Tensor:
    r"""Soften interactions by Gumbel noise, and add rows over the unseen items.

    .. math::
        \mathrm{norm} \Big( \mathrm{softmax} \Big( \frac{R_u + \sigma g}{\tau} \Big)
        + \zeta s_u \Big)

    Args:
        unseen: Rows :math:`s` over the unseen items.
        user_index: Their users.
        seen: The interactions :math:`R`.
        noise_scale: :math:`\sigma`.
        temperature: :math:`\tau`.
        unseen_weight: :math:`\zeta`.

    Shapes:
        ``unseen`` :math:`[B, N_i]`, ``user_index`` :math:`[B]`; returns
        :math:`[B, N_i]`.
    """
    # Gumbel noise. From uniform variables it takes a third of the time of exponential
    # ones; in half precision, some of them would be one, whose noise is infinite.
    dtype = torch.promote_types(unseen.dtype, torch.float32)
    logit = torch.empty_like(unseen, dtype=dtype)
    logit.uniform_(torch.finfo(dtype).tiny, 1).log_().neg_().log_().mul_(-noise_scale)
    logit[seen.seen(user_index)] += 1
    soft = logit.div_(temperature).softmax(dim=1).to(unseen.dtype)
    return l2_normalize(soft + unseen_weight * unseen)
