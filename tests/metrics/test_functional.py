import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sea_pyg.metrics import coverage, exposure, gini, novelty


def test_exposure_and_coverage() -> None:
    ranked = torch.tensor([[0, 2], [2, -1]])
    count = exposure(ranked, 5)
    assert count.tolist() == [1, 0, 2, 0, 0]
    assert coverage(count) == pytest.approx(2 / 5)


def test_gini_at_its_ends() -> None:
    assert gini(torch.full((7,), 3)) == pytest.approx(0)
    assert gini(torch.tensor([0, 0, 0, 5])) == pytest.approx(1 - 1 / 4)
    with pytest.raises(ValueError, match="at least one ranked item"):
        gini(torch.zeros(3, dtype=torch.long))


@given(st.lists(st.integers(0, 20), min_size=1, max_size=8).filter(any))
def test_gini_is_half_the_relative_mean_difference(count: list[int]) -> None:
    n = len(count)
    differences = sum(abs(a - b) for a in count for b in count)
    expected = differences / (2 * n * sum(count))
    assert gini(torch.tensor(count)) == pytest.approx(expected, abs=1e-12)


def test_novelty() -> None:
    degree = torch.tensor([8, 2, 0])
    ranked = torch.tensor([[0, 1], [2, -1], [-1, -1]])
    value = novelty(ranked, degree, num_users=8).tolist()
    assert value[0] == pytest.approx((0 + 2) / 2)
    assert value[1] == pytest.approx(3)  # as if one user had it
    assert math.isnan(value[2])


def test_fillers_have_no_novelty() -> None:
    degree = torch.tensor([1, 2, 8])
    assert novelty(torch.tensor([[1, -1]]), degree, num_users=8).tolist() == [2.0]
