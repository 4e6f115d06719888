"""Transforms of interaction graphs: frozen graphs, splits, filters."""

from sea_pyg.transforms.global_time_split import GlobalTimeSplit
from sea_pyg.transforms.interaction_split import InteractionSplit
from sea_pyg.transforms.item_knn_graph import ItemKNNGraph
from sea_pyg.transforms.item_walk_graph import ItemWalkGraph
from sea_pyg.transforms.k_core import KCore
from sea_pyg.transforms.label_split import LabelSplit
from sea_pyg.transforms.leave_last_out import LeaveLastOut
from sea_pyg.transforms.mark_splits import mark_splits
from sea_pyg.transforms.mask_modality import MaskModality
from sea_pyg.transforms.random_user_split import RandomUserSplit
from sea_pyg.transforms.user_cooccurrence import UserCooccurrence

__all__ = [
    "GlobalTimeSplit",
    "InteractionSplit",
    "ItemKNNGraph",
    "ItemWalkGraph",
    "KCore",
    "LabelSplit",
    "LeaveLastOut",
    "MaskModality",
    "RandomUserSplit",
    "UserCooccurrence",
    "mark_splits",
]
classes = __all__[:-1]
