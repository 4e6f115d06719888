"""The toolbox's DRAGON."""

from collections.abc import Iterator

from parity_adaptors._modality_gcn import GRADIENT_NAMES, gcn_weights, modalities
from parity_adaptors._recommender import compare_model
from parity_adaptors.reference import Quantity, Reference
from sea_pyg.nn.models import DRAGON


def matches(reference: Reference) -> bool:
    """Tell if the file is of this model."""
    return {"weight_i", "image_trs.weight"} <= reference.names("param")


def compare(reference: Reference) -> Iterator[Quantity]:
    """Rebuild the model and compare everything."""
    config = reference.config
    names = modalities(reference)
    num_users, latent = reference["param/v_gcn.preference"].shape
    data = reference.data(num_users)
    image = config["mm_image_weight"]
    model = DRAGON(
        num_users,
        data["item"].num_nodes,
        {name: data["item"][f"x_{name}"].size(1) for name in names},
        embedding_dim=latent,
        num_item_layers=config["n_mm_layers"],
        item_k=config["knn_k"],
        item_graph_weights={"image": image, "text": 1 - image},
        reg_weight=config["reg_weight"],
        log_base=2.0,
    )
    weights = {"weight_u": model.weight, **gcn_weights(model.modality)}
    constant = sorted(reference.names("param") - set(weights))
    yield from compare_model(
        reference, model, data, weights, constant, gradient_names=GRADIENT_NAMES
    )
