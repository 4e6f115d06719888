import pytest
import torch
import torch.nn.functional as F

from sea_pyg.nn.functional import wide_linear


@pytest.mark.parametrize("num_rows", [1, 1024, 1025, 2500])
@pytest.mark.parametrize("needs_x", [False, True])
def test_wide_linear_is_a_linear_map(num_rows: int, needs_x: bool) -> None:
    torch.manual_seed(0)
    x = torch.randn(num_rows, 6, dtype=torch.double, requires_grad=needs_x)
    weight = torch.randn(4, 6, dtype=torch.double, requires_grad=True)
    bias = torch.randn(4, dtype=torch.double, requires_grad=True)
    inputs = [weight, bias, *([x] if needs_x else [])]
    found, expected = wide_linear(x, weight, bias), F.linear(x, weight, bias)
    torch.testing.assert_close(found, expected)
    grad = torch.randn_like(expected)
    torch.testing.assert_close(
        torch.autograd.grad(found, inputs, grad),
        torch.autograd.grad(expected, inputs, grad),
    )


def test_wide_linear_under_autocast() -> None:
    torch.manual_seed(0)
    x = torch.randn(1500, 6)
    weight, bias = torch.randn(4, 6, requires_grad=True), torch.zeros(4)
    with torch.autocast("cpu", torch.bfloat16):
        found, expected = wide_linear(x, weight, bias), F.linear(x, weight, bias)
    assert found.dtype == expected.dtype == torch.bfloat16
    torch.testing.assert_close(found, expected)
    found.float().sum().backward()
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32
    rows = x.bfloat16().float().sum(dim=0).expand(4, -1)
    torch.testing.assert_close(weight.grad, rows, rtol=0.02, atol=0.5)
