"""What per-user values allow to conclude of methods, as plain functions.

Two sources of chance are kept apart: which users there are (``resampling.py``) and
which seed a model was trained with (:func:`seed_test`).
"""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from sea_pyg.utils import require


class SeedTest(NamedTuple):
    """A difference between two methods, over users and seeds."""

    difference: float
    """Mean of the first method minus mean of the second."""
    standard_error: float
    """Of the difference, over new users and new seeds."""
    degrees_of_freedom: float
    """Of the t distribution; infinite without any variance."""
    p_value: float
    """Two-sided."""


def seed_test(
    first: Tensor,
    second: Tensor,
    deterministic: tuple[bool, bool] = (False, False),
) -> SeedTest:
    r"""Test whether two methods differ, over both users and seeds.

    A paired test over the users of one run each compares two *trained models*: with
    enough users it finds a difference between two seeds of one method, as they are not
    the same model. To speak of methods, the spread between seeds has to count. With the
    values :math:`v_{su}` of a method,
    :math:`v_{su} = \mu + a_u + b_s + \epsilon_{su}`, the variance of a difference of
    means is

    .. math::
        V = \frac{\mathrm{Var}_u(\bar d_u)}{U} + \sum_{m \in \{1, 2\}}
        \frac{\hat\sigma^2_{b,m}}{S_m}, \qquad
        \hat\sigma^2_{b,m} = \max\left(0,
        \mathrm{Var}_s(\bar v_s) - \frac{\hat\sigma^2_{\epsilon,m}}{U}\right)

    with :math:`\bar d_u` the difference of a user's values averaged over seeds. The
    first term already holds the residual's part; :math:`\hat\sigma^2_b` is the usual
    estimate of a random effect. :math:`d / \sqrt V` is compared with a t
    distribution. Its degrees of freedom are `Satterthwaite's
    <https://doi.org/10.2307/3002019>`_,

    .. math::
        \nu = \frac{\tilde V^2}{\tilde V_u^2 / (U - 1) + \sum_m
        \tilde V_m^2 / (S_m - 1)}

    but with every :math:`\mathrm{Var}_s(\bar v_s)` at the upper end of its one-sided
    95 % interval, :math:`(S_m - 1) / \chi^2_{0.05, S_m - 1}` times the estimate: a few
    seeds may look alike by chance, and then their spread, which nobody knows well,
    would be taken for a small part of the variance of many users. With one source of
    chance it is Student's t test; with as many seeds on both sides and no other
    chance, Welch's.

    .. note::
        ``benchmarks/evaluation.py --significance`` simulates this model, with equal
        and with different spreads, at the level 0.05 and at one that a correction for
        many tests comes to. With few seeds of equal spread the test rejects a true null
        hypothesis less often than its level: the price of keeping it where spreads
        differ. It does not keep it where seeds fail now and then instead: among few
        seeds there may be no failure to learn the spread from.

    Args:
        first: Per-user values of one method's runs, a row per seed.
        second: Those of the other method, same users.
        deterministic: Methods that do not depend on a seed, for which one run is
            enough. (default: :obj:`(False, False)`)

    Shapes:
        ``first`` :math:`[S_1, U]`, ``second`` :math:`[S_2, U]`.

    Raises:
        ValueError: If the users do not pair up, there are fewer than two, a method that
            depends on the seed has a single run, or a value is NaN.
        ImportError: If scipy is not installed.
    """
    methods = [first.detach().cpu().double(), second.detach().cpu().double()]
    for value, fixed in zip(methods, deterministic, strict=True):
        if value.dim() != 2 or value.size(1) != methods[0].size(-1):
            raise ValueError(
                "both methods need values of the shape [num_seeds, num_users] for the "
                f"same users (got {list(first.shape)} and {list(second.shape)})"
            )
        if value.size(1) < 2:
            raise ValueError(f"at least two users are needed (got {value.size(1)})")
        if value.isnan().any():
            raise ValueError(
                "per-user values contain NaN; drop the users that do not count"
            )
        if value.size(0) < (1 if fixed else 2):
            raise ValueError(
                "one run shows nothing of the spread between seeds (got "
                f"{value.size(0)}); train the method with further seeds"
            )
    num_users = methods[0].size(1)
    paired = methods[0].mean(dim=0) - methods[1].mean(dim=0)  # [num_users]
    difference = float(paired.mean())
    variance = upper = float(paired.var()) / num_users
    spread = variance**2 / (num_users - 1)
    stats = require("scipy.stats", "train")
    for value in methods:
        num_seeds = value.size(0)
        if num_seeds == 1:
            continue
        between = float(value.mean(dim=1).var())
        centred = value - value.mean(dim=0) - value.mean(dim=1, keepdim=True)
        residual = float((centred + value.mean()).square().sum())
        residual /= (num_seeds - 1) * (num_users - 1) * num_users
        variance += max(0.0, between - residual) / num_seeds
        most = between * (num_seeds - 1) / stats.chi2.ppf(0.05, num_seeds - 1)
        upper += max(0.0, most - residual) / num_seeds
        spread += (most / num_seeds) ** 2 / (num_seeds - 1)
    if variance == 0:
        p_value = 1.0 if difference == 0 else 0.0
        return SeedTest(difference, 0.0, float("inf"), p_value)
    error = variance**0.5
    freedom = float(upper**2 / spread)
    p_value = float(2 * stats.t.sf(abs(difference) / error, freedom))
    return SeedTest(difference, error, freedom, p_value)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values so that the family-wise error rate is kept.

    From `"A Simple Sequentially Rejective Multiple Test Procedure"
    <https://www.jstor.org/stable/4615733>`_: the :math:`i`-th smallest of :math:`m`
    p-values is multiplied by :math:`m - i + 1`, then made monotone.

    Raises:
        ValueError: If a value does not lie in 0..1.
    """
    for p in p_values:
        if not 0 <= p <= 1:
            raise ValueError(f"a p-value lies between 0 and 1 (got {p})")
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - place) * p_values[index]))
        adjusted[index] = largest
    return adjusted
