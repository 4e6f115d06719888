"""Pure maths of the losses and maps; modules that hold parameters build on it."""

from sea_pyg.nn.functional.contrast import info_nce, two_view_contrast
from sea_pyg.nn.functional.information import (
    club,
    corrected_log_mean,
    gaussian_log_density,
    gaussian_nll,
    l1out,
    pairwise_gaussian_log_density,
    reduce_rows,
    vub,
)
from sea_pyg.nn.functional.linear_gaussian import (
    LinearSolution,
    moments,
    solve_linear_gaussian,
)
from sea_pyg.nn.functional.log_partition import log_partition
from sea_pyg.nn.functional.losses import (
    bpr_loss,
    l2_normalize,
    row_cosine,
    squared_cosine,
    squared_distance,
)
from sea_pyg.nn.functional.readouts import Readout, linear_readouts, read_columns
from sea_pyg.nn.functional.sampled_softmax import sampled_softmax

__all__ = [
    "LinearSolution",
    "moments",
    "solve_linear_gaussian",
    "Readout",
    "bpr_loss",
    "club",
    "corrected_log_mean",
    "gaussian_log_density",
    "gaussian_nll",
    "info_nce",
    "l1out",
    "l2_normalize",
    "linear_readouts",
    "log_partition",
    "pairwise_gaussian_log_density",
    "read_columns",
    "reduce_rows",
    "row_cosine",
    "sampled_softmax",
    "squared_cosine",
    "squared_distance",
    "two_view_contrast",
    "vub",
]
