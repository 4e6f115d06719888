"""Checks of SEA's options."""

from sea_pyg.nn.loss.separate_options import Distance


def check_options(
    *,
    split_on: str,
    separate_items: str,
    distance: Distance | None,
    collapsed: bool,
    num_item_layers: int,
    user_k: int,
    walk_weight: float,
    walk_k: int,
    ranking_loss: str,
    ranking_candidates: int | None,
    sampling_correction: float,
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
    if num_item_layers < 0:
        raise ValueError(f"num_item_layers must be at least 0 (got {num_item_layers})")
    if ranking_loss not in ("bpr", "softmax"):
        raise ValueError(
            f"ranking_loss must be 'bpr' or 'softmax' (got {ranking_loss!r})"
        )
    if ranking_candidates is not None and ranking_candidates < 2:
        raise ValueError(
            "ranking_candidates must be at least 2, or None for all of the batch "
            f"(got {ranking_candidates})"
        )
    if not sampling_correction >= 0:
        raise ValueError(
            f"sampling_correction must be at least 0 (got {sampling_correction})"
        )
    if sampling_correction > 0 and (
        ranking_loss != "softmax" or ranking_candidates is None
    ):
        raise ValueError(
            "sampling_correction is of ranking_loss='softmax' with a number of "
            f"ranking_candidates (got {ranking_loss!r} and {ranking_candidates})"
        )
    if user_k < 1:
        raise ValueError(f"user_k must be at least 1 (got {user_k})")
    if not walk_weight >= 0:
        raise ValueError(f"walk_weight must be at least 0 (got {walk_weight})")
    if walk_k < 1:
        raise ValueError(f"walk_k must be at least 1 (got {walk_k})")
