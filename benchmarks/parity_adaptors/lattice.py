"""The toolbox's LATTICE."""

from collections.abc import Iterator

from parity_adaptors._recommender import (
    compare_model,
    feature_weights,
    graph,
    has_exactly,
    modalities,
)
from parity_adaptors.reference import Quantity, Reference
from sea_pyg.nn.models import LATTICE

OWN = {"user_embedding.weight", "item_id_embedding.weight", "modal_weight"}


def matches(reference: Reference) -> bool:
    """Tell if the file is of this model."""
    return has_exactly(reference, OWN)


def compare(reference: Reference) -> Iterator[Quantity]:
    """Rebuild the model and compare everything."""
    config = reference.config
    user = reference["param/user_embedding.weight"]
    names = modalities(reference)
    data = graph(reference, user.size(0))
    model = LATTICE(
        user.size(0),
        data["item"].num_nodes,
        {name: data["item"][f"x_{name}"].size(1) for name in names},
        embedding_dim=user.size(1),
        feature_channels=reference[f"param/{names[0]}_trs.weight"].size(0),
        num_layers=len(config["weight_size"]),
        num_item_layers=config["n_layers"],
        k=config["knn_k"],
        frozen_weight=config["lambda_coeff"],
        reg_weight=config["reg_weight"],
        finetune_features=True,
    )
    weights = {
        "user_embedding.weight": model.user_embedding,
        "item_id_embedding.weight": model.item_embedding,
        **feature_weights(model.features),
    }
    constant = ["modal_weight"]  # with one modality
    if model.modality_weight is not None:
        weights["modal_weight"] = model.modality_weight
        constant = []
    yield from compare_model(
        reference, model, data, weights, constant, configured_batch=True
    )
