"""Typed values for ``--set key=value``."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple, get_type_hints

from jsonargparse import ArgumentParser

from sea_pyg.nn.loss import SeparateLearning
from sea_pyg.nn.models import SEA, Recommender, resolve
from sea_pyg.training import TrainingConfig
from sea_pyg.training.fit_setting import SEPARATE_PREFIX
from sea_pyg.utils import closest

_GIVEN_BY_DATA = ("self", "num_users", "num_items", "in_channels", "edge_type")
PRESET = "preset"
TRAINING_FLAGS = ("seed", "max_epochs", "precision", "device")
"""Options of training that have flags of their own."""


class Requested(NamedTuple):
    """What a command asks to build and how to train it."""

    model: type[Recommender]
    """The model's class."""
    setting: dict[str, Any]
    """What :func:`~sea_pyg.training.build_setting` takes."""
    preset: str | None
    """The preset that it starts from."""


def requested(options: Any) -> Requested:
    """Read ``--model``, ``--separate``, ``--set`` and the flags of training.

    Raises:
        ValueError: As :func:`parse_settings` does, or if an option is given twice or
            separate learning is attached to SEA.
    """
    cls = resolve(options.model or "sea")
    if options.separate and issubclass(cls, SEA):
        raise ValueError(
            f"--separate attaches SEA's losses to another model (got --model "
            f"{cls.__name__}, which has them itself); leave --separate out, or choose "
            "a multimodal model such as VBPR or MGCN"
        )
    arguments, training, separate = parse_settings(
        options.set or [], cls, options.separate
    )
    training |= training_flags(options, training)
    preset = arguments.pop(PRESET, None)
    attached = {SEPARATE_PREFIX + name: value for name, value in separate.items()}
    return Requested(cls, arguments | training | attached, preset)


def training_flags(options: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the training options that are given by flags of their own.

    Raises:
        ValueError: If one is among ``settings`` too.
    """
    flags = {name: options[name] for name in TRAINING_FLAGS}
    flags = {name: value for name, value in flags.items() if value is not None}
    for name in flags:
        if name in settings:
            flag = "--" + name.replace("_", "-")
            raise ValueError(f"{name} is given twice: by {flag} and by --set")
    return flags


def parse_settings(
    settings: Sequence[str],
    model: type[Recommender],
    separate: bool,
    flag: str = "--set",
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Sort ``key=value`` by what it belongs to, and parse it by its annotated type.

    Args:
        settings: The settings.
        model: The model's class.
        separate: Whether keys of the form ``separate.<key>`` are for a
            :class:`SeparateLearning` beside the model.
        flag: The flag that an error names. (default: ``--set``)

    Returns:
        Arguments of the model, options of training, arguments of separate learning.

    Raises:
        ValueError: If a key is unknown or given twice, or a value is of another type.
    """
    targets: dict[str, type] = dict.fromkeys(arguments_of(model), model)
    targets |= dict.fromkeys((f.name for f in fields(TrainingConfig)), TrainingConfig)
    if model.presets:
        targets[PRESET] = model
    if separate:
        names = arguments_of(SeparateLearning)
        targets |= dict.fromkeys((SEPARATE_PREFIX + n for n in names), SeparateLearning)
    found: dict[type, dict[str, Any]] = {
        model: {},
        TrainingConfig: {},
        SeparateLearning: {},
    }
    for setting in settings:
        key, equals, value = setting.partition("=")
        key = key.strip().replace("-", "_")
        if not equals:
            raise ValueError(f"{flag} expects key=value (got {setting!r})")
        if key not in targets:
            raise ValueError(
                f"{flag}: neither {model.__name__} nor training has an option "
                f"{key!r}; {closest(key, targets)}"
            )
        target, name = targets[key], key.removeprefix(SEPARATE_PREFIX)
        if name in found[target]:
            raise ValueError(f"{flag} {key} is given twice")
        # What is no preset is refused where the model is built.
        is_preset = target is model and name == PRESET
        found[target][name] = (
            value if is_preset else parse_argument(target, name, value, flag=flag)
        )
    return found[model], found[TrainingConfig], found[SeparateLearning]


def split_names(text: str) -> list[str]:
    """Split ``a,b`` at its commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def named_modalities(options: Any) -> list[str] | None:
    """Return what ``--modalities`` names, or ``None`` for all."""
    return None if options.modalities is None else split_names(options.modalities)


def arguments_of(cls: type) -> dict[str, Any]:
    """Return the types of the constructor's arguments that the data does not determine.

    Where it takes ``**kwargs``, those of the next constructor are among them.
    """
    found: dict[str, Any] = {}
    for owner in cls.__mro__:
        constructor = vars(owner).get("__init__")
        if constructor is None:
            continue
        try:
            types = get_type_hints(constructor)
        except NameError:  # a name that only type checkers see
            types = {}
        parameters = inspect.signature(constructor).parameters.values()
        for parameter in parameters:
            variadic = parameter.kind in (
                parameter.VAR_KEYWORD,
                parameter.VAR_POSITIONAL,
            )
            if not variadic and parameter.name not in _GIVEN_BY_DATA:
                found.setdefault(parameter.name, types.get(parameter.name, Any))
        if all(p.kind is not p.VAR_KEYWORD for p in parameters):
            break
    return found


def parse_argument(
    cls: type, name: str, value: str, key: str | None = None, flag: str = "--set"
) -> Any:
    """Read the value of a constructor's argument by its annotated type.

    Args:
        cls: The class.
        name: The argument.
        value: What was written.
        key: What an error calls it. (default: ``name``)
        flag: The flag that an error names. (default: ``--set``)

    Raises:
        ValueError: If the value is of another type.
    """
    annotation = arguments_of(cls)[name]
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument(f"--{name}", type=annotation)
    try:
        parsed = parser.parse_args([f"--{name}={value}"])
    except Exception as error:
        wanted = getattr(annotation, "__name__", None)
        if wanted is None or not isinstance(annotation, type):
            wanted = str(annotation).replace("typing.", "")
        raise ValueError(
            f"{flag} {key or name} expects a value of type {wanted} (got {value!r})"
        ) from error
    return parsed[name]
