"""Models by name: those of the library, and those of a module of one's own."""

import pytest

from sea_pyg.nn.models import (
    BPRMF,
    VBPR,
    Recommender,
    WithSeparateLearning,
    classes,
    model_name,
    resolve,
)
from tests.nn.models.base import example_data

OWN = """
from sea_pyg.nn.models import VBPR, Recommender


class Mine(VBPR):
    pass


class Half(Recommender):
    def encode(self, data):
        raise NotImplementedError


number = 3
"""


@pytest.fixture
def module(tmp_path, monkeypatch) -> str:
    """Write a module that can be imported, and return its name."""
    name = f"own_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(OWN)
    (tmp_path / f"{name}_broken.py").write_text("import nothing_of_this_name\n")
    monkeypatch.syspath_prepend(tmp_path)
    return name


@pytest.mark.parametrize("name", classes)
def test_every_model_is_found_by_its_name_in_any_case(name):
    model = resolve(name.lower())
    assert model.__name__ == name
    assert model_name(model) == name
    assert resolve(f"sea_pyg.nn.models.{name}") is model


def test_a_class_of_one_s_own(module):
    model = resolve(f"{module}.Mine")
    assert issubclass(model, VBPR)
    assert model_name(model) == f"{module}.Mine"
    assert resolve(model_name(model)) is model


def test_a_class_of_the_same_name_is_another_one():
    mine = type("BPRMF", (BPRMF,), {"__module__": "a.b"})
    assert model_name(mine) == "a.b.BPRMF"


def test_separate_learning_is_built_again_on_it(module):
    data = example_data()
    model = WithSeparateLearning.from_data(data, backbone=f"{module}.Mine")
    again = WithSeparateLearning(**model.hparams())
    assert type(again.backbone) is resolve(f"{module}.Mine")
    again.load_state_dict(model.state_dict())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("VBRP", "'vbpr'"),
        ("{}.mine", "has no 'mine'"),
        ("{}.number", "is no model"),
        ("{}.Half", "does not implement loss"),
        ("{}_missing.Mine", "no module '{}_missing'"),
        ("{}.part.Mine", "no module '{}.part'"),
        ("{}.<locals>.Mine", "package.module.Class"),
        (".Mine", "package.module.Class"),
        ("sea_pyg.nn.models.Recommender", "does not implement encode, loss"),
    ],
)
def test_what_is_no_model(module, name, text):
    with pytest.raises(ValueError, match=text.format(module)):
        resolve(name.format(module))


def test_what_a_module_of_one_s_own_cannot_import_is_told(module):
    with pytest.raises(ImportError, match="nothing_of_this_name"):
        resolve(f"{module}_broken.Mine")


def test_the_base_class_is_no_model_of_the_list():
    assert Recommender.__name__ not in classes
