"""What resampling of per-user values tells: intervals over users, and a paired test."""

import torch
from torch import Tensor

_CHUNK = 2**22


def _default_generator(generator: torch.Generator | None) -> torch.Generator:
    # The same data must give the same interval and the same p-value.
    return torch.Generator().manual_seed(0) if generator is None else generator


def _values(value: Tensor, name: str, dim: int = 1) -> Tensor:
    if value.dim() != dim or value.numel() == 0:
        what = "vector" if dim == 1 else "matrix"
        raise ValueError(
            f"{name} must be a non-empty {what} of per-user values "
            f"(got shape {list(value.shape)})"
        )
    if value.isnan().any():
        raise ValueError(f"{name} contains NaN; drop the users that do not count")
    return value.detach().cpu().double()


def bootstrap_ci(
    value: Tensor,
    confidence: float = 0.95,
    num_resamples: int = 2000,
    generator: torch.Generator | None = None,
) -> tuple[float, float]:
    """Compute a percentile bootstrap interval of the mean over users.

    Args:
        value: One value per user.
        confidence: Coverage of the interval. (default: :obj:`0.95`)
        num_resamples: Number of resamples of the users. (default: :obj:`2000`)
        generator: Source of randomness; seeded with 0 by default.

    Shapes:
        ``value`` :math:`[U]`.

    Raises:
        ValueError: If there are no values, one is NaN, ``confidence`` is not strictly
            between 0 and 1, or ``num_resamples`` is less than 1.
    """
    value = _values(value, "value")
    ((low, high),) = bootstrap_intervals(
        value.view(1, -1), confidence, num_resamples, generator
    )
    return low, high


def bootstrap_intervals(
    values: Tensor,
    confidence: float = 0.95,
    num_resamples: int = 2000,
    generator: torch.Generator | None = None,
) -> list[tuple[float, float]]:
    """Compute :func:`bootstrap_ci` of several rows, of the same resamples of users.

    Args:
        values: A row of values of the same users each.
        confidence: Coverage of the intervals. (default: :obj:`0.95`)
        num_resamples: Number of resamples of the users. (default: :obj:`2000`)
        generator: Source of randomness; seeded with 0 by default.

    Shapes:
        ``values`` :math:`[M, U]`.

    Raises:
        ValueError: As :func:`bootstrap_ci` does.
    """
    values = _values(values, "values", dim=2)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1 (got {confidence})")
    if num_resamples < 1:
        raise ValueError(f"num_resamples must be at least 1 (got {num_resamples})")
    generator = _default_generator(generator)
    num_users = values.size(1)
    one, means = torch.ones((), dtype=torch.double), []
    for count in _chunks(num_resamples, num_users):
        pick = torch.randint(num_users, (count, num_users), generator=generator)
        times = torch.zeros(count, num_users, dtype=torch.double)
        times.scatter_add_(1, pick, one.expand(pick.shape))
        means.append(times @ values.t() / num_users)  # [count, M]
    tail = (1 - confidence) / 2
    bounds = torch.tensor([tail, 1 - tail], dtype=torch.double)
    low, high = torch.cat(means).quantile(bounds, dim=0).tolist()
    return list(zip(low, high, strict=True))


def permutation_test(
    first: Tensor,
    second: Tensor,
    num_permutations: int = 10_000,
    generator: torch.Generator | None = None,
) -> float:
    r"""Test whether the mean of paired differences is zero, by flipping their signs.

    Under the null hypothesis that it does not matter which of two rankings a user got,
    every sign of :math:`d_u` is as likely as the other. Users with
    :math:`d_u = 0` do not matter. All sign patterns are enumerated where there are no
    more of them than ``num_permutations``.

    Args:
        first: Values of the users under one ranking.
        second: Values of the same users under the other.
        num_permutations: Number of random sign patterns. (default: :obj:`10_000`)
        generator: Source of randomness; seeded with 0 by default.

    Shapes:
        ``first`` and ``second`` :math:`[U]`.

    Returns:
        The two-sided p-value; the observed pattern counts as one of the random ones,
        so that it is never zero.

    Raises:
        ValueError: If the vectors do not pair up, are empty or contain NaN, or
            ``num_permutations`` is less than 1.
    """
    first, second = _values(first, "first"), _values(second, "second")
    if first.shape != second.shape:
        raise ValueError(
            "a paired test needs the same users on both sides "
            f"(got {first.numel()} and {second.numel()} values)"
        )
    if num_permutations < 1:
        raise ValueError(
            f"num_permutations must be at least 1 (got {num_permutations})"
        )
    difference = first - second
    difference = difference[difference != 0]
    size = difference.numel()
    if size == 0:
        return 1.0
    observed = difference.sum().abs()
    # Sums that are equal but for rounding are ties, which count against us.
    observed = observed - 1e-9 * difference.abs().sum()
    total = difference.sum()
    if size < 62 and 2**size <= num_permutations:
        code = torch.arange(2**size).view(-1, 1)
        sign = (code >> torch.arange(size)) & 1  # [2^size, size]
        flipped = 2 * (sign.double() @ difference) - total
        return float((flipped.abs() >= observed).double().mean())
    generator = _default_generator(generator)
    width = -(-size // 8)
    bit = torch.arange(8, dtype=torch.uint8)
    extreme = 0
    for count in _chunks(num_permutations, size):
        byte = torch.randint(
            256, (count, width), dtype=torch.uint8, generator=generator
        )
        sign = ((byte.unsqueeze(-1) >> bit) & 1).view(count, -1)[:, :size]
        flipped = 2 * (sign.double() @ difference) - total
        extreme += int((flipped.abs() >= observed).sum())
    return (extreme + 1) / (num_permutations + 1)


def _chunks(total: int, width: int) -> list[int]:
    """Divide ``total`` rows so that a chunk holds about four million numbers."""
    size = max(1, _CHUNK // width)
    return [min(size, total - start) for start in range(0, total, size)]
