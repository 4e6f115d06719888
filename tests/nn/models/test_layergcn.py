import pytest
import torch
from torch_geometric.data import HeteroData

from sea_pyg.nn.models import LayerGCN
from sea_pyg.typing import RATES
from tests.nn.models.base import RecommenderTests, example_batch, example_data
from tests.nn.models.parity import assert_parity


class TestLayerGCN(RecommenderTests):
    model_class = LayerGCN


def test_parity() -> None:
    assert_parity("layergcn")


@pytest.mark.parametrize("num_layers", [1, 4])
def test_loses_no_digits(num_layers: int) -> None:
    """Layer 0, which is not read, is larger than those that are."""
    torch.manual_seed(0)
    data = example_data(num_users=300, num_items=200)
    model = LayerGCN.from_data(data, num_layers=num_layers).eval()
    found = torch.cat(model.encode(data)).double()
    exact = torch.cat(model.double().encode(data))
    assert exact.dtype == torch.float64
    error = (found - exact).norm(dim=1) / exact.norm(dim=1).clamp(min=1e-30)
    assert error.max() < 1e-5


def test_dropout_in_training_only() -> None:
    torch.manual_seed(0)
    data = example_data()
    model = LayerGCN.from_data(data, dropout=0.5)
    first, second = (model.train().encode(data).user for _ in range(2))
    assert not torch.equal(first, second)
    first, second = (model.eval().encode(data).user for _ in range(2))
    assert torch.equal(first, second)


def test_sum_is_the_mean_times_the_batch() -> None:
    data = example_data()
    batch = example_batch(data)
    losses = []
    for reduction in ("mean", "sum"):
        torch.manual_seed(0)
        model = LayerGCN.from_data(data, dropout=0.0, reduction=reduction)
        losses.append(model.loss(data, batch))
    for name, value in losses[0].items():
        torch.testing.assert_close(batch.user.numel() * value, losses[1][name])


@pytest.mark.parametrize(
    ("pruning", "chance"), [("degree", 1 / 4), ("uniform", 1 / 10), ("mixed", 7 / 40)]
)
def test_pruning(pruning: str, chance: float) -> None:
    """User 0 rates items 0-8, user 1 rates item 9; a step sees one of the ten."""
    torch.manual_seed(0)
    data = HeteroData()
    data["user"].num_nodes, data["item"].num_nodes = 2, 10
    data[RATES].edge_index = torch.tensor([[0] * 9 + [1], list(range(10))])
    model = LayerGCN.from_data(
        data, embedding_dim=2, num_layers=1, dropout=0.9, pruning=pruning
    )
    draws, hits = 2000, 0
    for _ in range(draws):
        user = model.encode(data).user.detach()
        seen = user.abs().sum(dim=1) > 0
        assert int(seen.sum()) == 1
        hits += int(seen[1])
    assert abs(hits / draws - chance) < 0.035  # of standard errors, 3.6 to 5


def test_mixed_pruning_depends_on_no_step_before() -> None:
    data = example_data()
    model = LayerGCN.from_data(data, dropout=0.5, pruning="mixed")
    for seed in range(8):
        found = []
        for steps in (1, 2, 4):
            for step in range(steps):
                torch.manual_seed(seed if step == steps - 1 else 100 + step)
                user = model.encode(data).user
            found.append(user)
        assert torch.equal(found[0], found[1])
        assert torch.equal(found[0], found[2])


@pytest.mark.parametrize(
    "wrong", [{"dropout": 1.0}, {"reduction": "max"}, {"pruning": "x"}]
)
def test_bad_options(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        LayerGCN(3, 3, **wrong)  # type: ignore[arg-type]


def test_scores_nothing_that_is_not_propagated() -> None:
    with pytest.raises(ValueError, match="num_layers must be at least 1"):
        LayerGCN(3, 3, num_layers=0)


def test_ranks_in_half_precision() -> None:
    data = example_data()  # with a user and an item without edges
    model = LayerGCN.from_data(data).half().eval()
    assert model.recommend(data, torch.arange(40), 5).score.isfinite().all()
