import pytest
import torch

from sea_pyg.nn import BPRLoss, DistanceLoss, OrthogonalLoss, SoloSimLoss
from tests.nn.models.dense_sea import solo_sim


def parts(num_rows: int = 6, channels: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, num_rows, channels, generator=generator).double()
    return x.requires_grad_(), y.requires_grad_()


def test_bpr_loss() -> None:
    pos, neg = torch.tensor([2.0]), torch.tensor([0.5])
    natural = BPRLoss()(pos, neg)
    torch.testing.assert_close(natural, -torch.sigmoid(torch.tensor(1.5)).log())
    torch.testing.assert_close(
        BPRLoss(log_base=2)(pos, neg), -torch.sigmoid(torch.tensor(1.5)).log2()
    )
    assert str(BPRLoss()) == "BPRLoss()"
    assert str(BPRLoss(2.0)) == "BPRLoss(log_base=2.0)"
    with pytest.raises(ValueError, match="log_base"):
        BPRLoss(1.0)


@pytest.mark.parametrize("chunk_size", [None, 2, 1024])
def test_solo_sim_loss(chunk_size: int | None) -> None:
    query, key = parts()
    loss = SoloSimLoss(chunk_size=chunk_size)
    assert loss.temperature == 0.046
    found = loss(5 * query, 0.2 * key)  # length does not matter
    unit = [x / x.norm(dim=1, keepdim=True) for x in (query, key)]
    torch.testing.assert_close(found, solo_sim(*unit, 0.046))
    assert abs(found - loss(key, query)) > 1e-3
    assert torch.autograd.gradcheck(SoloSimLoss(0.5, chunk_size), (query, key))
    with pytest.raises(ValueError, match="temperature"):
        SoloSimLoss(0.0)


def test_solo_sim_loss_of_a_perfect_alignment() -> None:
    x = torch.eye(5)
    assert SoloSimLoss()(x, x) < 1e-6
    assert SoloSimLoss()(x, x.roll(1, 0)) > 20


def test_distance_loss() -> None:
    generic, unique = parts()
    expected = -sum(
        ((g - u) ** 2).sum().item() for g, u in zip(generic, unique, strict=True)
    )
    assert DistanceLoss()(generic, unique).item() == pytest.approx(expected / 6)
    farther = DistanceLoss()(generic, unique + 10)
    assert farther < DistanceLoss()(generic, unique)
    bounded = DistanceLoss(normalize=True)
    assert bounded(generic, -7 * generic).item() == pytest.approx(-4)
    assert bounded(generic, 7 * generic).item() == pytest.approx(0, abs=1e-12)
    for loss in (DistanceLoss(), bounded):
        assert torch.autograd.gradcheck(loss, (generic, unique))


def test_orthogonal_loss() -> None:
    loss = OrthogonalLoss()
    x = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    assert loss(x, x.flip(1)).item() == 0
    assert loss(x, -3 * x).item() == pytest.approx(1)
    assert torch.autograd.gradcheck(loss, parts())


@pytest.mark.parametrize("loss", [DistanceLoss(), OrthogonalLoss()])
@pytest.mark.parametrize("shape", [(6, 1), (1, 4), (5, 4)])
def test_other_shapes_are_refused(loss: torch.nn.Module, shape: tuple) -> None:
    with pytest.raises(ValueError, match="must have one shape"):
        loss(torch.ones(6, 4), torch.ones(shape))


@pytest.mark.parametrize("loss", [DistanceLoss(), OrthogonalLoss(), BPRLoss()])
def test_nothing_has_no_mean(loss: torch.nn.Module) -> None:
    none = torch.ones(0) if isinstance(loss, BPRLoss) else torch.ones(0, 4)
    with pytest.raises(ValueError, match="> 0"):
        loss(none, none)
