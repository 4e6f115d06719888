import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sea_pyg.utils import EdgeMembership

pairs = st.sets(st.tuples(st.integers(0, 5), st.integers(0, 6)), max_size=30)


@settings(max_examples=40)
@given(pairs)
def test_agrees_with_a_set(edges: set[tuple[int, int]]) -> None:
    listed = sorted(edges) * 2  # every edge twice: duplicates are merged
    edge_index = torch.tensor(listed, dtype=torch.long).reshape(-1, 2).t()
    membership = EdgeMembership(edge_index, 6, 7)
    user, item = torch.meshgrid(torch.arange(6), torch.arange(7), indexing="ij")
    found = membership.contains(user, item)
    for u in range(6):
        for i in range(7):
            assert bool(found[u, i]) == ((u, i) in edges)
    users = torch.tensor([4, 0, 4])
    row, seen = membership.seen(users)
    expected = [
        (r, i) for r, u in enumerate([4, 0, 4]) for i in range(7) if (u, i) in edges
    ]
    assert list(zip(row.tolist(), seen.tolist(), strict=True)) == expected
    degree = [sum(u == v for v, _ in edges) for u in range(6)]
    assert membership.degree.tolist() == degree


def test_products_of_small_types_do_not_overflow() -> None:
    pairs = torch.tensor([[70_000, 1], [60_000, 2]], dtype=torch.int32)
    membership = EdgeMembership(pairs, 80_000, 70_000)
    assert membership.contains(*pairs).all()
    assert membership.degree[70_000] == membership.degree[1] == 1


def test_items_that_do_not_exist_are_in_no_set() -> None:
    seen = EdgeMembership(torch.tensor([[0, 1], [4, 2]]), 2, 5)
    user = torch.tensor([1, 0, 0, 1, -1, 2])
    item = torch.tensor([-1, 7, 4, 2, 4, 2])  # 1, -1 is 0, 4 and 0, 7 is 1, 2
    expected = [False, False, True, True, False, False]
    assert seen.contains(user, item).tolist() == expected
