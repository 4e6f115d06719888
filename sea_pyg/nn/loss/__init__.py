"""Losses: ranking, alignment between and distance within modalities."""

from sea_pyg.nn.loss.bpr_loss import BPRLoss
from sea_pyg.nn.loss.distance_loss import DistanceLoss
from sea_pyg.nn.loss.orthogonal_loss import OrthogonalLoss
from sea_pyg.nn.loss.sampled_softmax_loss import SampledSoftmaxLoss
from sea_pyg.nn.loss.separate_learning import SeparateLearning
from sea_pyg.nn.loss.solo_sim_loss import SoloSimLoss

__all__ = classes = [
    "BPRLoss",
    "DistanceLoss",
    "OrthogonalLoss",
    "SampledSoftmaxLoss",
    "SeparateLearning",
    "SoloSimLoss",
]
