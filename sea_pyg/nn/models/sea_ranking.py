"""What SEA ranks by: its ranking loss, and what its score adds to the embeddings."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.loader import candidate_log_probability, shared_candidates
from sea_pyg.nn.functional import l2_normalize
from sea_pyg.nn.loss import BPRLoss, SampledSoftmaxLoss
from sea_pyg.nn.models.batch import lookup
from sea_pyg.nn.models.walk_graph import walk_scores, with_walk_graph
from sea_pyg.typing import EdgeType, Embeddings, Triplets
from sea_pyg.utils import EdgeMembership, check_choice, check_counts, check_interval


class SEARanking(torch.nn.Module):
    """Compare users with items, in training and in the score.

    The arguments are those of :class:`~sea_pyg.nn.models.SEA`, ``loss``,
    ``temperature`` and ``candidates`` without ``ranking_``.

    Raises:
        ValueError: If one is unknown or out of range, or two exclude each other.
    """

    def __init__(
        self,
        loss: str = "bpr",
        log_base: float | None = None,
        temperature: float = 0.2,
        candidates: int | None = None,
        sampling_correction: float = 0.0,
        walk_weight: float = 0.0,
        walk_k: int = 100,
    ) -> None:
        super().__init__()
        check_choice(("bpr", "softmax"), ranking_loss=loss)
        if candidates is not None:
            check_counts(2, ranking_candidates=candidates)
        check_counts(1, walk_k=walk_k)
        check_interval(
            "[0, inf)", sampling_correction=sampling_correction, walk_weight=walk_weight
        )
        check_interval("(0, inf)", ranking_temperature=temperature)
        if loss == "softmax" and log_base is not None:
            raise ValueError(
                f"log_base is of ranking_loss='bpr' (got {log_base} and {loss!r})"
            )
        if sampling_correction > 0 and (loss != "softmax" or candidates is None):
            raise ValueError(
                "sampling_correction is of ranking_loss='softmax' with a number of "
                f"ranking_candidates (got {loss!r} and {candidates})"
            )
        self.by_cosine = loss == "softmax"
        self.bpr = BPRLoss(log_base)
        self.softmax = SampledSoftmaxLoss(temperature)
        self.candidates = candidates
        self.sampling_correction = sampling_correction
        self.walk_weight = walk_weight
        self.walk_k = walk_k

    @property
    def by_embeddings(self) -> bool:
        """Whether the score is the embeddings' dot product alone."""
        return self.walk_weight == 0 and self.sampling_correction == 0

    def prepare(
        self, data: HeteroData, similar_type: EdgeType, edge_type: EdgeType
    ) -> HeteroData:
        """Return ``data`` with the graph of walks, if the score needs one."""
        if self.walk_weight == 0:
            return data
        return with_walk_graph(data, self.walk_k, similar_type, edge_type)

    def embeddings(self, user: Tensor, item: Tensor) -> Embeddings:
        """Return what has the score, or its first part, as its dot product."""
        if self.by_cosine:
            return Embeddings(l2_normalize(user), l2_normalize(item))
        return Embeddings(user, item)

    def loss(
        self, batch: Triplets, embeddings: Embeddings, seen: EdgeMembership
    ) -> dict[str, Tensor]:
        """Compute the loss, named ``bpr`` or ``softmax``.

        Args:
            batch: The batch.
            embeddings: What :meth:`embeddings` returned.
            seen: The items of every user, which the softmax leaves out.
        """
        anchor, positive, negative = lookup(embeddings, batch)
        if not self.by_cosine:
            pos_score = (anchor * positive).sum(dim=-1)  # [batch_size]
            neg_score = (anchor * negative).sum(dim=-1)
            return {"bpr": self.bpr(pos_score, neg_score)}
        item, excluded = shared_candidates(batch, seen, self.candidates)
        candidate = F.embedding(item, embeddings.item)  # [num_candidates, channels]
        return {"softmax": self.softmax(anchor, positive, candidate, excluded)}

    def complete_(
        self,
        score: Tensor,
        data: HeteroData,
        user_index: Tensor,
        seen: EdgeMembership,
        edge_type: EdgeType,
    ) -> Tensor:
        """Add in place to the embeddings' dot products what the score has besides.

        Args:
            score: Dot products, :math:`[B, N_i]`.
            data: A graph that :meth:`prepare` returned.
            user_index: Users, :math:`[B]`.
            seen: The items of every user.
            edge_type: The interactions.
        """
        if self.sampling_correction > 0 and self.candidates is not None:
            log_probability = candidate_log_probability(
                data[edge_type].edge_index, score.size(1), self.candidates
            )
            share = self.sampling_correction * self.softmax.temperature
            score.add_(log_probability, alpha=share)
        if self.walk_weight > 0:
            walks = walk_scores(data, seen, user_index, edge_type[2])
            score.add_(walks, alpha=self.walk_weight)
        return score
