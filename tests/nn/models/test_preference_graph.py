import pytest
import torch
from torch import Tensor

from sea_pyg.nn.models import preference_graph
from sea_pyg.nn.models.preference_graph import PreferenceGraph
from sea_pyg.nn.models.user_item_graph import sum_over_root_degree
from sea_pyg.typing import Embeddings
from sea_pyg.utils import EdgeMembership
from tests.nn.models.base import example_data

NUM_USERS, NUM_ITEMS, K = 40, 30, 3
NAMES = ["a.b", "type"]


def features(seed: int = 0) -> dict[str, Embeddings]:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: Embeddings(
            torch.randn(NUM_USERS, 4, generator=generator),
            torch.randn(NUM_ITEMS, 4, generator=generator),
        )
        for name in NAMES
    }


def tables() -> Embeddings:
    generator = torch.Generator().manual_seed(9)
    user = torch.randn(NUM_USERS, 2, generator=generator)
    return Embeddings(user, torch.randn(NUM_ITEMS, 2, generator=generator))


def seen() -> EdgeMembership:
    edge_index = example_data(())["user", "rates", "item"].edge_index
    return EdgeMembership(edge_index, NUM_USERS, NUM_ITEMS)


def dense(x: Embeddings) -> Tensor:
    """The links of the best unseen items, one user at a time."""
    edge_index = example_data(())["user", "rates", "item"].edge_index
    known = set(map(tuple, edge_index.t().tolist()))
    links = torch.zeros(NUM_USERS, NUM_ITEMS)
    for user in range(NUM_USERS):
        product = [float(x.user[user] @ item) for item in x.item]
        order = sorted(range(NUM_ITEMS), key=lambda item: -product[item])
        unseen = [item for item in order if (user, item) not in known]
        for item in unseen[:K]:
            links[user, item] = product[item] > 0
    return links


def build(search_every: int = 2) -> PreferenceGraph:
    return PreferenceGraph(NUM_USERS, NUM_ITEMS, NAMES, K, search_every, chunk_size=7)


def assert_same(found: dict[str, Embeddings], other: dict[str, Embeddings]) -> None:
    for name in NAMES:
        torch.testing.assert_close(found[name], other[name])


def test_sums_over_the_best_unseen_items() -> None:
    x, table = features(), tables()
    x["type"].user[5] = 0.0  # nothing is known of it
    found = build()(x, table, seen())
    for name, (user, item) in found.items():
        links = dense(x[name])
        assert 0 < links.sum() <= K * NUM_USERS
        degree = links.sum(dim=1, keepdim=True).clamp(min=1)
        torch.testing.assert_close(user, links @ table.item / degree.sqrt())
        degree = links.sum(dim=0).clamp(min=1).view(-1, 1)
        torch.testing.assert_close(item, links.t() @ table.user / degree.sqrt())
    assert (found["type"].user[5] == 0).all()


def test_keeps_items_between_searches() -> None:
    graph, table = build(), tables()
    first = graph(features(), table, seen())
    assert_same(graph(features(1), table, seen()), first)
    third = graph(features(1), table, seen())
    assert_same(third, build()(features(1), table, seen()))
    assert not torch.equal(third["type"].user, first["type"].user)


def test_links_are_made_once_per_search(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Tensor] = []

    def spy(edge_index: Tensor, x: Tensor, num_targets: int) -> Tensor:
        read.append(edge_index)
        return sum_over_root_degree(edge_index, x, num_targets)

    monkeypatch.setattr(preference_graph, "sum_over_root_degree", spy)
    graph = build()
    for seed in range(3):
        graph(features(seed), tables(), seen())
    step = 2 * len(NAMES)
    first, second, third = read[:step], read[step : 2 * step], read[2 * step :]
    assert all(a is b for a, b in zip(first, second, strict=True))
    assert not any(a is b for a, b in zip(first, third, strict=True))


def test_evaluation_always_searches_and_changes_nothing() -> None:
    graph, table = build(100), tables()
    graph(features(), table, seen())
    before = {name: value.clone() for name, value in graph.state_dict().items()}
    found = graph.eval()(features(1), table, seen())
    assert_same(found, build()(features(1), table, seen()))
    for name, value in graph.state_dict().items():
        assert torch.equal(value, before[name])


def test_gradients_reach_the_tables() -> None:
    table = Embeddings(*(x.requires_grad_() for x in tables()))
    user, item = build()(features(), table, seen())["type"]
    ours = torch.autograd.grad(user.sum() + (item**2).sum(), table)
    links = dense(features()["type"])
    root = links.sum(dim=1, keepdim=True).clamp(min=1).sqrt()
    expected = (links / root) @ table.item
    squares = links.t() @ table.user / links.sum(dim=0).clamp(min=1).sqrt().view(-1, 1)
    theirs = torch.autograd.grad(expected.sum() + (squares**2).sum(), table)
    torch.testing.assert_close(ours, theirs)


def test_a_small_catalogue_is_all_linked() -> None:
    nothing = EdgeMembership(torch.empty(2, 0, dtype=torch.long), 2, 2)
    one = {"text": Embeddings(torch.ones(2, 1), torch.ones(2, 1))}
    table = Embeddings(torch.ones(2, 1), torch.ones(2, 1))
    found = PreferenceGraph(2, 2, ["text"], k=10)(one, table, nothing)["text"]
    torch.testing.assert_close(found.user, torch.full((2, 1), 2**0.5))
