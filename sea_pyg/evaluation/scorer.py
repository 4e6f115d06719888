"""Metrics of rankings that come batch by batch."""

import math

import torch
from torch import Tensor

from sea_pyg.evaluation.measure import Measure
from sea_pyg.metrics import RankingData, Recall, coverage, exposure, gini, novelty
from sea_pyg.utils import EdgeMembership


class Scorer:
    """Turns rankings into metrics, batch by batch.

    Args:
        measures: What to compute.
        labels: What each user should have got.
        item_degree: Training edges of every item, :math:`[N_i]`.
        num_users: Size of the user base.
        cold_degree: ``cold_recall`` counts labels whose item has fewer training edges.
    """

    def __init__(
        self,
        measures: list[Measure],
        labels: EdgeMembership,
        item_degree: Tensor,
        num_users: int,
        cold_degree: int,
    ) -> None:
        self.measures = measures
        self.labels = labels
        self.item_degree = item_degree
        self.num_users = num_users
        self.cold = item_degree < cold_degree
        device = item_degree.device
        self.ranking = {
            measure.key: measure.metric.to(device)
            for measure in measures
            if measure.metric is not None
        }
        self.cold_recall = {
            measure.key: Recall(measure.k)
            for measure in measures
            if measure.name == "cold_recall"
        }
        self.exposure = {
            measure.k: torch.zeros_like(item_degree)
            for measure in measures
            if measure.name in ("coverage", "gini")
        }
        self.parts: dict[str, list[Tensor]] = {}

    def update(self, users: Tensor, item_index: Tensor) -> None:
        """Take the rankings :math:`[B, k]` of some users."""
        row, item = self.labels.seen(users)
        ranking = RankingData(item_index, (row, item))
        for key, metric in self.ranking.items():
            self._keep(key, metric.per_user(ranking))
        if self.cold_recall:
            cold = self.cold[item]
            ranking = RankingData(item_index, (row[cold], item[cold]))
            none = ranking.label_count == 0
            for key, metric in self.cold_recall.items():
                self._keep(key, metric.per_user(ranking).masked_fill(none, math.nan))
        for k, count in self.exposure.items():
            count += exposure(item_index[:, :k], count.numel())
        for measure in self.measures:
            if measure.name == "novelty":
                ranked = item_index[:, : measure.k]
                value = novelty(ranked, self.item_degree, self.num_users)
                self._keep(measure.key, value)

    def _keep(self, key: str, value: Tensor) -> None:
        self.parts.setdefault(key, []).append(value)

    def compute(self) -> tuple[dict[str, float], dict[str, Tensor]]:
        """Return the means and the per-user values, in the order asked for.

        Raises:
            ValueError: If a metric is not a number for some users. The recall of cold
                items is none for those without them, who do not count.
        """
        per_user = {key: torch.cat(part).cpu() for key, part in self.parts.items()}
        values: dict[str, float] = {}
        for measure in self.measures:
            key = measure.key
            if key in per_user:
                missing = int(per_user[key].isnan().sum())
                if missing and measure.metric is not None:
                    raise ValueError(
                        f"{key} is NaN for {missing} of {per_user[key].numel()} users, "
                        "of whom its mean would say nothing; let the metric return a "
                        "number for everyone"
                    )
                # float32 sums over many users would cost digits.
                values[key] = float(per_user[key].double().nanmean())
            elif measure.name == "coverage":
                values[key] = coverage(self.exposure[measure.k])
            else:
                count = self.exposure[measure.k]
                values[key] = gini(count) if count.any() else math.nan
        ordered = {key: per_user[key] for key in values if key in per_user}
        return values, ordered
