import copy

import numpy as np
import pytest
import torch
from torch.nn.utils import parametrize

from sea_pyg.nn import ModalityProjection
from sea_pyg.nn.functional import Readout


def test_forward() -> None:
    model = ModalityProjection({"text": 4, "a.b": 3})
    assert str(model) == "ModalityProjection(text: 4 -> 4, a.b: 3 -> 3)"
    features = {"text": torch.randn(5, 4), "a.b": torch.randn(5, 3)}
    out = model(features)
    assert list(out) == model.modalities == ["text", "a.b"]
    for name, x in features.items():
        linear = model.linear(name)
        expected = x @ linear.weight.T + linear.bias
        torch.testing.assert_close(out[name], expected)


@pytest.mark.parametrize("out_channels", [8, np.int64(8), {"text": 8, "image": 6}])
def test_out_channels(out_channels: int | dict[str, int]) -> None:
    model = ModalityProjection({"image": 3, "text": 4}, out_channels)
    features = {"text": torch.randn(5, 4), "image": torch.randn(5, 3)}
    out = model(features)
    assert out["text"].shape == (5, 8)
    assert out["image"].size(1) == model.out_channels["image"]


def test_missing_rows_get_the_default() -> None:
    model = ModalityProjection({"text": 4})
    x = torch.randn(3, 4)
    x[1] = torch.nan
    mask = torch.tensor([True, False, True])
    out = model({"text": x}, {"text": mask})["text"]
    torch.testing.assert_close(out[1], model.linear("text").bias)
    torch.testing.assert_close(out[0], model.linear("text")(x[0]))
    out.sum().backward()
    grad = model.linear("text").weight.grad
    assert grad is not None
    assert grad.isfinite().all()


@pytest.mark.parametrize("num_items", [2, 50])
def test_readouts(num_items: int) -> None:
    model = ModalityProjection({"text": 4, "image": 6}, {"text": 8, "image": 10})
    features = {"text": torch.randn(num_items, 4), "image": torch.randn(num_items, 6)}
    readouts = {
        "text": [Readout(torch.randn(2, 4), torch.randn(2), 4, 8)],
        "image": [Readout(torch.randn(3, 10), None, 0, 10)],
    }
    found, y = model.readouts(features, readouts), model(features)
    one = model.readouts(features, {"text": readouts["text"]})
    assert [len(one["text"]), len(one["image"])] == [1, 0]
    text, image = readouts["text"][0], readouts["image"][0]
    assert text.bias is not None
    torch.testing.assert_close(
        found["text"][0], y["text"][:, 4:] @ text.weight.T + text.bias
    )
    torch.testing.assert_close(found["image"][0], y["image"] @ image.weight.T)


def test_same_seed_same_parameters() -> None:
    models = []
    for _ in range(2):
        torch.manual_seed(5)
        models.append(ModalityProjection({"text": 4}))
    assert torch.equal(models[0].linear("text").weight, models[1].linear("text").weight)
    models[0].reset_parameters()
    assert not torch.equal(
        models[0].linear("text").weight, models[1].linear("text").weight
    )


def test_errors() -> None:
    with pytest.raises(ValueError, match="at least one modality"):
        ModalityProjection({})
    with pytest.raises(ValueError, match="must name the modalities"):
        ModalityProjection({"text": 4}, {"image": 4})
    with pytest.raises(ValueError, match="'text'. must be at least 1"):
        ModalityProjection({"text": 0})
    model = ModalityProjection({"text": 4})
    with pytest.raises(ValueError, match="'text' is missing"):
        model({"image": torch.zeros(2, 4)})
    with pytest.raises(ValueError, match=r"shape \[N, 4\] \(got \[2, 5\]\)"):
        model({"text": torch.zeros(2, 5)})


def test_what_stands_for_a_linear_map_is_called() -> None:
    x = {"text": torch.randn(50, 8)}
    maps = {"text": [Readout(torch.randn(2, 3), None, 1, 4)]}
    plain = ModalityProjection({"text": 8}, 6)
    hooked, replaced, scaled = (copy.deepcopy(plain) for _ in range(3))
    hooked.linear("text").register_forward_hook(lambda module, args, out: 2 * out)
    replaced.linears["text"] = torch.nn.Sequential(plain.linear("text"), Double())
    parametrize.register_parametrization(scaled.linear("text"), "weight", Double())
    parametrize.register_parametrization(scaled.linear("text"), "bias", Double())
    expected = 2 * plain(x)["text"]
    read = 2 * plain.readouts(x, maps)["text"][0]
    for projection in (hooked, replaced, scaled):
        torch.testing.assert_close(projection(x)["text"], expected)
        found = projection.readouts(x, maps)["text"][0]
        torch.testing.assert_close(found, read, rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match=r"no Linear any more \(got Sequential\)"):
        replaced.linear("text")


class Double(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * x


def test_integers_are_refused() -> None:
    with pytest.raises(ValueError, match="modality 'text' must be of floating point"):
        ModalityProjection({"text": 4})({"text": torch.zeros(3, 4, dtype=torch.long)})
