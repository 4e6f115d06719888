import pytest
import torch

from sea_pyg.nn.models.user_item_graph import (
    alternating_hops,
    interaction_norm,
    mean_of_sources,
    random_walk,
    reverse_edges,
    root_degree_sums,
    to_users,
)
from sea_pyg.typing import RATES
from tests.nn.models.base import example_data


def test_products_are_those_of_dense_matrices() -> None:
    edge_index = example_data(())["user", "rates", "item"].edge_index
    generator = torch.Generator().manual_seed(0)
    user = torch.randn(40, 3, dtype=torch.double, generator=generator)
    item = torch.randn(30, 3, dtype=torch.double, generator=generator)
    rates = torch.zeros(40, 30, dtype=torch.double)
    rates[edge_index[0], edge_index[1]] = 1

    d_user, d_item = rates.sum(dim=1).clamp(min=1), rates.sum(dim=0).clamp(min=1)
    scaled = d_user.rsqrt().view(-1, 1) * rates * d_item.rsqrt()
    ours = to_users(edge_index, item, 40)
    torch.testing.assert_close(ours, scaled @ item)

    sums = d_user.rsqrt().view(-1, 1) * rates @ item
    found = root_degree_sums(edge_index, item, 40)
    torch.testing.assert_close(found.user, sums)
    sums = d_item.rsqrt().view(-1, 1) * rates.t() @ sums
    torch.testing.assert_close(found.item, sums)

    mean = rates / d_user.view(-1, 1) @ item
    found_mean = mean_of_sources(reverse_edges(edge_index), item, 40)
    torch.testing.assert_close(found_mean, mean)
    assert (found_mean[-1] == 0).all()  # of a user without items

    zero = torch.zeros
    graph = torch.cat(
        [
            torch.cat([zero(40, 40, dtype=torch.double), rates], dim=1),
            torch.cat([rates.t(), zero(30, 30, dtype=torch.double)], dim=1),
        ]
    ) + torch.eye(70, dtype=torch.double)
    graph = graph / graph.sum(dim=1, keepdim=True)
    x = torch.cat([user, item])
    expected = (x + graph @ x + graph @ graph @ x) / 3
    out = torch.cat(random_walk(edge_index, user, item, 2))
    torch.testing.assert_close(out, expected)


def test_weights_are_as_precise_as_what_they_weigh() -> None:
    """In either order: the weights of one dtype are no other's."""
    edge_index = example_data(())["user", "rates", "item"].edge_index
    x = torch.ones(30, 2, dtype=torch.double)
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        found = mean_of_sources(reverse_edges(edge_index), x.to(dtype), 40)
        assert found.dtype == dtype
        exact = torch.zeros(40, 2, dtype=torch.double)
        exact[:-1] = 1.0
        error = (found.double() - exact).abs().max()
        assert error <= torch.finfo(dtype).eps
    for dtype in (torch.float32, torch.float64):
        weight = interaction_norm(edge_index, 40, 30, dtype)
        assert weight is interaction_norm(edge_index, 40, 30, dtype)
        assert weight.dtype == dtype


@pytest.mark.parametrize("num_layers", [1, 3])
def test_alternating_hops_are_those_of_dense_matrices(num_layers: int) -> None:
    edge_index = example_data(())[RATES].edge_index
    rates = torch.zeros(40, 30)
    rates[tuple(edge_index)] = 1
    to_user = rates / rates.sum(dim=1, keepdim=True).clamp(min=1).sqrt()
    to_item = rates.t() / rates.sum(dim=0).clamp(min=1).sqrt().view(-1, 1)
    users, items = [torch.randn(40, 3)], [torch.randn(30, 3)]
    for layer in range(num_layers):
        last = layer == num_layers - 1
        user = to_user @ items[-1]
        users.append(user.softmax(dim=1) if last else user)
        item = to_item @ users[-1]
        items.append(item.softmax(dim=1) if last else item)
    found = alternating_hops(edge_index, users[0], items[0], num_layers)
    torch.testing.assert_close(found.user, torch.stack(users).mean(dim=0))
    torch.testing.assert_close(found.item, torch.stack(items).mean(dim=0))
