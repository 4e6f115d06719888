"""The toolbox's LGMRec, which draws noise wherever it computes something.

A file's weights and, right after them, its noise were drawn from one seed. If it is
found, ours draws the same noise, and everything is compared exactly. It is not after
training. Then

* the score must be that of the model without hyperedges but for a matrix whose rank the
  number of hyperedges bounds, whatever the noise; and
* each number is compared with the range of many draws of ours: the error is how far it
  lies outside. This is blind to small differences in what the hyperedges add.
"""

from collections.abc import Iterator, Sequence

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
from sea_pyg.nn.models import LGMRec

DRAWS = 256
MARGIN = 6
"""Standard deviations that a number may lie outside the range: the tails are heavy."""
SEEDS = 1000
"""How many seeds are tried, from 0."""
NAMES = {"image": ("item_image_trs", "v_hyper"), "text": ("item_text_trs", "t_hyper")}
TABLES = ("user_embedding.weight", "item_id_embedding.weight")


class Model(LGMRec):
    """LGMRec with the noise of the released code, which is float32."""

    def _assign(self, logit: Tensor) -> Tensor:
        noise = -exponential(logit.shape).log()
        return ((logit + noise.to(logit)) / self.temperature).softmax(dim=1)


def exponential(shape: Sequence[int]) -> Tensor:
    """Draw exponential variables from torch's generator as the files' torch did.

    Other versions make other variables of the same bits (2.5 does).
    """
    bits = torch.empty(shape, dtype=torch.int64).random_()
    uniform = (bits & (2**53 - 1)).double() / 2**53
    return -torch.log1p(-uniform).float()


def matches(reference: Reference) -> bool:
    """Tell if the file is of this model."""
    return {"item_image_trs", "v_hyper"} <= reference.names("param")


def build(reference: Reference) -> tuple[LGMRec, dict[str, Tensor]]:
    """Rebuild the model, and name its weights as the file does."""
    config = reference.config
    user = reference["param/user_embedding.weight"]
    hyper = reference["param/v_hyper"]
    model = Model(
        user.size(0),
        reference["param/item_id_embedding.weight"].size(0),
        {n: reference[f"param/{n}_embedding.weight"].size(1) for n in NAMES},
        embedding_dim=user.size(1),
        num_layers=config["n_ui_layers"],
        num_modality_layers=config["n_mm_layers"],
        num_hyperedges=hyper.size(1),
        num_hyper_layers=config["n_hyper_layer"],
        alpha=config["alpha"],
        dropout=1 - config["keep_rate"],
        cl_weight=config["cl_weight"],
        reg_weight=config["reg_weight"],
        noise_at_inference=True,
    ).double()
    weights: dict[str, Tensor] = dict(
        zip(TABLES, (model.user_embedding, model.item_embedding), strict=True)
    )
    for name, (trs, hyper_name) in NAMES.items():
        weights[trs] = model.map[name]
        weights[hyper_name] = model.hyperedge[name]
    for name, ours in weights.items():
        assign(ours, reference[f"param/{name}"])
    return model, weights


def graph(reference: Reference) -> HeteroData:
    """Return the graph with the features that the file's model holds."""
    data = reference.data(reference["param/user_embedding.weight"].size(0))
    for name in NAMES:
        data["item"][f"x_{name}"] = reference[f"param/{name}_embedding.weight"]
    return data


def find_seed(reference: Reference) -> int | None:
    """Find the seed of the file's weights.

    Returns:
        The seed; torch's generator is left as it was after the last weight.
    """
    user = reference["param/user_embedding.weight"]
    seeds = list(range(SEEDS))
    configured = reference.config.get("seed")
    if isinstance(configured, int):
        seeds.insert(0, configured)
    for seed in seeds:
        torch.manual_seed(seed)
        weights = _drawn_weights(reference)
        if torch.equal(next(weights).double(), user):
            list(weights)  # draws the others
            return seed
    return None


def _drawn_weights(reference: Reference) -> Iterator[Tensor]:
    """Draw the weights in the order of the released code, the users' first."""
    shapes = {
        name: reference.arrays[f"param/{name}"].shape
        for name in (*TABLES, *(name for pair in NAMES.values() for name in pair))
    }
    for name in TABLES:  # torch's own initial values, which are overwritten
        torch.empty(shapes[name], dtype=torch.float32).normal_()
    for shape in shapes.values():
        empty = torch.empty(shape, dtype=torch.float32)
        yield torch.nn.init.xavier_uniform_(empty)


def within(draws: list[Tensor], theirs: Tensor) -> Tensor:
    """Return the value next to the file's within the range of the draws."""
    stacked = torch.stack(draws)
    margin = MARGIN * stacked.std(dim=0)
    return theirs.clamp(stacked.amin(dim=0) - margin, stacked.amax(dim=0) + margin)


def compare(reference: Reference) -> Iterator[Quantity]:
    """Rebuild the model and compare everything."""
    with torch.random.fork_rng():
        model, weights = build(reference)
        # What training drops out is drawn in another order.
        exact = reference.config["keep_rate"] == 1
        seed = find_seed(reference) if exact else None
        if seed is not None:
            note = f"noise drawn again from seed {seed}, compared exactly"
            quantities = list(_exactly(reference, model, weights))
        else:
            note = "noise unknown: local part compared exactly, the rest with its range"
            local = list(_local_part(reference))
            torch.manual_seed(0)
            quantities = [*local, *_within_noise(reference, model, weights)]
    reference.notes.append(note)
    yield from quantities


def _exactly(
    reference: Reference, model: LGMRec, weights: dict[str, Tensor]
) -> Iterator[Quantity]:
    """Compare with the noise drawn as the file's: loss, loss again, score."""
    data = graph(reference)
    loss = total(model.train().loss(data, reference.batch).values())
    loss.backward()
    with torch.no_grad():
        repeat = total(model.loss(data, reference.batch).values())
        score = model.eval().score(data, reference["score_users"])
    yield Quantity("loss_total", loss, reference["loss_total"])
    theirs = reference.group("grad")
    for name, ours in weights.items():
        if name in theirs:
            gradient = torch.zeros_like(ours) if ours.grad is None else ours.grad
            key = f"grad/{name}"
            yield Quantity(key, gradient, theirs[name], GRADIENT_TOLERANCE)
    yield Quantity("score", score, reference["score"])
    yield Quantity("loss_repeat", repeat, reference["loss_repeat"])


def _local_part(reference: Reference) -> Iterator[Quantity]:
    r"""Compare the model without hyperedges.

    They add to users and to items what lies in the span of :math:`M H` vectors each.
    The score's difference from :math:`D_U D_I^\top` of the embeddings without them thus
    has a rank of at most :math:`2 M H`: its further singular values vanish.
    """
    model, _ = build(reference)
    model.alpha = 0.0
    with torch.no_grad():
        user, item = model.eval().encode(graph(reference))
    local = user[reference["score_users"]] @ item.t()
    score = reference["score"]
    if score.shape != local.shape:
        yield Quantity("score", local, score)
        return
    rank = 2 * sum(table.size(1) for table in model.hyperedge.values())
    if min(*score.shape, 2 * item.size(1)) <= rank:
        reference.notes.append("too few users or items to part the local part")
        return
    tail = torch.linalg.svdvals(score - local)[rank:]
    scale = float(torch.linalg.matrix_norm(score, ord=2))
    yield Quantity("score/local", tail, torch.zeros_like(tail), scale=scale)


def _within_noise(
    reference: Reference, model: LGMRec, weights: dict[str, Tensor]
) -> Iterator[Quantity]:
    data = graph(reference)
    batch, users = reference.batch, reference["score_users"]
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
