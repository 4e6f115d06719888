"""What the adaptors of the MMRec toolbox's models share."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from parity_adaptors.reference import (
    GRADIENT_TOLERANCE,
    Quantity,
    Reference,
    assign,
    total,
)
from sea_pyg.nn.models import Recommender
from sea_pyg.nn.models.item_features import ItemFeatures
from sea_pyg.typing import Triplets

Weights = Mapping[str, Tensor | Sequence[Tensor]]
"""Our parameter of each of the file's; several stand side by side in one of them."""

BATCH_SIZE = 2048
"""The toolbox's own, where a configuration names none."""

MODALITIES = ("image", "text")
TABLES = {f"{name}_embedding.weight": name for name in MODALITIES}


def modalities(reference: Reference) -> list[str]:
    """List the modalities that the file's model maps, in alphabetical order."""
    names = reference.names("param")
    return [name for name in MODALITIES if f"{name}_trs.weight" in names]


def has_exactly(reference: Reference, names: set[str]) -> bool:
    """Tell if the file's weights are these and those of the modalities."""
    features = {
        f"{name}_{part}"
        for name in modalities(reference)
        for part in ("embedding.weight", "trs.weight", "trs.bias")
    }
    return reference.names("param") == names | features


def graph(reference: Reference, num_users: int) -> HeteroData:
    """Return the graph; features that it lacks are those that the model holds.

    Where both have them, the graph's are those that training began with, of which the
    item-item graphs are made once and for all.
    """
    data = reference.data(num_users)
    for table, name in TABLES.items():
        if table in reference.names("param") and f"x_{name}" not in data["item"]:
            data["item"][f"x_{name}"] = reference[f"param/{table}"]
    return data


def feature_weights(features: ItemFeatures) -> dict[str, Tensor]:
    """Name the weights of the maps and, as offsets of the features, the tables."""
    weights: dict[str, Tensor] = {}
    for name, linear in features.linear.items():
        weights[f"{name}_trs.weight"] = linear.weight
        if linear.bias is not None:
            weights[f"{name}_trs.bias"] = linear.bias
        weights[f"{name}_embedding.weight"] = features.offset[name]
    return weights


def compare_model(
    reference: Reference,
    model: Recommender,
    data: HeteroData,
    weights: Weights,
    constant: Sequence[str] = (),
    cancelling: Sequence[str] = (),
    batch: Triplets | None = None,
    transposed: str | None = None,
    gradient_names: Mapping[str, str] | None = None,
    extra_loss: Callable[[], Tensor] | None = None,
    score: Callable[[Tensor], Tensor] | None = None,
    configured_batch: bool = False,
) -> Iterator[Quantity]:
    """Load the weights, and compare loss, gradients and scores.

    Args:
        reference: The file.
        model: Our model.
        data: The graph.
        weights: Our parameters by their names in the file.
        constant: Weights of the file that do nothing and that we do not have; their
            gradients must be zero.
        cancelling: Weights whose gradient is a difference of large terms.
        batch: The training batch; the file's by default.
        transposed: Part of the names of weights that ours are the transposes of.
        gradient_names: The file's names of the gradients of weights that it calls
            otherwise.
        extra_loss: A part of the file's loss that our model does not have.
        score: What the file's model does to the scores.
        configured_batch: Whether the file's model divides the norms by the configured
            batch size, where ours takes the rows of the batch.
    """
    model = model.double()
    for name, ours in weights.items():
        theirs = reference[f"param/{name}"]
        if name in TABLES:  # ours is its offset from the graph's features
            theirs = theirs - data["item"][f"x_{TABLES[name]}"]
        turned = transposed is not None and transposed in name
        _assign(ours, theirs.t() if turned else theirs)
    missing = reference.names("param") - set(weights) - set(constant)
    if missing:
        raise ValueError(f"{reference.path}: unknown weights {sorted(missing)}")
    data = model.prepare(data)

    model.train()
    parts = model.loss(data, reference.batch if batch is None else batch)
    if configured_batch:
        parts["reg"] = parts["reg"] * _share_of_batch(reference, parts)
    loss = total(parts.values())
    if extra_loss is not None:
        loss = loss + extra_loss()
    loss.backward()
    yield Quantity("loss_total", loss, reference["loss_total"])
    gradients = {name: _gradient(ours) for name, ours in weights.items()}
    if transposed is not None:
        turned_names = [name for name in gradients if transposed in name]
        gradients |= {name: gradients[name].t() for name in turned_names}
    for name, theirs_name in (gradient_names or {}).items():
        gradients[theirs_name] = gradients.pop(name)
    for name in constant:
        gradients[name] = torch.zeros_like(reference[f"param/{name}"])
    yield from _compare_gradients(reference, gradients, {*constant, *cancelling})

    model.eval()
    with torch.no_grad():
        ours_score = model.score(data, reference["score_users"])
    if score is not None:
        ours_score = score(ours_score)
    yield Quantity("score", ours_score, reference["score"])
    # The file's own check that its loss is deterministic.
    if "loss_repeat" in reference:
        yield Quantity("loss_repeat", loss, reference["loss_repeat"])


def _share_of_batch(reference: Reference, parts: Mapping[str, Tensor]) -> float:
    """Return the rows of the batch per row of the configured one.

    The rows themselves or the toolbox's own size, whichever the loss tells, if the
    configuration has none.
    """
    num_rows = reference["batch"].size(1)
    configured = reference.config.get("train_batch_size")
    if configured:
        return float(num_rows / configured)
    rest = float(reference["loss_total"] - total(parts.values()).detach())
    reg = float(parts["reg"].detach())
    own = num_rows / BATCH_SIZE
    if abs(rest) <= abs(rest + (1 - own) * reg):
        return 1.0
    reference.notes.append(f"norms divided by a batch size of {BATCH_SIZE}")
    return own


def _compare_gradients(
    reference: Reference, gradients: Mapping[str, Tensor], cancelling: set[str]
) -> Iterator[Quantity]:
    theirs = reference.group("grad")
    # Where terms of the size of the other gradients cancel, the file holds little but
    # the rounding of its float32, so those are judged by that size.
    largest = max((float(x.abs().max()) for x in theirs.values()), default=0.0)
    for name, ours in gradients.items():
        if name in theirs:
            if theirs[name].dim() > ours.dim():
                ours = ours.unsqueeze(-1)
            floor = largest * (1e-2 if name in cancelling else 1e-5)
            scale = max(float(theirs[name].abs().max()), floor) or None
            yield Quantity(
                f"grad/{name}", ours, theirs[name], GRADIENT_TOLERANCE, scale
            )


def _assign(ours: Tensor | Sequence[Tensor], theirs: Tensor) -> None:
    if isinstance(ours, Tensor):
        # Some weights of the files have a last axis of length one.
        assign(ours, theirs.squeeze(-1) if theirs.dim() > ours.dim() else theirs)
        return
    widths = [parameter.size(1) for parameter in ours]
    if sum(widths) != theirs.size(1):
        raise ValueError(f"widths {widths} do not add up to {theirs.size(1)}")
    for parameter, block in zip(ours, theirs.split(widths, dim=1), strict=True):
        assign(parameter, block)


def _gradient(ours: Tensor | Sequence[Tensor]) -> Tensor:
    if not isinstance(ours, Tensor):
        return torch.cat([_gradient(parameter) for parameter in ours], dim=1)
    return torch.zeros_like(ours) if ours.grad is None else ours.grad
