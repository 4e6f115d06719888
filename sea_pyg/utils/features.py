"""Item features as models read them: checked and masked once."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.utils.checks import (
    check_floating,
    check_mapping,
    closest,
    modality_names,
    node_count,
)
from sea_pyg.utils.memo import memoize


def modality_input(
    data: HeteroData,
    name: str,
    node_type: str = "item",
    channels: int | None = None,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Return ``x_<name>`` with the rows that ``mask_<name>`` marks missing as zeros.

    Checked, converted and masked once per tensor, not per call, if it has no gradient.

    Args:
        data: The graph.
        name: The modality.
        node_type: The node type that carries it. (default: :obj:`"item"`)
        channels: Width that the reader was built for. (default: any)
        dtype: Type to convert to. (default: float32 for half precision and integers,
            and else what it is)

    Shapes:
        Returns :math:`[N, d]`.

    Raises:
        ValueError: If the modality does not exist, is not a matrix with a row per
            node, is sparse or complex, has a NaN or infinite value in a row that is
            not masked, or is of another width.
    """
    (name,) = modality_names(data, node_type, [name])
    check_feature(data, name, node_type)
    x: Tensor = data[node_type][f"x_{name}"]
    if x.layout != torch.strided:
        raise ValueError(
            f"x_{name} of {node_type!r} must be a dense matrix (got the layout "
            f"{x.layout}); convert it by .to_dense()"
        )
    if x.is_complex():
        raise ValueError(
            f"x_{name} of {node_type!r} must be real (got {x.dtype}); give real and "
            "imaginary part as columns, by torch.view_as_real(x).flatten(1)"
        )
    mask: Tensor | None = data[node_type].get(f"mask_{name}")

    if dtype is None:
        known = (torch.float32, torch.float64)
        dtype = x.dtype if x.dtype in known else torch.float32

    def build() -> Tensor | None:
        checked = _check(data, name, node_type, dtype)
        # The memo's entry must not refer to x, or x would never be freed.
        return None if checked is x else checked

    others = () if mask is None else (mask,)
    if x.requires_grad:  # what is kept would be of this call's graph
        checked = build()
    else:
        checked = memoize(x, ("modality_input", mask is None, dtype), build, *others)
    x = x if checked is None else checked
    if channels is not None and x.size(1) != channels:
        raise ValueError(
            f"the model was built for modality {name!r} of width {channels} (got "
            f"{x.size(1)}); build it from this graph with from_data"
        )
    return x


def modality_inputs(
    data: HeteroData,
    in_channels: Mapping[str, int],
    node_type: str,
    dtype: torch.dtype,
) -> dict[str, Tensor]:
    """Return the :func:`modality_input` of every modality that a model reads.

    Args:
        data: The graph.
        in_channels: Width that the model was built for, by modality.
        node_type: The node type that carries them.
        dtype: Type of the model's parameters.

    Shapes:
        Returns :math:`[N, d_m]` for each.

    Raises:
        ValueError: As :func:`modality_input` does.
    """
    return {
        name: modality_input(data, name, node_type, channels, dtype)
        for name, channels in in_channels.items()
    }


def modality_masks(
    data: HeteroData, names: Iterable[str], node_type: str = "item"
) -> dict[str, Tensor]:
    """Collect the masks of the modalities that have one.

    Args:
        data: The graph.
        names: The modalities.
        node_type: The node type that carries them. (default: :obj:`"item"`)

    Shapes:
        Returns :math:`[N]` for each, false where the modality is missing.
    """
    masks = {name: data[node_type].get(f"mask_{name}") for name in names}
    return {name: mask for name, mask in masks.items() if mask is not None}


def modality_present(
    data: HeteroData, names: Iterable[str], node_type: str = "item"
) -> dict[str, Tensor]:
    """Tell which nodes have the modalities.

    A node lacks one where ``mask_<name>`` is false, or its features are zeros, which
    have no direction. Computed once per tensor.

    Args:
        data: The graph.
        names: The modalities.
        node_type: The node type that carries them. (default: :obj:`"item"`)

    Shapes:
        Returns :math:`[N]` for each.

    Raises:
        ValueError: As :func:`modality_input` does.
    """
    return {name: _present(modality_input(data, name, node_type)) for name in names}


def check_features(
    features: Mapping[str, Tensor],
    masks: Mapping[str, Tensor] | None,
    in_channels: Mapping[str, int],
    dtype: torch.dtype | None = None,
) -> None:
    """Check the features and masks that a module of several modalities is given.

    Args:
        features: The features, by modality.
        masks: Which rows have the modality; all that have no entry.
        in_channels: Width that the module was built for, by modality.
        dtype: Type of the module's parameters. (default: any)

    Raises:
        ValueError: If features or masks are no mapping, a modality is missing, of
            integers, of another width or of another type, modalities differ in their
            rows, or a mask has another type or shape, or no modality.
    """
    check_mapping(features=features, masks={} if masks is None else masks)
    rows = None
    for name, width in in_channels.items():
        if name not in features:
            raise ValueError(
                f"modality {name!r} is missing; pass its features (got "
                f"{sorted(features)})"
            )
        x = features[name]
        rows = x.size(0) if rows is None and x.dim() > 0 else rows
        check_floating(x, f"features of modality {name!r}")
        if dtype is not None and not _multiplies(x, dtype):
            raise ValueError(
                f"features of modality {name!r} are {x.dtype} and the module {dtype}; "
                f"convert them by .to({dtype}), or the module by .to({x.dtype})"
            )
        if x.dim() != 2 or x.size(1) != width or x.size(0) != rows:
            expected = "N" if x.dim() != 2 or x.size(0) == rows else rows
            raise ValueError(
                f"features of modality {name!r} must be of shape "
                f"[{expected}, {width}] (got {list(x.shape)})"
            )
    for name, mask in (masks or {}).items():
        if name not in in_channels and name not in features:
            raise ValueError(
                f"masks names an unknown modality {name!r}; "
                f"{closest(name, in_channels)}"
            )
        if name in in_channels and (mask.dtype != torch.bool or mask.shape != (rows,)):
            raise ValueError(
                f"the mask of modality {name!r} must be a bool tensor of shape "
                f"[{rows}] (got {mask.dtype} {list(mask.shape)})"
            )


def _multiplies(x: Tensor, dtype: torch.dtype) -> bool:
    """Whether ``x`` is multiplied by ``dtype``: autocast converts all but float64."""
    if x.dtype == dtype:
        return True
    mixed = torch.is_autocast_enabled(x.device.type)
    return mixed and torch.float64 not in (x.dtype, dtype)


def fill_missing(x: Tensor, mask: Tensor | None) -> Tensor:
    """Return the features with zeros in the rows that lack them, which may be NaN.

    Shapes:
        ``x`` and what is returned :math:`[N, d]`, ``mask`` :math:`[N]`.
    """
    if mask is None or memoize(mask, "all", lambda: bool(mask.all())):
        return x
    return x.masked_fill(~mask.unsqueeze(-1), 0)


def _present(x: Tensor) -> Tensor:
    def build() -> Tensor:
        return x.detach().abs().amax(dim=1) > 0

    return build() if x.requires_grad else memoize(x, "modality_present", build)


def check_frozen(
    data: HeteroData, names: Iterable[str], what: str, node_type: str = "item"
) -> None:
    """Check that no features are to be trained themselves.

    Args:
        data: The graph.
        names: The modalities.
        what: What messages call it.
        node_type: The node type that carries the features. (default: :obj:`"item"`)

    Raises:
        ValueError: If some require a gradient.
    """
    for name in names:
        x: object = data[node_type].get(f"x_{name}")
        if isinstance(x, Tensor) and x.requires_grad:
            raise ValueError(
                f"x_{name} of {node_type!r} in {what} requires a gradient, but fit "
                f"trains the parameters of the model alone; set data[{node_type!r}]"
                f".x_{name} = x.detach(), or have an encoder trained in a model or a "
                "loop of your own, as docs/add_a_modality.md shows"
            )


def check_feature(data: HeteroData, name: str, node_type: str = "item") -> None:
    """Check the types and shapes of ``x_<name>`` and ``mask_<name>``.

    Args:
        data: The graph.
        name: The modality, which there is.
        node_type: The node type that carries it. (default: :obj:`"item"`)

    Raises:
        ValueError: If the features are no matrix with a row per node, or the mask is
            no bool tensor with a value per node.
    """
    num_nodes = node_count(data, node_type)
    x: object = data[node_type][f"x_{name}"]
    if not isinstance(x, Tensor):
        raise ValueError(
            f"x_{name} of {node_type!r} must be a tensor (got {type(x).__name__})"
        )
    mask: Tensor | None = data[node_type].get(f"mask_{name}")
    if x.dim() != 2 or x.size(0) != num_nodes:
        raise ValueError(
            f"data[{node_type!r}].x_{name} must be of shape [{num_nodes}, channels], "
            f"a row per {node_type} (got {list(x.shape)})"
        )
    if mask is not None and (mask.dtype != torch.bool or mask.shape != (num_nodes,)):
        raise ValueError(
            f"data[{node_type!r}].mask_{name} must be a bool tensor of shape "
            f"[{num_nodes}] (got {mask.dtype} {list(mask.shape)})"
        )


def _check(data: HeteroData, name: str, node_type: str, dtype: torch.dtype) -> Tensor:
    x: Tensor = data[node_type][f"x_{name}"]
    mask: Tensor | None = data[node_type].get(f"mask_{name}")
    if mask is not None and not bool(mask.all()):
        x = torch.where(mask.unsqueeze(-1), x, torch.zeros_like(x))
    x = x.to(dtype)
    finite = torch.isfinite(x).all(dim=1)
    if not bool(finite.all()):
        row = int((~finite).nonzero()[0])
        rows = int((~finite).sum())
        raise ValueError(
            f"data[{node_type!r}].x_{name} has a NaN or infinite value in row {row} "
            f"(and in {rows} rows in all); mend it, or mark the rows as missing with "
            f"data[{node_type!r}].mask_{name} = False"
        )
    return x
