from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import Linear

from sea_pyg.nn import CLUB, DistanceLoss, ModalityProjection, SeparateLearning
from sea_pyg.nn.mi import InfoNCE
from tests.nn.models.dense_sea import solo_sim

WIDTHS = {"audio": 6, "image": 8, "text": 4}


def features(names: Mapping[str, int] = WIDTHS, num_items: int = 12) -> dict:
    generator = torch.Generator().manual_seed(0)
    out: dict[str, Tensor] = {}
    for name, width in names.items():
        x = torch.randn(num_items, width, generator=generator, dtype=torch.float64)
        out[name] = x.requires_grad_()
    return out


def build(widths: Mapping[str, int] = WIDTHS, **kwargs: Any) -> SeparateLearning:
    torch.manual_seed(1)
    return SeparateLearning(widths, **kwargs).double()


def standardized(x: Tensor) -> Tensor:
    return (x - x.mean(dim=0)) / x.std(dim=0, correction=0)


def test_parts_by_hand() -> None:
    model, x = build(alpha=0.5, beta=0.25), features()
    found = model(x)
    assert set(found) == {"distance", "alignment"}

    unit = {n: model.heads[n](x[n][:, : w // 2]) for n, w in WIDTHS.items()}
    pairs = [("image", "audio"), ("text", "audio"), ("text", "image")]
    assert model.alignment_pairs == pairs
    alignment = sum(solo_sim(unit[q], unit[k], 0.046) for q, k in pairs)
    torch.testing.assert_close(found["alignment"], 0.5 * alignment / 3)

    bounds = []
    for name, width in WIDTHS.items():
        generic = model.generic_maps[name](x[name][:, : width // 2])
        unique = model.unique_maps[name](x[name][:, width // 2 :])
        generic, unique = standardized(generic), standardized(unique)
        torch.testing.assert_close(model.pairs(x)[name].generic, generic)
        torch.testing.assert_close(model.pairs(x)[name].unique, unique)
        bounds.append(model.estimator(name)(generic, unique))
    torch.testing.assert_close(found["distance"], 0.25 * sum(bounds) / 3)


def test_estimators_see_no_scale() -> None:
    x = features()
    masks = {"text": torch.arange(x["text"].size(0)) % 3 > 0}
    scaled = {name: 1e-2 * v + 5 for name, v in x.items()}
    for standardize in (True, False):
        model = build(standardize=standardize)
        for maps in (model.generic_maps, model.unique_maps):
            for linear in maps.values():
                assert (linear.bias is None) == standardize
                if linear.bias is not None:
                    torch.nn.init.zeros_(linear.bias)
        first = model.pairs(x, masks)["text"].unique[masks["text"]]
        second = model.pairs(scaled, masks)["text"].unique[masks["text"]]
        assert torch.allclose(first, second, atol=1e-2) == standardize
        if standardize:
            torch.testing.assert_close(first, standardized(first))
    assert not build(distance="l2").standardize  # its value is the scale


def test_a_training_step_compares_a_sample_of_the_items() -> None:
    x = features()
    mask = torch.arange(12) % 4 > 0
    model = build(sample_size=7, distance="l2")
    torch.manual_seed(3)
    maps = model.maps(x, {"text": mask})
    torch.manual_seed(3)
    index = torch.randperm(12)[:7]
    chosen = {name: v[index] for name, v in x.items()}
    whole = build(distance="l2")
    torch.testing.assert_close(model.loss(maps), whole(chosen, {"text": mask[index]}))
    assert torch.equal(maps.masks["text"], mask[index])
    maps.pairs["text"].generic.sum().backward()
    gradient = x["text"].grad
    assert gradient is not None
    reached = gradient.abs().sum(dim=1) > 0
    present = index[mask[index]]
    assert sorted(present.tolist()) == reached.nonzero().flatten().tolist()
    again = model.maps(x).pairs["image"].unique
    assert not torch.equal(again, maps.pairs["image"].unique)  # drawn anew


def test_evaluation_and_small_graphs_compare_all_items() -> None:
    x = features()
    model = build(sample_size=7)
    assert model.eval().pairs(x)["text"].generic.size(0) == 12
    model = build(sample_size=12)
    torch.testing.assert_close(model(x), build()(x))
    with pytest.raises(ValueError, match="sample_size must be at least 2"):
        build(sample_size=1)


def test_default_weights_are_published() -> None:
    model = build()
    assert (model.alpha, model.beta) == (0.012, 0.006)
    assert model.solo_sim.temperature == 0.046
    assert model.generic_maps["text"].out_features == 32


def test_every_parameter_gets_a_gradient() -> None:
    model, x = build(), features()
    estimator = {id(p) for p in model.estimator_parameters()}
    sum(model(x).values()).backward()
    for name, parameter in model.named_parameters():
        if id(parameter) not in estimator:
            assert parameter.grad is not None, name
            assert parameter.grad.abs().max() > 0, name
    assert all(v.grad is not None and v.grad.abs().max() > 0 for v in x.values())
    model.zero_grad()
    for value in x.values():
        value.grad = None
    loss = model.estimator_loss(x)
    assert loss is not None
    loss.backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == (id(parameter) in estimator), name
    assert all(value.grad is None for value in x.values())


def test_estimators_learn_what_they_are_asked() -> None:
    model, x = build(), features()
    maps = model.maps(x)
    expected = sum(
        model.estimator(name).learning_loss(*maps.pairs[name]) for name in WIDTHS
    )
    torch.testing.assert_close(model.estimator_loss(maps), expected)
    torch.testing.assert_close(model.estimator_loss(x), expected)


def test_estimators_take_as_many_steps_as_they_are_told() -> None:
    x, options = features(), {"lr": 0.1}
    model, twin = build(), build()
    inner = torch.optim.SGD(model.estimator_parameters(), **options)
    found = model.fit_estimators(model.maps(x), inner, steps=3)
    inner = torch.optim.SGD(twin.estimator_parameters(), **options)
    for _ in range(3):
        inner.zero_grad()
        loss = twin.estimator_loss(x)
        assert loss is not None
        loss.backward()
        inner.step()
    torch.testing.assert_close(found, loss)
    for one, other in zip(
        model.estimator_parameters(), twin.estimator_parameters(), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_every_parameter_is_drawn_anew() -> None:
    model = build()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(7.0)
    model.reset_parameters()
    for name, parameter in model.named_parameters():
        assert (parameter != 7).all(), name


def test_widths_are_those_of_their_spaces() -> None:
    model = build(distance_channels=3, head_channels=7, alignment_channels=5)
    maps = model.maps(features())
    assert {x.size(1) for x in maps.aligned.values()} == {5}
    assert {x.size(1) for pair in maps.pairs.values() for x in pair} == {3}
    assert {head.input.out_features for head in model.heads.values()} == {7}


def test_released_estimator() -> None:
    pairs = [("text", "image")]
    model = build(shared_estimator=True, fit_on="cross", alignment_pairs=pairs)
    assert model.estimator("text") is model.estimator("audio")
    x = features()
    maps, q = model.maps(x).pairs, model.estimator("text")
    assert isinstance(q, CLUB)
    expected = q.learning_loss(maps["text"].generic, maps["image"].generic)
    expected = expected + q.learning_loss(maps["text"].unique, maps["image"].unique)
    torch.testing.assert_close(model.estimator_loss(x), expected)
    for kwargs in ({}, {"shared_estimator": True, "alignment_pairs": []}):
        with pytest.raises(ValueError, match="fit_on='cross' needs"):
            build(fit_on="cross", **kwargs)


@pytest.mark.parametrize(
    "distance, sign", [("l2", -1), ("orthogonal", 1), ("subtraction", 0), (None, 0)]
)
def test_other_distances(distance: str | None, sign: int) -> None:
    model, x = build(distance=distance), features()
    parts = model(x)
    assert torch.sign(parts["distance"]) == sign
    assert parts["alignment"] > 0
    assert model.estimator_loss(x) is None
    assert model.estimator_parameters() == []
    sum(parts.values()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
    pairs = model.pairs(x)
    if distance == "subtraction":
        generic, unique = x["text"].chunk(2, dim=1)
        torch.testing.assert_close(pairs["text"].unique, unique - generic)


def test_any_estimator() -> None:
    made = []

    def make(x_channels: int, y_channels: int, **kwargs: Any) -> CLUB:
        made.append((x_channels, y_channels))
        return CLUB(x_channels, y_channels, **kwargs)

    kwargs = {"hidden_channels": 3, "scale": 2.0}
    model = build(distance=make, distance_kwargs=kwargs, distance_channels=5)
    assert made == [(5, 5)] * 3
    estimator = model.estimator("text")
    assert isinstance(estimator, CLUB)
    assert estimator.scale == 2.0
    assert model(features())["distance"].isfinite()


def test_one_modality() -> None:
    model, x = build({"text": 4}), features({"text": 4})
    assert len(model.heads) == 0
    parts = model(x)
    assert parts["alignment"] == 0
    assert parts["distance"] != 0
    sum(parts.values()).backward()
    assert all(
        p.grad is not None
        for p in (*model.generic_maps.parameters(), *model.unique_maps.parameters())
    )


@pytest.mark.parametrize("fit_on", ["own", "cross"])
def test_missing_rows_take_no_part(fit_on: str) -> None:
    model = build(shared_estimator=fit_on == "cross", fit_on=fit_on)
    x = features()
    keep = torch.arange(12) % 3 != 0
    other = torch.arange(12) != 5
    masks = {"text": keep, "image": other, "audio": torch.ones(12, dtype=torch.bool)}
    parts = model(x, masks)
    estimator_loss = model.estimator_loss(x, masks)
    changed = {n: v.detach().clone() for n, v in x.items()}
    changed["text"][~keep] = 100.0
    changed["image"][~other] = -50.0
    for name, value in model(changed, masks).items():
        torch.testing.assert_close(value, parts[name])
    torch.testing.assert_close(model.estimator_loss(changed, masks), estimator_loss)
    # With all rows missing in the same items, it is as if these did not exist.
    masks = dict.fromkeys(WIDTHS, keep)
    fewer = {name: value[keep] for name, value in x.items()}
    for name, value in model(fewer).items():
        torch.testing.assert_close(model(x, masks)[name], value)


@pytest.mark.parametrize("present", [0, 1])
def test_too_few_rows_to_compare(present: int) -> None:
    model, x = build(), features()
    mask = torch.arange(12) < present
    parts = model(x, dict.fromkeys(WIDTHS, mask))
    assert parts["distance"] == 0
    assert parts["alignment"] == 0
    assert model.estimator_loss(x, dict.fromkeys(WIDTHS, mask)) is None
    one = {name: value[:1] for name, value in x.items()}
    assert all(value == 0 for value in model(one).values())


def gaussian_information(x: Tensor, y: Tensor) -> float:
    """Return the mutual information of jointly Gaussian variables."""
    joint = torch.cat([x, y], dim=1).detach().double().T.cov()
    d = x.size(1)
    blocks = joint[:d, :d].logdet() + joint[d:, d:].logdet()
    return float(blocks - joint.logdet()) / 2


def test_minimising_separates() -> None:
    """The parts' true information falls when their maps are trained on the bound."""
    torch.manual_seed(0)
    shared = torch.randn(300, 1)
    generic = torch.cat([shared, torch.randn(300, 1)], dim=1)
    unique = torch.cat([shared + 0.3 * torch.randn(300, 1), torch.randn(300, 1)], dim=1)
    x = {"text": torch.cat([generic, unique], dim=1)}
    model = SeparateLearning({"text": 4}, beta=1.0, distance_channels=1)
    before = gaussian_information(*model.pairs(x)["text"])
    inner = torch.optim.Adam(model.estimator_parameters(), lr=0.05)
    maps = [*model.generic_maps.parameters(), *model.unique_maps.parameters()]
    outer = torch.optim.Adam(maps, lr=0.05)
    for _ in range(80):
        for _ in range(10):
            inner.zero_grad()
            loss = model.estimator_loss(x)
            assert loss is not None
            loss.backward()
            inner.step()
        outer.zero_grad()
        model(x)["distance"].backward()
        outer.step()
    after = gaussian_information(*model.pairs(x)["text"])
    assert before > 0.1
    assert after < before / 4


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"in_channels": {}}, "at least one modality"),
        ({"in_channels": {"text": 5}}, "'text' must have an even number"),
        ({"distance": "clob"}, "did you mean 'club'"),
        ({"alignment_pairs": [("text", "txt")]}, "unknown modality 'txt'"),
        ({"alignment_pairs": [("text", "text")]}, "two modalities"),
        ({"fit_on": "all"}, "'own' or 'cross'"),
        ({"temperature": -1.0}, "temperature"),
    ],
)
def test_errors(kwargs: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SeparateLearning(**{"in_channels": WIDTHS, **kwargs})


def test_bad_features() -> None:
    model, x = build(), features()
    with pytest.raises(ValueError, match="'text' is missing"):
        model({"image": x["image"], "audio": x["audio"]})
    with pytest.raises(ValueError, match=r"shape \[N, 4\]"):
        model({**x, "text": x["image"]})


def test_alignment_of_items_that_stand_there_twice() -> None:
    x = features({"image": 8, "text": 4})
    model = build({"image": 8, "text": 4}, distance=None, alpha=1.0)
    index = torch.tensor([0, 1, 2, 2, 5, 6])
    mask = index % 2 == 0
    maps = model.maps({n: f[index] for n, f in x.items()}, {"text": mask})
    found = model.loss(maps, index)["alignment"]
    rows = torch.tensor([0, 2, 5])  # items 0, 2 and 6 have both modalities
    aligned = [maps.aligned[name][rows] for name in ("text", "image")]
    torch.testing.assert_close(found, solo_sim(*aligned, 0.046))


def test_results_of_the_first_maps_can_be_handed_in() -> None:
    x, model = features(), build()
    outputs = {
        name: [
            torch.nn.functional.linear(x[name][:, r.start : r.stop], r.weight, r.bias)
            for r in maps
        ]
        for name, maps in model.readouts().items()
    }
    zero = torch.zeros((), dtype=torch.float64)
    found = model.loss(model.maps_from_readouts(outputs, zero))
    for name, value in model(x).items():
        torch.testing.assert_close(found[name], value)


@pytest.mark.parametrize("distance", ["club", "l1out", "vub"])
def test_nan_reaches_the_loss_where_a_trainer_names_it(distance: str) -> None:
    separate = SeparateLearning({"text": 8, "audio": 6}, distance=distance)
    features = {"text": torch.randn(20, 8), "audio": torch.randn(20, 6)}
    features["text"][3, 1] = torch.nan
    assert separate(features)["distance"].isnan()


def test_missing_rows_may_be_nan() -> None:
    x = {name: v.detach().clone() for name, v in features().items()}
    mask = torch.arange(12) % 4 > 0
    clean = build()
    sum(clean(x, {"text": mask}).values()).backward()
    x["text"][~mask] = torch.nan
    model = build()
    sum(model(x, {"text": mask}).values()).backward()
    for found, expected in zip(
        model.main_parameters(), clean.main_parameters(), strict=True
    ):
        torch.testing.assert_close(found.grad, expected.grad)


def test_masks_must_fit() -> None:
    model, x = build(), features()
    with pytest.raises(ValueError, match="did you mean 'text'"):
        model(x, {"txt": torch.ones(12, dtype=torch.bool)})
    with pytest.raises(ValueError, match=r"bool tensor of shape \[12\]"):
        model(x, {"text": torch.ones(5, dtype=torch.bool)})


def test_the_main_parameters_are_all_but_the_estimators() -> None:
    model = build()
    own, rest = model.estimator_parameters(), model.main_parameters()
    assert {id(p) for p in (*own, *rest)} == {id(p) for p in model.parameters()}
    assert len(own) + len(rest) == len(list(model.parameters()))
    assert own


def linear(**kwargs: Any) -> SeparateLearning:
    return build(distance_kwargs={"conditional": "linear"}, **kwargs)


def test_a_linear_q_is_solved_for_in_evaluation_too() -> None:
    model, x = linear(distance_channels=4), features()
    expected = model(x)
    torch.testing.assert_close(model.eval()(x)["distance"], expected["distance"])
    assert expected["distance"] != 0


def test_a_linear_q_says_nothing_of_few_items() -> None:
    model, x = linear(distance_channels=6, beta=1.0), features()
    assert model(x)["distance"] != 0
    fewer = {name: v[:11] for name, v in x.items()}
    with pytest.warns(UserWarning, match="a linear q needs 12 items, twice"):
        assert model(fewer)["distance"] == 0
    maps = model.maps(fewer)
    with pytest.warns(UserWarning, match="a linear q") as warned:
        model.distance_loss(maps)
    assert warned[0].filename == __file__  # the line that called it
    # The last batch of an epoch is no reason to warn.
    batch = model.loss(model.maps(fewer), torch.arange(11))
    assert batch["distance"] == 0
    assert batch["alignment"] != 0
    assert build()(fewer)["distance"] != 0


def test_a_modality_that_one_item_has_adds_nothing_to_the_means() -> None:
    x, mask = features(), torch.arange(12) == 4
    model = build(alpha=1.0, beta=1.0, distance="l2")
    found = model(x, {"text": mask})
    unit = {n: model.heads[n](x[n][:, : WIDTHS[n] // 2]) for n in ("audio", "image")}
    # The means are those over all three modalities and all three pairs.
    alignment = solo_sim(unit["image"], unit["audio"], 0.046) / 3
    torch.testing.assert_close(found["alignment"], alignment)
    pairs = model.pairs(x)
    apart = [model.estimator(name)(*pairs[name]) for name in ("audio", "image")]
    torch.testing.assert_close(found["distance"], sum(apart) / 3)


@pytest.mark.parametrize(
    ("distance", "message"),
    [(DistanceLoss(), "an instance of DistanceLoss"), (3, r"name or a class \(got 3")],
)
def test_a_distance_that_cannot_be_made_anew_is_refused(distance, message) -> None:
    with pytest.raises(ValueError, match=message):
        SeparateLearning({"text": 4, "image": 4}, distance=distance)


def test_an_alignment_pair_that_stands_twice_is_refused() -> None:
    both = [("text", "image"), ("image", "text")]  # queries and keys are two roles
    assert build({"text": 4, "image": 4}, alignment_pairs=both).alignment_pairs == both
    with pytest.raises(ValueError, match=r"differ \(got \('text', 'image'\) twice"):
        build({"text": 4, "image": 4}, alignment_pairs=[*both, ("text", "image")])


@pytest.mark.parametrize("distance", ["club", InfoNCE])
def test_gradients_of_estimators_do_not_add_up(distance: Any) -> None:
    model, x = build({"text": 4}, distance=distance), features({"text": 4})
    inner = torch.optim.Adam(model.estimator_parameters(), lr=0.0)
    grads = []
    for _ in range(3):
        maps = model.maps(x)
        model.fit_estimators(maps, inner, steps=2)
        assert all(p.grad is None for p in model.estimator_parameters())
        sum(model.loss(maps).values()).backward()
        grads.append([p.grad for p in model.estimator_parameters()])
    for first, last in zip(grads[0], grads[2], strict=True):
        torch.testing.assert_close(first, last)


@pytest.mark.parametrize("conditional", ["mlp", "linear"])
@pytest.mark.parametrize("distance", ["club", "l1out", "vub"])
def test_distance_under_autocast(distance: str, conditional: str) -> None:
    """Maps and bound are those of float32, here wider than a half, as q is fitted."""
    torch.manual_seed(0)
    x = {"text": torch.randn(2000, 32)}
    model = SeparateLearning(
        {"text": 32},
        distance,
        {"conditional": conditional},
        beta=1.0,
        alignment_pairs=[],
    )
    if model.has_estimator_parameters:
        optimizer = torch.optim.Adam(model.estimator_parameters(), lr=0.01)
        model.fit_estimators(model.maps(x), optimizer, steps=50)
    expected = model(x)["distance"]
    with torch.autocast("cpu", torch.bfloat16):
        found = model(x)["distance"]
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)
    found.backward()
    assert all(p.grad is not None for p in model.main_parameters())


@pytest.mark.parametrize("scale", [300.0, 0.0])
def test_distance_in_float16(scale: float) -> None:
    x = {"text": scale * torch.randn(64, 8, generator=torch.Generator().manual_seed(0))}
    torch.manual_seed(0)
    model = SeparateLearning({"text": 8}, beta=1.0, alignment_pairs=[])
    expected = model(x)["distance"]
    with torch.autocast("cpu", torch.float16):
        found = model(x)["distance"]
    torch.testing.assert_close(found.float(), expected, rtol=0.05, atol=0.01)


def test_a_module_in_bfloat16_under_autocast() -> None:
    x = {"text": torch.randn(64, 8, generator=torch.Generator().manual_seed(0))}
    model = SeparateLearning({"text": 8}, distance="l2").bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        assert all(loss.isfinite() for loss in model(x).values())


def test_sample_and_pairs() -> None:
    model, x = build(sample_size=4), features()
    draws = [
        model.maps(x, generator=torch.Generator().manual_seed(seed)).aligned["text"]
        for seed in (5, 5, 6)
    ]
    assert draws[0].size(0) == 4
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert model.pairs(x)["text"].generic.size(0) == 12  # every item's, in their order


def test_a_linear_q_needs_different_items() -> None:
    torch.manual_seed(0)
    options = {"distance_channels": 4, "distance_kwargs": {"conditional": "linear"}}
    model = SeparateLearning({"text": 8}, **options)
    for num_items, left_out in ((7, True), (8, False)):
        rows = torch.randn(num_items, 8)
        index = torch.arange(64) % num_items
        maps = model.maps({"text": rows[index]})
        assert (model.distance_loss(maps, index) == 0) == left_out
        masks = {"text": index > 0}  # one item lacks it
        maps = model.maps({"text": rows[index]}, masks)
        assert model.distance_loss(maps, index) == 0


def test_features_in_place_of_maps_are_refused() -> None:
    separate = build()
    for call in (separate.loss, separate.alignment_loss, separate.distance_loss):
        with pytest.raises(TypeError, match=r"what maps\(features, masks\) returned"):
            call(features())


@pytest.mark.parametrize("given", [32, ["text"], torch.ones(3)])
def test_widths_and_features_go_by_names(given: Any) -> None:
    for module in (SeparateLearning, ModalityProjection):
        with pytest.raises(
            ValueError, match="in_channels must be a mapping by the nam"
        ):
            module(given)
        with pytest.raises(ValueError, match="features must be a mapping by the names"):
            module(WIDTHS)(given)
        with pytest.raises(ValueError, match="masks must be a mapping by the names"):
            module(WIDTHS)({}, given)


def test_widths_after_projection_go_by_names() -> None:
    given: Any = ["text"]
    with pytest.raises(ValueError, match="out_channels must be a mapping"):
        ModalityProjection(WIDTHS, given)


def test_features_of_another_precision_are_named() -> None:
    x = features()
    message = (
        r"'audio' are torch.float64 and the module torch.float32.*\.to\(torch.floa"
    )
    with pytest.raises(ValueError, match=message):
        SeparateLearning(WIDTHS)(x)
    half = {name: value.bfloat16() for name, value in x.items()}
    with pytest.raises(ValueError, match="are torch.bfloat16 and the module torch.fl"):
        SeparateLearning(WIDTHS)(half)
    for mixed in (half, {name: value.float() for name, value in x.items()}):
        with torch.autocast("cpu", torch.bfloat16):
            assert SeparateLearning(WIDTHS)(mixed)["distance"].isfinite()
    with (
        torch.autocast("cpu", torch.bfloat16),
        pytest.raises(ValueError, match="are torch.float64 and"),
    ):
        SeparateLearning(WIDTHS)(x)


def test_an_optimizer_of_other_parameters_is_refused() -> None:
    model, x = build(distance="club"), features()
    own = set(map(id, model.estimator_parameters()))
    others = [p for p in model.parameters() if id(p) not in own]
    for parameters in (others, model.estimator_parameters()[:-1]):
        optimizer = torch.optim.Adam(parameters)
        with pytest.raises(ValueError, match="the optimizer does not have '"):
            model.fit_estimators(model.maps(x), optimizer, steps=1)
    optimizer = torch.optim.Adam(model.parameters())  # has them among others
    assert model.fit_estimators(model.maps(x), optimizer, steps=1).isfinite()


@pytest.mark.parametrize("scale", [1.0, 1e3, 1e6])
def test_a_modality_that_is_one_row_shares_nothing(scale: float) -> None:
    """What is left of a constant column is rounding, which grows with its size."""
    torch.manual_seed(0)
    separate = SeparateLearning(
        {"a": 16}, distance_kwargs={"conditional": "linear"}, beta=1.0
    )
    row = scale * torch.randn(1, 16)
    losses = separate({"a": row.expand(200, 16).clone()})
    assert abs(float(losses["distance"].detach())) < 1e-3


class Doubled(Linear):
    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = 2 * super().forward(x)
        return out


@pytest.mark.parametrize("where", ["head", "generic", "unique"])
def test_what_stands_for_a_map_is_called(where: str) -> None:
    torch.manual_seed(0)
    separate = SeparateLearning({"a": 6, "b": 8}, standardize=False).eval()
    features = {"a": torch.randn(9, 6), "b": torch.randn(9, 8)}
    before = separate.maps(features)
    modules = {
        "head": (separate.heads["a"], "input"),
        "generic": (separate.generic_maps, "a"),
        "unique": (separate.unique_maps, "a"),
    }
    parent, name = modules[where]
    old = getattr(parent, name) if where == "head" else parent[name]
    new = Doubled(old.in_features, old.out_features, old.bias is not None)
    new.load_state_dict(old.state_dict())
    if where == "head":
        parent.input = new
        expected = parent.after_input(2 * old(features["a"][:, :3]))
        torch.testing.assert_close(separate.maps(features).aligned["a"], expected)
        hooked = new
    else:
        parent[name] = new
        parts = separate.maps(features).pairs["a"]
        old_parts = before.pairs["a"]
        found, kept = (parts.generic, parts.unique)[:: 1 if where == "generic" else -1]
        was, rest = old_parts[:: 1 if where == "generic" else -1]
        torch.testing.assert_close(found, 2 * was)
        torch.testing.assert_close(kept, rest)
        hooked = new
    seen: list[int] = []
    hooked.register_forward_hook(lambda *_: seen.append(1))
    separate.maps(features)
    assert seen == [1]
    if where == "head":
        parent.input = torch.nn.Identity()
        with pytest.raises(ValueError, match="is no Linear any more"):
            separate.maps(features)
