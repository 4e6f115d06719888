import pytest
import torch

from sea_pyg.nn.models import MMGCN
from tests.nn.models.base import RecommenderTests, example_batch, example_data
from tests.nn.models.parity import assert_parity


class TestMMGCN(RecommenderTests):
    model_class = MMGCN


def test_parity() -> None:
    assert_parity("mmgcn")


def test_latent_width() -> None:
    widths = {"image": 300, "text": 16}
    model = MMGCN(5, 4, widths)
    assert {n: p.size(1) for n, p in model.preference.items()} == {
        "image": 256,
        "text": 16,
    }
    model = MMGCN(5, 4, widths, latent_dim={"text": 8})
    assert model.preference["image"].size(1) == 300
    assert model.preference["text"].size(1) == 8


def test_frozen_tables_get_no_gradient() -> None:
    data = example_data()
    model = MMGCN.from_data(data, frozen_tables=True, reg_weight=1.0)
    torch.stack(list(model.loss(data, example_batch(data)).values())).sum().backward()
    assert model.embedding.grad is None
    assert all(p.grad is None for p in model.preference.values())
    assert model.layers["text"][0].own.weight.grad is not None


def test_penalty_by_hand() -> None:
    data, batch = example_data(), example_batch(example_data())
    model = MMGCN.from_data(data, reg_weight=2.0, penalized_tables=["text"])
    user = model.embedding[batch.user].square().mean()
    items = torch.cat([batch.positive, batch.negative]) + model.num_users
    expected = user + model.embedding[items].square().mean()
    expected = expected + model.preference["text"].square().mean()
    torch.testing.assert_close(model.loss(data, batch)["reg"], 2 * expected)


@pytest.mark.parametrize("wrong", [{"penalized_tables": ["audio"]}, {"num_layers": 0}])
def test_bad_options(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        MMGCN(3, 3, {"text": 4}, **wrong)  # type: ignore[arg-type]


def test_all_preferences_are_penalised_by_default() -> None:
    data = example_data()
    batch, reg = example_batch(data), []
    for names in ([], None):
        torch.manual_seed(0)
        model = MMGCN.from_data(data, reg_weight=1.0, penalized_tables=names)
        reg.append(model.loss(data, batch)["reg"])
    more = sum(x.square().mean() for x in model.preference.values())
    torch.testing.assert_close(reg[1] - reg[0], more)


def test_separate_learning_compares_what_the_model_reads() -> None:
    data = example_data()
    model = MMGCN.from_data(data)
    expected = model.modality_features(data)
    for name in expected:
        data["item"][f"x_{name}"] = 7 * data["item"][f"x_{name}"]
    torch.testing.assert_close(model.modality_features(data), expected)


def test_features_as_wide_as_the_map_have_none() -> None:
    assert not MMGCN(5, 4, {"text": 16}, latent_dim=16).linear
