"""The error of a training that went astray."""


class NonFiniteError(ValueError):
    """A loss or a score is NaN or infinite."""
