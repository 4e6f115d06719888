"""The toolbox's LayerGCN."""

from collections.abc import Iterator

from parity_adaptors._recommender import compare_model
from parity_adaptors.reference import Quantity, Reference
from sea_pyg.nn.models import LayerGCN


def matches(reference: Reference) -> bool:
    """Tell if the file is of this model."""
    return reference.names("param") == {"user_embeddings", "item_embeddings"}


def compare(reference: Reference) -> Iterator[Quantity]:
    """Rebuild the model and compare everything."""
    config = reference.config
    user = reference["param/user_embeddings"]
    item = reference["param/item_embeddings"]
    model = LayerGCN(
        user.size(0),
        item.size(0),
        embedding_dim=user.size(1),
        num_layers=config["n_layers"],
        reg_weight=config["reg_weight"],
        dropout=0.0,
        reduction="sum",
    )
    weights = {
        "user_embeddings": model.user_embedding,
        "item_embeddings": model.item_embedding,
    }
    data = reference.data(user.size(0))
    yield from compare_model(reference, model, data, weights)
