import importlib
from types import ModuleType

import pytest
import torch
from torch import Tensor

from sea_pyg.nn.mi import CLUB


@pytest.fixture(scope="module")
def separation(on_path: None) -> ModuleType:
    return importlib.import_module("separation")


@pytest.fixture(scope="module")
def report(separation: ModuleType) -> dict:
    torch.manual_seed(0)
    features = {"text": torch.randn(500, 96) / torch.arange(1, 97).sqrt()}
    rows = separation.separate(features, *separation.MODELS["linear q"], 40, seed=0)
    return {"models": {"linear q": [rows, rows]}}


def test_a_linear_q_separates_what_linear_maps_share(report: dict) -> None:
    before, after = report["models"]["linear q"][0]
    assert (before["stage"], after["stage"]) == ("before", "after")
    assert before["Gaussian"] > 0.5
    assert after["Gaussian"] < 0.1 * before["Gaussian"]
    assert after["loss"] < 0.1 * before["loss"]
    assert after["rank"] > 0.5 * before["rank"]


def test_maps_alone_change_nothing_but_where_parts_are_compared(
    separation: ModuleType,
) -> None:
    features = {"text": torch.randn(500, 96) / torch.arange(1, 97).sqrt()}
    setup = separation.MODELS["linear q, maps alone"]
    before, after = separation.separate(features, *setup, 40, seed=0)
    assert after["Gaussian"] < 0.5 * before["Gaussian"]
    assert after["halves"] == pytest.approx(before["halves"])
    assert after["new maps"] == pytest.approx(before["new maps"])


def test_table(separation: ModuleType, report: dict) -> None:
    before, after = report["models"]["linear q"][0]
    line = separation.table(report).splitlines()[-1]
    assert line.startswith(
        f"| linear q | text | {before['Gaussian']:.2f} ± 0.00 | "
        f"{after['Gaussian']:.2f} ± 0.00 |"
    )


def test_effective_rank(separation: ModuleType) -> None:
    x = torch.eye(4)[torch.arange(40) % 4]
    assert separation.effective_rank(x) == pytest.approx(3, abs=1e-4)
    line = torch.arange(9.0)[:, None] * torch.tensor([[1.0, -2.0, 0.5]])
    assert separation.effective_rank(line) == pytest.approx(1, abs=1e-3)


@pytest.fixture
def pairs() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    x = torch.randn(200, 3)
    return x, x[:, :2] + 0.5 * torch.randn(200, 2)


def test_a_linear_q_by_adam_comes_to_the_closed_form(
    separation: ModuleType, pairs: tuple[Tensor, Tensor]
) -> None:
    club = CLUB(3, 2, conditional=separation.SteppedLinear)
    optimizer = torch.optim.Adam(club.parameters(), lr=0.03)
    for _ in range(600):
        optimizer.zero_grad()
        club.learning_loss(*pairs).backward()
        optimizer.step()
    solved = CLUB(3, 2, conditional="linear")(*pairs)
    torch.testing.assert_close(club(*pairs), solved, rtol=0.02, atol=0)


def test_a_detached_linear_q_has_the_value_but_not_the_gradient(
    separation: ModuleType, pairs: tuple[Tensor, Tensor]
) -> None:
    x, y = (tensor.requires_grad_() for tensor in pairs)
    detached = CLUB(3, 2, conditional=separation.DetachedLinear)(x, y)
    solved = CLUB(3, 2, conditional="linear")(x, y)
    torch.testing.assert_close(detached, solved)
    constant = torch.autograd.grad(detached, (x, y))
    whole = torch.autograd.grad(solved, (x, y))
    for held, through in zip(constant, whole, strict=True):
        assert held.abs().sum() > 0
        assert (held - through).norm() > 0.1 * through.norm()
