"""What draws negatives."""

from typing import Protocol

import torch
from torch import Tensor


class NegativeSampler(Protocol):
    """Interface of what :class:`InteractionLoader` takes its negatives from.

    Any class with this method is one:

    .. code-block:: python

        class ByPopularity:
            def __init__(self, data, power=0.75):
                item = data["user", "rates", "item"].edge_index[1]
                count = torch.bincount(item, minlength=data["item"].num_nodes)
                self.weight = count.double() ** power
                self.power = power

            def sample(self, user, generator=None):
                weight = self.weight.to(user.device)
                return torch.multinomial(
                    weight, user.numel(), replacement=True, generator=generator
                )

            def __repr__(self):
                return f"ByPopularity(power={self.power})"

        loader = InteractionLoader(train, sampler=ByPopularity(train))
        fit(model, train, val, sampler=ByPopularity(train))

    This one may draw what a user has seen; :class:`~sea_pyg.utils.EdgeMembership`
    tells. A resumed run continues exactly if what is drawn follows from ``user`` and
    ``generator`` alone, and it is refused with a sampler of another class, or of
    another ``__repr__`` where the class has its own.
    """

    def sample(self, user: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw an item for every entry of ``user``.

        It is called once an epoch, with the user of every interaction in the order of
        ``edge_index``.

        Args:
            user: Users, on the device of the graph.
            generator: Source of all randomness, on the same device.

        Shapes:
            ``user`` :math:`[E]`; returns :math:`[E]`, int64, on the same device.
        """
        ...
