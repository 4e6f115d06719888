"""Orthogonal parts can share all their information; a bound on it makes them separate.

    python examples/orthogonal_is_not_independent.py

SEA keeps the generic and the unique part of an item apart by an upper bound of their
mutual information. Three measurements say why it does not ask for right angles:

1. Random vectors in high dimension are nearly orthogonal anyway.
2. Parts that are exactly orthogonal, or that were subtracted from each other, can still
   share as much information as one likes.
3. Minimising CLUB removes it, as an estimator that took no part in the training and the
   closed form both see; minimising the angle does not.
"""

import math

import torch
from torch import Tensor

from sea_pyg.nn import CLUB, OrthogonalLoss
from sea_pyg.nn.mi import InfoNCE

CHANNELS = 8  # of each part
INFORMATION = 4.0  # that both parts share, in nats
RHO = math.sqrt(1 - math.exp(-2 * INFORMATION / CHANNELS))


def random_angles() -> None:
    """Measure cosines of independent random vectors."""
    print("1. The cosine of two random vectors has standard deviation 1 / sqrt(d)")
    for channels in (4, 64, 1024):
        x, y = torch.randn(2, 4000, channels)
        cosine = torch.cosine_similarity(x, y)
        measured, formula = float(cosine.std()), channels**-0.5
        angle = float(cosine.abs().acos().rad2deg().mean())
        print(
            f"   d = {channels:4d}: measured {measured:.4f}, formula {formula:.4f}, "
            f"mean angle {angle:.1f} degrees"
        )
        assert abs(measured / formula - 1) < 0.05


def draw(num_items: int) -> tuple[Tensor, Tensor]:
    """Draw two dependent parts of known mutual information."""
    x, noise = torch.randn(2, num_items, CHANNELS)
    return x, RHO * x + math.sqrt(1 - RHO**2) * noise


def quarter_turn(x: Tensor) -> Tensor:
    """Turn every pair of coordinates by a right angle."""
    a, b = x.view(len(x), -1, 2).unbind(dim=2)
    return torch.stack([-b, a], dim=2).flatten(1)


def gaussian_information(x: Tensor, y: Tensor) -> float:
    """Compute the exact mutual information of jointly Gaussian parts."""
    joint = torch.cat([x, y], dim=1).detach().double().T.cov()
    d = x.size(1)
    blocks = joint[:d, :d].logdet() + joint[d:, d:].logdet()
    return float(blocks - joint.logdet()) / 2


def measure(x: Tensor, y: Tensor) -> float:
    """Estimate a lower bound with a critic of its own, on held-out items."""
    x, y = x.detach(), y.detach()
    half = len(x) // 2
    estimator = InfoNCE(x.size(1), y.size(1))
    estimator.fit(x[:half], y[:half], steps=150, lr=1e-3, batch_size=256)
    with torch.no_grad():
        parts = zip(x[half:].split(2000), y[half:].split(2000), strict=True)
        return float(torch.stack([estimator(a, b) for a, b in parts]).mean())


def orthogonal_and_dependent() -> None:
    """Build parts that are orthogonal, or subtracted, and still dependent."""
    print(f"2. Parts that share {INFORMATION} nats or more")
    penalty = OrthogonalLoss()
    generic, unique = draw(16_000)
    # A copy in the coordinates that the other part leaves empty: every cosine is zero,
    # and nothing that one part says of the other has changed.
    empty = torch.zeros_like(generic)
    wide = torch.cat([generic, empty], dim=1), torch.cat([empty, unique], dim=1)
    print(
        f"   side by side: OrthogonalLoss {float(penalty(*wide)):.4f}, information "
        f"{gaussian_information(generic, unique):.2f}, InfoNCE {measure(*wide):.2f}"
    )
    assert penalty(*wide) == 0
    # In the same coordinates: a quarter turn is orthogonal to its origin, yet it can be
    # turned back, so that it shares all information there is.
    turned = quarter_turn(generic)
    print(
        f"   quarter turn: OrthogonalLoss {float(penalty(generic, turned)):.4f}, "
        f"information infinite, InfoNCE {measure(generic, turned):.2f}"
        f" (at most log N = {math.log(2000):.2f})"
    )
    assert penalty(generic, turned) < 1e-12
    assert measure(generic, turned) > 4
    # What subtraction leaves of this part is the dependent one above.
    left = (generic + unique) - generic
    rest = gaussian_information(generic, left)
    print(
        f"   subtracted: shares {rest:.2f} nats, InfoNCE {measure(generic, left):.2f}"
    )
    assert abs(rest - INFORMATION) < 0.2


def draw_wide(num_items: int) -> tuple[Tensor, Tensor]:
    """Draw parts of which the unique one has coordinates of its own as well."""
    generic, unique = draw(num_items)
    return generic, torch.cat([unique, torch.randn(num_items, CHANNELS)], dim=1)


def train(name: str, loss: torch.nn.Module) -> float:
    """Let a linear map of the unique part minimise a loss, and measure."""
    torch.manual_seed(0)
    turn = torch.nn.Linear(2 * CHANNELS, CHANNELS, bias=False)
    with torch.no_grad():
        turn.weight.copy_(torch.eye(CHANNELS, 2 * CHANNELS))
    optimizer = torch.optim.Adam(turn.parameters(), lr=0.02)
    for _ in range(300):
        generic, unique = draw_wide(1000)
        out = turn(unique)
        # Uncorrelated coordinates, so that nothing is won by leaving some out.
        white = (out.T.cov() - torch.eye(CHANNELS)).square().mean()
        optimizer.zero_grad()
        (loss(generic, out) + white).backward()
        optimizer.step()
    generic, unique = draw_wide(16_000)
    out = turn(unique)
    exact, seen = gaussian_information(generic, out), measure(generic, out)
    penalty = float(OrthogonalLoss()(generic, out).detach())
    print(
        f"   minimising {name}: OrthogonalLoss {penalty:.3f}, information {exact:.3f}, "
        f"InfoNCE {seen:.3f}"
    )
    return exact


if __name__ == "__main__":
    torch.manual_seed(0)
    random_angles()
    orthogonal_and_dependent()
    print(f"3. Starting from {INFORMATION} shared nats")
    assert train("the angle", OrthogonalLoss()) > 3
    assert train("CLUB", CLUB(CHANNELS, CHANNELS, conditional="linear")) < 0.05
