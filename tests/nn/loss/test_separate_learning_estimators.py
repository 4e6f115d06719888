"""Separate learning with every estimator, every model q and every critic."""

from typing import Any

import pytest
import torch
from torch import Tensor

from sea_pyg.nn import SeparateLearning
from sea_pyg.nn.mi import CLUB, GaussianMLP, InfoNCE, LinearGaussian
from tests.nn.mi.estimators import ALL

WIDTHS = {"image": 8, "text": 6}


def features(num_items: int = 20) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.randn(
            num_items, width, generator=generator, dtype=torch.float64
        ).requires_grad_()
        for name, width in WIDTHS.items()
    }


def build(**kwargs: Any) -> SeparateLearning:
    torch.manual_seed(0)
    return SeparateLearning(WIDTHS, distance_channels=4, **kwargs).double()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("shared", [False, True])
def test_takes_every_estimator(name: str, shared: bool) -> None:
    model, x = build(distance=ALL[name], shared_estimator=shared), features()
    estimators = {id(p) for p in model.estimator_parameters()}
    assert (len(estimators) == 0) == ("linear" in name)
    model(x)["distance"].backward()
    for part in (model.generic_maps, model.unique_maps):
        for parameter in part.parameters():
            assert parameter.grad is not None
            assert parameter.grad.isfinite().all()
    assert any(float(p.grad.abs().max()) > 0 for p in model.unique_maps.parameters())
    assert all(value.grad is not None for value in x.values())

    model.zero_grad()
    x = features()
    loss = model.estimator_loss(x)
    if "linear" in name:
        assert loss is None
        return
    assert loss is not None
    loss.backward()
    for parameter_name, parameter in model.named_parameters():
        learns = parameter.grad is not None
        assert learns == (id(parameter) in estimators), parameter_name
    assert all(value.grad is None for value in x.values())


@pytest.mark.parametrize("distance", ["club", "l1out", "vub"])
@pytest.mark.parametrize(
    "conditional", ["mlp", "linear", LinearGaussian, lambda x, y: GaussianMLP(x, y, 5)]
)
def test_takes_every_q(distance: str, conditional: Any) -> None:
    kwargs = {"conditional": conditional}
    model, x = build(distance=distance, distance_kwargs=kwargs), features()
    assert model(x)["distance"].isfinite()
    closed = conditional in ("linear", LinearGaussian)
    assert (model.estimator_loss(x) is None) == closed
    # Each modality has a q of its own.
    assert len({id(model.estimator(name).conditional) for name in WIDTHS}) == 2


@pytest.mark.parametrize(
    "make, option",
    [
        (CLUB, {"conditional": GaussianMLP(4, 4)}),
        (CLUB, {"conditional": LinearGaussian(4, 4)}),
    ],
)
def test_one_module_cannot_belong_to_two_modalities(make: Any, option: Any) -> None:
    with pytest.raises(ValueError, match="'image' and 'text' must not share a module"):
        build(distance=make, distance_kwargs=option)
    model = build(distance=make, distance_kwargs=option, shared_estimator=True)
    assert model(features())["distance"].isfinite()


@pytest.mark.parametrize("critic", ["separable", "concatenated", "bilinear", "cosine"])
def test_takes_every_critic(critic: str) -> None:
    model = build(distance=InfoNCE, distance_kwargs={"critic": critic})
    parts = model(features())
    assert parts["distance"].isfinite()
    assert (model.estimator_loss(features()) is None) == (critic == "cosine")


def test_linear_q_separates_without_an_inner_loop() -> None:
    """A bound makes the parts independent, where a squared distance does not."""
    torch.manual_seed(0)
    shared = torch.randn(500, 2)
    x = torch.cat([shared, shared + 0.3 * torch.randn(500, 2)], dim=1)

    def correlation(distance: Any, **kwargs: Any) -> float:
        torch.manual_seed(1)
        model = SeparateLearning(
            {"text": 4}, distance, beta=1.0, distance_channels=1, **kwargs
        )
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        for _ in range(200):
            generic, unique = model.pairs({"text": x})["text"]
            # Both parts keep their length, as the model's other losses would have it.
            kept = (generic.var() - 1) ** 2 + (unique.var() - 1) ** 2
            optimizer.zero_grad()
            (model({"text": x})["distance"] + kept).backward()
            optimizer.step()
        pair = model.pairs({"text": x})["text"]
        both = torch.cat(pair, dim=1).detach().T
        return abs(float(torch.corrcoef(both)[0, 1]))

    assert correlation("club", distance_kwargs={"conditional": "linear"}) < 0.1
    assert correlation("l2") > 0.8  # opposite, and so the same information
