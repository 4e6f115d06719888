import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import sea_pyg
from sea_pyg.typing import RATES, SIMILAR

UNSAID = (None, (), "", RATES, SIMILAR)
"""Defaults that a docstring may tell in words of its own."""


def described() -> Iterator[tuple[str, Callable[..., Any], str]]:
    """Yield the public classes and functions that describe arguments."""
    for module in pkgutil.walk_packages(sea_pyg.__path__, "sea_pyg."):
        if ".cli" in module.name or module.name.endswith("__main__"):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if name.startswith("_") or getattr(value, "__module__", "") != module.name:
                continue
            own = inspect.isfunction(value) or "__init__" in getattr(
                value, "__dict__", {}
            )
            if own and "Args:" in (value.__doc__ or ""):
                yield f"{module.name}.{name}", value, inspect.getdoc(value) or ""


DESCRIBED = {name: (value, text) for name, value, text in described()}


def entries(text: str) -> dict[str, str]:
    """Return what the section of arguments says of each."""
    section = text.split("Args:\n", 1)[1].split("\n\n", 1)[0]
    found = re.split(r"^    (?=\*{0,2}\w+: )", section, flags=re.MULTILINE)
    pairs = (entry.split(": ", 1) for entry in found if ": " in entry)
    return {name: re.sub(r"\s+", " ", said).strip() for name, said in pairs}


@pytest.mark.parametrize("name", DESCRIBED)
def test_defaults_are_told_as_they_are(name: str) -> None:
    value, text = DESCRIBED[name]
    told = entries(text)
    for parameter in inspect.signature(value).parameters.values():
        default = parameter.default
        if default is parameter.empty or parameter.name not in told:
            continue
        said = told[parameter.name]
        literal = re.search(r"\(default: :obj:`([^`]*)`\)", said)
        if literal is not None:
            names = vars(importlib.import_module(value.__module__))
            assert eval(literal[1], names) == default, parameter.name
        elif default not in UNSAID and not callable(default):
            assert "default" in said, parameter.name
