import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sea_pyg.nn import BipartitePropagation, SEAConv
from sea_pyg.utils import spmm
from tests.nn.models.dense_sea import adjacency


def example(
    num_users: int = 6, num_items: int = 5, num_edges: int = 9, seed: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    pairs = torch.randperm(num_users * num_items, generator=generator)[:num_edges]
    edge_index = torch.stack([pairs // num_items, pairs % num_items])
    user = torch.randn(num_users, 3, generator=generator, dtype=torch.float64)
    item = torch.randn(num_items, 3, generator=generator, dtype=torch.float64)
    return user, item, edge_index


@pytest.mark.parametrize("readout", ["sum", "mean", "last"])
@pytest.mark.parametrize("num_layers", [0, 1, 3])
def test_is_a_stack_of_convs(num_layers: int, readout: str) -> None:
    user, item, edge_index = example()
    model = BipartitePropagation(num_layers, readout)
    assert list(model.parameters()) == []
    found = model(user, item, edge_index)

    conv = SEAConv()
    x, layers = (user, item), [torch.cat([user, item])]
    for _ in range(num_layers):
        x = (
            conv((x[1], x[0]), edge_index.flip(0)),
            conv((x[0], x[1]), edge_index),
        )
        layers.append(torch.cat(x))
    stack = torch.stack(layers)
    expected = {"sum": stack.sum(0), "mean": stack.mean(0), "last": stack[-1]}[readout]
    assert found.user.shape == user.shape
    torch.testing.assert_close(torch.cat(found), expected, rtol=1e-10, atol=1e-10)


@settings(max_examples=25)
@given(
    num_users=st.integers(1, 7),
    num_items=st.integers(1, 7),
    share=st.floats(0, 1),
    seed=st.integers(0, 1000),
)
def test_is_the_dense_product(
    num_users: int, num_items: int, share: float, seed: int
) -> None:
    num_edges = int(share * num_users * num_items)
    user, item, edge_index = example(num_users, num_items, num_edges, seed)
    found = torch.cat(BipartitePropagation(2, "sum")(user, item, edge_index))
    a, x = adjacency(edge_index, num_users, num_items), torch.cat([user, item])
    torch.testing.assert_close(found, x + a @ x + a @ a @ x, rtol=1e-9, atol=1e-9)


def test_gradcheck() -> None:
    user, item, edge_index = example()
    model = BipartitePropagation(2, "mean")
    inputs = (user.requires_grad_(), item.requires_grad_())
    assert torch.autograd.gradcheck(lambda u, i: model(u, i, edge_index), inputs)


def test_nodes_without_edges_keep_their_own_features() -> None:
    user, item, _ = example()
    none = torch.empty(2, 0, dtype=torch.long)
    found = BipartitePropagation(2, "sum")(user, item, none)
    torch.testing.assert_close(found.user, user)
    torch.testing.assert_close(found.item, item)


def test_new_edges_are_noticed() -> None:
    user, item, edge_index = example()
    model = BipartitePropagation()
    before = model(user, item, edge_index).user
    edge_index[1, 0] = (edge_index[1, 0] + 1) % 5
    assert not torch.equal(model(user, item, edge_index).user, before)


def test_errors_and_repr() -> None:
    with pytest.raises(ValueError, match="num_layers"):
        BipartitePropagation(-1)
    with pytest.raises(ValueError, match="'sum', 'mean' or 'last'"):
        BipartitePropagation(readout="max")
    assert str(BipartitePropagation()) == (
        "BipartitePropagation(num_layers=2, readout='sum')"
    )


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (torch.eye(6, 5).to_sparse(), r"sparse_coo torch.float32 \[6, 5\]"),
        (torch.zeros(2, 3), r"float32 \[2, 3\]"),
        (torch.zeros(3, 2, dtype=torch.long), r"int64 \[3, 2\]"),
        ([[0], [1]], "got list"),
    ],
)
def test_interactions_in_another_form_are_refused(given, what: str) -> None:
    user, item, _ = example()
    with pytest.raises(ValueError, match=rf"shape \[2, E\].*{what}"):
        BipartitePropagation()(user, item, given)


def test_integers_are_refused() -> None:
    edges = torch.tensor([[0, 1], [0, 0]])
    one = torch.ones(2, 3, dtype=torch.long)
    with pytest.raises(ValueError, match=r"got torch.int64\); convert by .float"):
        BipartitePropagation()(one, one, edges)
    with pytest.raises(ValueError, match=r"got torch.int64\); convert by .float"):
        spmm(edges, None, one)


def test_edges_that_end_nowhere_are_named() -> None:
    user, item, _ = example()
    edge_index = torch.tensor([[5, 0], [0, 4]])
    model = BipartitePropagation()
    message = r"edge_index\[1\] must lie in \[0, 5\).*6 source and 5 dest.*got 0 to 5"
    with pytest.raises(ValueError, match=f"{message}.*edge_index.flip"):
        model(user, item, edge_index.flip(0))
    with pytest.raises(ValueError, match=r"edge_index\[0\].*\(got 0 to 5\)$"):
        model(user[:4], item[:4], edge_index)
