import inspect
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sea_pyg.evaluation import bootstrap_ci, holm, permutation_test, seed_test
from sea_pyg.evaluation.resampling import bootstrap_intervals


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_bootstrap_agrees_with_scipy() -> None:
    value = torch.rand(300, generator=seeded(0)) ** 3
    low, high = bootstrap_ci(value, 0.9, num_resamples=20_000)
    known = inspect.signature(stats.bootstrap).parameters
    seed = "rng" if "rng" in known else "random_state"  # before scipy 1.15
    reference = stats.bootstrap(
        (value.numpy(),),
        np.mean,
        confidence_level=0.9,
        n_resamples=20_000,
        method="percentile",
        **{seed: np.random.default_rng(0)},
    ).confidence_interval
    width = float(reference.high - reference.low)
    assert low == pytest.approx(reference.low, abs=0.02 * width)
    assert high == pytest.approx(reference.high, abs=0.02 * width)


def test_bootstrap_intervals_are_those_of_every_row() -> None:
    values = torch.rand(3, 200, generator=seeded(0), dtype=torch.double)
    values[1] *= 10
    found = bootstrap_intervals(values, 0.8, 500)
    picks = torch.randint(200, (500, 200), generator=seeded(0))
    bounds = torch.tensor([0.1, 0.9], dtype=torch.double)
    for value, ends in zip(values, found, strict=True):
        assert ends == pytest.approx(bootstrap_ci(value, 0.8, 500))
        assert ends == pytest.approx(value[picks].mean(dim=1).quantile(bounds).tolist())
    half = values.half()  # is computed in double, as every metric's values are
    assert bootstrap_intervals(half) == bootstrap_intervals(half.double())


def test_bootstrap_covers_the_mean_as_often_as_it_says() -> None:
    generator = seeded(0)
    covered = 0
    for _ in range(400):
        value = (torch.rand(200, generator=generator) < 0.2).float()
        low, high = bootstrap_ci(value, 0.8, 300, generator)
        covered += low <= 0.2 <= high
    assert 0.74 < covered / 400 < 0.86


def naive_sign_flip(difference: list[float]) -> float:
    observed = abs(sum(difference))
    sums = [
        abs(sum(s * d for s, d in zip(signs, difference, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(difference))
    ]
    return sum(value >= observed - 1e-9 for value in sums) / len(sums)


@given(st.lists(st.sampled_from([-0.5, -0.1, 0.0, 0.1, 0.3]), min_size=1, max_size=9))
def test_few_users_are_enumerated(difference: list[float]) -> None:
    first = torch.tensor(difference, dtype=torch.double)
    p = permutation_test(first, torch.zeros_like(first))
    assert p == pytest.approx(naive_sign_flip(difference))


def test_random_signs_agree_with_enumeration_and_scipy() -> None:
    first = torch.randn(13, generator=seeded(1)) + 0.4
    second = torch.zeros(13)
    exact = permutation_test(first, second, num_permutations=2**13)
    sampled = permutation_test(first, second, num_permutations=2**13 - 1)
    assert exact != sampled
    assert sampled == pytest.approx(exact, abs=0.01)
    reference = stats.permutation_test(
        (first.numpy(), second.numpy()),
        lambda x, y: np.mean(x - y),
        permutation_type="samples",
        n_resamples=np.inf,
    )
    assert exact == pytest.approx(reference.pvalue, abs=1e-3)


def test_sign_flip_keeps_its_level_and_has_power() -> None:
    generator = seeded(0)
    false, found = 0, 0
    for _ in range(300):
        base = torch.rand(120, generator=generator)
        first = base + 0.2 * torch.randn(120, generator=generator)
        second = base + 0.2 * torch.randn(120, generator=generator)
        false += permutation_test(first, second, 400, generator) < 0.05
        found += permutation_test(first + 0.1, second, 400, generator) < 0.05
    assert 0.02 < false / 300 < 0.08
    assert found / 300 > 0.9


def test_sign_flip_edges() -> None:
    same = torch.rand(50)
    assert permutation_test(same, same) == 1.0
    far = permutation_test(same + 1, same, num_permutations=999)
    assert far == pytest.approx(1 / 1000)
    assert far == permutation_test(same, same + 1, num_permutations=999)
    mixed = same + 0.1 * torch.randn(50, generator=seeded(0))
    assert permutation_test(mixed, same) == permutation_test(mixed, same)


class Simulator:
    """Draws two methods by the documented model: users, seeds and noise."""

    def __init__(
        self, between: float, residual: float, interaction: float, seed: int = 0
    ) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.scales = (between, residual, interaction)

    def method(self, num_seeds: int, effect: float = 0.0, num_users: int = 100):
        between, residual, interaction = self.scales
        seed = torch.randn(num_seeds, 1, generator=self.generator)
        noise = torch.randn(num_seeds, num_users, generator=self.generator)
        own = torch.randn(num_users, generator=self.generator)
        return effect + between * seed + residual * noise + interaction * own


SPREADS = [
    [(0.0, 0.1, 0.0)] * 2,
    [(0.01, 0.1, 0.0)] * 2,
    [(0.02, 0.1, 0.1)] * 2,
    [(0.0, 0.02, 0.1)] * 2,
    [(0.0, 0.1, 0.1), (0.06, 0.1, 0.1)],
]


@pytest.mark.parametrize("num_seeds", [3, 5])
@pytest.mark.parametrize("scales", SPREADS)
def test_equal_methods_are_rarely_said_to_differ(num_seeds: int, scales) -> None:
    simulators = [Simulator(*own, seed=i) for i, own in enumerate(scales)]
    pairs = 2000
    p_values = [
        seed_test(*(simulator.method(num_seeds) for simulator in simulators)).p_value
        for _ in range(pairs)
    ]
    assert sum(p < 0.05 for p in p_values) / pairs <= 0.06
    # What a correction for ten tests comes to, where tails are harder to keep.
    assert sum(p < 0.005 for p in p_values) / pairs <= 0.008


@pytest.mark.parametrize("spread", [0.04, 0.1])
def test_a_deterministic_method_is_rarely_said_to_differ(spread: float) -> None:
    fixed, seeds = Simulator(0.0, 0.1, 0.1), Simulator(spread, 0.1, 0.1, seed=1)
    p_values = [
        seed_test(fixed.method(1), seeds.method(3), (True, False)).p_value
        for _ in range(2000)
    ]
    assert sum(p < 0.05 for p in p_values) / 2000 <= 0.06
    assert sum(p < 0.005 for p in p_values) / 2000 <= 0.008


def test_a_test_over_users_alone_would_claim_too_much() -> None:
    # What seed_test guards against: two seeds are two models, which do differ.
    simulator = Simulator(0.03, 0.1, 0.0)
    claims = 0
    for _ in range(200):
        first, second = (simulator.method(1)[0] for _ in range(2))
        claims += permutation_test(first, second, 200, simulator.generator) < 0.05
    assert claims / 200 > 0.3


def test_seeds_have_power() -> None:
    simulator = Simulator(0.005, 0.1, 0.05)
    found = 0
    for _ in range(200):
        first, second = simulator.method(5, effect=0.04), simulator.method(5)
        found += seed_test(first, second).p_value < 0.05
    assert found / 200 > 0.9


def test_seed_test_without_residual_is_welchs() -> None:
    # All users alike: only the seeds' means differ, which is Welch's t test.
    first = torch.tensor([0.1, 0.14, 0.11], dtype=torch.double)
    second = torch.tensor([0.12, 0.19, 0.16], dtype=torch.double)
    result = seed_test(
        first.view(-1, 1).expand(3, 50), second.view(-1, 1).expand(3, 50)
    )
    reference = stats.ttest_ind(first, second, equal_var=False)
    assert result.p_value == pytest.approx(reference.pvalue)
    assert result.degrees_of_freedom == pytest.approx(reference.df)
    assert result.difference == pytest.approx(float(first.mean() - second.mean()))


def test_one_source_of_chance_leaves_students_t_test() -> None:
    value = torch.tensor([0.12, 0.19, 0.16, 0.11], dtype=torch.double)
    for constant in (0.05, 0.15, 0.18):
        result = seed_test(
            torch.full((1, 40), constant, dtype=torch.double),
            value.view(-1, 1).expand(4, 40),
            deterministic=(True, False),
        )
        reference = stats.ttest_1samp(value, constant)
        assert result.p_value == pytest.approx(reference.pvalue)
        assert result.degrees_of_freedom == pytest.approx(3)


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.3])
def test_error_and_degrees_of_freedom_by_hand(noise: float) -> None:
    """Three seeds beside four users, with noise up to more than the seeds' spread."""
    own, seeds = [0.0, 0.2, 0.1, 0.5], [0.0, 0.1, 0.02]
    draws = torch.randn(3, 4, generator=seeded(0), dtype=torch.double)
    value = torch.tensor([[s + u for u in own] for s in seeds], dtype=torch.double)
    value += noise * draws
    result = seed_test(value, torch.zeros(1, 4).double(), (False, True))
    of_seed, of_user = value.numpy().mean(axis=1), value.numpy().mean(axis=0)
    rest = [
        float(value[s, u] - of_seed[s] - of_user[u] + value.mean())
        for s, u in itertools.product(range(3), range(4))
    ]
    residual = sum(r**2 for r in rest) / (2 * 3) / 4
    users, between = of_user.var(ddof=1) / 4, of_seed.var(ddof=1)
    assert (between > residual) == (noise < 0.3)
    variance = users + max(0.0, between - residual) / 3
    assert result.standard_error == pytest.approx(variance**0.5)
    most = between * 2 / stats.chi2.ppf(0.05, 2)
    upper = users + max(0.0, most - residual) / 3
    expected = upper**2 / (users**2 / 3 + (most / 3) ** 2 / 2)
    assert result.degrees_of_freedom == pytest.approx(expected)


def test_deterministic_methods_leave_a_paired_t_test() -> None:
    first, second = torch.rand(2, 1, 60, generator=seeded(3), dtype=torch.double)
    result = seed_test(first, second, deterministic=(True, True))
    reference = stats.ttest_rel(first[0], second[0])
    assert result.p_value == pytest.approx(reference.pvalue)
    # The same model, whatever the seed: no seed adds anything.
    repeated = seed_test(first.expand(3, 60), second, deterministic=(True, True))
    assert repeated.p_value == pytest.approx(reference.pvalue)


def test_no_variance_at_all() -> None:
    ones = torch.ones(2, 5)
    assert seed_test(ones, ones).p_value == 1.0
    result = seed_test(ones, torch.zeros(2, 5))
    assert (result.p_value, result.degrees_of_freedom) == (0.0, math.inf)


def test_holm() -> None:
    # The worked numbers: 0.01 * 4, 0.013 * 3, 0.03 * 2, 0.04 * 1, made monotone.
    assert holm([0.04, 0.01, 0.03, 0.013]) == pytest.approx([0.06, 0.04, 0.06, 0.04])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    with pytest.raises(ValueError, match="got 1.5"):
        holm([1.5])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.001, 0.5))
def test_holm_rejects_as_the_step_down_procedure(p_values, level: float) -> None:
    rejected = set()
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    for place, index in enumerate(order):
        if p_values[index] * (len(order) - place) > level:
            break
        rejected.add(index)
    adjusted = holm(p_values)
    assert {i for i, p in enumerate(adjusted) if p <= level} == rejected


def test_bad_input() -> None:
    ok = torch.rand(5)
    with pytest.raises(ValueError, match="non-empty vector"):
        bootstrap_ci(torch.empty(0))
    with pytest.raises(ValueError, match="confidence"):
        bootstrap_ci(ok, 1.0)
    with pytest.raises(ValueError, match="num_resamples"):
        bootstrap_ci(ok, num_resamples=0)
    with pytest.raises(ValueError, match="non-empty matrix"):
        bootstrap_intervals(ok)
    with pytest.raises(ValueError, match="values contains NaN"):
        bootstrap_intervals(torch.stack([ok, ok * torch.nan]))
    with pytest.raises(ValueError, match="same users"):
        permutation_test(ok, ok[:4])
    with pytest.raises(ValueError, match="NaN"):
        permutation_test(ok, ok * torch.nan)
    with pytest.raises(ValueError, match="num_permutations"):
        permutation_test(ok, ok, num_permutations=0)
    with pytest.raises(ValueError, match="further seeds"):
        seed_test(ok.view(1, -1), ok.expand(2, 5))
    with pytest.raises(ValueError, match="same users"):
        seed_test(ok.expand(2, 5), torch.rand(2, 4))
    with pytest.raises(ValueError, match="two users"):
        seed_test(torch.rand(2, 1), torch.rand(2, 1))
    with pytest.raises(ValueError, match="NaN"):
        seed_test(torch.full((2, 5), torch.nan), torch.rand(2, 5))
