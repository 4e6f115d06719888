"""The toolbox's GRCN."""

from collections.abc import Iterator

from parity_adaptors._recommender import compare_model
from parity_adaptors.reference import Quantity, Reference
from sea_pyg.nn.models import GRCN

PREFIX = {"image": "v_gcn", "text": "t_gcn"}


def _modalities(reference: Reference) -> list[str]:
    names = reference.names("param")
    return [name for name, gcn in PREFIX.items() if f"{gcn}.preference" in names]


def matches(reference: Reference) -> bool:
    """Tell if the file is of this model."""
    names = {"model_specific_conf", "id_gcn.id_embedding"}
    for name in _modalities(reference):
        names |= {
            f"{PREFIX[name]}.{part}"
            for part in ("preference", "MLP.weight", "MLP.bias")
        }
    return reference.names("param") == names


def compare(reference: Reference) -> Iterator[Quantity]:
    """Rebuild the model and compare everything."""
    config = reference.config
    names = _modalities(reference)
    table = reference["param/id_gcn.id_embedding"]
    num_users, latent = reference[f"param/{PREFIX[names[0]]}.preference"].shape
    data = reference.data(num_users)
    model = GRCN(
        num_users,
        data["item"].num_nodes,
        {name: data["item"][f"x_{name}"].size(1) for name in names},
        embedding_dim=table.size(1),
        latent_dim=latent,
        num_routing=0,
        reg_weight=config["reg_weight"],
        penalized_tables=[name for name in names if name == "image"],
    )
    weights = {
        "model_specific_conf": model.confidence,
        "id_gcn.id_embedding": model.embedding,
    }
    for name in names:
        weights[f"{PREFIX[name]}.preference"] = model.preference[name]
        weights[f"{PREFIX[name]}.MLP.weight"] = model.linear[name].weight
        weights[f"{PREFIX[name]}.MLP.bias"] = model.linear[name].bias
    yield from compare_model(reference, model, data, weights)
