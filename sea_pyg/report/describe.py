"""What a data set holds."""

from typing import Any

import torch
from torch_geometric.data import HeteroData

from sea_pyg.typing import RATES, EdgeType
from sea_pyg.utils import modality_names, warn_of_masks


def describe(
    train: HeteroData,
    val: HeteroData,
    test: HeteroData,
    edge_type: EdgeType = RATES,
) -> dict[str, Any]:
    """Count nodes, edges, degrees and splits, and check every modality.

    Args:
        train: The training graph.
        val: The validation graph.
        test: The test graph.
        edge_type: The user-item edge type.

    Returns:
        Plain numbers, ready for JSON.

    Warns:
        UserWarning: If a ``mask_<modality>`` is of no modality.
    """
    user_type, _, item_type = edge_type
    warn_of_masks(train, item_type)
    num_users, num_items = train[user_type].num_nodes, train[item_type].num_nodes
    edge_index = train[edge_type].edge_index
    labels = {
        "val": val[edge_type].edge_label_index,
        "test": test[edge_type].edge_label_index,
    }
    sizes = {"train": edge_index.size(1)} | {k: v.size(1) for k, v in labels.items()}
    total = sum(sizes.values())
    degrees = {
        user_type: torch.bincount(edge_index[0], minlength=num_users),
        item_type: torch.bincount(edge_index[1], minlength=num_items),
    }
    return {
        "users": num_users,
        "items": num_items,
        "interactions": total,
        "density": total / (num_users * num_items),
        "splits": sizes,
        "evaluated_users": {
            # Those without a training edge are left out.
            k: int((degrees[user_type][v[0].unique()] > 0).sum())
            for k, v in labels.items()
        },
        "training_degree": {
            kind: {
                "min": int(degree.min()),
                "median": float(degree.double().quantile(0.5)),
                "mean": float(degree.double().mean()),
                "max": int(degree.max()),
                "without_edges": int((degree == 0).sum()),
            }
            for kind, degree in degrees.items()
        },
        "modalities": {
            name: _modality(train, name, item_type)
            for name in modality_names(train, item_type)
        },
    }


def _modality(data: HeteroData, name: str, item_type: str) -> dict[str, Any]:
    x = data[item_type][f"x_{name}"]
    mask = data[item_type].get(f"mask_{name}")
    finite = torch.isfinite(x).all(dim=1)
    return {
        "channels": x.size(1),
        "dtype": str(x.dtype).removeprefix("torch."),
        "missing": 0 if mask is None else int((~mask).sum()),
        "zero_rows": int((x == 0).all(dim=1).sum()),
        "non_finite_rows": int((~finite).sum()),
    }
