import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sea_pyg.utils import rank_scores

scores = st.sampled_from([float("-inf"), 0.0, 1.0, 2.0])


@settings(max_examples=150)
@given(
    st.integers(1, 7).flatmap(
        lambda n: st.tuples(
            st.lists(st.lists(scores, min_size=n, max_size=n), min_size=1, max_size=4),
            st.integers(1, n),
        )
    )
)
def test_equal_scores_are_ranked_by_number(case) -> None:
    rows, k = case
    value, found = (x.tolist() for x in rank_scores(torch.tensor(rows), k))
    for row, best, ranked in zip(rows, value, found, strict=True):
        order = sorted(range(len(row)), key=lambda i: (-row[i], i))[:k]
        assert best == [row[i] for i in order]
        assert ranked == [i if row[i] > float("-inf") else -1 for i in order]


def test_many_equal_scores_in_a_wide_row() -> None:
    # Wide enough for the search that does not sort, which leaves ties in any order.
    score = torch.zeros(3, 5000)
    score[1, 4000:4005] = 1
    found = rank_scores(score, 20)[1]
    assert found[0].tolist() == list(range(20))
    assert found[1].tolist() == [*range(4000, 4005), *range(15)]


def test_nan_is_refused() -> None:
    score = torch.tensor([[0.0, 1.0], [torch.nan, 0.0]])
    with pytest.raises(ValueError, match="NaN"):
        rank_scores(score, 1)
