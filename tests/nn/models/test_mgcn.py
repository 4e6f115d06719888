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
