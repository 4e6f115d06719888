import pytest
import torch
from torch.nn import Linear, Parameter

from sea_pyg.nn.modality.module_dict import ModuleDict
from sea_pyg.nn.modality.parameter_dict import ParameterDict

NAMES = ["a.b", "a#c", "items", "keys", "type", "training", "_modules", "_extra_state"]


def module_dict(names: list[str]) -> ModuleDict:
    return ModuleDict({name: Linear(2, 3) for name in names})


def parameter_dict(names: list[str]) -> ParameterDict:
    return ParameterDict({name: Parameter(torch.randn(3)) for name in names})


@pytest.mark.parametrize("make", [module_dict, parameter_dict])
def test_holds_any_name(make):
    first, second = make(NAMES), make(NAMES)
    assert len(first) == len(list(first.values())) == len(NAMES)
    assert all(name in first for name in NAMES)
    assert len({id(first[name]) for name in NAMES}) == len(NAMES)
    assert first.train().training
    second.load_state_dict(first.state_dict())
    for mine, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_usual_names_are_those_of_the_state():
    assert set(parameter_dict(["text", "image"]).state_dict()) == {"text", "image"}
    assert list(module_dict(["text"]).state_dict()) == ["text.weight", "text.bias"]


@pytest.mark.parametrize("make", [module_dict, parameter_dict])
def test_no_two_names_are_one(make):
    names = ["a.b", "a#b", "a%23b", "training", "<training>", "%3Ctraining>"]
    held = make(names)
    assert list(held.keys()) == names
    assert len({id(held[name]) for name in names}) == len(names)
