"""Modules that project, split and fuse the modalities of items."""

from sea_pyg.nn.modality.alignment_head import AlignmentHead
from sea_pyg.nn.modality.modality_fusion import ModalityFusion
from sea_pyg.nn.modality.modality_projection import ModalityProjection
from sea_pyg.nn.modality.unique_generic_split import UniqueGenericSplit

__all__ = classes = [
    "AlignmentHead",
    "ModalityFusion",
    "ModalityProjection",
    "UniqueGenericSplit",
]
