"""What all metrics of one user's ranking share."""

import copy

from torch import Tensor
from torch_geometric.metrics.link_pred import LinkPredMetric, LinkPredMetricData

from sea_pyg.metrics.ranking_data import RankingData


class RankingMetric(LinkPredMetric):
    r"""Base class of PyG's link-prediction metrics that also give per-user values.

    :meth:`update` and :meth:`compute` are PyG's; the input is cleaned as
    :class:`RankingData` says, within PyG's ``LinkPredMetricCollection``, too.
    :meth:`per_user` keeps no state.

    A metric of one's own implements ``_compute(data)``, which returns a number per
    user, :math:`[B]`, from

    * ``data.pred_rel_mat``, :math:`[B, k]`: whether each ranked item is true, best
      first (less than :math:`k` where no more were ranked), and
    * ``data.label_count``, :math:`[B]`: how many true items the user has, maybe none.

    One of PyG's becomes such a metric by its bases alone:

    .. code-block:: python

        class F1(RankingMetric, LinkPredF1):
            pass

    Args:
        k: Length of the ranking that counts.
    """

    weighted: bool = False
    """Relevance is binary."""

    def per_user(self, data: LinkPredMetricData) -> Tensor:
        """Compute the metric of every user.

        Args:
            data: Rankings and labels; share one object between metrics, so that the
                hits are searched once.

        Shapes:
            Returns :math:`[B]`; zero for users without labels.

        Raises:
            ValueError: If the metric computes something else than a number per user.
        """
        value: Tensor = self._compute(_first(_clean(data), self.k))
        num_users = data.pred_index_mat.size(0)
        if value.shape != (num_users,):
            raise ValueError(
                f"_compute of {type(self).__name__} must return a number per user, of "
                f"shape [{num_users}] (got {list(value.shape)})"
            )
        return value if value.is_floating_point() else value.float()

    def update(
        self,
        pred_index_mat: Tensor,
        edge_label_index: Tensor | tuple[Tensor, Tensor],
        edge_label_weight: Tensor | None = None,
    ) -> None:
        """Add the rankings of a batch of users to the running mean.

        Args:
            pred_index_mat: Ranked items, :math:`[B, k]`.
            edge_label_index: True pairs (row, item), :math:`[2, L]`.
            edge_label_weight: Must be absent: relevance is binary here.

        Raises:
            ValueError: If weights are given, or the input is malformed.
        """
        if edge_label_weight is not None:
            raise ValueError(
                f"{type(self).__name__} takes binary relevance; use PyG's "
                "weighted metrics for edge_label_weight"
            )
        self._update(RankingData(pred_index_mat, edge_label_index))

    def _update(self, data: LinkPredMetricData) -> None:
        # A collection hands its own data over.
        super()._update(_first(_clean(data), self.k))


def _clean(data: LinkPredMetricData) -> RankingData:
    """Return the data without the traps that :class:`RankingData` closes."""
    if isinstance(data, RankingData):
        return data
    return RankingData(data.pred_index_mat, data.edge_label_index)


def _first(data: RankingData, k: int) -> RankingData:
    """Return the data of the first ``k`` ranks, with the hits that were searched."""
    first = copy.copy(data)
    first.pred_index_mat = data.pred_index_mat[:, :k]
    first._pred_rel_mat = data.pred_rel_mat[:, :k]
    first._label_count = data.label_count
    return first
