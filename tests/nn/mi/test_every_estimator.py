"""What holds of every estimator, with every model q and a critic."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from sea_pyg.nn import mi
from sea_pyg.nn.functional import corrected_log_mean
from sea_pyg.nn.mi import (
    CLUB,
    BilinearCritic,
    ConcatenatedCritic,
    CosineCritic,
    DonskerVaradhan,
    GaussianMLP,
    InfoNCE,
    L1Out,
    LinearGaussian,
    MutualInformationEstimator,
    SeparableCritic,
)
from tests.nn.mi.estimators import ALL, CRITICS, UPPER


def pairs(num_pairs: int, x_channels: int = 3, y_channels: int = 2) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(num_pairs, x_channels, generator=generator, dtype=torch.float64)
    noise = torch.randn(num_pairs, y_channels, generator=generator, dtype=torch.float64)
    return [x, x[:, :1] + noise]


def make(name: str, x_channels: int = 3, y_channels: int = 2) -> Any:
    torch.manual_seed(0)
    return ALL[name](x_channels, y_channels).double()


def fixed(estimator: MutualInformationEstimator, num_pairs: int) -> Any:
    """Return the estimate with one and the same permutation at every call."""
    if getattr(estimator, "num_negatives", "all") == "all":
        return estimator
    return lambda x, y: estimator(x, y, torch.arange(num_pairs).roll(1))


def test_none_is_left_out() -> None:
    concrete = {
        getattr(mi, name)
        for name in mi.classes
        if isinstance(getattr(mi, name), type)
        and issubclass(getattr(mi, name), MutualInformationEstimator)
        and not getattr(mi, name).__name__.endswith("Estimator")
    }
    assert {type(make(name)) for name in ALL} == concrete


@pytest.mark.parametrize("name", ALL)
def test_direction_is_documented(name: str) -> None:
    estimator = make(name)
    expected = "upper" if name in UPPER else "none" if name == "smile" else "lower"
    assert estimator.bound == expected
    assert "bound" in type(estimator).__doc__


@pytest.mark.parametrize("name", ALL)
def test_gradient_of_the_estimate(name: str) -> None:
    estimator = make(name)
    x, y = (t.requires_grad_() for t in pairs(6))
    assert torch.autograd.gradcheck(fixed(estimator, 6), (x, y))


@pytest.mark.parametrize("name", ALL)
def test_gradient_of_the_learning_loss(name: str) -> None:
    estimator = make(name)
    if isinstance(estimator, DonskerVaradhan):
        estimator.eval()  # in training it is corrected on purpose
    x, y = (t.requires_grad_() for t in pairs(6))
    assert torch.autograd.gradcheck(estimator.learning_loss, (x, y))
    x, y = x.detach(), y.detach()
    names, parameters = list(dict(estimator.named_parameters())), estimator.parameters()
    if not names:
        return

    def loss(*values: Tensor) -> Tensor:
        named = {f"of.{n}": v for n, v in zip(names, values, strict=True)}
        out: Tensor = torch.func.functional_call(_Loss(estimator), named, (x, y))
        return out

    assert torch.autograd.gradcheck(loss, tuple(parameters))


class _Loss(torch.nn.Module):
    def __init__(self, of: MutualInformationEstimator) -> None:
        super().__init__()
        self.of = of

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.of.learning_loss(x, y)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("method", ["forward", "learning_loss", "fit"])
def test_bad_pairs(name: str, method: str) -> None:
    estimator = make(name)
    call = getattr(estimator, method)
    x, y = pairs(5)
    with pytest.raises(ValueError, match="fewer than two pairs"):
        call(x[:1], y[:1])
    with pytest.raises(ValueError, match="fewer than two pairs"):
        call(x[:0], y[:0])
    with pytest.raises(ValueError, match="same number of samples"):
        call(x, y[:4])
    with pytest.raises(ValueError, match=r"x must be of shape \[N, 3\]"):
        call(y, y)
    with pytest.raises(ValueError, match=r"y must be of shape \[N, 2\]"):
        call(x, x[:, 0])


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_nan(name: str, value: float) -> None:
    estimator = make(name)
    for which in (0, 1):
        bad = pairs(5)
        bad[which][3, 1] = value
        for method in (estimator, estimator.fit):
            with pytest.raises(ValueError, match="must be finite .* in row 3"):
                method(*bad)
        if math.isnan(value):
            estimator.validate = False
            assert estimator(*bad).isnan()
            estimator.validate = True


@pytest.mark.parametrize("name", ALL)
def test_two_pairs_are_enough(name: str) -> None:
    assert make(name)(*pairs(2)).shape == ()


@pytest.mark.parametrize("name", ALL)
def test_fit_learns_and_leaves_the_inputs_alone(name: str) -> None:
    estimator = make(name)
    x, y = (t.requires_grad_() for t in pairs(64))
    with torch.no_grad():
        before = float(estimator.learning_loss(x, y))
    generator = torch.Generator().manual_seed(0)
    last = estimator.fit(x, y, 60, lr=1e-2, batch_size=48, generator=generator)
    assert math.isfinite(last)
    with torch.no_grad():
        after = float(estimator.learning_loss(x, y))
    if "linear" in name:
        assert after == before == pytest.approx(last)
    else:
        assert after < before
    assert x.grad is None
    assert y.grad is None


def test_fit_without_parameters_has_nothing_to_learn() -> None:
    x, y = pairs(9, 2, 2)
    estimator = InfoNCE(2, 2, critic="cosine").double()
    assert estimator.fit(x, y) == pytest.approx(-float(estimator(x, y)))


@pytest.mark.parametrize("name", ALL)
def test_fit_with_a_seed_is_repeatable(name: str) -> None:
    x, y = pairs(32)
    found = []
    for _ in range(2):
        estimator = make(name)
        generator = torch.Generator().manual_seed(3)
        estimator.fit(x, y, 5, batch_size=8, generator=generator)
        found.append(fixed(estimator, 32)(x, y))
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=0)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("options", [{"steps": 0}, {"lr": 0.0}, {"batch_size": 1}])
def test_bad_fit_options(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(options))} must"):
        make(name).fit(*pairs(5), **options)


@pytest.mark.parametrize("name", ALL)
def test_order_of_the_pairs_does_not_matter(name: str) -> None:
    estimator = make(name)
    x, y = pairs(17)
    order = torch.randperm(17, generator=torch.Generator().manual_seed(1))
    if "sampled" in name:  # each pair keeps its negative
        negative = torch.arange(17).roll(1)
        moved = order.argsort()[negative[order]]
        found = estimator(x[order], y[order], moved)
        torch.testing.assert_close(found, estimator(x, y, negative))
    else:
        torch.testing.assert_close(estimator(x[order], y[order]), estimator(x, y))


@pytest.mark.parametrize("name", ALL)
def test_reset_state_and_repr(name: str) -> None:
    estimator = make(name)
    x, y = pairs(9)
    estimator.fit(x, y, 3)
    estimate = fixed(estimator, 9)(x, y)
    other = ALL[name](3, 2).double()
    other.load_state_dict(estimator.state_dict())
    torch.testing.assert_close(fixed(other, 9)(x, y), estimate)
    estimator.reset_parameters()
    if "linear" not in name:
        assert not torch.equal(fixed(estimator, 9)(x, y), estimate)
    assert repr(estimator).startswith(type(estimator).__name__ + "(")


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=25, derandomize=True)
@given(
    num_pairs=st.integers(2, 12),
    x_channels=st.integers(1, 4),
    y_channels=st.integers(1, 4),
    x_scale=st.floats(-3, 3),
    y_scale=st.floats(-3, 3),
    shift=st.sampled_from([0.0, 1.0, -1e3]),
    constant=st.sampled_from(["", "x", "y", "xy"]),
)
def test_shapes_scales_and_constants(
    name: str,
    num_pairs: int,
    x_channels: int,
    y_channels: int,
    x_scale: float,
    y_scale: float,
    shift: float,
    constant: str,
) -> None:
    x, y = pairs(num_pairs, x_channels, y_channels)
    x, y = 10**x_scale * x + shift, 10**y_scale * y - shift
    x = (x * 0 + shift if "x" in constant else x).requires_grad_()
    y = (y * 0 - shift if "y" in constant else y).requires_grad_()
    estimator = make(name, x_channels, y_channels)
    estimate = estimator(x, y)
    assert estimate.shape == ()
    assert estimate.dtype == torch.float64
    assert not estimate.isnan()
    if name in ("nwj", "jensen-shannon") and not estimate.isfinite():
        assert estimate == -math.inf  # an exponential of scores, as its formula is
        return
    assert estimate.isfinite()
    for gradient in torch.autograd.grad(estimate, (x, y), allow_unused=True):
        assert gradient is None or gradient.isfinite().all()
    if name == "info-nce":
        assert estimate <= math.log(num_pairs) + 1e-9
    if "vub" in name:
        assert estimate >= 0
    if constant and "linear" in name:
        assert float(estimate.detach()) == pytest.approx(0, abs=0.01)
    if constant and name == "info-nce":  # all candidates look alike
        assert float(estimate.detach()) <= 1e-9


@settings(max_examples=25, derandomize=True)
@given(x_scale=st.floats(-6, 6), y_scale=st.floats(-6, 6), shift=st.floats(-100, 100))
def test_linear_q_sees_no_scale(x_scale: float, y_scale: float, shift: float) -> None:
    """Mutual information does not change with units, and neither do these."""
    x, y = pairs(40)
    a = 10**x_scale * (x + shift)
    b = 10**y_scale * (y - shift)
    for name in ("club-linear", "club-sampled-linear", "l1out-linear", "vub-linear"):
        estimate = fixed(make(name), 40)
        torch.testing.assert_close(estimate(a, b), estimate(x, y), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["separable", "concatenated", "bilinear", "cosine"])
@pytest.mark.parametrize("name", CRITICS)
def test_every_critic(name: str, kind: str) -> None:
    torch.manual_seed(0)  # no activation is at its kink
    estimator = CRITICS[name](3, 3, critic=kind).double()
    x, y = (t.requires_grad_() for t in pairs(5, 3, 3))
    assert torch.autograd.gradcheck(estimator, (x, y))


def test_critics_by_hand() -> None:
    x, y = pairs(4, 3, 2)
    critic = BilinearCritic(3, 2).double()
    expected = torch.einsum("id,ed,je->ij", x, critic.linear.weight, y)
    torch.testing.assert_close(critic(x, y), expected)
    separable = SeparableCritic(3, 2, 5, 4).double()
    for i in range(4):
        for j in range(4):
            one = separable.x_network(x[i]) @ separable.y_network(y[j])
            torch.testing.assert_close(separable(x, y)[i, j], one)
    both = ConcatenatedCritic(3, 2, 5).double()
    first = torch.cat([both.x_input.weight, both.y_input.weight], dim=1)
    for i in range(4):
        for j in range(4):
            hidden = first @ torch.cat([x[i], y[j]]) + both.x_input.bias
            one = both.output(both.hidden(hidden.relu()).relu())
            torch.testing.assert_close(both(x, y)[i, j], one.squeeze())
    cosine = CosineCritic(2, 2, temperature=0.5)
    z = torch.randn(4, 2, dtype=torch.float64)
    expected = torch.nn.functional.cosine_similarity(z[:, None], y[None], dim=-1) / 0.5
    torch.testing.assert_close(cosine(z, y), expected)


def test_moving_average_corrects_the_gradient() -> None:
    """The gradient divides by the average of past means, the value does not."""
    x, y = pairs(8)
    estimator = DonskerVaradhan(3, 2, decay=0.75).double()
    plain = DonskerVaradhan(3, 2, decay=0.0).double()
    plain.load_state_dict(estimator.state_dict())
    parameters = list(estimator.parameters())

    def mean(x: Tensor, y: Tensor) -> Tensor:
        scores = estimator.critic(x, y).exp()
        return (scores.sum() - scores.diagonal().sum()) / (8 * 7)

    first = torch.autograd.grad(estimator.learning_loss(x, y), parameters)
    expected = torch.autograd.grad(plain.learning_loss(x, y), plain.parameters())
    for ours, theirs in zip(first, expected, strict=True):
        torch.testing.assert_close(ours, theirs)  # nothing averaged yet

    other = 2 * x, y.flip(0)
    average = 0.75 * mean(x, y) + 0.25 * mean(*other)
    loss = estimator.learning_loss(*other)
    torch.testing.assert_close(loss, plain.learning_loss(*other))
    torch.testing.assert_close(estimator.log_average, average.log().detach())
    positive = estimator.critic(*other).diagonal().mean()
    by_hand = mean(*other) / average.detach() - positive
    found = torch.autograd.grad(loss, parameters)
    expected = torch.autograd.grad(by_hand, parameters)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs)
    estimator.reset_parameters()
    assert estimator.log_average.isnan()


def test_checkpointing_counts_a_batch_once() -> None:
    x, y = pairs(8)
    estimator, again = (DonskerVaradhan(3, 2, decay=0.75).double() for _ in range(2))
    again.load_state_dict(estimator.state_dict())
    for scale in (1.0, 2.0):
        estimator.learning_loss(scale * x, y).backward()
        loss = checkpoint(again.learning_loss, scale * x, y, use_reentrant=False)
        loss.backward()
        torch.testing.assert_close(again.log_average, estimator.log_average)
        for one, other in zip(estimator.parameters(), again.parameters(), strict=True):
            torch.testing.assert_close(other.grad, one.grad)


def test_l1out_is_its_definition() -> None:
    """And not CLUB, which a broadcast in the released code turns it into."""
    x, y = pairs(7)
    estimator = L1Out(3, 2).double()
    mean, log_variance = estimator.conditional(x)
    q = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    expected = 0.0
    for i in range(7):
        log_density = q.log_prob(y[i]).sum(dim=1)
        others = torch.cat([log_density[:i], log_density[i + 1 :]])
        expected += (log_density[i] - others.exp().mean().log()) / 7
    torch.testing.assert_close(estimator(x, y), expected)
    club = CLUB(3, 2, conditional=estimator.conditional).double()
    assert abs(float((club(x, y) - expected).detach())) > 0.01


@pytest.mark.parametrize("marginal", ["fitted", "standard"])
def test_vub_is_its_definition(marginal: str) -> None:
    """A sum over the dimensions of y, and not their mean."""
    x, y = pairs(7)
    estimator = mi.VUB(3, 2, marginal=marginal).double()
    mean, log_variance = estimator.conditional(x)
    q = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    if marginal == "fitted":
        r = torch.distributions.Normal(y.mean(dim=0), y.std(dim=0, correction=0))
    else:
        zero = torch.zeros(2, dtype=y.dtype)
        r = torch.distributions.Normal(zero, zero + 1)
    expected = torch.distributions.kl_divergence(q, r).sum(dim=1).mean()
    torch.testing.assert_close(estimator(x, y), expected)


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: CLUB(0, 2), "x_channels must be at least 1"),
        (lambda: CLUB(2, 2, conditional="square"), "conditional must be 'mlp'"),
        (lambda: CLUB(2, 2, scale=0.0), "scale must lie in"),
        (lambda: mi.VUB(2, 2, marginal="none"), "marginal must be"),
        (lambda: mi.SMILE(2, 2, clip=0.0), r"clip must lie in \(0, inf\]"),
        (lambda: DonskerVaradhan(2, 2, decay=1.0), r"decay must lie in \[0, 1\)"),
        (lambda: InfoNCE(2, 2, critic="square"), "critic must be one of"),
        (lambda: InfoNCE(2, 3, critic="cosine"), "one width"),
        (lambda: CosineCritic(2, 2, temperature=0.0), "temperature"),
        (lambda: SeparableCritic(2, 2, hidden_channels=0), "hidden_channels"),
        (lambda: ConcatenatedCritic(2, 0), "y_channels must be at least 1"),
        (lambda: GaussianMLP(2, 2, 0), "hidden_channels"),
        (lambda: GaussianMLP(2, 2, log_variance="relu"), "log_variance"),
        (lambda: LinearGaussian(0, 2), "x_channels must be at least 1"),
    ],
)
def test_bad_options(build: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("name", ALL)
def test_learns_within_inference_mode(name: str) -> None:
    outside, inside = make(name), make(name)
    with torch.inference_mode():
        x, y = (part.clone() for part in pairs(20))
        found = inside.fit(x, y, steps=2)
    assert found == pytest.approx(outside.fit(*pairs(20), steps=2))
    for mine, other in zip(inside.parameters(), outside.parameters(), strict=True):
        assert torch.equal(mine, other)


@pytest.mark.parametrize("name", ALL)
def test_more_precise_pairs_are_refused_alike(name: str) -> None:
    """By training and by the bound, where training used to convert in silence."""
    x, y = pairs(12)
    estimator = make(name).float()
    estimator.fit(x.float(), y.float(), steps=1)
    estimator.eval()
    for call in (estimator, estimator.fit):
        with pytest.raises(ValueError, match=r"float64 and the estimator torch.float3"):
            call(x, y)
    assert estimator.double()(x, y).dtype == torch.float64


def value_and_gradients(
    call: Any, x: Tensor, y: Tensor, autocast: bool
) -> list[Tensor]:
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        value = call(x, y)
    return [value.detach(), *torch.autograd.grad(value, (x, y))]


@pytest.mark.parametrize("method", ["forward", "learning_loss"])
@pytest.mark.parametrize("name", ALL)
def test_autocast_changes_nothing(name: str, method: str) -> None:
    """A bound is a small difference of large terms: bfloat16 leaves little of it."""
    estimator = make(name).float()
    if isinstance(estimator, DonskerVaradhan):
        estimator.eval()  # in training it learns an average
    call = fixed(estimator, 64) if method == "forward" else estimator.learning_loss
    x, y = (t.float().requires_grad_() for t in pairs(64))
    expected = value_and_gradients(call, x, y, autocast=False)
    found = value_and_gradients(call, x, y, autocast=True)
    assert found[0].dtype == torch.float32
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("name", ALL)
def test_pairs_in_half_precision(name: str, autocast: bool) -> None:
    """As a model under autocast has them; they are compared in float32."""
    estimator = make(name).float()
    x, y = (t.bfloat16().requires_grad_() for t in pairs(64))
    call, twins = fixed(estimator, 64), [t.detach().float() for t in (x, y)]
    expected = value_and_gradients(call, *(t.requires_grad_() for t in twins), False)
    found = value_and_gradients(call, x, y, autocast)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        last = estimator.fit(x, y, steps=2)
    assert found[0].dtype == torch.float32
    torch.testing.assert_close(found[0], expected[0])
    for ours, wanted in zip(found[1:], expected[1:], strict=True):
        assert ours.any()
        torch.testing.assert_close(ours, wanted.bfloat16())
    full = make(name).float().fit(*twins, steps=2)
    assert last == pytest.approx(full, rel=0.01)
    # Its own type may be half precision, too.
    assert fixed(estimator.bfloat16(), 64)(x, y).isfinite()


@pytest.mark.parametrize("name", ALL)
def test_integers_are_refused(name: str) -> None:
    x, y = pairs(12)
    estimator = make(name)
    for call in (estimator, estimator.fit):
        with pytest.raises(ValueError, match="floating point .got torch.int64"):
            call(x, y.long())


@pytest.mark.parametrize("scale", [0.0, 1e-6])
def test_vub_of_a_column_that_hardly_varies(scale: float) -> None:
    """Its own variance is far below the least that q can have."""
    torch.manual_seed(0)
    x = torch.randn(300, 4, requires_grad=True)
    y = x.detach() @ torch.randn(4, 3) + 0.5 * torch.randn(300, 3)
    y[:, 2] *= scale
    whole, rest = mi.VUB(4, 3), mi.VUB(4, 2)
    for bound, target in ((whole, y), (rest, y[:, :2])):
        torch.manual_seed(1)
        bound.reset_parameters()
        bound.fit(x, target, steps=300, lr=1e-2)
    found = whole(x, y)
    assert float(found.detach()) < float(rest(x, y[:, :2]).detach()) + 0.5
    (gradient,) = torch.autograd.grad(found, x)
    assert float(gradient.abs().max()) < 1


def test_a_corrected_gradient_may_be_differentiated() -> None:
    """The batch's own mean is not a constant there, the moving average is."""
    f = torch.randn(8, dtype=torch.float64, requires_grad=True)
    average = torch.tensor(0.3, dtype=torch.float64)

    def plain(f: Tensor) -> Tensor:  # of the gradient of f, the integral
        return (f.exp().mean().log() - average).exp()

    def value(f: Tensor) -> Tensor:
        return corrected_log_mean(f.exp().mean().log(), average)

    torch.testing.assert_close(value(f), f.exp().mean().log())
    found = torch.autograd.functional.hessian(value, f)
    torch.testing.assert_close(found, torch.autograd.functional.hessian(plain, f))
    assert float(found.abs().max()) > 0
