"""SEA against the dense rewrite, its switches, and what every recommender must pass."""

from typing import Any

import numpy
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.nn import CLUB, SEA
from sea_pyg.nn.models import LightGCN
from sea_pyg.nn.models.sea_presets import (
    fast_arguments,
    released_arguments,
    tuned_arguments,
)
from sea_pyg.typing import CO_RATES, RATES, SIMILAR, Triplets
from tests.nn.models.base import (
    RecommenderTests,
    example_batch,
    example_data,
    sum_parts,
    train,
)
from tests.nn.models.dense_sea import solo_sim


class TestSEA(RecommenderTests):
    model_class = SEA

    def test_loss_falls(self) -> None:
        # All but the bound, which rises while q is being fitted to so few items.
        model, data = build(), example_data()
        batch = example_batch(data)

        def loss() -> float:
            parts = model.loss(data, batch)
            return (parts["bpr"] + parts["alignment"]).item()

        before = loss()
        train(model, data, [batch] * self.steps, self.lr)
        assert loss() < before


class TestSEAOnRepresentations(RecommenderTests):
    model_class = SEA
    kwargs = {"split_on": "representations"}


class TestCollapsedSEA(RecommenderTests):
    model_class = SEA
    kwargs = {"collapsed": True, "distance": "vub"}

    test_loss_falls = TestSEA.test_loss_falls  # type: ignore[assignment]


class TestFastSEA(RecommenderTests):
    model_class = SEA
    kwargs = {**fast_arguments(), "distance_channels": 4}  # for so few items


class TestTunedSEA(RecommenderTests):
    model_class = SEA
    kwargs = {**tuned_arguments(), "distance_channels": 4}


class TestReleasedSEA(RecommenderTests):
    model_class = SEA
    # Once the bound is cut off at zero, its maps are given a zero gradient; stale
    # embeddings are no function of the graph at hand.
    kwargs = {
        **released_arguments(("text", "image")),
        "distance_kwargs": {"num_negatives": "sampled", "log_variance": "tanh"},
        "stale_evaluation": False,
    }

    def data(self, modalities: Any = None, **kwargs: Any) -> Any:
        return super().data(self.modalities, **kwargs)  # needs both

    test_state_changes_nothing = None  # type: ignore[assignment]  # draws negatives


class TestSEAWithIdsAndUserGraph(RecommenderTests):
    model_class = SEA
    kwargs = {"id_embedding": True, "user_graph": True, "user_k": 3}


class TestCollapsedSEAWithIds(RecommenderTests):
    model_class = SEA
    kwargs = {**fast_arguments(), "id_embedding": True, "distance_channels": 4}


class TestSEAWithSoftmax(RecommenderTests):
    model_class = SEA
    kwargs = {"ranking_loss": "softmax", "id_embedding": True, "user_graph": True}


class TestSEAWithIdsOnRepresentations(RecommenderTests):
    model_class = SEA
    kwargs = {"split_on": "representations", "id_embedding": True}


def build(seed: int = 0, **kwargs: Any) -> SEA:
    torch.manual_seed(seed)
    model = SEA.from_data(example_data(), **kwargs)
    assert isinstance(model, SEA)
    return model


def state_of(model: SEA) -> Any:
    data = example_data()
    return data, model.representations(data)


def dense_item_graph(model: SEA, data: HeteroData) -> Tensor:
    graph = model.prepare(data)[SIMILAR]
    neighbour, item = graph.edge_index
    return torch.zeros(30, 30).index_put((item, neighbour), graph.edge_weight)


def dense_adjacency(data: HeteroData) -> Tensor:
    user, item = data[RATES].edge_index
    a = torch.zeros(70, 70)
    a[user, item + 40] = a[item + 40, user] = 1
    scale = a.sum(dim=1).clamp(min=1).rsqrt()
    return scale.view(-1, 1) * a * scale


def test_published_defaults() -> None:
    model = build()
    hparams = model.hparams()
    expected = {"alpha": 0.012, "beta": 0.006, "temperature": 0.046, "k": 10}
    expected |= {"embedding_dim": 64, "num_layers": 2, "readout": "sum"}
    assert {key: hparams[key] for key in expected} == expected
    assert model.reader.hidden["text"].out_features == 256
    assert SEA.training_defaults["lr"] == 1e-3
    assert SEA.training_defaults["batch_size"] == 2048
    assert SEA.training_defaults["inner_steps"] == 50


def test_projection_is_square_or_as_asked() -> None:
    assert build().reader.projection.out_channels == {"image": 24, "text": 16}
    assert build(projection_channels=8).reader.projection.out_channels == {
        "image": 8,
        "text": 8,
    }


def test_odd_width() -> None:
    sizes = {"num_users": 3, "num_items": 12}
    with pytest.raises(ValueError, match=r"'text' must have an even number.*got 5"):
        SEA(**sizes, in_channels={"text": 5})
    SEA(**sizes, in_channels={"text": 5}, projection_channels=6)
    SEA(**sizes, in_channels={"text": 5}, split_on="representations")


def test_composing_the_projection_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from sea_pyg.nn.functional import readouts

    data, batch = example_data(), example_batch(example_data())
    results = []
    for composed in (False, True):
        monkeypatch.setattr(readouts, "_composing_pays", lambda *_: composed)  # noqa: B023
        model = build().double()
        for name in model.modalities:
            data["item"][f"x_{name}"] = data["item"][f"x_{name}"].double()
        loss = sum_parts(model.loss(data, batch))
        loss.backward()
        grads = [p.grad for p in model.main_parameters()]
        results.append([loss.detach(), *model.encode(data), *grads])
    for explicit, composed_value in zip(*results, strict=True):
        torch.testing.assert_close(explicit, composed_value, rtol=1e-9, atol=1e-12)


def test_collapsed_projection_ranks_as_a_square_one_can() -> None:
    """The item MLP's first layer has no higher rank than the collapsed projection."""
    data = example_data()
    widths = {name: data["item"][f"x_{name}"].size(1) for name in ("image", "text")}
    hidden = min(widths.values()) - 2
    square = build(hidden_channels=hidden)
    collapsed = build(hidden_channels=hidden, collapsed=True)
    assert square.modality_channels == widths
    assert collapsed.modality_channels == dict.fromkeys(widths, hidden)
    state = square.state_dict()
    with torch.no_grad():
        for name in square.modalities:
            linear = square.reader.projection.linear(name)
            first = square.reader.hidden[name]
            at = f"reader.projection.linears.{name}"
            state[f"{at}.weight"] = first.weight @ linear.weight
            state[f"{at}.bias"] = first.weight @ linear.bias + first.bias
            state[f"reader.hidden.{name}.weight"] = torch.eye(hidden)
            state[f"reader.hidden.{name}.bias"] = torch.zeros(hidden)
    own = collapsed.state_dict()
    shared = {k: v for k, v in state.items() if v.shape == own[k].shape}
    collapsed.load_state_dict({**own, **shared})
    for first, second in zip(square.encode(data), collapsed.encode(data), strict=True):
        torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-5)


def test_collapsed_widths() -> None:
    widths = {"image": 40, "text": 7, "audio": 16}
    model = SEA(3, 12, widths, hidden_channels=17, collapsed=True)
    assert model.modality_channels == {"image": 18, "text": 8, "audio": 16}
    model = SEA(3, 12, widths, embedding_dim=4, collapsed=True)
    assert model.modality_channels == {"image": 16, "text": 8, "audio": 16}
    with pytest.raises(ValueError, match="projection_channels=8.; leave one of them"):
        SEA(3, 12, widths, projection_channels=8, collapsed=True)


@pytest.mark.parametrize("part", ["distance", "alignment"])
@pytest.mark.parametrize("preset", [None, "fast", "tuned"])
def test_separate_learning_moves_what_ranks(preset: str | None, part: str) -> None:
    """Each loss has a gradient where the embeddings have one, entry by entry."""
    data = example_data()
    model = build(preset=preset, distance_channels=4)
    weights = [model.reader.projection.linear(n).weight for n in model.modalities]
    loss = model.loss(data, example_batch(data))[part]
    ranking = sum(x.square().sum() for x in model.encode(data).item[:5])
    found = torch.autograd.grad(loss, weights)
    read = torch.autograd.grad(ranking, weights)
    for first, second in zip(found, read, strict=True):
        assert bool(((first != 0) & (second != 0)).any())


@pytest.mark.parametrize("split_on", ["features", "representations"])
def test_separate_learning_of_the_batch(split_on: str) -> None:
    data, batch = example_data(), example_batch(example_data())
    model = build(
        separate_items="batch",
        split_on=split_on,
        distance="l2",
    )
    state = model.representations(data)
    assert state.maps is None
    if split_on == "features":
        features = model.modality_features(data)
    else:
        blocks = state.item.chunk(len(model.modalities), dim=1)
        features = dict(zip(model.modalities, blocks, strict=True))
    maps = model.separate.maps({n: x[batch.positive] for n, x in features.items()})
    items, first = numpy.unique(batch.positive.numpy(), return_index=True)
    assert len(items) < batch.positive.numel()  # some stand there twice
    image, text = (maps.aligned[name][first] for name in ("image", "text"))
    found = model.loss(data, batch, state)
    expected = 0.012 * solo_sim(text, image, 0.046)
    torch.testing.assert_close(found["alignment"], expected)
    apart = [(g - u).square().sum(dim=1).mean() for g, u in maps.pairs.values()]
    torch.testing.assert_close(found["distance"], -0.006 * sum(apart) / 2)
    with pytest.raises(ValueError, match="'all' or 'batch'"):
        build(separate_items="some")


@pytest.mark.parametrize("collapsed", [False, True])
def test_items_of_the_batch_that_lack_a_modality(collapsed: bool) -> None:
    data, batch = example_data(), example_batch(example_data())
    mask = torch.arange(data["item"].num_nodes) % 3 > 0
    assert not bool(mask[batch.positive].all())
    data["item"].mask_text = mask
    model = build(separate_items="batch", distance="l2", collapsed=collapsed)
    found = model.loss(data, batch)
    inputs = model.inputs(data, batch.positive)
    features = model.reader.further(inputs, model.separate.readouts())
    maps = model.separate.maps_from_readouts(
        features, torch.zeros(()), {"text": mask[batch.positive]}
    )
    expected = model.separate.loss(maps, batch.positive)
    whole = model.separate.loss(maps._replace(masks={}), batch.positive)
    for name in ("alignment", "distance"):
        torch.testing.assert_close(found[name], expected[name])
        assert not torch.isclose(found[name], whole[name])


def test_estimators_are_fitted_to_all_items() -> None:
    data, batch = example_data(), example_batch(example_data())
    model, whole = build(separate_items="batch"), build()
    state = model.representations(data)
    assert state.maps is not None
    expected = whole.representations(data)
    found = model.estimator_loss(data, state)
    torch.testing.assert_close(found, whole.estimator_loss(data, expected))
    sum(model.loss(data, batch, state).values()).backward()
    assert model.reader.projection.linear("text").weight.grad is not None


@pytest.mark.parametrize("split_on", ["features", "representations"])
def test_what_is_split(split_on: str) -> None:
    model = build(split_on=split_on)
    data, state = state_of(model)
    features = model.modality_features(data)
    hidden = {n: model.reader.hidden[n](features[n]) for n in model.modalities}
    _, item = model.propagate(data, hidden)
    blocks = item.chunk(len(model.modalities), dim=1)
    source = dict(zip(model.modalities, blocks, strict=True))
    source = features if split_on == "features" else source
    for name, x in source.items():
        half = x.size(1) // 2
        pair, separate = state.maps.pairs[name], model.separate
        generic = separate.generic_maps[name](x[:, :half])
        unique = separate.unique_maps[name](x[:, half:])
        for found, raw in ((pair.generic, generic), (pair.unique, unique)):
            expected = (raw - raw.mean(dim=0)) / raw.std(dim=0, correction=0)
            torch.testing.assert_close(found, expected)


def test_text_is_the_query() -> None:
    released, ours = build(**released_arguments(("text", "image"))), build()
    assert released.separate.alignment_pairs == [("text", "image")]
    # With two modalities in alphabetical order, the default is the same pair.
    assert ours.separate.alignment_pairs == [("text", "image")]
    data, state = state_of(released)
    parts = released.loss(data, example_batch(data), state)
    text, image = state.maps.aligned["text"], state.maps.aligned["image"]
    expected = 0.012 * solo_sim(text, image, 0.046)
    torch.testing.assert_close(parts["alignment"], expected)
    assert abs(expected - 0.012 * solo_sim(image, text, 0.046)) > 1e-5


def test_log_base() -> None:
    data, batch = example_data(), example_batch(example_data())
    natural = build().loss(data, batch)["bpr"]
    base2 = build(log_base=2.0).loss(data, batch)["bpr"]
    torch.testing.assert_close(base2, natural / torch.tensor(2.0).log())


def test_one_estimator_per_modality_by_default() -> None:
    ours, released = build(), build(**released_arguments(("text", "image")))
    assert ours.separate.estimator("text") is not ours.separate.estimator("image")
    shared = released.separate.estimator("text")
    assert shared is released.separate.estimator("image")
    assert isinstance(shared, CLUB)
    assert (shared.scale, shared.clamp) == (0.5, True)
    assert shared.num_negatives == "sampled"


def test_item_graph_weights() -> None:
    data = example_data()
    equal = build().prepare(data)[SIMILAR].edge_weight.unique()
    text = build(item_graph_weights={"image": 0.1, "text": 0.9}).prepare(data)
    torch.testing.assert_close(equal, torch.tensor([0.05, 0.1]))
    found = text[SIMILAR].edge_weight.unique()
    torch.testing.assert_close(found, torch.tensor([0.01, 0.09, 0.1]))


def test_item_graph_is_shared_between_splits_and_kept() -> None:
    train_data = example_data()
    model = build()
    other = train_data.clone()
    for name in ("x_image", "x_text"):
        other["item"][name] = train_data["item"][name]
    first, second = model.prepare(train_data)[SIMILAR], model.prepare(other)[SIMILAR]
    assert first.edge_index is second.edge_index
    own = torch.tensor([[0], [1]])
    other[SIMILAR].edge_index = own
    assert model.prepare(other)[SIMILAR].edge_index is own


def test_without_item_graph() -> None:
    data = example_data()
    model = build(num_item_layers=0)
    user, item = model.encode(data)
    _, with_hop = build(num_item_layers=1).encode(data)
    torch.testing.assert_close(with_hop, item + dense_item_graph(model, data) @ item)


def test_id_embedding_is_one_more_modality_in_all_but_separate_learning() -> None:
    data, batch = example_data(), example_batch(example_data())
    plain, model = build(), build(id_embedding=True)
    assert model.modalities == plain.modalities == ["image", "text"]
    assert model.item_embedding is not None
    model.load_state_dict(plain.state_dict() | _new_parameters(model, plain))

    # The first two blocks are those of the model without it ...
    for with_ids, without in zip(model.encode(data), plain.encode(data), strict=True):
        assert with_ids.size(1) == 192
        torch.testing.assert_close(with_ids[:, :128], without)
    # ... and the last is LightGCN of the tables, the user's part weighed.
    adjacency = dense_adjacency(data)
    rows = [
        F.normalize(table) for table in (model.encoder.users[2], model.item_embedding)
    ]
    x = torch.cat(rows)
    user, item = (x + adjacency @ x + adjacency @ adjacency @ x).split([40, 30])
    similar = torch.eye(30) + dense_item_graph(model, data)
    user = model.encoder.fusion.weight[:, 2:] * user
    encoded = model.encode(data)
    torch.testing.assert_close(encoded.user[:, 128:], user)
    torch.testing.assert_close(encoded.item[:, 128:], similar @ item)

    first, second = plain.loss(data, batch), model.loss(data, batch)
    for name in ("distance", "alignment"):
        torch.testing.assert_close(first[name], second[name])
    model.zero_grad()
    (second["distance"] + second["alignment"]).backward()
    assert model.item_embedding.grad is None


def _new_parameters(model: SEA, plain: SEA) -> dict[str, Tensor]:
    """The parameters of ``model`` that the other has not, and its wider weights."""
    own = model.state_dict()
    new = {key: own[key] for key in own.keys() - plain.state_dict().keys()}
    assert set(new) == {"encoder.users.2", "item_embedding"}
    old = plain.encoder.fusion.weight.detach()
    return new | {"encoder.fusion.weight": torch.cat([old, torch.rand(40, 1)], dim=1)}


@pytest.mark.parametrize("id_embedding", [False, True])
def test_user_graph_adds_its_product(id_embedding: bool) -> None:
    data = example_data()
    kwargs = {"id_embedding": id_embedding}
    plain, model = build(**kwargs), build(user_graph=True, user_k=3, **kwargs)
    seen = torch.zeros(40, 30)
    seen[tuple(data[RATES].edge_index)] = 1
    shared = seen @ seen.t()
    graph = torch.zeros(40, 40)
    for user in range(39):  # the last one shares no item with anyone
        others = [v for v in range(40) if v != user and shared[user, v] > 0]
        others = sorted(others, key=lambda v: (-shared[user, v], v))[:3]
        graph[user, others] = shared[user, others].softmax(dim=0)
    before, after = plain.encode(data), model.encode(data)
    torch.testing.assert_close(after.user, before.user + graph @ before.user)
    torch.testing.assert_close(after.item, before.item)
    assert plain.prepare(data).edge_types == [RATES, SIMILAR]
    assert model.prepare(data).edge_types == [RATES, SIMILAR, CO_RATES]


def test_stale_evaluation_with_ids() -> None:
    data = example_data()
    model = build(id_embedding=True, stale_evaluation=True)
    before = model.eval().encode(data).user
    train(model, data, [example_batch(data)], lr=0.1)
    assert torch.equal(model.eval().encode(data).user, before)


@pytest.mark.parametrize("limit", [None, 9])
def test_softmax_of_cosines_over_the_unseen_items_of_the_batch(
    limit: int | None,
) -> None:
    data, batch = example_data(), example_batch(example_data(), size=20)
    plain = build()
    model = build(
        ranking_loss="softmax", ranking_temperature=0.3, ranking_candidates=limit
    )
    user, item = (F.normalize(x) for x in plain.encode(data))
    for found, expected in zip(model.encode(data), (user, item), strict=True):
        torch.testing.assert_close(found, expected)
    items = [*batch.positive.tolist()[:5], *batch.negative.tolist()[:4]]
    if limit is None:
        items = [*batch.positive.tolist(), *batch.negative.tolist()]
    seen = set(zip(*data[RATES].edge_index.tolist(), strict=True))
    total = torch.zeros(())
    for u, p in zip(batch.user.tolist(), batch.positive.tolist(), strict=True):
        others = [i for i in set(items) if (u, i) not in seen]
        logits = item[[p, *others]] @ user[u] / 0.3
        total = total - logits.log_softmax(dim=0)[0] / 20
    parts = model.loss(data, batch)
    assert list(parts) == ["softmax", "distance", "alignment"]
    torch.testing.assert_close(parts["softmax"], total)


def test_the_id_embedding_is_no_modality() -> None:
    data = example_data()
    model = SEA.from_data(data, id_embedding=True)
    assert list(model.modality_features(data)) == ["image", "text"]


def test_evaluation_encodes_anew_unless_stale_is_asked_for() -> None:
    data = example_data()
    batches = [example_batch(data, seed=i) for i in range(2)]
    for stale in (False, True):
        model = build(stale_evaluation=stale)
        before = model.eval().encode(data).user
        train(model, data, batches[:1], lr=0.1)
        after = model.eval().encode(data).user
        # The last batch of one was computed before its step.
        assert torch.equal(before, after) == stale
        if stale:
            twin = build(seed=7, stale_evaluation=True).eval()
            twin.load_state_dict(model.state_dict())
            assert torch.equal(twin.encode(data).user, after)
            twin.reset_parameters()
            assert not torch.equal(twin.encode(data).user, after)


@pytest.mark.parametrize("distance", ["l2", "orthogonal", "subtraction", None])
def test_other_distances(distance: str | None) -> None:
    data = example_data()
    model = build(distance=distance)
    assert model.estimator_parameters() == []
    assert model.estimator_loss(data) is None
    sum_parts(model.loss(data, example_batch(data))).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_subtraction_takes_the_generic_half_off() -> None:
    """Compared with a plain model that is given the subtracted features."""
    data = example_data()
    model = build(distance="subtraction", num_item_layers=0)
    plain = build(distance=None, num_item_layers=0)
    plain.load_state_dict(model.state_dict())
    assert not torch.equal(plain.encode(data).item, model.encode(data).item)
    with torch.no_grad():
        for name, y in model.modality_features(data).items():
            generic, unique = y.chunk(2, dim=1)
            data["item"][f"x_{name}"] = torch.cat([generic, unique - generic], dim=1)
            torch.nn.init.eye_(plain.reader.projection.linear(name).weight)
            torch.nn.init.zeros_(plain.reader.projection.linear(name).bias)
    expected = plain.encode(data).item
    torch.testing.assert_close(model.encode(example_data()).item, expected)


def test_subtraction_on_representations() -> None:
    data = example_data()
    options = {"split_on": "representations", "num_item_layers": 0}
    model = build(distance="subtraction", **options)
    plain = build(distance=None, **options)
    plain.load_state_dict(model.state_dict())
    first, second = plain.encode(data), model.encode(data)
    assert torch.equal(first.user, second.user)
    parts = [block.chunk(2, dim=1) for block in first.item.chunk(2, dim=1)]
    expected = torch.cat([x for g, u in parts for x in (g, u - g)], dim=1)
    torch.testing.assert_close(second.item, expected)
    state = model.representations(data)
    torch.testing.assert_close(state.embeddings.item, expected)


def test_released_preset() -> None:
    model = SEA.released(5, 12, {"audio": 4, "text": 6}, key="audio", alpha=0.5)
    assert model.separate.alignment_pairs == [("text", "audio")]
    assert model.encoder.item_graph.weights == {"audio": 0.1, "text": 0.9}
    assert model.ranking.bpr.log_base == 2.0
    assert model.separate.alpha == 0.5


def test_tuned_preset() -> None:
    model = SEA.tuned(5, 12, {"audio": 4, "text": 6}, ranking_temperature=0.5)
    assert model.item_embedding is not None
    assert (model.ranking.by_cosine, model.ranking.candidates) == (True, 1536)
    assert model.ranking.softmax.temperature == 0.5
    assert (model.collapsed, model.encoder.user_k) == (True, None)
    assert (model.ranking.walk_weight, model.ranking.sampling_correction) == (12.0, 0.5)
    by_name, direct = build(preset="tuned"), build(**tuned_arguments())
    assert by_name.hparams() == direct.hparams()


def test_an_unknown_preset_names_those_that_there_are() -> None:
    known = "it has 'fast', 'released', 'tuned'$"
    with pytest.raises(ValueError, match=f"SEA has no preset 'best'; {known}"):
        build(preset="best")
    with pytest.raises(ValueError, match="LightGCN has no preset 'fast'; it has none$"):
        LightGCN.from_data(example_data(), preset="fast")


def test_a_preset_s_arguments_are_nobody_else_s() -> None:
    SEA.preset_arguments("tuned", [])["distance_kwargs"]["conditional"] = "mlp"
    again = SEA.preset_arguments("tuned", [])
    assert again["distance_kwargs"] == {"conditional": "linear"}


def test_user_weights_scale_the_users_only() -> None:
    data = example_data()
    model = build(num_item_layers=0)
    first = model.encode(data)
    with torch.no_grad():
        model.encoder.fusion.weight[3, 1] *= 2
    second = model.encode(data)
    assert torch.equal(first.item, second.item)
    expected: Tensor = first.user.clone()
    expected[3, 64:] *= 2
    torch.testing.assert_close(second.user, expected)


def test_errors() -> None:
    sizes = {"num_users": 3, "num_items": 12, "in_channels": {"text": 4}}
    for kwargs, message in (
        ({"split_on": "ids"}, "'features' or 'representations'"),
        ({"num_item_layers": -1}, "num_item_layers"),
        ({"distance": "culb"}, "did you mean 'club'"),
        ({"in_channels": {}}, "at least one modality"),
        ({"num_users": 0}, "at least one user"),
        ({"user_k": 0}, "user_k must be at least 1"),
        ({"ranking_loss": "bce"}, "'bpr' or 'softmax' .*'bce'"),
        ({"ranking_temperature": 0.0}, r"temperature must lie in \(0, inf\)"),
        ({"ranking_candidates": 1}, "ranking_candidates must be at least 2"),
        ({"readout": "max"}, "readout"),
    ):
        with pytest.raises(ValueError, match=message):
            SEA(**{**sizes, **kwargs})
    data = example_data()
    with pytest.raises(ValueError, match="modality 'txt'"):
        SEA.from_data(data, ["txt"])
    model = build(k=40)
    with pytest.raises(ValueError, match="lower k"):
        model.encode(data)
    del data[RATES].edge_index
    with pytest.raises(ValueError, match="no edge_index"):
        build().encode(data)


@pytest.mark.parametrize("preset", [None, "fast", "tuned", "released"])
def test_a_training_step_reads_no_value(
    preset: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading one would halt a GPU; what does not change is read in the first step."""
    data = example_data()
    kwargs = {"user_graph": True} if preset == "tuned" else {}
    torch.manual_seed(0)
    model = SEA.from_data(data, preset=preset, **kwargs)
    data = model.prepare(data)
    main = torch.optim.Adam(model.main_parameters(), fused=True)
    estimators = model.estimator_parameters()
    inner = torch.optim.Adam(estimators, fused=True) if estimators else None

    def step(batch: Triplets) -> None:
        state = model.representations(data)
        if inner is not None:
            assert model.fit_estimators(data, state, inner, 2) is not None
        loss = torch.stack(list(model.loss(data, batch, state).values())).sum()
        main.zero_grad()
        loss.backward()
        main.step()

    step(example_batch(data, seed=1))
    read = []
    for name in ("item", "tolist", "cpu", "numpy", "__bool__", "__int__", "__float__"):
        original = getattr(Tensor, name)
        monkeypatch.setattr(
            Tensor,
            name,
            lambda *args, _name=name, _original=original: (
                read.append(_name) or _original(*args)
            ),
        )
    step(example_batch(data, seed=2))
    assert read == []


@pytest.mark.parametrize("preset", ["fast", "tuned"])
def test_presets_take_a_modality_without_variance(preset: str) -> None:
    data = example_data(("text", "image"))
    data["item"].x_text = torch.ones_like(data["item"].x_text)
    model = SEA.from_data(data, preset=preset, sampling_correction=0.0)
    losses = model.loss(data, example_batch(data))
    assert all(value.isfinite() for value in losses.values())
    sum(losses.values()).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def test_released_knows_text_and_image_in_any_order() -> None:
    expected = SEA.released(40, 30, {"text": 8, "image": 12})
    for names in (("image", "text"), ("text", "image")):
        data = example_data(names)
        model = SEA.from_data(data, names, preset="released")
        weights = model.encoder.item_graph.weights
        assert weights == expected.encoder.item_graph.weights
        assert weights == {"text": 0.9, "image": 0.1}
        assert model.separate.alignment_pairs == [("text", "image")]
    model = SEA.from_data(example_data(("image", "audio")), preset="released")
    assert model.separate.alignment_pairs == [tuple(model.modalities)]


def test_options_that_do_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="log_base is of ranking_loss='bpr'"):
        SEA(4, 3, {"text": 4}, ranking_loss="softmax", log_base=2)


def test_kept_embeddings_are_of_training_and_for_evaluation() -> None:
    data = example_data()
    model = SEA.from_data(data, stale_evaluation=True)
    data = model.prepare(data)
    batch = example_batch(data)
    train(model, data, [batch], lr=0.1)
    kept = model.eval().encode(data).user.clone()
    model.loss(data, batch)
    assert torch.equal(model.encode(data).user, kept)
    assert not torch.equal(model.train().encode(data).user, kept)


@pytest.mark.parametrize("split_on", ["features", "representations"])
@pytest.mark.parametrize("items", ["all", "batch"])
def test_missing_items_take_no_part_in_separate_learning(
    split_on: str, items: str
) -> None:
    edge_type = ("listener", "plays", "track")
    data = example_data(edge_type=edge_type)
    batch = example_batch(data, edge_type=edge_type)
    mask = torch.arange(30) % 3 > 0
    data["track"].mask_text = mask
    options = {"split_on": split_on, "separate_items": items, "edge_type": edge_type}
    model = SEA.from_data(data, distance="l2", **options)
    found, source = model.loss(data, batch), model.modality_features(data)
    if split_on == "representations":
        parts = model.representations(data).item.chunk(2, dim=1)
        source = dict(zip(source, parts, strict=True))
    index = batch.positive if items == "batch" else None
    if index is not None:
        source, mask = {n: x[index] for n, x in source.items()}, mask[index]
    expected, whole = (
        model.separate.loss(model.separate.maps(source, masks), index)
        for masks in ({"text": mask}, None)
    )
    for name in ("alignment", "distance"):
        torch.testing.assert_close(found[name], expected[name])
        assert not torch.isclose(found[name], whole[name])


def test_subtraction_leaves_the_ids() -> None:
    data = example_data()
    options = {
        "split_on": "representations",
        "num_item_layers": 0,
        "id_embedding": True,
    }
    model = SEA.from_data(data, distance="subtraction", **options)
    plain = SEA.from_data(data, distance=None, **options)
    plain.load_state_dict(model.state_dict())
    first, second = plain.encode(data).item, model.encode(data).item
    assert torch.equal(first[:, 128:], second[:, 128:])
    assert not torch.equal(first[:, :128], second[:, :128])


def test_released_roles_are_those_that_are_given() -> None:
    widths = {"image": 6, "text": 4}
    model = SEA.released(5, 12, widths, query="image", key="text")
    assert model.separate.alignment_pairs == [("image", "text")]
    assert model.encoder.item_graph.weights == {"image": 0.9, "text": 0.1}
    for names in (["text", "image"], ["image", "text"]):  # by name, from a graph
        model = build(preset="released", modalities=names)
        assert model.separate.alignment_pairs == [("text", "image")]


@pytest.mark.parametrize("distance", ["club", "subtraction"])
def test_the_item_mlp_s_first_layer_is_called_where_it_has_hooks(distance: str) -> None:
    """It is composed with the projection else, and hooks would not be seen."""
    model = build(distance=distance).eval()
    data = model.prepare(example_data())
    expected = model.encode(data)
    seen: list[str] = []
    for name, linear in model.reader.hidden.items():
        linear.register_forward_hook(lambda *_, name=name: seen.append(name))
    torch.testing.assert_close(model.encode(data), expected)
    assert sorted(seen) == sorted(model.modalities)
    for linear in model.reader.hidden.values():
        linear.register_forward_hook(lambda _, __, out: 2 * out)
    assert not torch.allclose(model.encode(data).item, expected.item)
