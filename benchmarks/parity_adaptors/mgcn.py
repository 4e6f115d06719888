"""The toolbox's MGCN."""

from collections.abc import Iterator

from parity_adaptors._recommender import (
    compare_model,
    feature_weights,
    graph,
    has_exactly,
    modalities,
)
from parity_adaptors.reference import Quantity, Reference
from sea_pyg.nn.models import MGCN

GATES = {
    "image": ("gate_v", "gate_image_prefer"),
    "text": ("gate_t", "gate_text_prefer"),
}
OWN = {
    "user_embedding.weight",
    "item_id_embedding.weight",
    "query_common.0.weight",
    "query_common.0.bias",
    "query_common.2.weight",
} | {f"{g}.0.{p}" for pair in GATES.values() for g in pair for p in ("weight", "bias")}


def matches(reference: Reference) -> bool:
    """Tell if the file is of this model."""
    return has_exactly(reference, OWN)


def compare(reference: Reference) -> Iterator[Quantity]:
    """Rebuild the model and compare everything."""
    config = reference.config
    names = modalities(reference)
    if len(names) < 2:  # its weights say otherwise
        raise ValueError(f"{reference.path}: maps of image and text expected")
    user = reference["param/user_embedding.weight"]
    data = graph(reference, user.size(0))
    model = MGCN(
        user.size(0),
        data["item"].num_nodes,
        {name: data["item"][f"x_{name}"].size(1) for name in names},
        embedding_dim=user.size(1),
        num_layers=config["n_ui_layers"],
        num_item_layers=config["n_layers"],
        k=config["knn_k"],
        reg_weight=config.get("reg_weight", 1e-4),
        cl_weight=config["cl_loss"],
        finetune_features=True,
    )
    assert model.attention is not None
    assert model.attention_out is not None
    weights = {
        "user_embedding.weight": model.user_embedding,
        "item_id_embedding.weight": model.item_embedding,
        "query_common.0.weight": model.attention.weight,
        "query_common.0.bias": model.attention.bias,
        "query_common.2.weight": model.attention_out.weight,
        **feature_weights(model.features),
    }
    for name, (purifier, preference) in GATES.items():
        for part in ("weight", "bias"):
            weights[f"{purifier}.0.{part}"] = getattr(model.purifier[name], part)
            weights[f"{preference}.0.{part}"] = getattr(model.preference[name], part)
    yield from compare_model(reference, model, data, weights, configured_batch=True)
