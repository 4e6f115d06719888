"""The toolbox's DualGNN."""

from collections.abc import Iterator

from torch.nn import Parameter

from parity_adaptors._modality_gcn import (
    NUM_NEIGHBOURS,
    compare_gcn,
    modalities,
    preference,
    with_user_graph,
)
from parity_adaptors._recommender import modalities as mapped_modalities
from parity_adaptors.reference import Quantity, Reference
from sea_pyg.nn.models import DualGNN


def matches(reference: Reference) -> bool:
    """Tell if the file is of this model."""
    has_maps = bool(mapped_modalities(reference))
    return "weight_i" in reference.names("param") and not has_maps


def compare(reference: Reference) -> Iterator[Quantity]:
    """Rebuild the model and compare everything."""
    names = modalities(reference)
    table = reference[f"param/{preference(reference, names[0])}"]
    num_users, latent = table.shape
    data = with_user_graph(reference, reference.data(num_users))
    model = DualGNN(
        num_users,
        data["item"].num_nodes,
        {name: data["item"][f"x_{name}"].size(1) for name in names},
        embedding_dim=latent,
        k=NUM_NEIGHBOURS,
        reg_weight=reference.config["reg_weight"],
        log_base=2.0,
        cumulative=True,
    )
    # The file's item weights are penalised, and nothing else reads them.
    item_weight = Parameter(reference["param/weight_i"])
    yield from compare_gcn(reference, model, data, weight_i=item_weight)
