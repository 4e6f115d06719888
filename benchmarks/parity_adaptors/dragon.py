"""The toolbox's DRAGON."""

from collections.abc import Iterator

from parity_adaptors._modality_gcn import (
    NUM_NEIGHBOURS,
    compare_gcn,
    modalities,
    preference,
    with_user_graph,
)
from parity_adaptors._recommender import TABLES
from parity_adaptors._recommender import modalities as mapped_modalities
from parity_adaptors.reference import Quantity, Reference
from sea_pyg.nn.models import DRAGON


def matches(reference: Reference) -> bool:
    """Tell if the file is of this model."""
    has_maps = bool(mapped_modalities(reference))
    return "weight_i" in reference.names("param") and has_maps


def compare(reference: Reference) -> Iterator[Quantity]:
    """Rebuild the model and compare everything."""
    config = reference.config
    names = modalities(reference)
    table = reference[f"param/{preference(reference, names[0])}"]
    num_users, latent = table.shape
    data = with_user_graph(reference, reference.data(num_users))
    image = config["mm_image_weight"]
    graph_weights = {"image": image, "text": 1 - image} if len(names) == 2 else None
    model = DRAGON(
        num_users,
        data["item"].num_nodes,
        {name: data["item"][f"x_{name}"].size(1) for name in names},
        embedding_dim=latent,
        num_item_layers=config["n_mm_layers"],
        item_k=config["knn_k"],
        user_k=NUM_NEIGHBOURS,
        item_graph_weights=graph_weights,
        reg_weight=config["reg_weight"],
        log_base=2.0,
    )
    # The item graph is of the features that training began with, and all else of the
    # table, which in the released code is the same memory. Without its note it is kept.
    data = model.prepare(data)
    del data[model.item_graph.edge_type].made_by
    for table_name, name in TABLES.items():
        if name in names:
            data["item"][f"x_{name}"] = reference[f"param/{table_name}"]
    yield from compare_gcn(reference, model, data)
