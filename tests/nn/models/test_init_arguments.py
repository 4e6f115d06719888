from typing import Any

import pytest
import torch

from sea_pyg.datasets import FakeMultimodalDataset
from sea_pyg.nn import SeparateLearning
from sea_pyg.nn.models import SEA, VBPR, LightGCN, WithSeparateLearning


def test_what_is_given_may_change_afterwards() -> None:
    channels = {"image": 24, "text": 16}
    model = VBPR(40, 30, channels)
    channels["audio"] = 10
    again = VBPR(**model.hparams())
    again.load_state_dict(model.state_dict())
    assert model.hparams()["in_channels"] == {"image": 24, "text": 16}


class Deeper(LightGCN):
    """Hands on what it is given."""

    def __init__(self, *args: Any, extra: int = 1, **kwargs: Any) -> None:
        super().__init__(*args, num_layers=3, **kwargs)
        self.extra = extra


def test_a_subclass_may_hand_its_arguments_on() -> None:
    torch.manual_seed(0)
    model = Deeper(40, 30, 16, extra=2, reg_weight=0.1)
    given = {"num_users": 40, "num_items": 30, "embedding_dim": 16}
    assert model.hparams() == {**given, "extra": 2, "reg_weight": 0.1}
    again = Deeper(**model.hparams())
    again.load_state_dict(model.state_dict())
    assert again.hparams() == model.hparams()


def test_what_is_returned_is_a_copy() -> None:
    model = VBPR(4, 5, {"text": 6})
    model.hparams()["in_channels"]["text"] = 7
    assert model.hparams()["in_channels"] == {"text": 6}
    separate = SeparateLearning({"text": 6}, distance_kwargs={"conditional": "linear"})
    separate.hparams()["distance_kwargs"].clear()
    assert separate.hparams()["distance_kwargs"] == {"conditional": "linear"}


def test_an_unknown_argument_is_refused_in_the_model_s_name() -> None:
    misspelt: dict[str, Any] = {"dropuot": 0.1}
    sizes: list[Any] = [4, 5]
    message = r"VBPR\(\) got an unexpected keyword argument 'dropuot'"
    with pytest.raises(TypeError, match=message):
        VBPR(4, 5, {"text": 6}, **misspelt)
    with pytest.raises(TypeError, match=r"VBPR.*missing 1 required.*'in_channels'"):
        VBPR(*sizes)


def test_a_misspelt_argument_has_a_hint() -> None:
    data = FakeMultimodalDataset()[0]
    with pytest.raises(TypeError, match="'num_layer'; did you mean 'num_layers'"):
        SEA.from_data(data, num_layer=2)
    message = r"distance CLUB\(\) .*'hiden_channels'; did you mean 'hidden_channels'"
    with pytest.raises(TypeError, match=message):
        SEA.from_data(data, distance_kwargs={"hiden_channels": 3})
    with pytest.raises(TypeError, match="'alpa'; did you mean 'alpha'"):
        WithSeparateLearning.from_data(data, separate={"alpa": 0.1})
    with pytest.raises(TypeError, match=r"'alpha' .*; pass separate=\{'alpha': ...\}"):
        WithSeparateLearning.from_data(data, backbone="VBPR", alpha=0.1)
    with pytest.raises(TypeError, match=r"VBPR\(\).*did you mean 'embedding_dim'"):
        WithSeparateLearning.from_data(data, backbone="VBPR", embeding_dim=4)


@pytest.mark.parametrize("model", [SEA, Deeper])
def test_a_text_as_a_switch_is_refused(model: type) -> None:
    class Switched(model):
        def __init__(self, *args: Any, own: bool = False, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.own = own

    with pytest.raises(ValueError, match=r"own must be True or False \(got 'no'\)"):
        Switched(4, 5, {"text": 6} if model is SEA else 8, own="no")
    wrong: dict[str, Any] = {"collapsed": "false"}
    with pytest.raises(ValueError, match="collapsed must be True or False"):
        SEA(4, 5, {"text": 6}, **wrong)
