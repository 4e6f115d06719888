import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck
from torch.utils._python_dispatch import TorchDispatchMode

from sea_pyg.utils import (
    bipartite_adjacency,
    edge_dot,
    pruned_adjacency,
    spmm,
    symmetric_norm,
)


def random_edges(num_src: int, num_dst: int, num_edges: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    src = torch.randint(num_src, (num_edges,), generator=generator)
    dst = torch.randint(num_dst, (num_edges,), generator=generator)
    return torch.stack([src, dst])


@settings(max_examples=25)
@given(st.integers(1, 7), st.integers(1, 7), st.integers(0, 20), st.integers(0, 99))
def test_spmm_equals_a_loop(
    num_src: int, num_dst: int, num_edges: int, seed: int
) -> None:
    edge_index = random_edges(num_src, num_dst, num_edges, seed)
    weight = torch.randn(num_edges, dtype=torch.float64)
    x = torch.randn(num_src, 3, dtype=torch.float64)
    expected = torch.zeros(num_dst, 3, dtype=torch.float64)
    for (src, dst), w in zip(edge_index.t().tolist(), weight, strict=True):
        expected[dst] += w * x[src]
    out = spmm(edge_index, weight, x, (num_src, num_dst))
    torch.testing.assert_close(out, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("channels", [0, 1, 63, 64, 130])
def test_spmm_of_any_width(channels: int, dtype: torch.dtype) -> None:
    """Wide products take another kernel; gaps and doubled edges are its traps."""
    edge_index = torch.tensor(
        [[4, 0, 4, 1], [2, 2, 2, 0]]
    )  # one edge twice, row 1 empty
    weight = torch.tensor([1.0, 2.0, 3.0, -1.0], dtype=dtype)
    x = torch.randn(channels, 5, dtype=dtype).t()  # not contiguous
    dense = torch.zeros(3, 5, dtype=dtype)
    dense.index_put_((edge_index[1], edge_index[0]), weight, accumulate=True)
    torch.testing.assert_close(spmm(edge_index, weight, x, (5, 3)), dense @ x)
    none = torch.empty(2, 0, dtype=torch.long)
    assert torch.equal(spmm(none, None, x, (5, 3)), x.new_zeros(3, channels))


@pytest.mark.parametrize("channels", [3, 80])
def test_products_ignore_autocast(channels: int) -> None:
    edge_index = random_edges(4, 3, 8, 2)
    adjacency = bipartite_adjacency(edge_index, 4, 3)
    x = torch.randn(7, channels)
    with torch.autocast("cpu", torch.bfloat16):
        inside = adjacency.matmul(x)
    assert torch.equal(inside, adjacency.matmul(x))


def test_spmm_gradients() -> None:
    edge_index = random_edges(4, 5, 12, 0)
    weight = torch.randn(12, dtype=torch.float64, requires_grad=True)
    x = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda w, x: spmm(edge_index, w, x, (4, 5)), (weight, x))


@pytest.mark.parametrize("num_edges", [0, 1, 12])
def test_edge_dot_multiplies_both_ends(num_edges: int) -> None:
    edge_index = random_edges(4, 5, num_edges, 0)
    edge_index = torch.cat([edge_index, edge_index[:, :1]], dim=1)  # one edge twice
    x = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    y = torch.randn(3, 5, dtype=torch.float64).t().requires_grad_()
    src, dst = edge_index
    torch.testing.assert_close(edge_dot(edge_index, x, y), (x @ y.t())[src, dst])
    assert gradcheck(lambda x, y: edge_dot(edge_index, x, y), (x, y))
    x = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda x: edge_dot(edge_index, x, x), (x,))  # both ends at once


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("channels", [0, 1, 70])
def test_edge_dot_keeps_the_dtype_of_any_width(
    dtype: torch.dtype, channels: int
) -> None:
    edge_index = random_edges(40, 50, 300, 0)
    wide = torch.randn(50, 2 * channels + 1, dtype=dtype)
    x, y = torch.randn(40, channels, dtype=dtype), wide[:, 1::2]  # not contiguous
    src, dst = edge_index
    expected = (x.double() @ y.double().t())[src, dst].to(dtype)
    with torch.autocast("cpu", torch.bfloat16):
        found = edge_dot(edge_index, x, y)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    "edge, found",
    [([4, 1], "0 to 3 .*0 to 4"), ([1, 5], "0 to 4 .*1 to 5")]
    + [([-1, 1], "0 to 3 .*-1 to 0"), ([1, -1], "0 to 4 .*-1 to 1")],
)
def test_edges_end_at_nodes(edge: list[int], found: str) -> None:
    edge_index = torch.tensor([[0, edge[0]], [1, edge[1]]])
    x, y = torch.randn(4, 3), torch.randn(5, 3)
    with pytest.raises(ValueError, match=found):
        spmm(edge_index, None, x, (4, 5))
    with pytest.raises(ValueError, match=found):
        edge_dot(edge_index, x, y)


def test_edge_dot_says_what_shape_it_expects() -> None:
    edge_index = random_edges(4, 5, 6, 0)
    with pytest.raises(ValueError, match=r"\(got \[4, 2\] and \[5, 3\]\)"):
        edge_dot(edge_index, torch.randn(4, 2), torch.randn(5, 3))


def test_spmm_says_what_shape_it_expects() -> None:
    with pytest.raises(ValueError, match=r"\[4, channels\] \(got \[3, 2\]\)"):
        spmm(random_edges(4, 5, 6, 0), None, torch.randn(3, 2), (4, 5))


def test_spmm_keeps_half_precision() -> None:
    edge_index = random_edges(4, 4, 9, 1)
    x = torch.randn(4, 8)
    out = spmm(edge_index, None, x.bfloat16())
    assert out.dtype == torch.bfloat16
    reference = spmm(edge_index, None, x)
    torch.testing.assert_close(out.float(), reference, atol=0.05, rtol=0.05)


def dense_adjacency(
    edge_index: torch.Tensor, num_users: int, num_items: int
) -> torch.Tensor:
    num_nodes = num_users + num_items
    dense = torch.zeros(num_nodes, num_nodes, dtype=torch.float64)
    for user, item in edge_index.t().tolist():
        dense[user, num_users + item] += 1
        dense[num_users + item, user] += 1
    degree = dense.sum(dim=1)
    scale = torch.where(degree > 0, degree, 1.0).rsqrt()
    return scale[:, None] * dense * scale[None, :]


@settings(max_examples=50)
@given(st.integers(1, 7), st.integers(1, 7), st.integers(1, 30), st.integers(0, 99))
def test_pruned_adjacency_is_that_of_the_kept_edges(
    num_users: int, num_items: int, num_edges: int, seed: int
) -> None:
    """Of few nodes and many edges: some come twice, and some nodes lose all."""
    edge_index = random_edges(num_users, num_items, num_edges, seed)
    num_kept = seed % (num_edges + 1)
    generator = torch.Generator().manual_seed(seed)
    kept = torch.randperm(num_edges, generator=generator)[:num_kept]
    found = pruned_adjacency(edge_index, kept, num_users, num_items)
    part = edge_index[:, kept.sort().values]
    expected = bipartite_adjacency(part, num_users, num_items)
    for ours, theirs in (
        (found.rowptr, expected.rowptr),
        (found.col, expected.col),
        (found.value, expected.value),
    ):
        assert ours.dtype == theirs.dtype
        assert torch.equal(ours, theirs)
    x = torch.randn(num_users + num_items, 3, dtype=torch.float64)
    dense = dense_adjacency(part, num_users, num_items)
    torch.testing.assert_close(found.matmul(x), dense @ x)


class Operations(TorchDispatchMode):
    """Note the names of what torch computes."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.add(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


def test_pruning_neither_sorts_again_nor_waits() -> None:
    edge_index = random_edges(6, 5, 20, 0)
    waits = {"_local_scalar_dense", "nonzero", "masked_select", "unique"}
    slow = {"sort", "argsort", "searchsorted", "aminmax"} | waits
    with Operations() as first:
        pruned_adjacency(edge_index, torch.arange(0, 20, 2), 6, 5)
    assert {"sort", "aminmax", "_local_scalar_dense"} <= first.names
    with Operations() as second:
        pruned_adjacency(edge_index, torch.arange(1, 20, 2), 6, 5)
    assert second.names
    assert not slow & second.names


def test_frozen_weights_are_gathered_once_and_trained_ones_anew() -> None:
    edge_index = random_edges(4, 5, 12, 0)
    x = torch.randn(4, 3, requires_grad=True)
    for frozen in (True, False):
        weight = torch.rand(12, requires_grad=not frozen)
        for repeat in range(2):
            with Operations() as operations:
                spmm(edge_index, weight, x, (4, 5)).sum().backward()
            gathered = {"index", "_sparse_compressed_tensor_unsafe"} & operations.names
            assert bool(gathered) == (repeat == 0 or not frozen)


@pytest.mark.parametrize("requires_grad", [False, True])
def test_changed_weights_are_noticed(requires_grad: bool) -> None:
    edge_index = random_edges(4, 5, 12, 0)
    weight = torch.rand(12, requires_grad=requires_grad)
    x = torch.randn(4, 3, dtype=torch.float64)
    for factor in (1.0, 2.0):
        with torch.no_grad():
            weight.mul_(factor)
            for dtype in (torch.float32, torch.float64):
                found = spmm(edge_index, weight, x.to(dtype), (4, 5))
                expected = torch.zeros(5, 3, dtype=torch.float64).index_add(
                    0, edge_index[1], weight.double().view(-1, 1) * x[edge_index[0]]
                )
                torch.testing.assert_close(found, expected.to(dtype))
            weight.data.mul_(4.0)  # as a fused optimizer does: only if trained
            if requires_grad:
                found = spmm(edge_index, weight, x, (4, 5))
                torch.testing.assert_close(found, 4 * expected)


def test_bipartite_adjacency_is_the_dense_one() -> None:
    edge_index = torch.tensor(
        [[0, 0, 2, 2, 2], [1, 3, 0, 1, 3]]
    )  # user 1, item 2: none
    adjacency = bipartite_adjacency(edge_index, 3, 4)
    x = torch.randn(7, 5, dtype=torch.float64)
    expected = dense_adjacency(edge_index, 3, 4) @ x
    torch.testing.assert_close(adjacency.matmul(x), expected)
    torch.testing.assert_close(adjacency.matmul(x.float()), expected.float())
    assert bool((adjacency.matmul(x)[[1, 5]] == 0).all()), "isolated: zero, not NaN"


def test_bipartite_adjacency_gradients_and_memo() -> None:
    edge_index = random_edges(4, 3, 8, 2)
    adjacency = bipartite_adjacency(edge_index, 4, 3)
    assert bipartite_adjacency(edge_index, 4, 3) is adjacency
    assert bipartite_adjacency(edge_index.clone(), 4, 3) is not adjacency
    assert bipartite_adjacency(edge_index, 5, 3).num_nodes == 8
    x = torch.randn(7, 2, dtype=torch.float64, requires_grad=True)
    assert gradcheck(adjacency.matmul, (x,))
    assert gradgradcheck(adjacency.matmul, (x,))
    with pytest.raises(ValueError, match="7 nodes"):
        adjacency.matmul(torch.randn(6, 2))


def test_symmetric_norm_of_bipartite_and_zero_weight() -> None:
    edge_index = torch.tensor([[0, 0, 1], [0, 1, 1]])
    norm = symmetric_norm(edge_index, 2, 2)
    torch.testing.assert_close(norm, torch.tensor([0.5**0.5, 0.5, 0.5**0.5]))
    weighted = symmetric_norm(edge_index, 2, 2, torch.tensor([0.0, 0.0, 4.0]))
    torch.testing.assert_close(weighted, torch.tensor([0.0, 0.0, 1.0]))
    negative = symmetric_norm(edge_index, 2, 2, torch.tensor([-1.0, -1.0, 4.0]))
    torch.testing.assert_close(negative, torch.tensor([0.0, 0.0, 4 / 12**0.5]))


def test_weights_of_other_edges_are_refused() -> None:
    edge_index = torch.tensor([[0], [1]])
    with pytest.raises(ValueError, match=r"a weight per edge, \[1\] \(got \[3\]\)"):
        spmm(edge_index, torch.ones(3), torch.ones(2, 4))


def test_each_operand_has_a_gradient_without_the_other() -> None:
    edge_index = random_edges(4, 5, 12, 0)
    weight, x = torch.randn(12), torch.randn(4, 3)
    both = (weight.clone().requires_grad_(), x.clone().requires_grad_())
    spmm(edge_index, *both, (4, 5)).square().sum().backward()
    for number, operand in enumerate(both):
        alone: list[torch.Tensor] = [weight, x]
        alone[number] = alone[number].clone().requires_grad_()
        spmm(edge_index, *alone, (4, 5)).square().sum().backward()
        torch.testing.assert_close(alone[number].grad, operand.grad)


def test_half_precision_is_multiplied_in_single() -> None:
    adjacency = bipartite_adjacency(random_edges(40, 30, 300, 2), 40, 30)
    x = torch.randn(70, 80).bfloat16()
    assert torch.equal(adjacency.matmul(x), adjacency.matmul(x.float()).bfloat16())


def test_products_of_integers_are_refused() -> None:
    edge_index = random_edges(4, 3, 8, 2)
    x = torch.ones(7, 2, dtype=torch.long)
    with pytest.raises(ValueError, match="must be of floating point"):
        spmm(edge_index, None, x[:4], (4, 3))
    with pytest.raises(ValueError, match="must be of floating point"):
        bipartite_adjacency(edge_index, 4, 3).matmul(x)
