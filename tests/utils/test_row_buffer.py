from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from sea_pyg.evaluation import evaluate
from sea_pyg.nn.functional import log_partition, sampled_softmax
from sea_pyg.typing import Embeddings
from sea_pyg.utils import chunked_topk, row_buffer
from tests.evaluation.graphs import graph


@pytest.mark.parametrize("dtype", [torch.float, torch.double, torch.bfloat16])
@pytest.mark.parametrize("num_columns", [1, 15, 16, 17, 33])
def test_every_row_starts_on_a_cache_line(dtype: torch.dtype, num_columns: int) -> None:
    buffer = row_buffer(torch.empty(0, dtype=dtype), 3, num_columns)
    assert buffer.shape == (3, num_columns)
    assert buffer.dtype == dtype
    assert all(row.data_ptr() % 64 == 0 for row in buffer)
    apart = buffer.stride(0) - num_columns
    assert 0 <= apart * buffer.element_size() < 64


def of(num_rows: int) -> Tensor:
    return torch.randn(num_rows, 8)


def rank() -> None:
    edges, labels = torch.tensor([[0, 1], [0, 2]]), torch.tensor([[0, 1], [1, 1]])
    evaluate(Embeddings(of(2), of(9)), graph(edges, labels, 2, 9), k=2)


@pytest.mark.parametrize(
    "compute",
    [
        lambda: log_partition(of(5), of(9), 0.2, chunk_size=2),
        lambda: sampled_softmax(of(5), of(5), of(9), 0.2, chunk_size=2),
        lambda: chunked_topk(of(5), of(9), 3, chunk_size=2),
        rank,
    ],
    ids=["log_partition", "sampled_softmax", "chunked_topk", "evaluate"],
)
def test_scores_of_many_rows_are_written_to_one(compute: Callable[[], object]) -> None:
    strides: list[tuple[int, ...]] = []

    class Products(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            if func.name().startswith("aten::mm") and out.size(1) == 9:
                strides.append(out.stride())
            return out

    with Products():
        compute()
    assert strides
    assert set(strides) == {(16, 1)}
