import math

import pytest
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.nn.models import MMSSL
from sea_pyg.typing import RATES
from tests.memory import Allocations
from tests.nn.models.base import (
    RecommenderTests,
    example_batch,
    example_data,
    sum_parts,
)

unit = torch.nn.functional.normalize


class TestMMSSL(RecommenderTests):
    model_class = MMSSL
    kwargs = {"dropout": 0.0, "critic_users": 64}


def build(data: HeteroData, **kwargs: object) -> MMSSL:
    torch.manual_seed(0)
    model = MMSSL.from_data(data, **{"dropout": 0.0, **kwargs})
    assert isinstance(model, MMSSL)
    return model


def rates(data: HeteroData) -> Tensor:
    dense = torch.zeros(data["user"].num_nodes, data["item"].num_nodes)
    user, item = data["user", "rates", "item"].edge_index
    dense[user, item] = 1
    return dense


def over_root(matrix: Tensor) -> Tensor:
    return matrix / matrix.sum(dim=1, keepdim=True).clamp(min=1).sqrt()


def dense_model(model: MMSSL, data: HeteroData, k: int) -> tuple[Tensor, dict, dict]:
    """Compute ``H`` and, by modality, ``F`` and ``E`` with dense matrices."""
    seen = rates(data)
    num_users, num_items = seen.shape
    content, preference = {}, {}
    for name, linear in model.features.linear.items():
        mapped = data["item"][f"x_{name}"] @ linear.weight.t() + linear.bias
        user = over_root(seen) @ mapped
        item = over_root(seen.t()) @ user
        score = (user @ item.t()).masked_fill(seen > 0, -torch.inf)
        value, index = score.topk(k, dim=1)
        links = torch.zeros_like(score).scatter(1, index, (value > 0).float())
        content[name] = torch.cat([user, item])
        preference[name] = torch.cat(
            [
                over_root(links) @ model.item_embedding,
                over_root(links.t()) @ model.user_embedding,
            ]
        )
    views = torch.stack(list(preference.values()), dim=1)
    attended = views[:, 0] if model.attention is None else model.attention(views)
    table = torch.cat([model.user_embedding, model.item_embedding])
    layer = table + model.attention_weight * unit(attended)
    if model.hops == "released":
        user, item = layer.split([num_users, num_items])
        first = over_root(seen) @ item
        then = over_root(seen.t()) @ first
        last = (over_root(seen) @ then).softmax(dim=1)
        users = [user, first, last]
        items = [item, then, (over_root(seen.t()) @ last).softmax(dim=1)]
        out = torch.cat(
            [torch.stack(users).mean(dim=0), torch.stack(items).mean(dim=0)]
        )
        for x in content.values():
            out = out + model.feature_weight * unit(x)
        return out, content, preference
    graph = torch.zeros(num_users + num_items, num_users + num_items)
    graph[:num_users, num_users:] = seen
    graph[num_users:, :num_users] = seen.t()
    degree = graph.sum(dim=1).clamp(min=1).rsqrt()
    graph = degree.view(-1, 1) * graph * degree
    layers = [layer, graph @ layer, graph @ graph @ layer]
    out = torch.stack(layers).mean(dim=0)
    for x in content.values():
        out = out + model.feature_weight * unit(x)
    return out, content, preference


@pytest.mark.parametrize("hops", ["symmetric", "released"])
@pytest.mark.parametrize("modalities", [("text",), ("image", "text"), None])
def test_encoding_is_that_of_dense_matrices(
    modalities: tuple | None, hops: str
) -> None:
    data = example_data(("audio", "image", "text"))
    model = build(data, modalities=modalities, preference_k=4, hops=hops)
    expected, content, preference = dense_model(model, data, 4)
    torch.testing.assert_close(torch.cat(model.encode(data)), expected)
    state = model.representations(data)
    for name in content:
        torch.testing.assert_close(torch.cat(state.content[name]), content[name])
        torch.testing.assert_close(torch.cat(state.preference[name]), preference[name])
    (gradient,) = torch.autograd.grad(
        torch.cat(model.encode(data)).square().sum(), model.user_embedding
    )
    (wanted,) = torch.autograd.grad(expected.square().sum(), model.user_embedding)
    torch.testing.assert_close(gradient, wanted)


def test_features_are_dropped_before_they_are_summed() -> None:
    data = example_data()
    model = build(data, dropout=0.5)
    torch.manual_seed(1)
    found = model.representations(data).content["image"].user
    torch.manual_seed(1)
    torch.randint(39, (model.critic_users,))  # the judged users come first
    mapped = torch.nn.functional.dropout(model.modality_features(data)["image"], 0.5)
    torch.testing.assert_close(found, over_root(rates(data)) @ mapped)


def test_loss_by_hand() -> None:
    data, weights = example_data(), {"cl_weight": 0.7, "adversarial_weight": 0.3}
    model = build(
        data,
        preference_k=4,
        reg_weight=0.2,
        feature_reg_weight=0.4,
        critic_dropout=(0.0, 0.0),
        critic_users=9,
        **weights,
    )
    batch = example_batch(data)
    state = model.representations(data)
    with torch.no_grad():
        parts = model.loss(data, batch, state)
        out, content, preference = dense_model(model, data, 4)
    user, item = out[:40], out[40:]

    rows = user[batch.user], item[batch.positive], item[batch.negative]
    difference = (rows[0] * (rows[1] - rows[2])).sum(dim=1)
    torch.testing.assert_close(parts["bpr"], -difference.sigmoid().log().mean())
    squares = sum(float(x.square().sum()) for x in rows)
    assert float(parts["reg"]) == pytest.approx(0.2 * squares / 2 / 256, rel=1e-5)
    squares = sum(float(x.square().sum()) for x in content.values())
    assert float(parts["feature_reg"]) == pytest.approx(0.4 * squares / 60, rel=1e-5)

    # The fake rows: no seen items, unit length.
    unseen = 1 - rates(data)[state.judged]
    fakes = []
    for x in content.values():
        fakes.append(unit((x[state.judged] @ x[40:].t()) * unseen))
    judgement = model.critic(torch.cat(fakes))
    assert judgement.shape == (18,)
    torch.testing.assert_close(parts["adversarial"], -0.3 * judgement.mean())

    # The contrast is of preferences with users, each of these once.
    users = sorted(set(batch.user.tolist()))
    tau, expected = model.temperature, 0.0
    for x in preference.values():
        asks, answers = unit(x[users]), unit(user[users])
        losses = []
        for i in range(len(users)):
            logits = [asks[i] @ answers[j] / tau for j in range(len(users))]
            logits += [asks[i] @ asks[j] / tau for j in range(len(users)) if j != i]
            losses.append(torch.stack(logits).logsumexp(dim=0) - logits[i])
        expected += float(torch.stack(losses).mean())
    assert float(parts["contrast"]) == pytest.approx(0.7 * expected, rel=1e-5)


def test_real_rows_are_interactions_and_final_scores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = example_data()
    model = build(data, noise_scale=0.0, similarity_weight=2.0, critic_users=9)
    state = model.representations(data)
    seen, found = rates(data)[state.judged], []
    monkeypatch.setattr(model.critic, "loss", lambda *rows: found.append(rows))
    model.estimator_loss(data, state)
    ((real, fakes, weight),) = found
    score = state.embeddings.user[state.judged] @ state.embeddings.item.t()
    soft = (seen / 0.005).softmax(dim=1)
    expected = unit(soft + 2 * unit(score * (1 - seen)))
    torch.testing.assert_close(real, expected)
    for fake, x in zip(fakes, state.content.values(), strict=True):
        expected = unit((x.user[state.judged] @ x.item.t()) * (1 - seen))
        torch.testing.assert_close(fake.dense(), expected)
        assert not any(part.requires_grad for part in fake)
    assert not real.requires_grad
    assert weight == 0.3


def test_the_generator_raises_what_the_critic_lowers() -> None:
    data = example_data()
    model = build(data, adversarial_weight=1.0, critic_dropout=(0.0, 0.0))
    torch.manual_seed(5)
    state = model.representations(data)
    weight = model.features.linear["text"].weight
    part = model.loss(data, example_batch(data), state)["adversarial"]
    (gradient,) = torch.autograd.grad(part, weight)
    with torch.no_grad():
        weight -= 0.01 * gradient / gradient.norm() * weight.norm()
        torch.manual_seed(5)  # the same users
        moved = model.representations(data)
        assert torch.equal(moved.judged, state.judged)
        after = model.loss(data, example_batch(data), moved)["adversarial"]
    assert after < part


def test_judged_users_have_interactions() -> None:
    data = example_data()
    judged = build(data, critic_users=500).representations(data).judged
    assert judged.shape == (500,)
    assert set(judged.tolist()) == set(range(39))


def test_no_more_rows_are_held_than_the_critic_judges() -> None:
    data = example_data(num_users=1500, num_items=3000)
    model = build(data, critic_users=100, embedding_dim=8, critic_channels=8)
    batch, rows = example_batch(data), 100 * model.num_items
    with Allocations() as allocations:
        state = model.representations(data)
        model.estimator_loss(data, state).backward()
        sum_parts(model.loss(data, batch, state)).backward()
    assert rows <= allocations.largest < rows + 16 * 100  # rows may be padded
    assert allocations.peak < 15 * rows * 4


def test_published_settings() -> None:
    assert MMSSL.training_defaults["lr"] == 5.5e-4
    assert MMSSL.training_defaults["batch_size"] == 1024
    arguments = MMSSL(3, 3, {"text": 4}).hparams()
    published = {
        "attention_weight": 0.36,
        "feature_weight": 0.55,
        "adversarial_weight": 1e-4,
        "gradient_penalty": 0.3,
        "similarity_weight": 100.0,
        "noise_scale": 1e-5,
        "softening_temperature": 0.005,
        "critic_dropout": (0.31, 0.5),
        "critic_users": 1024,
        "reg_weight": 1e-5,
        "feature_reg_weight": 1e-5,
    }
    assert {name: arguments[name] for name in published} == published


@pytest.mark.parametrize(
    "wrong",
    [
        {"embedding_dim": 0},
        {"num_heads": 5},
        {"num_heads": 0},
        {"preference_k": 0},
        {"search_every": 0},
        {"critic_users": 0},
        {"critic_users": 1.5},
        {"critic_channels": 1},
        {"dropout": 1.0},
        {"critic_dropout": (0.1, 1.0)},
        {"critic_dropout": (0.1,)},
        {"hops": "mean"},
        {"temperature": 0.0},
        {"softening_temperature": -1.0},
        {"gradient_penalty": -1.0},
        {"attention_weight": -0.1},
        {"feature_weight": math.inf},
        {"cl_weight": math.nan},
        {"adversarial_weight": -1e-4},
        {"similarity_weight": math.nan},
        {"noise_scale": -1.0},
        {"reg_weight": -1.0},
        {"feature_reg_weight": -1.0},
    ],
)
def test_bad_options(wrong: dict[str, object]) -> None:
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=name) as caught:
        MMSSL(3, 3, {"text": 4}, **wrong)  # type: ignore[arg-type]
    assert f"got {value!r}" in str(caught.value)


def test_the_contrast_teaches_the_final_embeddings_too() -> None:
    data = example_data()
    model = MMSSL.from_data(data, dropout=0.0)
    part = model.loss(data, example_batch(data))["contrast"]
    weight = model.features.linear["text"].weight  # which H alone has read
    (gradient,) = torch.autograd.grad(part, weight, allow_unused=True)
    assert gradient is not None
    assert gradient.abs().max() > 0


def test_the_critic_sees_what_it_sees_in_half_precision() -> None:
    torch.manual_seed(0)
    data, found = example_data(), []
    model = MMSSL.from_data(data, dropout=0.0, critic_dropout=(0.0, 0.0))
    data = model.prepare(data)
    batch, weight = example_batch(data), model.features.linear["text"].weight
    for enabled in (False, True):
        torch.manual_seed(1)
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            state = model.representations(data)
            loss = model.loss(data, batch, state)["adversarial"]
        assert all(rows.length.isfinite().all() for rows in state.fakes)
        found.append(torch.autograd.grad(loss, weight)[0])
    assert torch.nn.functional.cosine_similarity(*map(torch.ravel, found), dim=0) > 0.9


def test_a_model_of_half_precision_takes_a_step_of_both_objectives() -> None:
    data = example_data()
    model = MMSSL.from_data(data).bfloat16()
    data = model.prepare(data)
    state = model.representations(data)
    model.estimator_loss(data, state).backward()
    sum_parts(model.loss(data, example_batch(data), state)).backward()
    for parameter in model.parameters():
        assert parameter.grad.isfinite().all()


def test_a_graph_without_interactions_is_refused() -> None:
    data = example_data()
    model = build(data)
    data[RATES].edge_index = data[RATES].edge_index[:, :0]
    with pytest.raises(ValueError, match="has no interactions of type"):
        model.representations(data)
