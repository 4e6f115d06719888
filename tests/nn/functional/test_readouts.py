"""Composed readouts against the projection formed explicitly."""

import gc
import weakref

import pytest
import torch
from torch import Tensor

from sea_pyg.nn import functional as F
from sea_pyg.nn.functional import Readout, linear_readouts
from sea_pyg.nn.functional.readouts import _composing_pays, _row_product


def readouts(channels: int, seed: int = 0) -> list[Readout]:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    half = channels // 2
    return [
        Readout(draw(3, channels), draw(3), 0, channels),
        Readout(draw(2, half), None, 0, half),
        Readout(draw(4, channels - half), draw(4), half, channels),
    ]


@pytest.mark.parametrize("num_rows, composed", [(2, False), (400, True)])
def test_linear_readouts_in_either_order(num_rows: int, composed: bool) -> None:
    x = torch.randn(num_rows, 6, dtype=torch.float64)
    weight = torch.randn(24, 6, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(24, dtype=torch.float64, requires_grad=True)
    maps = readouts(24)
    wide = torch.randn(num_rows, 24, dtype=torch.float64)
    assert _composing_pays(wide, torch.randn(24, 24), maps) == composed
    for inputs, w in ((x, weight), (wide, torch.randn(24, 24).double())):
        w = w.detach().requires_grad_()
        found = F.linear_readouts(inputs, w, bias, maps)
        y = inputs @ w.T + bias
        grads = []
        expected = [
            y[:, r.start : r.stop] @ r.weight.T + (0 if r.bias is None else r.bias)
            for r in maps
        ]
        for outputs in (found, expected):
            total = torch.stack([out.square().sum() for out in outputs]).sum()
            grads.append(torch.autograd.grad(total, [w, bias]))
        for a, b in zip([*found, *grads[0]], [*expected, *grads[1]], strict=True):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)
    assert F.linear_readouts(x, weight, bias, []) == []


def test_composed_gradient_by_finite_differences() -> None:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        x = torch.randn(*shape, generator=generator, dtype=torch.float64)
        return x.requires_grad_()

    # Overlapping ranges, and columns 0 and 7 that nobody reads.
    spans = [(1, 7), (1, 4), (4, 7), (2, 5)]
    sizes = [1, 2, 1, 1]

    def read(x: Tensor, weight: Tensor, bias: Tensor, *maps: Tensor) -> Tensor:
        readouts = [
            Readout(m, None, *span) for m, span in zip(maps, spans, strict=True)
        ]
        assert _composing_pays(x, weight, readouts)
        return torch.cat(F.linear_readouts(x, weight, bias, readouts), dim=1)

    maps = [draw(n, b - a) for n, (a, b) in zip(sizes, spans, strict=True)]
    arguments = (draw(40, 2), draw(8, 2), draw(8), *maps)
    assert torch.autograd.gradcheck(read, arguments)
    (grad,) = torch.autograd.grad(read(*arguments).sum(), arguments[1])
    assert not grad[[0, 7]].any()
    assert grad[1:7].all()


@pytest.mark.parametrize("num_rows", [1, 1024, 1025, 2500])
def test_rows_are_multiplied_in_chunks(num_rows: int) -> None:
    x, weight = torch.randn(num_rows, 6).double(), torch.randn(4, 6).double()
    bias = torch.randn(4).double()
    torch.testing.assert_close(_row_product(x, weight, bias), x @ weight.T + bias)


@pytest.mark.parametrize("num_rows", [400, 2500])
def test_composed_under_autocast(num_rows: int) -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(num_rows, 24), torch.randn(24, 24, requires_grad=True)
    maps = [Readout(r.weight.float(), None, r.start, r.stop) for r in readouts(24)]
    bias = torch.zeros(24)
    full = torch.cat(F.linear_readouts(x, weight, bias, maps), dim=1)
    with torch.autocast("cpu", torch.bfloat16):
        half = torch.cat(F.linear_readouts(x, weight, bias, maps), dim=1)
    assert half.dtype == torch.bfloat16
    grads = [
        torch.autograd.grad(out.float().square().mean(), weight)[0]
        for out in (half, full)
    ]
    assert grads[0].dtype == torch.float32
    torch.testing.assert_close(half.float(), full, atol=1.0, rtol=0.05)
    torch.testing.assert_close(
        *grads, atol=0.05 * float(grads[1].abs().max()), rtol=0.05
    )


def test_features_in_the_lower_precision_are_not_kept_alive() -> None:
    x = torch.randn(400, 6, dtype=torch.bfloat16)
    maps = [Readout(torch.randn(3, 24), torch.randn(3), 0, 24)]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        F.linear_readouts(x, torch.randn(24, 6), torch.randn(24), maps)
    alive = weakref.ref(x)
    del x
    gc.collect()
    assert alive() is None


def test_lower_precision_follows_a_fused_optimizer() -> None:
    torch.manual_seed(0)
    x = torch.nn.Parameter(torch.randn(400, 64))
    weight, bias = torch.randn(64, 64), torch.zeros(64)
    maps = [F.Readout(torch.randn(2, 32), None, 0, 32)]
    optimizer = torch.optim.Adam([x], lr=0.5, fused=True)
    for _ in range(2):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            (out,) = F.linear_readouts(x, weight, bias, maps)
            (expected,) = F.linear_readouts(x.detach().clone(), weight, bias, maps)
        assert torch.equal(out, expected)
        optimizer.zero_grad()
        out.float().square().sum().backward()
        optimizer.step()


def test_what_has_to_be_called_is_called_where_composing_pays() -> None:
    x, weight, bias = torch.randn(500, 40), torch.randn(40, 40), torch.randn(40)
    small = torch.randn(2, 20)
    plain = Readout(small, None, 20, 40)
    called = plain._replace(call=lambda columns: 2 * columns @ small.t())
    (expected,) = linear_readouts(x, weight, bias, [plain])
    found, beside = linear_readouts(x, weight, bias, [called, plain])
    torch.testing.assert_close(found, 2 * expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(beside, expected, rtol=1e-4, atol=1e-4)
