"""The arguments that build an object again."""

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from sea_pyg.utils.checks import closest

T = TypeVar("T", bound="InitArguments")


class InitArguments:
    """Base class of what notes the arguments that it was built with."""

    __signature__: ClassVar[inspect.Signature]

    _init_arguments: dict[str, Any]

    def __new__(cls: type[T], *args: Any, **kwargs: Any) -> T:
        """Create the object and note the arguments that build it again."""
        self = super().__new__(cls)
        # Copying calls `__new__` without arguments and restores the attribute
        # afterwards. A module takes no attribute before it is initialised.
        arguments = init_arguments(cls, args, kwargs)
        object.__setattr__(self, "_init_arguments", arguments)
        return self

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Have the class show its constructor's arguments, not those of ``__new__``."""
        super().__init_subclass__(**kwargs)
        own = inspect.signature(cls.__init__)
        parameters = list(own.parameters.values())[1:]
        cls.__signature__ = own.replace(parameters=parameters)

    def hparams(self) -> dict[str, Any]:
        """Return the constructor's arguments, defaults included."""
        return {
            name: copy_containers(value) for name, value in self._init_arguments.items()
        }


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

    Raises:
        TypeError: If the constructor does not take them.
        ValueError: If a switch is given a text.
    """
    constructors = [vars(c)["__init__"] for c in cls.__mro__ if "__init__" in vars(c)]
    found: dict[str, Any] = {}
    for depth, constructor in enumerate(constructors):
        signature = inspect.signature(constructor)
        bound = bind_arguments(cls.__name__, signature, (None, *args), kwargs)
        if depth == 0:
            bound.apply_defaults()
        args, kwargs = (), {}
        for name, value in list(bound.arguments.items())[1:]:
            parameter = signature.parameters[name]
            if parameter.annotation in (bool, "bool") and isinstance(value, str):
                # "false" would count as true.
                raise ValueError(f"{name} must be True or False (got {value!r})")
            kind = parameter.kind
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


def default_arguments(cls: type) -> dict[str, Any]:
    """Return the defaults of a constructor's arguments by name."""
    parameters = inspect.signature(cls).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def bind_arguments(
    what: str,
    signature: inspect.Signature,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> inspect.BoundArguments:
    """Bind arguments of which some may be missing.

    Args:
        what: What is called.
        signature: Its signature.
        args: Positional arguments.
        kwargs: Arguments by name.

    Raises:
        TypeError: If it does not take them, with the closest name that it takes.
    """
    try:
        return signature.bind_partial(*args, **kwargs)
    except TypeError as error:
        known = signature.parameters.keys() - {"self"}
        unknown = [name for name in kwargs if name not in known]
        hint = f"; {closest(unknown[0], known)}" if unknown else ""
        raise TypeError(f"{what}() {error}{hint}") from None


def copy_containers(value: Any) -> Any:
    """Copy mappings, lists and tuples, and what they hold of them, but nothing else."""
    if isinstance(value, Mapping):
        return {key: copy_containers(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(copy_containers(item) for item in value)
    return value
