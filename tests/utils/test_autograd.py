from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from sea_pyg.nn import CLUB
from sea_pyg.nn.functional import (
    Readout,
    info_nce,
    linear_readouts,
    sampled_softmax,
)
from sea_pyg.utils import edge_dot, spmm

EDGES = torch.tensor([[0, 1, 1, 3, 0], [0, 0, 2, 1, 0]])


def matrix(rows: int, columns: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, columns, generator=generator, dtype=torch.float64)
    return x.requires_grad_()


def test_sparse_products_are_differentiable_twice() -> None:
    weight = matrix(5, 1, 0).detach().view(-1).requires_grad_()
    x, y = matrix(4, 2, 1), matrix(3, 2, 2)

    def product(weight: Tensor, x: Tensor) -> Tensor:
        return spmm(EDGES, weight, x, (4, 3))

    def dot(x: Tensor, y: Tensor) -> Tensor:
        return edge_dot(EDGES, x, y)

    for function, inputs in ((product, (weight, x)), (dot, (x, y))):
        assert torch.autograd.gradcheck(function, inputs)
        assert torch.autograd.gradgradcheck(function, inputs)


@pytest.mark.parametrize(
    "loss",
    [
        lambda x, y: info_nce(x, y, 0.5, chunk_size=2),
        lambda x, y: sampled_softmax(x, y, y, 0.5),
        lambda x, y: CLUB(3, 3, conditional="linear")(x, y),
        lambda x, y: linear_readouts(x, y, x[:, 0], [Readout(y[:2, :2], None, 1, 3)])[
            0
        ].sum(),
    ],
    ids=["info_nce", "sampled_softmax", "linear CLUB", "linear_readouts"],
)
def test_a_gradient_that_is_no_function_refuses_to_be_differentiated(
    loss: Callable[[Tensor, Tensor], Tensor],
) -> None:
    """torch's own refusal is passed by where `grad` asks for inputs' derivatives."""
    x, y = matrix(8, 3, 0), matrix(8, 3, 1)
    torch.autograd.grad(loss(x, y), x)
    with pytest.raises(RuntimeError, match="differentiable once only"):
        torch.autograd.grad(loss(x, y), x, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiable once only"):
        loss(x, y).backward(create_graph=True)


def test_all_logits_at_once_are_differentiable_twice() -> None:
    x, y = matrix(4, 3, 0), matrix(4, 3, 1)
    assert torch.autograd.gradgradcheck(lambda x, y: info_nce(x, y, 0.5), (x, y))
