"""Maths of mutual information: Gaussian densities, bounds and rows of scores."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from sea_pyg.nn.functional.log_partition import in_full
from sea_pyg.typing import OptTensor
from sea_pyg.utils import check_counts


def gaussian_nll(y: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    r"""Compute the mean negative log-likelihood of a diagonal Gaussian.

    .. math::
        \frac{1}{2 N} \sum_{i, d} \left( \frac{(y_{id} - \mu_{id})^2}{\sigma_{id}^2}
        + \log \sigma_{id}^2 \right)

    The constant :math:`\frac{d}{2} \log 2 \pi` is left out.

    Shapes:
        All :math:`[N, d]`; returns a scalar in nats.
    """
    terms = (y - mean).square() * (-log_variance).exp() + log_variance
    return 0.5 * terms.sum(dim=-1).mean()


def club(
    y: Tensor, mean: Tensor, log_variance: Tensor, permutation: OptTensor = None
) -> Tensor:
    r"""Compute the bound of `"CLUB: A Contrastive Log-ratio Upper Bound of Mutual
    Information" <https://arxiv.org/abs/2006.12013>`_ for a diagonal Gaussian
    :math:`q(y_j | x_i)` with mean :math:`\mu_i` and variance :math:`\sigma_i^2`.

    .. math::
        \frac{1}{N} \sum_i \log q(y_i | x_i)
        - \frac{1}{N^2} \sum_{i, j} \log q(y_j | x_i)

    The second term needs no pairs: with :math:`d_i = y_i - \bar{y}`, the average of
    :math:`(y_j - \mu_i)^2` over :math:`j` is :math:`\overline{d^2} +
    (\bar{y} - \mu_i)^2`, and exceeds :math:`(y_i - \mu_i)^2` by
    :math:`\overline{d^2} - d_i^2 - 2 d_i (\bar{y} - \mu_i)`, where nothing large is
    taken from another, however far :math:`\mu` lies.

    Args:
        y: Samples.
        mean: :math:`\mu`.
        log_variance: :math:`\log \sigma^2`.
        permutation: The one row of ``y`` that each row is compared with instead of all.

    Shapes:
        The first three :math:`[N, d]`, ``permutation`` :math:`[N]`; returns a scalar
        in nats.
    """
    if permutation is not None:
        other = y[permutation]
        excess = (other - y) * (other + y - 2 * mean)
    else:
        center = y.mean(dim=0)
        shift = y - center
        shift = shift - shift.mean(dim=0)  # what rounding of the center left
        square = shift.square()
        excess = square.mean(dim=0) - square - 2 * shift * (center - mean)
    ratio = excess * (-log_variance).exp()
    return 0.5 * ratio.sum(dim=-1).mean()


def gaussian_log_density(y: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    r"""Compute each row's log-density under its diagonal Gaussian, without the constant
    :math:`-\frac{d}{2} \log 2 \pi`.

    Shapes:
        All :math:`[N, d]`; returns :math:`[N]`.
    """
    terms = (y - mean).square() * (-log_variance).exp() + log_variance
    return -0.5 * terms.sum(dim=-1)


def pairwise_gaussian_log_density(
    y: Tensor, mean: Tensor, log_variance: Tensor
) -> Tensor:
    r"""Compute :math:`\log q(y_i | x_j)` for all pairs by two matrix products, without
    the constant :math:`-\frac{d}{2} \log 2 \pi`.

    Shapes:
        ``y`` :math:`[N, d]`, the others :math:`[M, d]`; returns :math:`[N, M]`, in
        float32 at least, also under autocast.
    """
    y, mean, log_variance = in_full(y, mean, log_variance)
    # The expanded square loses least when both stand near the origin.
    center = mean.detach().mean(dim=0)
    y, mean = y - center, mean - center
    precision = (-log_variance).exp()
    constant = (mean.square() * precision + log_variance).sum(dim=-1)
    with torch.autocast(y.device.type, enabled=False):
        squares = y.square() @ precision.t() - 2 * y @ (mean * precision).t()
    return -0.5 * (squares + constant)


def vub(
    mean: Tensor, log_variance: Tensor, marginal_mean: Tensor, marginal_log: Tensor
) -> Tensor:
    r"""Compute the variational upper bound of `"Deep Variational Information
    Bottleneck" <https://arxiv.org/abs/1612.00410>`_ for diagonal Gaussians.

    .. math::
        \frac{1}{N} \sum_i \mathrm{KL} \bigl( \mathcal{N}(\mu_i, \sigma_i^2) \,\|\,
        \mathcal{N}(m, s^2) \bigr)

    Args:
        mean: :math:`\mu`.
        log_variance: :math:`\log \sigma^2`.
        marginal_mean: :math:`m`.
        marginal_log: :math:`\log s^2`.

    Shapes:
        The first two :math:`[N, d]`, the others :math:`[d]`; returns a scalar in nats.
    """
    log_ratio = log_variance - marginal_log
    shift = (mean - marginal_mean).square() * (-marginal_log).exp()
    return 0.5 * (shift + log_ratio.exp() - 1 - log_ratio).sum(dim=-1).mean()


ScoreRows = Callable[[Tensor], Tensor]
"""Maps some rows of the first variable to their scores with all of the second."""


def reduce_rows(
    score: ScoreRows,
    rows: Tensor,
    reduction: Callable[[Tensor], Tensor],
    exclude_own: bool = True,
    chunk_size: int | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Reduce each row of a square matrix of scores without holding the matrix.

    With ``chunk_size``, the scores of that many rows are formed at a time, and again in
    the backward pass: the gradient is exact and memory is ``chunk_size * N`` floats.

    Args:
        score: Maps rows :math:`[n, d]` to scores :math:`[n, N]`.
        rows: The first variable; row :math:`i` belongs to column :math:`i`.
        reduction: Maps scores :math:`[n, N]` to :math:`[n]`; must give an entry of
            :math:`-\infty` no weight.
        exclude_own: Whether each row's own column is set to :math:`-\infty` first.
            (default: :obj:`True`)
        chunk_size: Number of rows at a time; all at once by default.

    Shapes:
        ``rows`` :math:`[N, d]`; returns the diagonal and the reduced rows, each
        :math:`[N]`.

    Raises:
        ValueError: If ``chunk_size`` is not positive.
    """
    if chunk_size is not None:
        check_counts(1, chunk_size=chunk_size)
    num_rows = rows.size(0)

    def block(part: Tensor, start: int) -> tuple[Tensor, Tensor]:
        scores = score(part)  # [n, num_rows]
        own = scores.diagonal(offset=start)
        if exclude_own:
            mask = torch.zeros_like(scores, dtype=torch.bool)
            mask.diagonal(offset=start).fill_(True)
            scores = scores.masked_fill(mask, -math.inf)
        return own.clone(), reduction(scores)

    if chunk_size is None or chunk_size >= num_rows:
        return block(rows, 0)
    parts = [
        checkpoint(block, part, index * chunk_size, use_reentrant=False)
        for index, part in enumerate(rows.split(chunk_size))
    ]
    own, reduced = zip(*parts, strict=True)
    return torch.cat(own), torch.cat(reduced)


def l1out(
    y: Tensor, mean: Tensor, log_variance: Tensor, chunk_size: int | None = None
) -> Tensor:
    r"""Compute the leave-one-out upper bound of `"On Variational Bounds of Mutual
    Information" <https://arxiv.org/abs/1905.06922>`_ for a diagonal Gaussian.

    .. math::
        \frac{1}{N} \sum_i \left[ \log q(y_i | x_i)
        - \log \frac{1}{N - 1} \sum_{j \neq i} q(y_i | x_j) \right]

    Args:
        y: Samples.
        mean: Means of :math:`q(y | x_j)`.
        log_variance: Logarithms of its variances.
        chunk_size: Rows whose pairs are held at a time; the result is exact at any.
            All at once by default.

    Shapes:
        All :math:`[N, d]`; returns a scalar in nats, in float32 at least.
    """
    y, mean, log_variance = in_full(y, mean, log_variance)

    def score(rows: Tensor) -> Tensor:
        return pairwise_gaussian_log_density(rows, mean, log_variance)

    def log_sum(scores: Tensor) -> Tensor:
        return scores.logsumexp(dim=1)

    _, others = reduce_rows(score, y, log_sum, chunk_size=chunk_size)
    own = gaussian_log_density(y, mean, log_variance)
    return (own - others).mean() + math.log(y.size(0) - 1)


def corrected_log_mean(log_mean: Tensor, log_average: Tensor) -> Tensor:
    r"""Return ``log_mean`` with the gradient of `"MINE: Mutual Information Neural
    Estimation" <https://arxiv.org/abs/1801.04062>`_, which divides by a moving average.

    A mini-batch's own mean in the denominator biases the gradient.

    Args:
        log_mean: Logarithm of the batch's mean of exponentials.
        log_average: Logarithm of the moving average of such means.

    Shapes:
        Both scalars; returns a scalar.
    """
    ratio = (log_mean - log_average.detach()).exp()
    return log_mean.detach() + (ratio - ratio.detach())
