"""Chunked forms against dense ones: the same value and gradient in less memory."""

import pytest
import torch
from torch import Tensor

from sea_pyg.nn import SoloSimLoss
from sea_pyg.nn.functional import club
from sea_pyg.nn.mi import (
    CLUB,
    MutualInformationEstimator,
    SeparableCritic,
)
from tests.memory import Allocations
from tests.nn.mi.estimators import CRITICS, UPPER

CHUNKED = {
    **CRITICS,
    "l1out": UPPER["l1out-mlp"],
    "l1out-linear": UPPER["l1out-linear"],
}


def pairs(num_pairs: int, channels: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x, noise = torch.randn(
        2, num_pairs, channels, generator=generator, dtype=torch.float64
    )
    return x.requires_grad_(), (0.7 * x.detach() + noise).requires_grad_()


def value_and_gradients(
    module: MutualInformationEstimator | SoloSimLoss, loss: str, x: Tensor, y: Tensor
) -> list[Tensor]:
    value = getattr(module, loss)(x, y)
    inputs = [x, y, *module.parameters()]
    gradients = torch.autograd.grad(value, inputs, allow_unused=True)
    return [value, *(g for g in gradients if g is not None)]


@pytest.mark.parametrize("name", CHUNKED)
@pytest.mark.parametrize("loss", ["forward", "learning_loss"])
def test_chunked_is_dense(name: str, loss: str) -> None:
    x, y = pairs(23)
    found = []
    for chunk_size in (None, 1, 7, 22, 23, 100):
        torch.manual_seed(0)
        estimator = CHUNKED[name](3, 3, chunk_size=chunk_size).double()
        found.append(value_and_gradients(estimator, loss, x, y))
    for other in found[1:]:
        for ours, dense in zip(other, found[0], strict=True):
            torch.testing.assert_close(ours, dense, rtol=1e-10, atol=1e-10)


def test_chunked_solo_sim_is_dense() -> None:
    x, y = pairs(23)
    dense = value_and_gradients(SoloSimLoss(chunk_size=None), "forward", x, y)
    for chunk_size in (1, 7, 22):
        chunked = value_and_gradients(SoloSimLoss(0.046, chunk_size), "forward", x, y)
        for ours, expected in zip(chunked, dense, strict=True):
            torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-10)


def test_all_pairs_club_is_the_double_sum_with_its_gradient() -> None:
    """CLUB needs no pairs at all."""
    generator = torch.Generator().manual_seed(0)
    y, mean, log_variance = (
        torch.randn(19, 4, generator=generator, dtype=torch.float64).requires_grad_()
        for _ in range(3)
    )
    square = (y.unsqueeze(0) - mean.unsqueeze(1)).square()  # [19, 19, 4]
    scaled = (square * (-log_variance).exp().unsqueeze(1)).sum(dim=-1)
    dense = 0.5 * (scaled.mean() - scaled.diagonal().mean())
    fast = club(y, mean, log_variance)
    torch.testing.assert_close(fast, dense, rtol=1e-10, atol=1e-10)
    inputs = (y, mean, log_variance)
    for ours, expected in zip(
        torch.autograd.grad(fast, inputs),
        torch.autograd.grad(dense, inputs),
        strict=True,
    ):
        torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-10)


def memory(module: torch.nn.Module, num_pairs: int) -> tuple[int, int]:
    """Return the largest tensor of a step, and what waits for its backward pass."""
    x, y = pairs(num_pairs)
    kept = 0

    def keep(tensor: Tensor) -> Tensor:
        nonlocal kept
        kept += tensor.numel()
        return tensor

    with Allocations() as allocations:
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
            value = module(x, y)
        value.backward()
    return allocations.largest, kept


@pytest.mark.parametrize("name", [*CHUNKED, "club", "solo-sim"])
def test_memory_grows_with_n_and_not_its_square(name: str) -> None:
    chunk = 16
    sizes = []
    for num_pairs in (512, 1024):
        if name == "solo-sim":
            module: torch.nn.Module = SoloSimLoss(chunk_size=chunk)
        elif name == "club":
            module = CLUB(3, 3).double()
        else:
            module = CHUNKED[name](3, 3, chunk_size=chunk).double()
        largest, kept = memory(module, num_pairs)
        assert largest <= chunk * num_pairs
        sizes.append(kept)
    assert sizes[1] <= 2.1 * sizes[0]
    assert sizes[1] < 1024 * 1024 / 4


def test_dense_memory_is_the_square() -> None:
    """What the test above would see without chunks."""
    largest, kept = memory(CHUNKED["info-nce"](3, 3, chunk_size=None).double(), 512)
    assert largest == 512 * 512
    assert kept > 512 * 512


def test_chunks_of_a_concatenated_critic() -> None:
    """The one whose every pair has a hidden layer of its own."""
    x, y = pairs(64)
    estimator = CRITICS["info-nce"](3, 3, critic="concatenated", chunk_size=4)
    with Allocations() as allocations:
        estimator.double()(x, y).backward()
    assert allocations.largest <= 4 * 64 * 128


def test_bad_chunk_size() -> None:
    for name in CHUNKED:
        with pytest.raises(ValueError, match="chunk_size must be at least 1"):
            CHUNKED[name](3, 3, chunk_size=0)
    critic = SeparableCritic(3, 3)
    with pytest.raises(ValueError, match="critic must score widths 2 and 3"):
        CRITICS["nwj"](2, 3, critic=critic)
