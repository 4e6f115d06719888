import torch

from sea_pyg.nn.models.mgcn import MGCN
from tests.nn.models.base import RecommenderTests, example_data
from tests.nn.models.parity import assert_parity


class TestMGCN(RecommenderTests):
    model_class = MGCN


def test_parity() -> None:
    assert_parity("mgcn")


def test_a_single_view_counts_half() -> None:
    data = example_data(("text",))
    model = MGCN.from_data(data).eval()
    data = model.prepare(data)
    content, views = model.views(data, model.modality_features(data))
    torch.testing.assert_close(model.fuse(content, views), views["text"] / 2)


def test_trained_features_start_as_they_are() -> None:
    data = example_data()
    fixed, tuned = (MGCN.from_data(data, finetune_features=x) for x in (False, True))
    tuned.load_state_dict(fixed.state_dict(), strict=False)
    expected = fixed.modality_features(data)
    torch.testing.assert_close(tuned.modality_features(data), expected)
