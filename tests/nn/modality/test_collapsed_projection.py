import pytest
import torch

from sea_pyg.nn.modality import CollapsedProjection


def test_some_outputs_are_those_of_all() -> None:
    torch.manual_seed(0)
    model = CollapsedProjection({"text": 6}, {"text": [3, 2, 4]})
    x = {"text": torch.randn(5, 6)}
    whole = model(x)["text"]
    assert [out.size(1) for out in whole] == [3, 2, 4]
    expected = x["text"] @ model.weight["text"].t() + model.bias["text"]
    torch.testing.assert_close(torch.cat(whole, dim=1), expected)
    for part in (slice(0, 1), slice(1, None), slice(1, 2), slice(2, None)):
        for found, one in zip(model(x, part)["text"], whole[part], strict=True):
            torch.testing.assert_close(found, one)


def test_weights_have_the_variance_of_composed_maps() -> None:
    torch.manual_seed(0)
    model = CollapsedProjection({"text": 50}, {"text": [2000]})
    variance = float(model.weight["text"].detach().var())
    assert variance == pytest.approx(1 / 450, rel=0.05)


def test_features_must_fit() -> None:
    model = CollapsedProjection({"text": 6}, {"text": [3]})
    with pytest.raises(ValueError, match="'text' is missing"):
        model({})
    with pytest.raises(ValueError, match=r"\[N, 6\] \(got \[2, 5\]\)"):
        model({"text": torch.ones(2, 5)})
