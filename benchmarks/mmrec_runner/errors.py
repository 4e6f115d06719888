"""What can go wrong with a foreign program."""


class MMRecError(ValueError):
    """MMRec cannot be run, or what it printed cannot be used."""


class DivergedError(MMRecError):
    """Training gave NaN before anything was evaluated."""
