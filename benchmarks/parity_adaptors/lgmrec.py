"""The toolbox's LGMRec, which draws noise wherever it computes something.

Each of its numbers is compared with the range of many draws of ours: the error is how
far it lies outside.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from parity_adaptors.reference import (
    GRADIENT_TOLERANCE,
    Quantity,
    Reference,
    assign,
    total,
)
from sea_pyg.nn.models import LGMRec

DRAWS = 256
MARGIN = 6
"""Standard deviations that a number may lie outside the range: the tails are heavy."""
NAMES = {"image": ("item_image_trs", "v_hyper"), "text": ("item_text_trs", "t_hyper")}


def matches(reference: Reference) -> bool:
    """Tell if the file is of this model."""
    return {"item_image_trs", "v_hyper"} <= reference.names("param")


def build(reference: Reference) -> tuple[LGMRec, dict[str, Tensor]]:
    """Rebuild the model, and name its weights as the file does."""
    config = reference.config
    user = reference["param/user_embedding.weight"]
    hyper = reference["param/v_hyper"]
    data = reference.data(user.size(0))
    model = LGMRec(
        user.size(0),
        data["item"].num_nodes,
        {name: data["item"][f"x_{name}"].size(1) for name in NAMES},
        embedding_dim=user.size(1),
        num_layers=config["n_ui_layers"],
        num_modality_layers=config["n_mm_layers"],
        num_hyperedges=hyper.size(1),
        num_hyper_layers=config["n_hyper_layer"],
        alpha=config["alpha"],
        keep_rate=config["keep_rate"],
        cl_weight=config["cl_weight"],
        reg_weight=config["reg_weight"],
        noise_at_inference=True,
    ).double()
    weights = {
        "user_embedding.weight": model.user_embedding,
        "item_id_embedding.weight": model.item_embedding,
    }
    for name, (trs, hyper_name) in NAMES.items():
        weights[trs] = model.map[name]
        weights[hyper_name] = model.hyperedge[name]
    for name, ours in weights.items():
        assign(ours, reference[f"param/{name}"])
    return model, weights


def within(draws: list[Tensor], theirs: Tensor) -> Tensor:
    """Return the value next to the file's within the range of the draws."""
    stacked = torch.stack(draws)
    margin = MARGIN * stacked.std(dim=0)
    return theirs.clamp(stacked.amin(dim=0) - margin, stacked.amax(dim=0) + margin)


def compare(reference: Reference) -> Iterator[Quantity]:
    """Rebuild the model and compare everything."""
    model, weights = build(reference)
    data = reference.data(model.num_users)
    for name in NAMES:  # a table that is not trained
        table = reference[f"param/{name}_embedding.weight"]
        if not torch.equal(table, data["item"][f"x_{name}"]):
            raise ValueError(
                f"{reference.path}: param/{name}_embedding.weight must be the graph's "
                f"{name} features, as it is not trained"
            )
    batch, users = reference.batch, reference["score_users"]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        losses, gradients, scores = [], [], []
        for _ in range(DRAWS):
            model.zero_grad()
            loss = total(model.train().loss(data, batch).values())
            loss.backward()
            losses.append(loss.detach())
            gradients.append([x.grad.clone() for x in weights.values()])
            with torch.no_grad():
                scores.append(model.eval().score(data, users))
    for name in ("loss_total", "loss_repeat"):
        yield Quantity(name, within(losses, reference[name]), reference[name])
    theirs = reference.group("grad")
    for name, draws in zip(weights, zip(*gradients, strict=True), strict=True):
        if name in theirs:
            ours = within(list(draws), theirs[name])
            yield Quantity(f"grad/{name}", ours, theirs[name], GRADIENT_TOLERANCE)
    yield Quantity("score", within(scores, reference["score"]), reference["score"])
