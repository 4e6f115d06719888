"""Checks of SEA's options, and what follows from them."""

from collections.abc import Mapping

from sea_pyg.utils import check_choice, check_counts


def check_options(split_on: str, separate_items: str, user_k: int) -> None:
    """Check the options that no part of SEA checks itself.

    Raises:
        ValueError: If one is unknown or out of range.
    """
    check_choice(("features", "representations"), split_on=split_on)
    check_choice(("all", "batch"), separate_items=separate_items)
    check_counts(1, user_k=user_k)


def collapsed_channels(
    in_channels: Mapping[str, int],
    projection_channels: int | Mapping[str, int] | None,
    hidden_channels: int,
) -> dict[str, int]:
    """Return the widths of projections that are no wider than what reads them.

    Args:
        in_channels: Width of every modality, by name.
        projection_channels: What was asked for; nothing can be.
        hidden_channels: Width of the first map that ranking reads them with.

    Raises:
        ValueError: If a width was asked for, too.
    """
    if projection_channels is not None:
        raise ValueError(
            "collapsed=True chooses the projection's width (got projection_channels="
            f"{projection_channels!r}); leave one of them out"
        )
    # The halves are of one width, so that an odd one is rounded up.
    return {n: -(-min(c, hidden_channels) // 2) * 2 for n, c in in_channels.items()}
