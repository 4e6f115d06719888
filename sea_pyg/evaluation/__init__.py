"""Full-ranking evaluation, and what can be concluded from it."""

from sea_pyg.evaluation.compare import compare, label_methods, summarize
from sea_pyg.evaluation.comparison import Comparison, ComparisonRow
from sea_pyg.evaluation.evaluate import DEFAULT_METRICS, evaluate
from sea_pyg.evaluation.measure import BEYOND_ACCURACY
from sea_pyg.evaluation.resampling import bootstrap_ci, permutation_test
from sea_pyg.evaluation.result import EvaluationResult
from sea_pyg.evaluation.run import Run
from sea_pyg.evaluation.significance import SeedTest, holm, seed_test
from sea_pyg.nn.models.ranking import rank_items

__all__ = classes = [
    "BEYOND_ACCURACY",
    "DEFAULT_METRICS",
    "Comparison",
    "ComparisonRow",
    "EvaluationResult",
    "Run",
    "SeedTest",
    "bootstrap_ci",
    "compare",
    "evaluate",
    "holm",
    "label_methods",
    "permutation_test",
    "rank_items",
    "seed_test",
    "summarize",
]
