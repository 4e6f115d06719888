import pytest

from sea_pyg.nn.models import SLMRec
from tests.nn.models.base import RecommenderTests
from tests.nn.models.parity import assert_parity


class TestSLMRec(RecommenderTests):
    model_class = SLMRec


def test_parity() -> None:
    assert_parity("slmrec")


def test_widths_of_the_chain() -> None:
    model = SLMRec(5, 4, {"a": 3, "b": 3, "c": 3}, embedding_dim=8)
    assert [step[-1].out_features for step in model.chain] == [8, 8, 4]
    assert [len(step) for step in model.chain] == [1, 1, 1]
    model = SLMRec(5, 4, {"a": 3, "b": 3}, embedding_dim=8, missing_level=True)
    assert [len(step) for step in model.chain] == [1, 2]
    assert SLMRec(5, 4, {"a": 3}, embedding_dim=8).target[0].out_features == 8


@pytest.mark.parametrize("wrong", [{"embedding_dim": 7}, {"missing_level": True}])
def test_bad_options(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SLMRec(3, 3, {"text": 4}, **wrong)  # type: ignore[arg-type]
