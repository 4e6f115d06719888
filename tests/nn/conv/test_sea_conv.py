import copy
import math

import pytest
import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.nn import HeteroConv, LGConv, to_hetero
from torch_geometric.testing import assert_module
from torch_geometric.typing import WITH_TORCH_SPARSE, SparseTensor
from torch_geometric.utils import to_torch_coo_tensor, to_torch_csr_tensor

from sea_pyg.datasets import FakeMultimodalDataset
from sea_pyg.nn import SEAConv
from sea_pyg.typing import RATES
from sea_pyg.utils import symmetric_norm

# Said once a process by whatever makes the first sparse tensor.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Sparse CSR tensor support"),
    pytest.mark.filterwarnings("ignore:Sparse invariant checks"),
]

NUM_SRC, NUM_DST = 5, 4
# Source 3 and destination 3 are isolated.
EDGES = torch.tensor([[0, 0, 1, 2, 2, 2, 4], [0, 1, 1, 0, 1, 2, 2]])


def naive(
    x: Tensor, edge_index: Tensor, num_dst: int, weight: Tensor | None = None
) -> Tensor:
    edges = edge_index.t().tolist()
    weights = [1.0] * len(edges) if weight is None else weight.tolist()
    out = torch.zeros(num_dst, x.size(1), dtype=x.dtype)
    for (src, dst), w in zip(edges, weights, strict=True):
        pairs = list(zip(edges, weights, strict=True))
        deg_src = sum(v for (s, _), v in pairs if s == src)
        deg_dst = sum(v for (_, d), v in pairs if d == dst)
        out[dst] += w / math.sqrt(deg_src * deg_dst) * x[src]
    return out


def example() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(NUM_SRC, 3), torch.randn(NUM_DST, 2)


def layouts(weight: Tensor | None = None) -> list:
    csr = to_torch_csr_tensor(EDGES, weight, size=(NUM_SRC, NUM_DST))
    adj_t = csr.to_dense().t()
    out = [adj_t.to_sparse_csr(), adj_t.to_sparse_coo().coalesce()]
    if WITH_TORCH_SPARSE:
        src, dst = EDGES
        out.append(
            SparseTensor(
                row=dst, col=src, value=weight, sparse_sizes=(NUM_DST, NUM_SRC)
            )
        )
    return out


def test_homogeneous() -> None:
    x = torch.randn(6, 3)
    edge_index = torch.tensor([[0, 1, 2, 3, 4, 0], [1, 0, 1, 2, 3, 3]])
    conv = SEAConv()
    assert str(conv) == "SEAConv(normalize=True)"
    assert list(conv.parameters()) == []
    out = assert_module(conv, x, edge_index, expected_size=(6, 3), atol=1e-6)
    torch.testing.assert_close(out, naive(x, edge_index, 6))
    # LightGCN's hop on an undirected graph.
    undirected = torch.cat([EDGES, EDGES.flip(0)], dim=1).unique(dim=1)
    expected = LGConv()(x, undirected)
    torch.testing.assert_close(conv(x, undirected), expected)


@pytest.mark.sparse
def test_bipartite_in_all_layouts() -> None:
    x = example()
    conv = SEAConv()
    out = assert_module(conv, x, EDGES, expected_size=(NUM_DST, 3), atol=1e-6)
    torch.testing.assert_close(out, naive(x[0], EDGES, NUM_DST))
    assert (out[3] == 0).all()
    index = EdgeIndex(EDGES, sparse_size=(NUM_SRC, NUM_DST))
    by_source = EdgeIndex(EDGES, sparse_size=(NUM_SRC, NUM_DST), sort_order="row")
    for edges in (index, by_source, *layouts()):
        torch.testing.assert_close(conv(x, edges), out)
    torch.testing.assert_close(conv((x[0], None), EDGES, size=(5, 4)), out)
    for edges in layouts():
        torch.testing.assert_close(conv((x[0], None), edges), out)


@pytest.mark.sparse
def test_edge_weight_in_all_layouts() -> None:
    x = example()
    weight = torch.rand(EDGES.size(1)) + 0.5
    conv = SEAConv()
    out = conv(x, EDGES, weight)
    torch.testing.assert_close(out, naive(x[0], EDGES, NUM_DST, weight))
    index = EdgeIndex(EDGES, sparse_size=(NUM_SRC, NUM_DST))
    torch.testing.assert_close(conv(x, index, weight), out)
    for edges in layouts(weight):
        torch.testing.assert_close(conv(x, edges), out)


@pytest.mark.sparse
def test_gradient_in_all_layouts() -> None:
    x, _ = example()
    grads = []
    index = EdgeIndex(EDGES, sparse_size=(NUM_SRC, NUM_DST))
    for edges in (EDGES, index, *layouts()):
        leaf = x.clone().requires_grad_()
        SEAConv()((leaf, torch.zeros(NUM_DST, 3)), edges).square().sum().backward()
        grads.append(leaf.grad)
    for grad in grads[1:]:
        torch.testing.assert_close(grad, grads[0])


def test_gradcheck() -> None:
    x = torch.randn(NUM_SRC, 2, dtype=torch.float64, requires_grad=True)
    weight = (torch.rand(EDGES.size(1)).double() + 0.5).requires_grad_()
    conv = SEAConv()

    def forward(x: Tensor, weight: Tensor) -> Tensor:
        return conv((x, None), EDGES, weight, size=(NUM_SRC, NUM_DST))

    assert torch.autograd.gradcheck(forward, (x, weight))


def test_without_normalisation() -> None:
    x = example()
    out = SEAConv(normalize=False)(x, EDGES)
    expected = torch.zeros(NUM_DST, 3).index_add(0, EDGES[1], x[0][EDGES[0]])
    torch.testing.assert_close(out, expected)
    mean = SEAConv(normalize=False, aggr="mean")(x, EDGES)
    count = torch.bincount(EDGES[1], minlength=NUM_DST).clamp(min=1).view(-1, 1)
    torch.testing.assert_close(mean, expected / count)


def test_nodes_without_edges() -> None:
    x = torch.randn(3, 2, requires_grad=True)
    out = SEAConv()(x, torch.empty(2, 0, dtype=torch.long))
    out.sum().backward()
    assert (out == 0).all()
    assert x.grad is not None
    assert (x.grad == 0).all()
    zero_weights = SEAConv()(x, torch.tensor([[0], [1]]), torch.zeros(1))
    assert (zero_weights == 0).all()


def test_half_precision_counts_degrees_exactly() -> None:
    num = 5000  # above 2048, half precision has no consecutive integers
    edges = torch.stack([torch.arange(num), torch.zeros(num, dtype=torch.long)])
    x = torch.ones(num, 1, dtype=torch.bfloat16)
    out = SEAConv()((x, torch.zeros(1, 1)), edges)
    assert out.dtype == torch.bfloat16
    # Summing 5000 terms in bfloat16 is not ours to repair; the weights are.
    weight = SEAConv()._normalize((x, torch.zeros(1, 1)), edges, None, None)[1]
    assert weight is not None
    torch.testing.assert_close(
        weight.float(), torch.full((num,), num**-0.5), rtol=4e-3, atol=0
    )


def test_unknown_number_of_destinations() -> None:
    with pytest.raises(ValueError, match="number of destination nodes is unknown"):
        SEAConv()((torch.zeros(5, 2), None), EDGES)


def test_flow_against_the_edges() -> None:
    x = torch.randn(6, 3)
    edge_index = torch.tensor([[0, 1, 2, 3, 4, 0], [1, 0, 1, 2, 3, 3]])
    against = SEAConv(flow="target_to_source")
    expected = SEAConv()(x, edge_index.flip(0))
    torch.testing.assert_close(against(x, edge_index), expected)
    with pytest.raises(ValueError, match=r"leave flow out and pass edge_index\.flip"):
        against(example(), EDGES)


def test_compile() -> None:
    x = example()
    conv = SEAConv()
    compiled = torch.compile(conv, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x, EDGES), conv(x, EDGES))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compile_with_inductor() -> None:
    x = example()
    conv = SEAConv()
    compiled = torch.compile(conv, fullgraph=True)
    torch.testing.assert_close(compiled(x, EDGES), conv(x, EDGES))


def test_hetero_conv() -> None:
    user, item = torch.randn(NUM_SRC, 3), torch.randn(NUM_DST, 3)
    edges = {("user", "rates", "item"): EDGES, ("item", "of", "user"): EDGES.flip(0)}
    conv = HeteroConv({edge_type: SEAConv() for edge_type in edges})
    out = conv({"user": user, "item": item}, edges)
    torch.testing.assert_close(out["item"], naive(user, EDGES, NUM_DST))
    torch.testing.assert_close(out["user"], naive(item, EDGES.flip(0), NUM_SRC))
    # Both directions are one hop on the stacked graph.
    shifted = EDGES + torch.tensor([[0], [NUM_SRC]])
    both = torch.cat([shifted, shifted.flip(0)], dim=1)
    stacked = SEAConv()(torch.cat([user, item]), both)
    torch.testing.assert_close(torch.cat([out["user"], out["item"]]), stacked)


class TwoHops(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = SEAConv()
        self.conv2 = SEAConv()

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.conv2(self.conv1(x, edge_index), edge_index)


def test_to_hetero() -> None:
    user, item = torch.randn(NUM_SRC, 3), torch.randn(NUM_DST, 3)
    edges = {("user", "rates", "item"): EDGES, ("item", "of", "user"): EDGES.flip(0)}
    model = to_hetero(TwoHops(), (["user", "item"], list(edges)))
    out = model({"user": user, "item": item}, edges)
    first = naive(user, EDGES, NUM_DST)
    torch.testing.assert_close(out["user"], naive(first, EDGES.flip(0), NUM_SRC))


def test_copy() -> None:
    x = example()
    conv = SEAConv()
    torch.testing.assert_close(copy.deepcopy(conv)(x, EDGES), conv(x, EDGES))


@pytest.mark.parametrize("layout", [torch.sparse_csr, torch.sparse_coo])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sparse_matrices_in_half_precision(
    layout: torch.layout, dtype: torch.dtype
) -> None:
    edge_index = torch.tensor([[0, 1, 2, 2], [1, 0, 0, 1]])
    x = torch.randn(3, 4, generator=torch.Generator().manual_seed(0)).to(dtype)
    adj_t = to_torch_coo_tensor(edge_index, size=(3, 3)).t().coalesce()
    if layout == torch.sparse_csr:
        adj_t = to_torch_csr_tensor(edge_index.flip(0), size=(3, 3))
    expected = SEAConv()(x.float(), edge_index)
    out = SEAConv()(x, adj_t.to(dtype))
    assert out.dtype == dtype
    torch.testing.assert_close(out.float(), expected, atol=2e-2, rtol=2e-2)
    with torch.autocast("cpu", dtype=dtype):
        torch.testing.assert_close(SEAConv()(x.float(), adj_t), expected)


def test_the_number_of_destinations_must_be_known() -> None:
    edge_index = torch.tensor([[0, 4], [1, 0]])
    for conv in (SEAConv(), SEAConv(normalize=False)):
        with pytest.raises(ValueError, match="destination nodes is unknown"):
            conv((torch.ones(5, 3), None), edge_index)
        assert conv((torch.ones(5, 3), None), edge_index, size=(5, 2)).shape == (2, 3)


def test_an_aggregation_has_a_name() -> None:
    with pytest.raises(ValueError, match=r"name of an aggregation \(got None\)"):
        SEAConv(aggr=None)  # type: ignore[arg-type]


def test_degrees_that_half_precision_cannot_count() -> None:
    leaves = 3000
    edge_index = torch.stack([torch.arange(1, leaves + 1), torch.zeros(leaves).long()])
    out = SEAConv()(torch.ones(leaves + 1, 1, dtype=torch.float16), edge_index)
    assert float(out[0]) == pytest.approx(leaves**0.5, rel=0.02)


def test_a_sampled_neighbourhood_with_the_graph_s_weights() -> None:
    data = FakeMultimodalDataset(30, 20)[0]
    del data["item"].title  # PyG takes no parts of lists
    data["user"].x = torch.randn(30, 4)
    rates = data[RATES].edge_index
    full = SEAConv()((data["user"].x, None), rates, size=(30, 20))
    data[RATES].edge_weight = symmetric_norm(rates, 30, 20)
    # What a NeighborLoader returns: the seeds, and all that point to them.
    seeds = torch.arange(5)
    neighbours = rates[0, torch.isin(rates[1], seeds)].unique()
    batch = data.subgraph({"user": neighbours, "item": seeds})
    sampled, size = batch[RATES].edge_index, (neighbours.numel(), 5)
    source = (batch["user"].x, None)
    conv = SEAConv(normalize=False)
    found = conv(source, sampled, batch[RATES].edge_weight, size=size)
    torch.testing.assert_close(found, full[:5])
    own_degrees = SEAConv()(source, sampled, size=size)
    assert (own_degrees - found).abs().max() > 0.1


def test_integers_are_refused_where_weights_are_fractions() -> None:
    x = torch.ones(3, 1, dtype=torch.long)
    edge_index = torch.tensor([[0, 1, 2], [1, 2, 0]])
    with pytest.raises(ValueError, match=r"int64.*convert by .float"):
        SEAConv()(x, edge_index)
    assert torch.equal(SEAConv(normalize=False)(x, edge_index), x)


@pytest.mark.sparse
def test_leaves_the_matrix_as_it_is() -> None:
    x = example()
    source, destination = EDGES
    index = torch.stack([destination, source])
    turned = torch.sparse_coo_tensor(EDGES, torch.ones(7), (NUM_SRC, NUM_DST))
    turned = turned.coalesce().t()  # sorted by what are columns now
    doubled = torch.sparse_coo_tensor(
        index.repeat(1, 2), torch.ones(14), (NUM_DST, NUM_SRC)
    )
    for matrix in (turned, doubled):
        dense = matrix.to_dense()
        assert not matrix.is_coalesced()
        expected = SEAConv()(x, dense.to_sparse_csr())
        torch.testing.assert_close(SEAConv()(x, matrix), expected)
        assert not matrix.is_coalesced()
        assert torch.equal(matrix.to_sparse_csr().to_dense(), dense)


def test_values_of_a_coo_matrix_can_be_learned() -> None:
    x = example()
    source, destination = EDGES
    grads = []
    for by_matrix in (True, False):
        weight = torch.arange(1.0, 8).requires_grad_()
        edges = EDGES
        if by_matrix:
            index = torch.stack([destination, source])
            edges = torch.sparse_coo_tensor(index, weight, (NUM_DST, NUM_SRC))
        out = SEAConv()(x, edges, None if by_matrix else weight)
        grads.append(torch.autograd.grad(out.square().sum(), weight)[0])
    torch.testing.assert_close(*grads)


def test_features_with_further_dimensions() -> None:
    steps = [torch.randn(6, 3) for _ in range(5)]  # as many as there are edges
    edge_index = torch.tensor([[0, 1, 2, 3, 4], [1, 0, 1, 2, 3]])
    expected = [SEAConv()(x, edge_index) for x in steps]
    for dim in (0, 1):
        out = SEAConv(node_dim=dim)(torch.stack(steps, dim=1 - dim), edge_index)
        torch.testing.assert_close(out, torch.stack(expected, dim=1 - dim))


def test_edges_that_end_nowhere_are_named() -> None:
    src, dst = torch.randn(NUM_SRC, 3), torch.randn(NUM_DST, 3)
    conv = SEAConv()
    message = r"edge_index\[0\] must lie in \[0, 4\).*4 source and 5 dest.*got 0 to 4"
    with pytest.raises(ValueError, match=f"{message}.*edge_index.flip"):
        conv((dst, src), EDGES)
    with pytest.raises(ValueError, match=r"edge_index\[1\].*\(got 0 to 2\)$"):
        conv((src, dst[:2]), EDGES)
    with pytest.raises(ValueError, match=r"edge_index\[0\].*\(got -4 to 0\)$"):
        conv((src, dst), -EDGES)


@pytest.mark.parametrize("length", [0, 3, 8])
def test_every_edge_has_a_weight(length: int) -> None:
    x = torch.randn(NUM_SRC, 3), torch.randn(NUM_DST, 3)
    message = rf"a weight per edge, 7 \(got {length}\)"
    for normalize in (True, False):
        with pytest.raises(ValueError, match=message):
            SEAConv(normalize)(x, EDGES, torch.ones(length))
    column = torch.ones(EDGES.size(1), 1)
    torch.testing.assert_close(SEAConv()(x, EDGES, column), SEAConv()(x, EDGES))
