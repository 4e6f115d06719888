from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sea_pyg.nn import UniqueGenericSplit


@given(num_rows=st.integers(0, 5), half=st.integers(1, 6))
def test_halves(num_rows: int, half: int) -> None:
    x = torch.randn(num_rows, 2 * half)
    generic, unique = UniqueGenericSplit()(x)
    assert generic.shape == unique.shape == (num_rows, half)
    assert torch.equal(torch.cat([generic, unique], dim=1), x)


def test_order_and_subtraction() -> None:
    x = torch.tensor([[1.0, 2.0, 30.0, 40.0]])
    split = UniqueGenericSplit()(x)
    assert split.generic.tolist() == [[1, 2]]
    assert split.unique.tolist() == [[30, 40]]
    assert UniqueGenericSplit(subtract=True)(x).unique.tolist() == [[29, 38]]
    assert str(UniqueGenericSplit()) == "UniqueGenericSplit()"


@pytest.mark.parametrize("channels", [0, 1, 7])
def test_odd_width(channels: int) -> None:
    with pytest.raises(ValueError, match=rf"even number .*got {channels}\).*project"):
        UniqueGenericSplit()(torch.zeros(3, channels))


def test_a_width_is_not_given() -> None:
    width: Any = 16
    with pytest.raises(ValueError, match=r"subtract must be true or false .*got 16"):
        UniqueGenericSplit(width)
