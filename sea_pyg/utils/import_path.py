"""Classes and functions by where they stand, as in ``package.module.Class``."""

import importlib
import os
import sys
from typing import Any


def import_path(value: Any) -> str:
    """Return where a class or function stands, as :func:`import_object` takes it.

    Raises:
        ValueError: If it is not found there: it is no class or function, or was made
            within a function.
    """
    module = getattr(value, "__module__", None)
    name = getattr(value, "__qualname__", None)
    path = f"{module}.{name}"
    found = None
    if module is not None and name is not None and name.isidentifier():
        found = getattr(importlib.import_module(module), name, None)
    if found is not value:
        raise ValueError(
            f"{value!r} cannot be imported; give a class or function that stands at "
            "the top level of a module"
        )
    return path


def import_object(path: str) -> Any:
    """Import what stands at ``package.module.name``.

    Raises:
        ValueError: If there is no such module, or nothing of that name in it.
        ImportError: If the module itself cannot import what it needs.
    """
    module, _, name = path.rpartition(".")
    if not (name.isidentifier() and all(map(str.isidentifier, module.split(".")))):
        raise ValueError(f"expected a name like package.module.Class (got {path!r})")
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if module != missing and not module.startswith(missing + "."):
            raise  # of what the module needs
        raise ValueError(
            f"no module {missing!r} for {path!r}; install its package, or put its "
            "folder on Python's path"
        ) from None
    if not hasattr(found, name):
        raise ValueError(f"module {module!r} has no {name!r}")
    return getattr(found, name)


def import_from_working_directory() -> None:
    """Have :func:`import_object` find modules in the working directory, too, as
    ``python -m`` does.
    """
    if not {"", os.getcwd()} & set(sys.path):
        sys.path.insert(0, os.getcwd())
