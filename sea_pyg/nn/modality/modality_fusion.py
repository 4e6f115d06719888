"""From embeddings per modality to one embedding."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import Parameter

from sea_pyg.typing import Embeddings


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
          :math:`(N_u, D)` and :math:`(N_i, D)`
        - **output:** fused user embeddings :math:`(N_u, M D)` and item embeddings
          :math:`(N_i, M D)`
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
        # Xavier's scale of a table of vectors of length one.
        std = (2 / (self.num_users + self.num_modalities)) ** 0.5
        with torch.no_grad():
            torch.nn.init.normal_(self.weight, std=std)
            self.weight.copy_(self.weight.softmax(dim=1))

    def forward(self, user: Sequence[Tensor], item: Sequence[Tensor]) -> Embeddings:
        """Fuse the modalities.

        Raises:
            ValueError: If the number of modalities differs from ``num_modalities``.
        """
        if not len(user) == len(item) == self.num_modalities:
            raise ValueError(
                f"expected embeddings of {self.num_modalities} modalities (got "
                f"{len(user)} for users, {len(item)} for items)"
            )
        side_by_side = torch.cat(list(user), dim=-1)
        return Embeddings(self.weigh(side_by_side), torch.cat(list(item), dim=-1))

    def weigh(self, user: Tensor) -> Tensor:
        """Scale the modalities' user embeddings, which stand side by side.

        Shapes:
            ``user`` :math:`(N_u, M D)`; returns the same.
        """
        parts = user.view(self.num_users, self.num_modalities, -1)
        return (parts * self.weight.unsqueeze(-1)).view_as(user)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.num_users}, {self.num_modalities})"
