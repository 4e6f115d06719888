import pytest
import torch

from sea_pyg.nn import ModalityFusion


def test_forward() -> None:
    model = ModalityFusion(num_users=3, num_modalities=2)
    assert str(model) == "ModalityFusion(3, 2)"
    user = [torch.randn(3, 4), torch.randn(3, 4)]
    item = [torch.randn(5, 4), torch.randn(5, 4)]
    found = model(user, item)
    assert torch.equal(found.item, torch.cat(item, dim=1))
    for u in range(3):
        for m in range(2):
            expected = model.weight[u, m] * user[m][u]
            torch.testing.assert_close(found.user[u, 4 * m : 4 * m + 4], expected)


def test_weights_start_as_a_distribution() -> None:
    weight = ModalityFusion(100, 3).weight
    assert (weight > 0).all()
    torch.testing.assert_close(weight.sum(dim=1), torch.ones(100))
    assert weight.std() > 0.01
    assert (ModalityFusion(4, 1).weight == 1).all()


def test_weights_start_at_the_softmax_of_normal_draws() -> None:
    torch.manual_seed(0)
    weight = ModalityFusion(100, 3).weight
    torch.manual_seed(0)
    draws = torch.empty(100, 3).normal_(std=(2 / 103) ** 0.5)
    assert torch.equal(weight, draws.softmax(dim=1))


def test_every_weight_gets_a_gradient() -> None:
    model = ModalityFusion(3, 2)
    out = model([torch.randn(3, 4)] * 2, [torch.randn(5, 4)] * 2)
    (out.user @ out.item.T).square().sum().backward()
    assert model.weight.grad is not None
    assert (model.weight.grad != 0).all()


def test_errors() -> None:
    with pytest.raises(ValueError, match="at least one user and one modality"):
        ModalityFusion(3, 0)
    with pytest.raises(ValueError, match="of 2 modalities"):
        ModalityFusion(3, 2)([torch.zeros(3, 4)], [torch.zeros(5, 4)] * 2)


def test_some_users_have_their_own_weights() -> None:
    model = ModalityFusion(6, 2)
    user = [torch.randn(6, 4), torch.randn(6, 4)]
    item = [torch.randn(5, 4)] * 2
    index = torch.tensor([4, 0, 4])
    found = model([x[index] for x in user], item, index).user
    assert torch.equal(found, model(user, item).user[index])


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([(3, 4), (3, 4)], r"\[6, 2 \* D\].*pass index"),  # a batch
        ([(12, 4), (12, 4)], r"\[6, 2 \* D\]"),  # would divide
        ([(6, 2), (6, 6)], "of one shape"),
    ],
)
def test_users_of_other_shapes_are_refused(
    shapes: list[tuple[int, int]], message: str
) -> None:
    model = ModalityFusion(6, 2)
    with pytest.raises(ValueError, match=message):
        model([torch.ones(shape) for shape in shapes], [torch.ones(5, 4)] * 2)


def test_no_users_are_weighed_to_none() -> None:
    fusion = ModalityFusion(4, 2)
    none = torch.empty(0, dtype=torch.long)
    assert fusion.weigh(torch.empty(0, 6), none).shape == (0, 6)
