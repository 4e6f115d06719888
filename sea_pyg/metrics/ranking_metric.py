"""What all metrics of one user's ranking share."""

from torch import Tensor
from torch_geometric.metrics.link_pred import LinkPredMetric, LinkPredMetricData

from sea_pyg.metrics.ranking_data import RankingData


class RankingMetric(LinkPredMetric):
    r"""Base class of PyG's link-prediction metrics that also give per-user values.

    :meth:`update` and :meth:`compute` are PyG's; the input is cleaned as
    :class:`RankingData` says, within PyG's ``LinkPredMetricCollection``, too.
    :meth:`per_user` keeps no state.

    Args:
        k: Length of the ranking that counts.
    """

    def per_user(self, data: LinkPredMetricData) -> Tensor:
        """Compute the metric of every user.

        Args:
            data: Rankings and labels; share one object between metrics, so that the
                hits are searched once.

        Shapes:
            Returns :math:`[B]`; zero for users without labels.
        """
        value: Tensor = self._compute(_clean(data))
        return value

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
        super()._update(_clean(data))


def _clean(data: LinkPredMetricData) -> RankingData:
    """Return the data without the traps that :class:`RankingData` closes."""
    if isinstance(data, RankingData):
        return data
    return RankingData(data.pred_index_mat, data.edge_label_index)
