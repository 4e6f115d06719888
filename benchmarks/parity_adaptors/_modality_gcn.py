"""What the adaptors of DualGNN and DRAGON share."""

from torch import Tensor

from parity_adaptors.reference import Reference
from sea_pyg.nn.models.modality_gcn import ModalityGCN

PREFIX = {"image": "v_gcn", "text": "t_gcn"}
GRADIENT_NAMES = {
    "v_gcn.preference": "v_preference",
    "t_gcn.preference": "t_preference",
}


def modalities(reference: Reference) -> list[str]:
    """List the modalities of the file, in the order of its weights."""
    names = reference.names("param")
    return [name for name, gcn in PREFIX.items() if f"{gcn}.preference" in names]


def gcn_weights(module: ModalityGCN) -> dict[str, Tensor]:
    """Name the module's weights as the file does."""
    weights: dict[str, Tensor] = {}
    for name in module.modalities:
        gcn = PREFIX[name]
        weights[f"{gcn}.preference"] = module.preference[name]
        for part in ("weight", "bias"):
            weights[f"{gcn}.MLP.{part}"] = getattr(module.hidden[name], part)
            weights[f"{gcn}.MLP_1.{part}"] = getattr(module.output[name], part)
    return weights
