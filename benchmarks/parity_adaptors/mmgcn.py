"""The toolbox's MMGCN."""

from collections.abc import Iterator

from torch import Tensor

from parity_adaptors._recommender import compare_model
from parity_adaptors.reference import Quantity, Reference, assign
from sea_pyg.nn.models import MMGCN

PREFIX = {"image": "v_gcn", "text": "t_gcn"}


def _modalities(reference: Reference) -> list[str]:
    names = reference.names("tensor")
    return [name for name, gcn in PREFIX.items() if f"{gcn}.preference" in names]


def matches(reference: Reference) -> bool:
    """Tell if the file is of this model."""
    modalities = _modalities(reference)
    return bool(
        modalities
    ) and f"{PREFIX[modalities[0]]}.conv_embed_1.weight" in reference.names("param")


def compare(reference: Reference) -> Iterator[Quantity]:
    """Rebuild the model and compare everything."""
    config = reference.config
    names = _modalities(reference)
    given = reference.names("param")
    shared = reference["tensor/id_embedding"]
    num_users = reference[f"tensor/{PREFIX[names[0]]}.preference"].size(0)
    data = reference.data(num_users)
    latent = {
        name: reference[f"param/{PREFIX[name]}.MLP.weight"].size(0)
        for name in names
        if f"{PREFIX[name]}.MLP.weight" in given
    }
    num_layers = sum(
        f"{PREFIX[names[0]]}.conv_embed_{i}.weight" in given for i in range(9)
    )
    model = MMGCN(
        num_users,
        data["item"].num_nodes,
        {name: data["item"][f"x_{name}"].size(1) for name in names},
        embedding_dim=shared.size(1),
        latent_dim={name: latent.get(name) for name in names},
        num_layers=num_layers,
        reg_weight=config["reg_weight"],
        penalized_tables=[name for name in names if name == "image"],
        frozen_tables=True,
    ).double()
    assign(model.embedding, shared)
    weights: dict[str, Tensor] = {}
    for name in names:
        gcn = PREFIX[name]
        assign(model.preference[name], reference[f"tensor/{gcn}.preference"])
        if name in latent:
            weights[f"{gcn}.MLP.weight"] = model.linear[name].weight
            weights[f"{gcn}.MLP.bias"] = model.linear[name].bias
        for number, layer in enumerate(model.layers[name], start=1):
            # The file's is multiplied from the other side.
            weights[f"{gcn}.conv_embed_{number}.weight"] = layer.neighbours.weight
            for part in ("weight", "bias"):
                key = f"{gcn}.linear_layer{number}.{part}"
                weights[key] = getattr(layer.own, part)
                weights[f"{gcn}.g_layer{number}.{part}"] = getattr(layer.joint, part)
    yield from compare_model(reference, model, data, weights, transposed=".conv_embed_")
