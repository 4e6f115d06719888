"""The embeddings of the last training batch."""

import torch
from torch import Tensor

from sea_pyg.typing import Embeddings


class LastEmbeddings(torch.nn.Module):
    """Keep the last embeddings of training, also in checkpoints.

    Args:
        num_users: Number of users.
        num_items: Number of items.
        channels: Width of the embeddings.
    """

    user: Tensor
    item: Tensor
    known: Tensor

    def __init__(self, num_users: int, num_items: int, channels: int) -> None:
        super().__init__()
        self.register_buffer("user", torch.zeros(num_users, channels))
        self.register_buffer("item", torch.zeros(num_items, channels))
        self.register_buffer("known", torch.tensor(False))

    def reset_parameters(self) -> None:
        """Forget them."""
        self.known.fill_(False)

    @torch.no_grad()
    def keep(self, embeddings: Embeddings) -> None:
        """Replace them."""
        self.user.copy_(embeddings.user)
        self.item.copy_(embeddings.item)
        self.known.fill_(True)

    def get(self) -> Embeddings | None:
        """Return them, if there are any yet."""
        return Embeddings(self.user, self.item) if bool(self.known) else None
