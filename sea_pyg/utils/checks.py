"""Checks of user input, and the wording of what to do about it."""

import difflib
import importlib
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from numbers import Integral, Real
from types import ModuleType

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.typing import EdgeType


def closest(name: str, options: Iterable[str]) -> str:
    """Word a hint for an unknown name: the closest options, else all of them."""
    options = sorted(options)
    matches = difflib.get_close_matches(name.lower(), options, n=3, cutoff=0.5)
    if matches:
        return f"did you mean {' or '.join(repr(m) for m in matches)}?"
    return f"choose from {', '.join(options) if options else 'nothing: none exist'}"


def require(module: str, extra: str) -> ModuleType:
    """Import an optional dependency, or say which extra brings it.

    Raises:
        ImportError: If ``module`` is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"this needs the package {module!r}, which is not installed; "
            f"run: pip install 'sea_pyg[{extra}]'"
        ) from error


def check_counts(least: int, **counts: object) -> None:
    """Check arguments that count something, given by their names.

    Raises:
        ValueError: If one is not an integer, or below ``least``.
    """
    for name, count in counts.items():
        if not isinstance(count, Integral):
            raise ValueError(f"{name} must be an integer (got {count!r})")
        if int(count) < least:
            raise ValueError(f"{name} must be at least {least} (got {count})")


def check_interval(interval: str, **numbers: object) -> None:
    """Check arguments that are real numbers, given by their names.

    Args:
        interval: Where they must lie, *e.g.* ``"[0, 1)"`` or ``"(0, inf)"``.
        **numbers: The arguments.

    Raises:
        ValueError: If one lies elsewhere, is NaN or is no number.
    """
    low, high = (float(end) for end in interval[1:-1].split(","))
    open_ends = [low] * (interval[0] == "(") + [high] * (interval[-1] == ")")
    for name, number in numbers.items():
        inside = isinstance(number, Real) and low <= float(number) <= high
        if not inside or number in open_ends:
            raise ValueError(f"{name} must lie in {interval} (got {number!r})")


def check_temperature(temperature: object) -> None:
    """Check a temperature, which is a positive number.

    Raises:
        ValueError: If it is none, or a tensor, which no gradient would reach.
    """
    if isinstance(temperature, Tensor):
        raise ValueError(
            "temperature must be a number, for no gradient reaches it (got a tensor); "
            "to learn one, divide the queries by it"
        )
    check_interval("(0, inf)", temperature=temperature)


def check_floating(x: Tensor, what: str = "features") -> None:
    """Check that a tensor can be weighed with fractions.

    Args:
        x: The tensor.
        what: What messages call it. (default: :obj:`"features"`)

    Raises:
        ValueError: If it is of integers, which would be rounded.
    """
    if not x.is_floating_point():
        raise ValueError(
            f"{what} must be of floating point, for integers would be rounded (got "
            f"{x.dtype}); convert by .float()"
        )


def check_choice(choices: Collection[object], **arguments: object) -> None:
    """Check arguments that take one of a few values, given by their names.

    Raises:
        ValueError: If one is something else.
    """
    for name, argument in arguments.items():
        if argument not in choices:
            *others, last = map(repr, choices)
            expected = f"{', '.join(others)} or {last}" if others else last
            raise ValueError(f"{name} must be {expected} (got {argument!r})")


def check_mapping(**arguments: object) -> None:
    """Check arguments that map the modalities' names to something, by their names.

    Raises:
        ValueError: If one is no mapping.
    """
    for name, argument in arguments.items():
        if not isinstance(argument, Mapping):
            raise ValueError(
                f"{name} must be a mapping by the names of the modalities, such as "
                f"{{'text': ...}} (got {type(argument).__name__})"
            )


def check_in_channels(in_channels: Mapping[str, int]) -> None:
    """Check the widths of the modalities.

    Raises:
        ValueError: If they are no mapping, there is no modality, or a width is not a
            positive integer.
    """
    check_mapping(in_channels=in_channels)
    if not in_channels:
        raise ValueError("in_channels must name at least one modality (got none)")
    check_counts(1, **{f"in_channels[{n!r}]": d for n, d in in_channels.items()})


def check_modalities(
    modalities: Collection[str], every: bool = False, **arguments: Collection[str]
) -> None:
    """Check arguments that name modalities, given by their names.

    Args:
        modalities: Those that there are.
        every: Whether the arguments must name all of them. (default: :obj:`False`)
        **arguments: The arguments.

    Raises:
        ValueError: If one names another modality, or leaves one out.
    """
    for argument, names in arguments.items():
        for name in names:
            if name not in modalities:
                raise ValueError(
                    f"{argument} names an unknown modality {name!r}; "
                    f"{closest(name, modalities)}"
                )
        missing = [name for name in modalities if name not in names]
        if every and missing:
            raise ValueError(
                f"{argument} must name all modalities; add {missing} (got "
                f"{sorted(names)})"
            )


def check_mixture(
    modalities: Collection[str], **weights: Mapping[str, float] | None
) -> None:
    """Check the weights of a mean over modalities, given by their argument's name.

    Raises:
        ValueError: If they do not name exactly the modalities, or are not at least 0
            with a sum of 1.
    """
    for argument, weight in weights.items():
        if weight is None:
            continue
        check_modalities(modalities, every=True, **{argument: weight})
        if not (min(weight.values(), default=0) >= 0 and _is_one(weight.values())):
            raise ValueError(
                f"{argument} must be at least 0 and sum to 1 (got {weight!r})"
            )


def _is_one(weights: Iterable[float]) -> bool:
    return abs(sum(weights) - 1) <= 1e-6


def node_count(data: HeteroData, node_type: str) -> int:
    """Return how many nodes of a type a graph has.

    Raises:
        ValueError: If it does not say so.
    """
    count: int | None = data[node_type].num_nodes
    if count is None:
        raise ValueError(
            f"the number of nodes of type {node_type!r} is unknown; set "
            f"data[{node_type!r}].num_nodes"
        )
    return int(count)


def check_edge_type(data: HeteroData, edge_type: EdgeType) -> None:
    """Check that ``data`` has edges of this type.

    Raises:
        ValueError: If it has not.
    """
    if edge_type not in data.edge_types or "edge_index" not in data[edge_type]:
        raise ValueError(
            f"the graph has no edge_index of type {edge_type!r} (its edge types are "
            f"{data.edge_types}); pass edge_type=... or add it"
        )


def check_users(user_index: Tensor, num_users: int) -> None:
    """Check that users are given by their numbers, and exist.

    Raises:
        ValueError: If they are no vector of integers, there is none, or a number is out
            of range.
    """
    if not isinstance(user_index, Tensor):
        raise ValueError(
            "user_index must be a tensor of user numbers; make one of a list with "
            f"torch.tensor (got {type(user_index).__name__})"
        )
    if user_index.dim() != 1 or user_index.numel() == 0:
        raise ValueError(
            "user_index must be a non-empty vector of user numbers "
            f"(got shape {list(user_index.shape)})"
        )
    if user_index.dtype not in (torch.int64, torch.int32):
        raise ValueError(
            "user_index must hold user numbers, of type int64 or int32; make them of a "
            f"mask with mask.nonzero().view(-1) (got {user_index.dtype})"
        )
    low, high = int(user_index.min()), int(user_index.max())
    if low < 0 or high >= num_users:
        raise ValueError(
            f"user numbers must lie in 0..{num_users - 1} "
            f"(got {low if low < 0 else high})"
        )


def modality_names(
    data: HeteroData, node_type: str = "item", names: Sequence[str] | None = None
) -> list[str]:
    """List the modalities of a node type, *i.e.* its ``x_<modality>`` attributes.

    Args:
        data: The graph.
        node_type: The node type that carries the features. (default: :obj:`"item"`)
        names: Modalities to take, in this order; all in alphabetical order by
            default.

    Raises:
        ValueError: If there is no such node type, or one of ``names`` does not exist or
            is named twice.
    """
    if node_type not in data.node_types:  # asked for, PyG would add it
        raise ValueError(
            f"the graph has no nodes of type {node_type!r} (its node types are "
            f"{data.node_types}); pass the type that carries the features"
        )
    found = _named(data, node_type, "x_")
    if names is None:
        return found
    if isinstance(names, str):
        raise ValueError(
            f"modalities must be a list of names (got the string {names!r}); pass "
            f"[{names!r}]"
        )
    for name in names:
        if name not in found:
            raise ValueError(
                f"node type {node_type!r} has no modality {name!r}, that is, no "
                f"attribute 'x_{name}'; {closest(name, found)}"
            )
    if len(set(names)) != len(names):
        raise ValueError(f"a modality is named twice (got {list(names)!r})")
    return list(names)


def warn_of_masks(data: HeteroData, node_type: str = "item") -> None:
    """Warn of every ``mask_<modality>`` that no ``x_<modality>`` stands beside.

    Args:
        data: The graph.
        node_type: The node type that carries the features. (default: :obj:`"item"`)
    """
    names = modality_names(data, node_type)
    for name in _named(data, node_type, "mask_"):
        if name not in names:
            warnings.warn(
                f"mask_{name} of {node_type!r} is not read, for there is no x_{name}; "
                f"{closest(name, names)}",
                stacklevel=3,
            )


def _named(data: HeteroData, node_type: str, prefix: str) -> list[str]:
    """List what follows a prefix in the attributes of a node type."""
    keys = list(data[node_type].keys())
    return sorted(key.removeprefix(prefix) for key in keys if key.startswith(prefix))
