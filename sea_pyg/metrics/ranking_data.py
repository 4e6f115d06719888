"""Rankings and ground truth of some users, safe to hand to PyG's metrics."""

import torch
from torch import Tensor
from torch_geometric.metrics.link_pred import LinkPredMetricData


class RankingData(LinkPredMetricData):
    r"""Hold the ranked items and the true items of some users.

    PyG's metrics share the hit matrix that is derived from them. Two traps of
    :class:`~torch_geometric.metrics.link_pred.LinkPredMetricData` are closed: a label
    that stands twice would count twice, and the filler -1 in a ranking would be read as
    the last item of the user before.

    Args:
        pred_index_mat: Ranked items of every user, best first; -1 is no item.
        edge_label_index: The true pairs (row of ``pred_index_mat``, item), in any
            order; duplicates are merged.

    Shapes:
        ``pred_index_mat`` :math:`[B, k]`, ``edge_label_index`` :math:`[2, L]`.

    Raises:
        ValueError: If a shape does not fit, a label names a row that does not exist or
            an item is negative, or a ranking names an item twice.
    """

    def __init__(
        self,
        pred_index_mat: Tensor,
        edge_label_index: Tensor | tuple[Tensor, Tensor],
    ) -> None:
        if pred_index_mat.dim() != 2:
            raise ValueError(
                "pred_index_mat must have the shape [num_users, k] "
                f"(got {list(pred_index_mat.shape)})"
            )
        # Keys of pairs are formed, which smaller types do not hold.
        pred_index_mat = pred_index_mat.long()
        row, item = (index.long() for index in edge_label_index)
        if row.dim() != 1 or row.shape != item.shape:
            raise ValueError(
                "edge_label_index must hold a row and an item per label "
                f"(got shapes {list(row.shape)} and {list(item.shape)})"
            )
        num_rows = pred_index_mat.size(0)
        width = 1
        if row.numel() > 0:
            low, high = int(row.min()), int(row.max())
            if low < 0 or high >= num_rows or int(item.min()) < 0:
                raise ValueError(
                    f"labels must name rows in 0..{num_rows - 1} and items from 0 "
                    f"(got rows {low}..{high}, smallest item {int(item.min())})"
                )
            width = int(item.max()) + 1
            key = torch.unique(row * width + item)
            row = torch.div(key, width, rounding_mode="floor")
            item = key % width
        ordered = pred_index_mat.sort(dim=1).values
        twice = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)
        if bool(twice.any()):
            row_number, place = twice.nonzero()[0].tolist()
            raise ValueError(
                f"a ranking must name an item once (got item "
                f"{int(ordered[row_number, place])} twice in row {row_number}); keep "
                "the better place, and fill up with -1"
            )
        # A filler becomes an item that is nobody's label.
        ranked = pred_index_mat.masked_fill(pred_index_mat < 0, width)
        super().__init__(pred_index_mat=ranked, edge_label_index=(row, item))
