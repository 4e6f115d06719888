"""A range to search on a logarithmic scale."""

from typing import NamedTuple


class LogUniform(NamedTuple):
    """Any value from ``low`` to ``high``, every order of magnitude as likely."""

    low: float
    """Smallest value."""
    high: float
    """Largest value."""
