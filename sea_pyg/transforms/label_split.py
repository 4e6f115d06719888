"""The split that the data set itself states."""

from torch import Tensor
from torch_geometric.data.storage import EdgeStorage

from sea_pyg.transforms.interaction_split import (
    NAMES,
    InteractionSplit,
    edge_tensor,
)


class LabelSplit(InteractionSplit):
    r"""Split the interactions by their ``split`` attribute (0, 1, 2).

    In MMRec's format this is the column ``x_label``: training, validation, test.

    Args:
        edge_type: The interactions. (default: ``('user', 'rates', 'item')``)

    Raises:
        ValueError: If there is no such attribute, it has other values than 0, 1 and
            2, or one of the three parts is empty.
    """

    def assign(self, store: EdgeStorage, num_users: int) -> Tensor:
        """Return the ``split`` attribute."""
        if "split" not in store:
            raise ValueError(
                f"LabelSplit needs the attribute 'split' on {self.edge_type!r} (in "
                f"MMRec's format: the column x_label); add it, or use another split, "
                f"e.g. RandomUserSplit()"
            )
        part = edge_tensor(store, "split", self.edge_type)
        if part.shape != store.edge_index[0].shape:
            raise ValueError(
                f"'split' on {self.edge_type!r} must hold one label per interaction, "
                f"{store.edge_index.size(1)} (got shape {list(part.shape)})"
            )
        bad = ((part != 0) & (part != 1) & (part != 2)).nonzero().flatten()
        if bad.numel():
            raise ValueError(
                f"'split' on {self.edge_type!r} must be 0, 1 or 2 for training, "
                f"validation and test (got {part[bad[0]].item()} at interaction "
                f"{int(bad[0])})"
            )
        return part

    def remedy(self, number: int) -> str:
        """Say what to do about an empty part."""
        return (
            f"label some interactions {number} (column x_label) for "
            f"{NAMES[number]}, or use another split, e.g. RandomUserSplit()"
        )
