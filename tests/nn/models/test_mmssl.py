import pytest
import torch

from sea_pyg.nn.models import MMSSL
from tests.nn.models.base import RecommenderTests, example_batch, example_data


class TestMMSSL(RecommenderTests):
    model_class = MMSSL
    kwargs = {"dropout": 0.0}

    @pytest.mark.xfail(strict=True, reason="reads the edges unchecked")
    @pytest.mark.parametrize("size", ["num_users", "num_items"])
    def test_refuses_a_graph_of_other_sizes(self, size: str) -> None:
        super().test_refuses_a_graph_of_other_sizes(size)


def build(**kwargs: object) -> MMSSL:
    torch.manual_seed(0)
    model = MMSSL.from_data(example_data(), dropout=0.0, **kwargs)
    assert isinstance(model, MMSSL)
    return model


def test_critic_learns_to_tell_interactions_from_scores() -> None:
    model, data = build(), example_data()
    optimizer = torch.optim.Adam(model.estimator_parameters(), lr=0.01)
    state = model.representations(data)
    users = torch.arange(model.num_users)

    def advantage() -> float:
        with torch.no_grad():
            real = model.critic(model._softened(data, state.embeddings, users))
            fake = model.critic(model._generated(state.content["text"], users))
        return float(real.mean() - fake.mean())

    before = advantage()
    for _ in range(50):
        optimizer.zero_grad()
        model.estimator_loss(data, state).backward()
        optimizer.step()
    assert advantage() > before + 0.1
    # Generator and critic pull in opposite directions.
    parts = model.loss(data, example_batch(data), state)
    parts["adversarial"].backward()
    weight = model.features.linear["text"].weight
    with torch.no_grad():
        weight -= 0.05 * weight.grad / weight.grad.norm() * weight.norm()
        moved = model.representations(data)
        fake = model.critic(model._generated(moved.content["text"], users)).mean()
        old = model.critic(model._generated(state.content["text"], users)).mean()
    assert fake > old


def test_contrast_by_hand() -> None:
    """Of every modality's preference with the users, not the other way round."""
    model, data = build(cl_weight=1.0), example_data()
    batch = example_batch(data)
    state = model.representations(data)
    unit = torch.nn.functional.normalize
    users = unit(state.embeddings.user[batch.user])
    count, tau = users.size(0), model.temperature
    expected = []
    for table in state.preference.values():
        preference = unit(table[batch.user])
        losses = []
        for i in range(count):
            logits = [preference[i] @ users[j] / tau for j in range(count)]
            logits += [
                preference[i] @ preference[j] / tau for j in range(count) if j != i
            ]
            losses.append(torch.stack(logits).logsumexp(dim=0) - logits[i])
        expected.append(torch.stack(losses).mean())
    found = model.loss(data, batch, state)["contrast"]
    torch.testing.assert_close(found, torch.stack(expected).sum())


def test_softened_rows_keep_the_interactions_on_top() -> None:
    model, data = build(similarity_weight=0.0), example_data()
    users = torch.arange(model.num_users - 1)
    soft = model._softened(data, model.encode(data), users)
    row, item = model.seen_items(data).seen(users)
    seen = torch.zeros_like(soft, dtype=torch.bool)
    seen[row, item] = True
    assert (soft * seen).sum(dim=1).min() > 0.9
    torch.testing.assert_close(soft.sum(dim=1), torch.ones(len(users)))


@pytest.mark.parametrize("wrong", [{"num_heads": 5}, {"dropout": 1.0}])
def test_bad_options(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        MMSSL(3, 3, {"text": 4}, **wrong)  # type: ignore[arg-type]
