"""The toolbox's SLMRec."""

from collections.abc import Iterator

import torch

from parity_adaptors._recommender import compare_model
from parity_adaptors.reference import Quantity, Reference
from sea_pyg.nn.models import SLMRec


def matches(reference: Reference) -> bool:
    """Tell if the file is of this model."""
    return {"v_dense.weight", "g_i_iv.weight"} <= reference.names("param")


def compare(reference: Reference) -> Iterator[Quantity]:
    """Rebuild the model and compare everything."""
    config = reference.config
    user = reference["param/embedding_user.weight"]
    data = reference.data(user.size(0))
    model = SLMRec(
        user.size(0),
        data["item"].num_nodes,
        {name: data["item"][f"x_{name}"].size(1) for name in ("image", "text")},
        embedding_dim=user.size(1),
        num_layers=config["layer_num"],
        temperature=config["temp"],
        ssl_weight=config["ssl_alpha"],
        ssl_temperature=config["ssl_temp"],
        missing_level=True,
    )
    linears = {
        "v_dense": model.features.linear["image"],
        "t_dense": model.features.linear["text"],
        "embedding_item_after_GCN": model.item_fusion,
        "embedding_user_after_GCN": model.user_fusion,
        "g_i_iv": model.chain[0][0],
        "g_v_iv": model.target[0],
        "g_iv_iva": model.chain[1][0],
        "g_iva_ivat": model.chain[1][1],
        "g_t_ivat": model.target[1],
    }
    weights = {
        "embedding_user.weight": model.user_embedding,
        "embedding_item.weight": model.item_embedding,
    }
    for name, linear in linears.items():
        weights[f"{name}.weight"] = linear.weight
        if linear.bias is not None:
            weights[f"{name}.bias"] = linear.bias
    constant = sorted(reference.names("param") - set(weights))
    yield from compare_model(
        reference, model, data, weights, constant, score=torch.sigmoid
    )
