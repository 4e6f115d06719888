import pytest
import torch

from sea_pyg.nn.models import DRAGON, DualGNN
from sea_pyg.nn.models.modality_gcn import ModalityGCN
from sea_pyg.nn.models.user_graph import aggregate_users
from sea_pyg.typing import RATES
from tests.nn.models.base import WIDTHS, example_batch, example_data, train


def test_modalities_in_any_order() -> None:
    data = example_data()
    first, second = (
        ModalityGCN(40, {name: WIDTHS[name] for name in names}, 8, 2, RATES)
        for names in (["image", "text"], ["text", "image"])
    )
    second.load_state_dict(first.state_dict())
    expected, found = (
        model(data[RATES].edge_index, model.features(data)) for model in (first, second)
    )
    assert list(expected) == first.modalities == ["image", "text"]
    assert list(found) == second.modalities == ["text", "image"]
    for name, embeddings in expected.items():
        torch.testing.assert_close(found[name], embeddings)


@pytest.mark.parametrize(
    ("model_class", "arguments"),
    [(DRAGON, {}), (DualGNN, {"cumulative": False}), (DualGNN, {"cumulative": True})],
)
def test_nothing_weighs_a_single_modality(
    model_class: type[DRAGON | DualGNN], arguments: dict
) -> None:
    data = example_data(("text",))
    torch.manual_seed(0)
    model = model_class.from_data(data, **arguments)
    data, batch = model.prepare(data), example_batch(data)
    train(model, data, [batch] * 2, lr=0.1)
    k = model.hparams()["user_k" if model_class is DRAGON else "k"]
    parts = model.modality(data[RATES].edge_index, model.modality_features(data))
    user = parts["text"].user
    user = user + aggregate_users(data, user, k, "user")
    torch.testing.assert_close(model.encode(data).user, user)
    penalty = model.reg_weight * model.modality.penalty(batch.user)
    torch.testing.assert_close(model.loss(data, batch)["reg"], penalty)
    assert all(name.startswith("modality.") for name, _ in model.named_parameters())
