"""Training batches: positives with negatives, uniform ones or one's own."""

from sea_pyg.loader.candidates import candidate_log_probability, shared_candidates
from sea_pyg.loader.interaction_loader import InteractionLoader
from sea_pyg.loader.negative_sampler import NegativeSampler
from sea_pyg.loader.uniform_negative_sampler import UniformNegativeSampler

classes = ["InteractionLoader", "NegativeSampler", "UniformNegativeSampler"]

__all__ = [
    "InteractionLoader",
    "NegativeSampler",
    "UniformNegativeSampler",
    "candidate_log_probability",
    "shared_candidates",
]
