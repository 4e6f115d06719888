import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from sea_pyg.utils import EdgeMembership, chunked_topk


@pytest.mark.parametrize("chunk_size", [1, 3, 100])
def test_equals_the_full_matrix(chunk_size: int) -> None:
    query, key = torch.randn(7, 4), torch.randn(9, 4)
    value, index = chunked_topk(query, key, 5, chunk_size)
    expected = (query @ key.t()).topk(5)
    torch.testing.assert_close(value, expected.values)
    assert torch.equal(index, expected.indices)


@pytest.mark.parametrize("chunk_size", [1, 2, 100])
def test_never_returns_what_is_excluded(chunk_size: int) -> None:
    query, key = torch.randn(3, 4), torch.randn(4, 4)
    seen = EdgeMembership(torch.tensor([[0, 0, 0, 2], [0, 1, 3, 2]]), 3, 4)
    value, index = chunked_topk(query, key, 2, chunk_size, exclude=seen.seen)
    assert index[0].tolist() == [2, -1]
    assert value[0, 1] == -torch.inf
    assert 2 not in index[2].tolist()


def test_bad_k_and_no_query() -> None:
    key = torch.randn(4, 2)
    for k in (0, 5):
        with pytest.raises(ValueError, match=f"candidates 4 \\(got {k}\\)"):
            chunked_topk(key, key, k)
    value, index = chunked_topk(key[:0], key, 2)
    assert value.shape == index.shape == (0, 2)


def test_all_chunks_share_one_buffer() -> None:
    """Else the holes that they leave between small results make a heap grow."""
    buffers: list[int] = []

    class Products(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            if "mm" in func.name():
                buffers.append(out.untyped_storage().data_ptr())
            return out

    key = torch.randn(50, 4)
    with Products():
        value, _ = chunked_topk(key, key.clone().requires_grad_(), 3, chunk_size=8)
    assert len(buffers) == 7
    assert len(set(buffers)) == 1
    assert not value.requires_grad
