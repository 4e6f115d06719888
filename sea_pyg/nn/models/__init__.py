"""Recommenders: one class per file, all with the same interface."""

from sea_pyg.nn.models.bm3 import BM3
from sea_pyg.nn.models.bprmf import BPRMF
from sea_pyg.nn.models.closed_form import ClosedFormRecommender
from sea_pyg.nn.models.dragon import DRAGON
from sea_pyg.nn.models.dualgnn import DualGNN
from sea_pyg.nn.models.ease import EASE
from sea_pyg.nn.models.freedom import FREEDOM
from sea_pyg.nn.models.grcn import GRCN
from sea_pyg.nn.models.item_features import ItemFeatures
from sea_pyg.nn.models.item_knn import ItemKNN
from sea_pyg.nn.models.lattice import LATTICE
from sea_pyg.nn.models.layergcn import LayerGCN
from sea_pyg.nn.models.lgmrec import LGMRec
from sea_pyg.nn.models.lightgcn import LightGCN
from sea_pyg.nn.models.mapped_features import MappedFeaturesRecommender
from sea_pyg.nn.models.mgcn import MGCN
from sea_pyg.nn.models.micro import MICRO
from sea_pyg.nn.models.mmgcn import MMGCN
from sea_pyg.nn.models.mmssl import MMSSL
from sea_pyg.nn.models.multimodal import MultimodalRecommender
from sea_pyg.nn.models.popularity import Popularity
from sea_pyg.nn.models.recommender import Recommender
from sea_pyg.nn.models.resolve import model_name, resolve
from sea_pyg.nn.models.sea import SEA
from sea_pyg.nn.models.slmrec import SLMRec
from sea_pyg.nn.models.smore import SMORE
from sea_pyg.nn.models.vbpr import VBPR
from sea_pyg.nn.models.with_separate_learning import WithSeparateLearning

__all__ = [
    "BM3",
    "BPRMF",
    "ClosedFormRecommender",
    "DRAGON",
    "DualGNN",
    "EASE",
    "FREEDOM",
    "GRCN",
    "ItemFeatures",
    "ItemKNN",
    "LATTICE",
    "LGMRec",
    "LayerGCN",
    "LightGCN",
    "MGCN",
    "MICRO",
    "MMGCN",
    "MMSSL",
    "MappedFeaturesRecommender",
    "MultimodalRecommender",
    "Popularity",
    "Recommender",
    "SEA",
    "SLMRec",
    "SMORE",
    "VBPR",
    "WithSeparateLearning",
    "model_name",
    "resolve",
]
_PARTS = (
    "ClosedFormRecommender",
    "ItemFeatures",
    "MappedFeaturesRecommender",
    "MultimodalRecommender",
    "Recommender",
    "WithSeparateLearning",
    "model_name",
    "resolve",
)
classes = [name for name in __all__ if name not in _PARTS]
