"""The distributions' information against Monte Carlo, and the script's files."""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def distributions(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    import mi_distributions

    return mi_distributions


def student_log_density(z: Tensor, scatter: Tensor, degrees: int) -> Tensor:
    d = z.size(1)
    square = (z @ torch.linalg.inv(scatter) * z).sum(dim=1)
    constant = (
        math.lgamma((degrees + d) / 2)
        - math.lgamma(degrees / 2)
        - d / 2 * math.log(degrees * math.pi)
        - 0.5 * float(torch.logdet(scatter))
    )
    return constant - (degrees + d) / 2 * (square / degrees).log1p()


def test_information_of_student_t(distributions: Any) -> None:
    """The mean log-ratio of the densities, which its samples have to follow too."""
    task = distributions.student_t(1.0)
    x, y = task.sample(40_000, torch.Generator().manual_seed(0))
    rho = math.sqrt(1 - math.exp(-2 / 3))
    eye = torch.eye(3, dtype=torch.float64)
    joint = torch.cat([torch.cat([eye, rho * eye]), torch.cat([rho * eye, eye])], dim=1)
    ratio = (
        student_log_density(torch.cat([x, y], dim=1), joint, 5)
        - student_log_density(x, eye, 5)
        - student_log_density(y, eye, 5)
    )
    error = float(ratio.std()) / math.sqrt(len(ratio))
    assert abs(float(ratio.mean()) - task.information) < 3 * error
    assert error < 0.01
    assert task.information > 1.05  # the shared scale adds to the correlation


@pytest.mark.parametrize("width", [0.1, 0.25, 0.5, 0.8])
def test_information_of_additive_noise(distributions: Any, width: float) -> None:
    task = distributions.additive_noise(width)
    _, y = task.sample(100_000, torch.Generator().manual_seed(0))
    # The density of y is that share of [0, 1] which noise can have come from.
    low, high = (y - width).clamp(min=0), (y + width).clamp(max=1)
    density = (high - low) / (2 * width)
    ratio = -math.log(2 * width) - density.log()
    error = float(ratio.std()) / math.sqrt(len(ratio))
    assert abs(float(ratio.mean()) - task.information) < 3 * error + 1e-12
    with pytest.raises(ValueError, match="width must be positive"):
        distributions.additive_noise(0.0)


def test_gaussian_kinds_have_their_information(distributions: Any) -> None:
    """Measured by the covariance, where the map can be undone."""

    def measured(x: Tensor, y: Tensor) -> float:
        joint = torch.cat([x, y], dim=1).T.cov()
        d = x.size(1)
        blocks = joint[:d, :d].logdet() + joint[d:, d:].logdet()
        return float(blocks - joint.logdet()) / 2

    def draw(task: Any) -> tuple[Tensor, Tensor]:
        return task.sample(20_000, torch.Generator().manual_seed(0))

    def root(z: Tensor, power: float) -> Tensor:
        return z.sign() * z.abs() ** (1 / power)

    x, y = draw(distributions.gaussian(4.0))
    assert measured(x, y) == pytest.approx(4.0, rel=0.02)
    x, y = draw(distributions.cubic(4.0))
    assert measured(x, root(y, 3)) == pytest.approx(4.0, rel=0.02)
    x, y = draw(distributions.half_cube(1.5))
    assert measured(root(x, 1.5), root(y, 1.5)) == pytest.approx(1.5, rel=0.02)
    x, y = draw(distributions.uniform_margins(1.5))
    inverse = torch.special.ndtri
    assert measured(inverse(x), inverse(y)) == pytest.approx(1.5, rel=0.02)
    x, y = draw(distributions.sparse_multinormal(1.5))
    assert measured(x, y) == pytest.approx(1.5, rel=0.02)
    x, y = draw(distributions.spiral(1.5))
    a, b, c = x.unbind(dim=1)
    angle = -x.square().sum(dim=1) / 3
    turned = [angle.cos() * a - angle.sin() * b, angle.sin() * a + angle.cos() * b, c]
    assert measured(torch.stack(turned, dim=1), y) == pytest.approx(1.5, rel=0.02)
    x, y = draw(distributions.swiss_roll(1.0))
    radius = 21 * x.norm(dim=1, keepdim=True)
    uniform = (radius / (1.5 * math.pi) - 1) / 2
    assert measured(inverse(uniform), inverse(y)) == pytest.approx(1.0, rel=0.02)


def test_writes_its_files(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, FOLDER / "mi.py", "--smoke", "--out", tmp_path],
        capture_output=True,
        check=True,
    )
    report = json.loads((tmp_path / "mi.json").read_text())
    rows = report["rows"]
    assert len({row["distribution"] for row in rows}) == 10
    assert len({row["estimator"] for row in rows}) == 13
    for row in rows:
        assert math.isfinite(row["estimate"])
        assert row["bias"] == pytest.approx(row["estimate"] - row["information"])
        assert row["fit_seconds"] > 0
    assert report["closed_form"]["fit_ratio"] > 0
    text = (tmp_path / "mi.md").read_text()
    assert text.count("| CLUB (linear) |") == 5
    assert (tmp_path / "mi.svg").read_text().startswith("<?xml")


def test_published_results_hold() -> None:
    """What the committed result file says of the bounds."""
    report = json.loads((FOLDER / "results" / "mi.json").read_text())
    rows = {
        (r["distribution"], r["batch"], r["information"], r["estimator"]): r
        for r in report["rows"]
    }
    assert report["closed_form"]["num_pairs"] == 7050
    assert report["closed_form"]["fit_ratio"] <= 0.1
    for information in (2.0, 4.0, 6.0, 8.0, 10.0):
        exact = 20 * (math.exp(information / 10) - 1)
        club = rows["gaussian", 512, information, "CLUB (linear)"]
        assert club["estimate"] == pytest.approx(exact, rel=0.05)
        for batch in (64, 512):
            nce = rows["gaussian", batch, information, "InfoNCE"]
            assert nce["estimate"] <= min(math.log(batch), information)
    for row in report["rows"]:
        batches = 64 if row["batch"] == 64 else 16
        error = row["std"] / math.sqrt(batches)
        if row["direction"] == "lower":
            assert row["bias"] < 2 * error, row
        if row["distribution"] == "gaussian" and "CLUB" in row["estimator"]:
            assert row["bias"] > -2 * error, row
