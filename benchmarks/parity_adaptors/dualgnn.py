"""The toolbox's DualGNN."""

from collections.abc import Iterator

from torch import Tensor
from torch.nn import Parameter

from parity_adaptors._modality_gcn import GRADIENT_NAMES, gcn_weights, modalities
from parity_adaptors._recommender import compare_model
from parity_adaptors.reference import Quantity, Reference
from sea_pyg.nn.models import DualGNN


def matches(reference: Reference) -> bool:
    """Tell if the file is of this model."""
    names = reference.names("param")
    return "weight_i" in names and "image_trs.weight" not in names


def compare(reference: Reference) -> Iterator[Quantity]:
    """Rebuild the model and compare everything."""
    config = reference.config
    names = modalities(reference)
    num_users, latent = reference["param/v_gcn.preference"].shape
    data = reference.data(num_users)
    model = DualGNN(
        num_users,
        data["item"].num_nodes,
        {name: data["item"][f"x_{name}"].size(1) for name in names},
        embedding_dim=latent,
        reg_weight=config["reg_weight"],
        log_base=2.0,
        cumulative=True,
    )
    # The file's item weights are penalised, and nothing else reads them.
    item_weight = Parameter(reference["param/weight_i"])

    def item_penalty() -> Tensor:
        penalty: Tensor = config["reg_weight"] * item_weight.square().mean()
        return penalty

    weights = {
        "weight_u": model.weight,
        "weight_i": item_weight,
        **gcn_weights(model.modality),
    }
    constant = sorted(reference.names("param") - set(weights))
    yield from compare_model(
        reference,
        model,
        data,
        weights,
        constant,
        gradient_names=GRADIENT_NAMES,
        extra_loss=item_penalty,
    )
