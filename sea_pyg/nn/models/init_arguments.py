"""The arguments that build an object again."""

import inspect
from collections.abc import Mapping
from typing import Any


def init_arguments(
    cls: type, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a constructor's arguments by name, defaults included.

    What it takes as ``*args`` has the names of the next constructor's arguments, and
    stands beside what it takes as ``**kwargs``.

    Args:
        cls: The class.
        args: Positional arguments of its constructor.
        kwargs: Arguments by name.
    """
    constructors = [vars(c)["__init__"] for c in cls.__mro__ if "__init__" in vars(c)]
    found: dict[str, Any] = {}
    for depth, constructor in enumerate(constructors):
        signature = inspect.signature(constructor)
        bound = signature.bind_partial(None, *args, **kwargs)
        if depth == 0:
            bound.apply_defaults()
        args, kwargs = (), {}
        for name, value in list(bound.arguments.items())[1:]:
            kind = signature.parameters[name].kind
            if kind is inspect.Parameter.VAR_POSITIONAL:
                args = value
            elif kind is inspect.Parameter.VAR_KEYWORD:
                kwargs = value
            else:
                found[name] = copy_containers(value)
        found |= copy_containers(kwargs)
        if not args:
            break
        kwargs = {}
    return found


def copy_containers(value: Any) -> Any:
    """Copy mappings, lists and tuples, and what they hold of them, but nothing else."""
    if isinstance(value, Mapping):
        return {key: copy_containers(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(copy_containers(item) for item in value)
    return value
