"""A made-up data set whose generic and unique factors are known."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import HeteroData, InMemoryDataset

from sea_pyg.transforms import MaskModality
from sea_pyg.typing import RATES
from sea_pyg.utils import closest


class FakeMultimodalDataset(InMemoryDataset):
    r"""Generate a multimodal data set with planted generic and unique factors.

    Every item has generic factors :math:`g_i`, which all modalities show, and for
    every modality :math:`m` unique factors :math:`u^{(m)}_i`, which only that
    modality shows. All are standard normal and independent. The features are

    .. math::
        x^{(m)}_i = g_i A_m + u^{(m)}_i B_m + \sigma \epsilon,

    and a user prefers items by the inner product of a taste vector with all of the
    factors plus an item's popularity. So a test can ask whether a method finds what
    was planted. Interactions are distinct, and every user has at least five as long
    as that is at most half of the items.

    Args:
        num_users: Number of users. (default: 200)
        num_items: Number of items. (default: 120)
        in_channels: Feature width per modality.
            (default: ``{'image': 24, 'text': 16}``)
        num_generic: Number of generic factors. (default: :obj:`4`)
        num_unique: Number of unique factors per modality. (default: :obj:`4`)
        avg_degree: Mean number of interactions per user. (default: :obj:`20.0`)
        noise: :math:`\sigma`. (default: :obj:`0.1`)
        strength: How strongly factors, rather than chance, drive the interactions.
            (default: :obj:`2.0`)
        missing: Share of items that miss a modality: one for all, or per modality.
            Then ``mask_<modality>`` exists, the missing rows are zero, and no item
            misses every modality. (default: :obj:`0.0`)
        timestamps: Whether interactions carry ``time``. (default: :obj:`True`)
        seed: Seed of everything. (default: :obj:`0`)
        transform: Applied on every access.

    Shapes:
        ``data['item'].x_<modality>`` :math:`[N_i, d]`,
        ``data['item'].planted_generic`` :math:`[N_i, G]`,
        ``data['item'].planted_unique_<modality>`` :math:`[N_i, U]`;
        ``data['user']`` has the tastes under the same names.

    Raises:
        ValueError: If a size is not positive or ``missing`` names an unknown
            modality.
    """

    def __init__(
        self,
        num_users: int = 200,
        num_items: int = 120,
        in_channels: Mapping[str, int] | None = None,
        num_generic: int = 4,
        num_unique: int = 4,
        avg_degree: float = 20.0,
        noise: float = 0.1,
        strength: float = 2.0,
        missing: float | Mapping[str, float] = 0.0,
        timestamps: bool = True,
        seed: int = 0,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__(None, transform)
        if in_channels is None:
            in_channels = {"image": 24, "text": 16}
        sizes = [num_users, num_items, num_generic, num_unique, *in_channels.values()]
        if not in_channels or min(sizes) < 1:
            raise ValueError(
                f"all numbers of users, items, factors and channels must be at least 1 "
                f"(got num_users={num_users}, num_items={num_items}, "
                f"num_generic={num_generic}, num_unique={num_unique}, "
                f"in_channels={dict(in_channels)!r})"
            )
        if not isinstance(missing, Mapping):
            missing = dict.fromkeys(in_channels, missing)
        for name, rate in missing.items():
            if name not in in_channels:
                raise ValueError(
                    f"missing names an unknown modality {name!r}; "
                    f"{closest(name, in_channels)}"
                )
            if not 0 <= rate < 1:
                raise ValueError(
                    f"the missing share of {name!r} must lie in [0, 1) (got {rate})"
                )

        generator = torch.Generator().manual_seed(seed)

        def normal(*size: int) -> Tensor:
            return torch.randn(*size, generator=generator)

        data = HeteroData()
        data["user"].num_nodes = num_users
        data["item"].num_nodes = num_items
        generic = normal(num_items, num_generic)
        taste = normal(num_users, num_generic)
        data["item"].planted_generic = generic
        data["user"].planted_generic = taste
        score = taste @ generic.t()  # [num_users, num_items]
        num_factors = num_generic
        for name, channels in in_channels.items():
            unique = normal(num_items, num_unique)
            taste = normal(num_users, num_unique)
            x = generic @ normal(num_generic, channels)
            x = x + unique @ normal(num_unique, channels)
            x = x + noise * normal(num_items, channels)
            data["item"][f"x_{name}"] = x
            data["item"][f"planted_unique_{name}"] = unique
            data["user"][f"planted_unique_{name}"] = taste
            score += taste @ unique.t()
            num_factors += num_unique
        score = strength * score / num_factors**0.5 + normal(num_items)

        # Sampling without replacement with weights exp(score): add Gumbel noise.
        uniform = torch.rand(score.shape, generator=generator)
        score -= uniform.log().neg().log()
        most = max(1, num_items // 2)
        mean = torch.full((num_users,), max(float(avg_degree) - 5, 0.0))
        degree = (5 + torch.poisson(mean, generator=generator)).clamp(max=most)
        rank = score.argsort(dim=1, descending=True).argsort(dim=1)
        edge_index = (rank < degree.view(-1, 1)).nonzero().t().contiguous()
        data[RATES].edge_index = edge_index
        if timestamps:
            data[RATES].time = torch.randint(
                1_000_000_000, (edge_index.size(1),), generator=generator
            )
        data["item"].title = [f"item {number}" for number in range(num_items)]
        if any(missing.values()):
            data = MaskModality(missing, seed=seed)(data)
        self.data, self.slices = self.collate([data])
