"""From embeddings per modality to one embedding."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Parameter

from sea_pyg.typing import Embeddings, OptTensor


class ModalityFusion(torch.nn.Module):
    r"""Concatenate the modalities, weighted by each user's taste for them.

    .. math::
        \mathbf{e}_u = \big\Vert_m\, w_{um} \mathbf{h}_u^{(m)}, \qquad
        \mathbf{e}_i = \big\Vert_m\, \mathbf{h}_i^{(m)}

    The fusion of `"It is Never Too Late to Mend: Separate Learning for Multimedia
    Recommendation" <https://arxiv.org/abs/2406.08270>`_. The weights are free
    parameters; a softmax over modalities gives their initial values only.

    Args:
        num_users: Number of users :math:`N_u`.
        num_modalities: Number of modalities :math:`M`.

    Shapes:
        - **input:** user and item embeddings of every modality, each
          :math:`(N_u, D)` and :math:`(N_i, D)`; with ``index``, the numbers of some
          users :math:`(B)`, those users' alone, :math:`(B, D)`
        - **output:** fused user embeddings :math:`(N_u, M D)` or :math:`(B, M D)` and
          item embeddings :math:`(N_i, M D)`
    """

    def __init__(self, num_users: int, num_modalities: int) -> None:
        super().__init__()
        if num_users < 1 or num_modalities < 1:
            raise ValueError(
                "there must be at least one user and one modality (got "
                f"num_users={num_users}, num_modalities={num_modalities})"
            )
        self.num_users = num_users
        self.num_modalities = num_modalities
        self.weight = Parameter(torch.empty(num_users, num_modalities))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        with torch.no_grad():
            torch.nn.init.xavier_normal_(self.weight)
            self.weight.copy_(self.weight.softmax(dim=1))

    def forward(
        self, user: Sequence[Tensor], item: Sequence[Tensor], index: OptTensor = None
    ) -> Embeddings:
        """Fuse the modalities.

        Args:
            user: The users' embeddings of every modality.
            item: The items'.
            index: The users that the rows of ``user`` are of. (default: all in order)

        Raises:
            ValueError: If the number of modalities differs from ``num_modalities``, or
                the embeddings of users are not of one shape with a row per user.
        """
        if not len(user) == len(item) == self.num_modalities:
            raise ValueError(
                f"expected embeddings of {self.num_modalities} modalities (got "
                f"{len(user)} for users, {len(item)} for items)"
            )
        shapes = {tuple(x.shape) for x in user}
        if len(shapes) > 1:
            raise ValueError(
                "the users' embeddings of all modalities must be of one shape (got "
                f"{sorted(shapes)})"
            )
        side_by_side = torch.cat(list(user), dim=-1)
        fused = self.weigh(side_by_side, index)
        return Embeddings(fused, torch.cat(list(item), dim=-1))

    def weigh(self, user: Tensor, index: OptTensor = None) -> Tensor:
        """Scale the modalities' user embeddings, which stand side by side.

        Args:
            user: The embeddings.
            index: The users that its rows are of. (default: all in order)

        Shapes:
            ``user`` :math:`(N_u, M D)`, or :math:`(B, M D)` with ``index`` of
            :math:`(B)`; returns the same.

        Raises:
            ValueError: If there is another number of rows, or not a whole number of
                channels per modality.
        """
        weight = self.weight if index is None else F.embedding(index, self.weight)
        rows, modalities = weight.shape
        if user.dim() != 2 or user.size(0) != rows or user.size(1) % modalities:
            raise ValueError(
                f"the users' embeddings must be of shape [{rows}, {modalities} * D], a "
                f"row per user (got {list(user.shape)}); pass index for some users only"
            )
        parts = user.view(rows, modalities, user.size(1) // modalities)
        return (parts * weight.unsqueeze(-1)).view_as(user)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.num_users}, {self.num_modalities})"
