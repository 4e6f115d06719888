"""Checks of SEA's options."""

from sea_pyg.nn.loss.separate_options import Distance
from sea_pyg.utils import check_counts


def check_options(
    split_on: str,
    separate_items: str,
    distance: Distance | None,
    collapsed: bool,
    user_k: int,
) -> None:
    """Check the options that no part of SEA checks itself.

    Raises:
        ValueError: If one is unknown or out of range, or two exclude each other.
    """
    if split_on not in ("features", "representations"):
        raise ValueError(
            f"split_on must be 'features' or 'representations' (got {split_on!r})"
        )
    if separate_items not in ("all", "batch"):
        raise ValueError(
            f"separate_items must be 'all' or 'batch' (got {separate_items!r})"
        )
    if distance == "subtraction" and collapsed and split_on == "features":
        raise ValueError(
            "distance='subtraction' needs the projected features, which a "
            "collapsed SEA has not (got collapsed=True); build it with "
            "collapsed=False or split_on='representations'"
        )
    check_counts(1, user_k=user_k)
