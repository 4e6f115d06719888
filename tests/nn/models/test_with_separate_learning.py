import copy
import json
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg import nn
from sea_pyg.nn.loss import SeparateLearning
from sea_pyg.nn.models import (
    MMSSL,
    SEA,
    VBPR,
    LightGCN,
    Recommender,
    WithSeparateLearning,
    resolve,
)
from sea_pyg.training import TrainingConfig
from sea_pyg.typing import Embeddings, Triplets
from tests.nn.models.base import RecommenderTests, example_batch, example_data, train

BACKBONES = [
    name
    for name in nn.models.classes
    if resolve(name).multimodal and resolve(name).trainable and name != "SEA"
]


class TestEveryBackbone(RecommenderTests):
    model_class = WithSeparateLearning

    @pytest.fixture(autouse=True, params=BACKBONES)
    def backbone(self, request: pytest.FixtureRequest) -> None:
        self.kwargs = {"backbone": request.param}


class TestFREEDOMWithAnotherDistance(RecommenderTests):
    model_class = WithSeparateLearning
    kwargs = {"backbone": "freedom", "separate": {"distance": "l2"}}


class TestVBPRWithASampleOfItems(RecommenderTests):
    model_class = WithSeparateLearning
    kwargs = {"backbone": "vbpr", "separate": {"sample_size": 4}}


@pytest.mark.parametrize("backbone", BACKBONES)
def test_both_losses_reach_every_modality(backbone: str) -> None:
    data = example_data()
    torch.manual_seed(0)
    model = WithSeparateLearning.from_data(data, backbone=backbone)
    data = model.prepare(data)
    features = model.modality_features(data)
    parameters = dict(model.backbone.named_parameters())
    read = {  # the parameters that each modality's features are made of
        name: reached(x.sum(), parameters) for name, x in features.items()
    }
    assert set(read) == {"image", "text"}
    for loss in model.separate(features).values():
        assert reached(loss, features) == {"image", "text"}
    own = model.separate.loss(model.representations(data).maps)
    assert set(own) == {"distance", "alignment"}
    for loss in own.values():
        trained = reached(loss, parameters)
        for name, other in (("image", "text"), ("text", "image")):
            assert trained & (read[name] - read[other]), name


def reached(loss: Tensor, inputs: dict[str, Tensor]) -> set[str]:
    """Name the inputs that the loss has a gradient with respect to, not zero."""
    gradients = torch.autograd.grad(
        loss,
        list(inputs.values()),
        allow_unused=True,
        materialize_grads=True,
        retain_graph=True,
    )
    pairs = zip(inputs, gradients, strict=True)
    return {name for name, gradient in pairs if gradient.abs().max() > 0}


@pytest.mark.parametrize("name", ["VBPR", "FREEDOM", "MICRO", "MMSSL"])
def test_missing_items_take_no_part(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    edge_type = ("listener", "plays", "track")
    data = example_data(edge_type=edge_type)
    missing = {"image": torch.arange(30) % 5 == 0, "text": torch.arange(30) % 7 == 1}
    for modality, rows in missing.items():
        data["track"][f"mask_{modality}"] = ~rows
    torch.manual_seed(0)
    model = WithSeparateLearning.from_data(data, edge_type=edge_type, backbone=name)
    data = model.prepare(data)
    backbone = type(model.backbone)
    computed = backbone.modality_features

    def losses(changed: dict[str, Tensor]) -> list[Tensor]:
        def features(self: Recommender, data: HeteroData) -> dict[str, Tensor]:
            out = computed(self, data)
            for modality, rows in changed.items():
                change = (rows * torch.linspace(1, 2, 30)).view(-1, 1)
                out = {**out, modality: out[modality] + change}
            return out

        monkeypatch.setattr(backbone, "modality_features", features)
        torch.manual_seed(1)
        state = model.representations(data)
        torch.manual_seed(1)
        own = model.separate.loss(state.maps)
        return [own["distance"], own["alignment"]]

    expected = losses({})
    torch.testing.assert_close(losses(missing), expected, rtol=0, atol=0)
    for modality, rows in missing.items():
        for loss, before in zip(losses({modality: ~rows}), expected, strict=True):
            assert loss != before, modality


@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_backbone_learns_from_it(backbone: str) -> None:
    data = example_data()
    torch.manual_seed(0)
    model = WithSeparateLearning.from_data(
        data, backbone=backbone, separate={"alpha": 1.0, "beta": 1.0}
    )
    data = model.prepare(data)
    batch = example_batch(data)
    assert all(torch.tensor(train(model, data, [batch] * 2, 0.01)).isfinite())
    with torch.no_grad():
        model.eval()
        score = model.score(data, torch.arange(5))
        assert torch.equal(score, model.backbone.score(data, torch.arange(5)))


def test_objective_is_the_sum_of_both() -> None:
    data = example_data()
    torch.manual_seed(0)
    backbone = VBPR.from_data(data)
    separate = SeparateLearning({"image": 64, "text": 64})
    model = WithSeparateLearning(backbone, separate)
    batch = example_batch(data)
    parts = model.loss(data, batch)
    expected = backbone.loss(data, batch) | separate(backbone.modality_features(data))
    assert parts.keys() == expected.keys()
    for name, value in parts.items():
        torch.testing.assert_close(value, expected[name])


class TwoDraws(VBPR):
    """Compares its features with those of another draw, and of another graph."""

    def modality_features(self, data: HeteroData) -> dict[str, Tensor]:
        found = super().modality_features(data)
        return {name: F.dropout(x, 0.5) for name, x in found.items()}

    def loss(
        self, data: HeteroData, batch: Triplets, state: Any = None
    ) -> dict[str, Tensor]:
        other = copy.copy(data)
        other["item"].x_text = 1000 * data["item"].x_text
        first, second, large = (
            self.modality_features(graph)["text"] for graph in (data, data, other)
        )
        parts = super().loss(data, batch, state)
        ratio = large.norm() / first.norm()
        return parts | {"draws": (first - second).norm(), "graphs": ratio}


@pytest.mark.parametrize("name", ["VBPR", "LATTICE", "GRCN", "DualGNN", "DRAGON"])
def test_training_encodes_as_ranking_does(name: str) -> None:
    """An encoder of a subclass's own is the one that its loss trains."""
    data = example_data()
    model = resolve(name).from_data(data)
    data = model.prepare(data)
    encode, states = model.encode, []

    def own(data: HeteroData, state: Any = None) -> Embeddings:
        states.append(state)
        return encode(data, state)

    vars(model)["encode"] = own
    state = model.representations(data)
    model.loss(data, example_batch(data), state)
    assert len(states) == 1
    assert states[0] is state


def test_a_backbone_may_read_features_again() -> None:
    data = example_data()
    torch.manual_seed(0)
    model = WithSeparateLearning(TwoDraws.from_data(data))
    parts = model.loss(data, example_batch(data), model.representations(data))
    assert parts["draws"] > 0
    assert parts["graphs"] > 10


@pytest.mark.parametrize("name", BACKBONES)
def test_features_are_computed_once_in_a_step(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = example_data()
    torch.manual_seed(0)
    backbone = resolve(name).from_data(data)
    model = WithSeparateLearning(backbone).eval()
    data = model.prepare(data)
    calls: list[str] = []
    computed = type(backbone).modality_features

    def counted(self: Recommender, data: HeteroData) -> dict[str, Tensor]:
        calls.append(name)
        return computed(self, data)

    monkeypatch.setattr(type(backbone), "modality_features", counted)
    batch = example_batch(data)
    torch.manual_seed(1)
    state = model.representations(data)
    together = list(model.loss(data, batch, state).values())
    assert len(calls) == 1

    torch.manual_seed(1)
    alone = backbone.loss(data, batch, backbone.representations(data))
    maps = model.separate.maps(backbone.modality_features(data))
    apart = [*alone.values(), *model.separate.loss(maps).values()]
    parameters = list(model.parameters())
    found, expected = (
        torch.autograd.grad(
            torch.stack(parts).sum(),
            parameters,
            allow_unused=True,
            materialize_grads=True,
        )
        for parts in (together, apart)
    )
    torch.testing.assert_close(found, expected)


WIDTHS = {
    "GRCN": {"latent_dim": 12},
    "LATTICE": {"feature_channels": 12},
    "MICRO": {"feature_channels": 12},
}
"""The arguments that set the widths of the features, where it is not the usual one."""


@pytest.mark.parametrize("name", BACKBONES)
def test_a_backbone_is_all_it_needs(name: str) -> None:
    data = example_data()
    backbone = resolve(name).from_data(data, **WIDTHS.get(name, {"embedding_dim": 12}))
    model = WithSeparateLearning(backbone)
    features = backbone.modality_features(model.prepare(data))
    widths = {modality: x.size(1) for modality, x in features.items()}
    assert widths == dict.fromkeys(["image", "text"], 12)
    assert model.modality_channels == model.separate.in_channels == widths
    assert model.separate.hparams() == SeparateLearning(widths).hparams()

    loaded = WithSeparateLearning(**json.loads(json.dumps(model.hparams())))
    loaded.load_state_dict(model.state_dict())
    assert json.dumps(loaded.hparams()) == json.dumps(model.hparams())


def test_arguments_of_the_losses_without_the_widths() -> None:
    backbone = VBPR.from_data(example_data())
    model = WithSeparateLearning(backbone, {"alpha": 0.5, "distance": "l2"})
    assert model.separate.in_channels == {"image": 64, "text": 64}
    assert (model.separate.alpha, model.separate.distance) == (0.5, "l2")


def test_needs_a_multimodal_model() -> None:
    data = example_data()
    for name in ("LightGCN", "Popularity"):
        with pytest.raises(ValueError, match=name):
            WithSeparateLearning.from_data(data, backbone=name)
    model = LightGCN.from_data(data)
    with pytest.raises(ValueError, match="LightGCN"):
        WithSeparateLearning(model)
    with pytest.raises(NotImplementedError, match="LightGCN"):
        _ = model.modality_channels


def test_refuses_models_that_have_it() -> None:
    data = example_data()
    with pytest.raises(ValueError, match="SEA has separate learning already"):
        WithSeparateLearning.from_data(data, backbone="SEA")
    with pytest.raises(ValueError, match="SEA has separate learning already"):
        WithSeparateLearning(SEA.from_data(data), {"in_channels": {"text": 64}})
    model = WithSeparateLearning.from_data(data, backbone="VBPR")
    with pytest.raises(ValueError, match="WithSeparateLearning has separate learning"):
        WithSeparateLearning(model, model.separate)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_trains_as_the_backbone_with_the_steps_of_sea(backbone: str) -> None:
    model = WithSeparateLearning.from_data(example_data(), backbone=backbone)
    expected = TrainingConfig.for_model(resolve(backbone), inner_steps=50)
    assert TrainingConfig.for_model(model) == expected


def test_refuses_subtraction() -> None:
    with pytest.raises(ValueError, match="subtraction"):
        WithSeparateLearning.from_data(
            example_data(), backbone="VBPR", separate={"distance": "subtraction"}
        )


def test_a_backbone_keeps_its_own_number_of_estimator_steps() -> None:
    data = example_data()
    torch.manual_seed(0)
    model = WithSeparateLearning.from_data(data, backbone=MMSSL)
    data = model.prepare(data)
    optimizer = torch.optim.Adam(model.estimator_parameters(), 1e-3)
    for steps, critic_steps in ((3, 1), (0, 1), (1, 2)):
        state = model.representations(data)
        loss = model.fit_estimators(data, state, optimizer, steps)
        assert (loss is None) == (steps == 0)
        for parameter in model.backbone.estimator_parameters():
            assert optimizer.state[parameter]["step"] == critic_steps
    for parameter in model.separate.estimator_parameters():
        assert optimizer.state[parameter]["step"] == 4


def test_scores_as_the_backbone_does() -> None:
    data = example_data()

    class Rescored(VBPR):
        """A backbone whose score is not the embeddings' product."""

        def score(self, *args: Any, **kwargs: Any) -> Tensor:
            return -super().score(*args, **kwargs)

    class Wrapper(WithSeparateLearning):
        """One that scores in its own way."""

        def score(self, *args: Any, **kwargs: Any) -> Tensor:
            return -super().score(*args, **kwargs)

    assert WithSeparateLearning(VBPR.from_data(data)).scores_by_embeddings
    assert not Wrapper(VBPR.from_data(data)).scores_by_embeddings
    backbone = Rescored.from_data(data)
    assert not WithSeparateLearning(backbone).scores_by_embeddings


def test_a_backbone_keeps_the_names_of_its_parts() -> None:
    class Own(VBPR):
        def loss(
            self, data: HeteroData, batch: Triplets, state: Any = None
        ) -> dict[str, Tensor]:
            return super().loss(data, batch, state) | {"alignment": torch.tensor(3.0)}

    data = example_data()
    model = WithSeparateLearning(Own.from_data(data))
    parts = model.loss(data, example_batch(data))
    assert parts["alignment"] == 3
    assert set(parts) == {"bpr", "reg", "alignment", "separate_alignment", "distance"}
