"""SEA's released code: two modalities, image and text, ``v_`` and ``t_`` in its names.

It concatenates image before text. The file has no hyper-parameters but the sizes of
its arrays; the rest (temperature, loss weights, two hops, the item graph's modality
weights) is what SEA's released arguments say.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from parity_adaptors.reference import (
    FORWARD_TOLERANCE,
    GRADIENT_TOLERANCE,
    Quantity,
    Reference,
    assign,
)
from sea_pyg.evaluation import evaluate
from sea_pyg.nn import CLUB, SEA
from sea_pyg.nn.mi import GaussianMLP
from sea_pyg.typing import RATES, SIMILAR

MODALITIES = {"image": "v", "text": "t"}
"""The modalities in the order of their concatenation, and their letters."""


def matches(reference: Reference) -> bool:
    """Return whether the file is of this model."""
    return "t_item_linear.weight" in reference.names("param") and (
        "p_mu.0.weight" in reference.names("club")
    )


def compare(reference: Reference) -> Iterator[Quantity]:
    """Compare everything that the file has."""
    num_users = reference["param/weight_u"].size(0)
    data = reference.data(num_users)
    model = _build(reference, data)
    parameters = _load(model, reference.group("param"))
    _load_estimator(model, reference.group("club"))

    yield from _item_graph(reference, model, data)
    yield from _intermediates(reference, model, data)
    yield from _losses(reference, model, data, parameters)
    yield from _ranking(reference, model, data)


def _build(reference: Reference, data: HeteroData) -> SEA:
    arguments = SEA.preset_arguments("released", ["text", "image"])
    hidden = reference["club/p_mu.0.weight"].size(0)
    arguments["distance_kwargs"] = {
        **arguments["distance_kwargs"],
        "hidden_channels": hidden,
    }
    return SEA(
        data["user"].num_nodes,
        data["item"].num_nodes,
        {name: data["item"][f"x_{name}"].size(1) for name in MODALITIES},
        embedding_dim=reference["param/v_gcn.preference"].size(1),
        hidden_channels=reference["param/v_gcn.MLP.weight"].size(0),
        k=_num_neighbors(reference),
        distance_channels=reference["param/v_trans1.weight"].size(0),
        head_channels=reference["param/v_proj.head.0.weight"].size(0),
        alignment_channels=reference["param/v_proj.head.6.weight"].size(0),
        **arguments,
    ).double()


def _num_neighbors(reference: Reference) -> int:
    """Read k off the item graph: an item is its own neighbour with weight 1 / k."""
    row, col = reference["item_graph_index"]
    own = reference["item_graph_weight"][row == col]
    if own.numel() == 0 or not own.max() > 0:
        raise ValueError(f"{reference.path}: no item is its own neighbour")
    return round(1 / float(own.max()))


def _load(model: SEA, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Copy the weights; return our parameters by the file's names."""
    parameters: dict[str, Tensor] = {}
    for index, (name, letter) in enumerate(MODALITIES.items()):
        head = model.separate.heads[name]
        parameters[f"{letter}_gcn.preference"] = model.encoder.users[index]
        for theirs, ours in (
            (f"{letter}_item_linear", model.reader.projection.linear(name)),
            (f"{letter}_gcn.MLP", model.reader.hidden[name]),
            (f"{letter}_gcn.MLP_1", model.output[name]),
            (f"{letter}_trans1", model.separate.generic_maps[name]),
            (f"{letter}_trans2", model.separate.unique_maps[name]),
            (f"{letter}_proj.head.0", head.input),
            (f"{letter}_proj.head.1", head.norm1),
            (f"{letter}_proj.head.3", head.hidden),
            (f"{letter}_proj.head.4", head.norm2),
            (f"{letter}_proj.head.6", head.output),
        ):
            for key, parameter in ours.named_parameters():
                parameters[f"{theirs}.{key}"] = parameter
    parameters["weight_u"] = model.encoder.fusion.weight

    unused = set(weights) - set(parameters)
    # Batch normalisation takes a bias before it off again, and in training mode it
    # does not read its running statistics.
    unknown = {key for key in unused if not _cancels(key) and ".running_" not in key}
    unknown = {key for key in unknown if not key.endswith(".num_batches_tracked")}
    if unknown:
        raise ValueError(
            f"weights that SEA does not have: {', '.join(sorted(unknown))}"
        )
    for key, parameter in parameters.items():
        if key not in weights:
            raise ValueError(f"the file lacks the weight {key!r}")
        assign(parameter, _ours(key, weights[key]))
    return parameters


def _cancels(key: str) -> bool:
    """Return whether it is a bias before batch normalisation."""
    return key.endswith(("_proj.head.0.bias", "_proj.head.3.bias"))


def _ours(key: str, value: Tensor) -> Tensor:
    """Bring an array of the file to our shape."""
    return value.squeeze(-1) if key == "weight_u" else value


def _load_estimator(model: SEA, weights: dict[str, Tensor]) -> None:
    conditional = _estimator(model).conditional
    assert isinstance(conditional, GaussianMLP)
    parameters = {
        f"{theirs}.{key}": parameter
        for theirs, network in (
            ("p_mu", conditional.mean),
            ("p_logvar", conditional.log_variance),
        )
        for key, parameter in network.named_parameters()
    }
    if set(weights) != set(parameters):
        odd = sorted(set(weights) ^ set(parameters))
        raise ValueError(f"club/* has other weights than expected: {', '.join(odd)}")
    for key, parameter in parameters.items():
        assign(parameter, weights[key])


def _estimator(model: SEA) -> CLUB:
    estimator = model.separate.estimator("image")
    assert isinstance(estimator, CLUB)
    return estimator


def _item_graph(
    reference: Reference, model: SEA, data: HeteroData
) -> Iterator[Quantity]:
    """Compare our nearest neighbours with the file's, as dense matrices."""
    graph = model.prepare(data)[SIMILAR]
    num_items = model.num_items
    ours = _dense(graph.edge_index.flip(0), graph.edge_weight.double(), num_items)
    index, weight = reference["item_graph_index"], reference["item_graph_weight"]
    yield Quantity("item_graph", ours, _dense(index, weight, num_items))


def _dense(index: Tensor, weight: Tensor, size: int) -> Tensor:
    matrix = weight.new_zeros(size, size)
    return matrix.index_put((index[0], index[1]), weight, accumulate=True)


def _intermediates(
    reference: Reference, model: SEA, data: HeteroData
) -> Iterator[Quantity]:
    model.train()
    with torch.no_grad():
        features = model.modality_features(data)
        state = model.representations(data)
        propagated = _propagated(model, data)
    ours: dict[str, Tensor] = {}
    for name in MODALITIES:
        pair = state.maps.pairs[name]
        ours[f"item_{name}"] = features[name]
        ours[f"proj_{name}"] = state.maps.aligned[name]
        ours[f"gcn_{name}"] = propagated[name]
        ours[f"{name}_generic"] = pair.generic
        ours[f"{name}_unique"] = pair.unique
    user, item = state.embeddings
    batch = reference.batch
    ours["user_emb"], ours["item_emb"] = user, item
    ours["pos_score"] = (user[batch.user] * item[batch.positive]).sum(dim=-1)
    ours["neg_score"] = (user[batch.user] * item[batch.negative]).sum(dim=-1)
    ours["score_row_sum"] = (user @ item.t()).sum(dim=-1)
    yield from reference.compare(ours)


def _propagated(model: SEA, data: HeteroData) -> dict[str, Tensor]:
    """Return each modality's users above its items, before fusion."""
    features = model.modality_features(data)
    hidden = {name: model.reader.hidden[name](features[name]) for name in MODALITIES}
    stacked = torch.cat(model.propagate(data, hidden))
    blocks = stacked.chunk(len(MODALITIES), dim=1)
    return dict(zip(MODALITIES, blocks, strict=True))


class _FixedPermutations:
    """Hands the estimator, modality by modality, the file's permutations."""

    def __init__(self, model: SEA, permutations: dict[str, Tensor]) -> None:
        self.estimator = _estimator(model)
        self.pending = list(permutations.values())

    def __enter__(self) -> None:
        self.hook = self.estimator.register_forward_pre_hook(
            lambda module, inputs: (*inputs[:2], self.pending.pop(0))
        )

    def __exit__(self, *_: object) -> None:
        self.hook.remove()
        assert not self.pending


def _losses(
    reference: Reference,
    model: SEA,
    data: HeteroData,
    parameters: dict[str, Tensor],
) -> Iterator[Quantity]:
    model.train()
    estimator = _estimator(model)
    permutations = {name: reference[f"club_perm_{name}"] for name in MODALITIES}
    state = model.representations(data)
    ours: dict[str, Tensor] = {}
    with torch.no_grad():
        for name in MODALITIES:
            generic, unique = state.maps.pairs[name]
            plain = CLUB(
                generic.size(1),
                unique.size(1),
                num_negatives="sampled",
                conditional=estimator.conditional,
            )
            ours[f"club_nll_{name}"] = estimator.learning_loss(generic, unique)
            for key, module in (("club_raw", plain), ("club_bound", estimator)):
                key = f"{key}_{name}"
                value = module(generic, unique, permutations[name])
                scale = max(
                    float(reference[key].abs()), _resolution(estimator, generic, unique)
                )
                yield Quantity(key, value, reference[key], scale=scale)
    model.zero_grad()
    with _FixedPermutations(model, permutations):
        parts = model.loss(data, reference.batch, state)
    ours["loss_bpr_log2"] = parts["bpr"]
    ours["loss_solosim"] = parts["alignment"] / model.separate.alpha
    loss = torch.stack(list(parts.values())).sum()
    ours["loss_total"] = loss
    yield from reference.compare(ours)

    loss.backward()
    theirs = reference.group("grad")
    for key, grad in theirs.items():
        if _cancels(key):
            # Zero but for rounding, so relative to the gradient of the layer's weight.
            scale = float(theirs[key.replace(".bias", ".weight")].abs().max())
            zero = torch.zeros_like(grad)
            yield Quantity(f"grad/{key}", zero, grad, GRADIENT_TOLERANCE, scale)
            continue
        if key not in parameters:
            raise ValueError(f"{reference.path}: SEA has no parameter for grad/{key}")
        found = parameters[key].grad
        assert found is not None
        yield Quantity(f"grad/{key}", found, _ours(key, grad), GRADIENT_TOLERANCE)


def _resolution(estimator: CLUB, x: Tensor, y: Tensor) -> float:
    """Return the bound below which its tolerance is finer than float32.

    The bound is a difference of two sums that are much larger than itself. The file
    has it to float32's precision of those sums, not of the difference.
    """
    mean, log_variance = estimator.conditional(x)
    terms = (y - mean).square() * (-log_variance).exp()
    size = 0.5 * float(terms.sum(dim=-1).mean())
    return size * torch.finfo(torch.float32).eps / FORWARD_TOLERANCE


@torch.no_grad()
def _ranking(reference: Reference, model: SEA, data: HeteroData) -> Iterator[Quantity]:
    model.train()  # in evaluation mode, the released switches give stale embeddings
    embeddings = model.encode(data)
    users, theirs = reference["test_users"], reference["test_top20"]
    score = embeddings.user[users] @ embeddings.item.t()
    row, seen = model.seen_items(data).seen(users)
    score[row, seen] = -torch.inf
    # Two rankings are the same if the scores along them are, whatever a tie's order.
    ours, along = score.topk(theirs.size(1), dim=1).values, score.gather(1, theirs)
    ranked = ours.isfinite() | along.isfinite()  # elsewhere, no items are left
    scale = float(score[score.isfinite()].abs().max())
    repeated = theirs.sort(dim=1).values.diff(dim=1).eq(0).any()
    if repeated:
        raise ValueError(f"{reference.path}: test_top20 ranks an item twice")
    yield Quantity("test_top20", ours[ranked], along[ranked], scale=scale)

    keys = sorted(reference.names("metric"), key=_metric_order)
    lengths = sorted({_metric_order(key)[1] for key in keys})
    names = {"recall", *(_metric_order(key)[0] for key in keys)} - {"recall2"}
    data[RATES].edge_label_index = reference["test_edge"]
    result = evaluate(embeddings, data, lengths, sorted(names))
    for key in keys:
        name, k = _metric_order(key)
        value = result.pooled_recall(k) if name == "recall2" else result.metrics[key]
        theirs = reference[f"metric/{key}"]
        yield Quantity(f"metric/{key}", torch.tensor(value).to(theirs), theirs)


def _metric_order(key: str) -> tuple[str, int]:
    name, _, k = key.partition("@")
    return name, int(k)
