"""Data sets as heterogeneous graphs."""

from sea_pyg.datasets.fake_multimodal_dataset import FakeMultimodalDataset
from sea_pyg.datasets.from_interactions import from_interactions
from sea_pyg.datasets.load_splits import default_root, load_data, load_splits
from sea_pyg.datasets.mmrec_dataset import MMRecDataset
from sea_pyg.datasets.movielens_100k import MovieLens100K

__all__ = [
    "FakeMultimodalDataset",
    "MMRecDataset",
    "MovieLens100K",
    "default_root",
    "from_interactions",
    "load_data",
    "load_splits",
]
classes = __all__[:3]
