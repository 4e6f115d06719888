"""The toolbox's SMORE."""

from collections.abc import Iterator

from parity_adaptors._recommender import (
    compare_model,
    feature_weights,
    graph,
    has_exactly,
    modalities,
)
from parity_adaptors.reference import Quantity, Reference
from sea_pyg.nn.models import SMORE
from sea_pyg.nn.models.smore import FUSED

SHORT = {"image": "v", "text": "t", FUSED: "f"}
LONG = {"image": "image", "text": "text", FUSED: "fusion"}


def _own() -> set[str]:
    names = {"user_embedding.weight", "item_id_embedding.weight"}
    for view, short in SHORT.items():
        names.add(f"{LONG[view]}_complex_weight")
        for part in ("weight", "bias"):
            names.add(f"gate_{short}.0.{part}")
            names.add(f"gate_{LONG[view]}_prefer.0.{part}")
        if view != FUSED:
            names |= {f"query_{short}.{p}" for p in ("0.weight", "0.bias", "2.weight")}
    return names


def matches(reference: Reference) -> bool:
    """Tell if the file is of this model."""
    return has_exactly(reference, _own())


def compare(reference: Reference) -> Iterator[Quantity]:
    """Rebuild the model and compare everything."""
    config = reference.config
    user = reference["param/user_embedding.weight"]
    data = graph(reference, user.size(0))
    names = modalities(reference)
    model = SMORE(
        user.size(0),
        data["item"].num_nodes,
        {name: data["item"][f"x_{name}"].size(1) for name in names},
        embedding_dim=user.size(1),
        num_layers=config["n_ui_layers"],
        num_item_layers=config["n_layers"],
        k={name: config[f"{name}_knn_k"] for name in names},
        reg_weight=config["reg_weight"],
        cl_weight=config["cl_loss"],
        dropout=0.0,
        finetune_features=True,
    )
    weights = {
        "user_embedding.weight": model.user_embedding,
        "item_id_embedding.weight": model.item_embedding,
        **feature_weights(model.features),
    }
    for view, short in SHORT.items():
        weights[f"{LONG[view]}_complex_weight"] = model.filter[view]
        for part in ("weight", "bias"):
            weights[f"gate_{short}.0.{part}"] = getattr(model.purifier[view], part)
            prefer = getattr(model.preference[view], part)
            weights[f"gate_{LONG[view]}_prefer.0.{part}"] = prefer
        if view != FUSED:
            state = dict(model.attention[view].named_parameters())
            weights |= {f"query_{short}.{part}": x for part, x in state.items()}
    yield from compare_model(reference, model, data, weights, configured_batch=True)
