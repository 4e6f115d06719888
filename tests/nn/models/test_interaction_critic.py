import pytest
import torch
from torch import Tensor

from sea_pyg.nn.models.interaction_critic import InteractionCritic

NUM_ROWS, NUM_ITEMS = 5, 7


def rows(count: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    shape = (count, NUM_ROWS, NUM_ITEMS)
    return list(torch.randn(shape, dtype=torch.double, generator=generator))


def build(dropout: tuple[float, float] = (0.0, 0.0)) -> InteractionCritic:
    torch.manual_seed(0)
    return InteractionCritic(NUM_ITEMS, 6, dropout, scale=3.0).double()


def by_hand(critic: InteractionCritic, x: Tensor) -> Tensor:
    for linear, norm in (
        (critic.first, critic.first_norm),
        (critic.second, critic.second_norm),
    ):
        x = x @ linear.weight.t() + linear.bias
        x = torch.where(x > 0, x, 0.2 * x)
        x = (x - x.mean(dim=0)) / (x.var(dim=0, unbiased=False) + 1e-5).sqrt()
        x = x * norm.weight + norm.bias
    return 3 / (1 + (-x @ critic.last.weight[0] - critic.last.bias).exp())


def test_judges_by_two_normalised_layers() -> None:
    critic = build()
    with torch.no_grad():
        for parameter in critic.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    first, second = rows(2)
    expected = by_hand(critic, torch.cat([first, second]))
    torch.testing.assert_close(critic(first, second), expected)
    assert critic.second.out_features == 3


def test_loss_by_finite_differences(monkeypatch: pytest.MonkeyPatch) -> None:
    """The penalty is of the gradient with respect to the rows, item by item."""
    critic = build()
    real, *fakes = rows(3)
    mix = torch.linspace(0.1, 0.9, 2 * NUM_ROWS, dtype=torch.double).view(-1, 1)
    monkeypatch.setattr(torch, "rand_like", lambda x: mix.to(x.dtype))
    between = mix * torch.cat([real, real]) + (1 - mix) * torch.cat(fakes)
    slope = torch.zeros_like(between)
    step = 1e-6
    with torch.no_grad():
        for row in range(2 * NUM_ROWS):
            for item in range(NUM_ITEMS):
                shift = torch.zeros_like(between)
                shift[row, item] = step
                up, down = (by_hand(critic, between + s).sum() for s in (shift, -shift))
                slope[row, item] = (up - down) / (2 * step)
        penalty = (slope.norm(dim=1) - 1).square().mean()
        fake = by_hand(critic, torch.cat(fakes)).mean()
        difference = fake - by_hand(critic, real).mean()
    for weight in (0.0, 0.3, 10.0):
        expected = difference + weight * penalty
        found = critic.loss(real, fakes, weight)
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-6)


def test_penalty_has_a_gradient() -> None:
    critic = build()
    real, *fakes = rows(3)

    def loss(_: Tensor) -> Tensor:  # of the weight, which the check moves in place
        torch.manual_seed(3)
        return critic.loss(real, fakes, 1.0)

    assert torch.autograd.gradcheck(loss, critic.first.weight, atol=1e-4)


def test_learns_to_tell_rows_apart() -> None:
    critic = build()
    generator = torch.Generator().manual_seed(1)
    shape = (3, 60, NUM_ITEMS)
    real, *fakes = torch.randn(shape, dtype=torch.double, generator=generator)
    real = real.exp()  # normalisation of a batch leaves its skew
    optimizer = torch.optim.Adam(critic.parameters(), lr=0.01)

    def advantage() -> float:
        with torch.no_grad():
            return float(critic(real).mean() - critic(*fakes).mean())

    before = advantage()
    for _ in range(100):
        optimizer.zero_grad()
        critic.loss(real, fakes, 0.01).backward()
        optimizer.step()
    assert advantage() > before + 0.3


def test_drops_in_training_only() -> None:
    critic = build((0.5, 0.5))
    (x,) = rows(1)
    assert not torch.equal(critic(x), critic(x))
    critic.eval()
    assert torch.equal(critic(x), critic(x))


def test_a_constant_critic_is_penalised_without_nan() -> None:
    critic = build()
    torch.nn.init.zeros_(critic.last.weight)
    real, *fakes = rows(3)
    loss = critic.loss(real, fakes, 1.0)
    loss.backward()
    assert loss.item() == pytest.approx(1, abs=1e-5)
    for parameter in critic.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()


def test_each_layer_is_dropped_by_its_own_share() -> None:
    x = torch.randn(50, NUM_ITEMS)
    for dropout, changes in (((0.0, 0.5), [False, True]), ((0.5, 0.0), [True, True])):
        critic, seen = InteractionCritic(NUM_ITEMS, 6, dropout), []

        def keep(_: torch.nn.Module, given: tuple[Tensor], seen: list = seen) -> None:
            seen.append(given[0])

        for linear in (critic.second, critic.last):
            linear.register_forward_pre_hook(keep)
        critic(x)
        critic(x)
        assert [not torch.equal(seen[i], seen[i + 2]) for i in (0, 1)] == changes
