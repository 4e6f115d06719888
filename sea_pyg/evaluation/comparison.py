"""What a comparison of runs found."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

Scope = Literal["reference", "methods", "runs", "untested"]


class ComparisonRow(NamedTuple):
    """One method under one metric, against the reference."""

    method: str
    metric: str
    num_runs: int
    """Number of seeds."""
    mean: float
    """Mean over users and seeds."""
    ci_low: float | None
    """Lower end of the bootstrap interval over users, values averaged over seeds;
    ``None`` where the users' values are not known."""
    ci_high: float | None
    seed_std: float | None
    """Standard deviation of the runs' means; ``None`` for a single run."""
    scope: Scope
    """What the test speaks of: the methods, or only these trained models."""
    difference: float | None = None
    """Mean minus the reference's; ``None`` for the reference itself."""
    p_users: float | None = None
    """Of the sign-flip test over users, values averaged over seeds."""
    p_value: float | None = None
    """The larger of ``p_users`` and, where the scope is methods, the test over users
    and seeds."""
    p_holm: float | None = None
    """``p_value`` after Holm's correction over all rows of the comparison."""
    differs: bool = False
    """Whether ``p_holm`` is below the level: of the methods or, where the scope is
    runs, of these trained models alone."""
    significant: bool = False
    """Whether the methods differ: ``differs``, and the scope is methods."""

    @property
    def interval(self) -> str | None:
        """The interval over users in words."""
        if self.ci_low is None or self.ci_high is None:
            return None
        return f"{self.ci_low:.4f}..{self.ci_high:.4f}"

    @property
    def verdict(self) -> str:
        """What may be said, in words."""
        if self.scope == "reference":
            return "reference"
        if self.scope == "untested":
            return "not tested"
        if not self.differs or not self.difference:
            return "no difference shown"
        if self.scope == "runs":
            return "these trained models differ"
        return "better" if self.difference > 0 else "worse"

    def corrected(self, p_holm: float, level: float) -> "ComparisonRow":
        """Return the row with its corrected p-value and what it allows to say.

        Args:
            p_holm: The corrected p-value.
            level: Family-wise error rate.
        """
        differs = p_holm < level
        significant = differs and self.scope == "methods"
        return self._replace(p_holm=p_holm, differs=differs, significant=significant)


@dataclass(frozen=True)
class Comparison:
    """Rows of a comparison, and what has to be said with them."""

    rows: list[ComparisonRow]
    """Metric by metric; the reference comes first, the others by their mean."""
    reference: str
    """The method that the others are tested against."""
    level: float
    """Family-wise error rate of the claims."""
    notes: list[str]
    """Sentences on what the numbers do and do not show."""

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison ready for JSON."""
        plain = asdict(self)
        plain["rows"] = [{**row._asdict(), "verdict": row.verdict} for row in self.rows]
        return plain

    def table(self) -> tuple[list[str], list[list[Any]]]:
        """Return the header and the cells of a table for people."""
        header = [
            "metric",
            "method",
            "seeds",
            "mean",
            "95% over users" if self.level == 0.05 else "interval over users",
            "std over seeds",
            "difference",
            "p (users)",
            "p",
            "p (Holm)",
            "verdict",
        ]
        cells = [
            [
                row.metric,
                row.method,
                row.num_runs,
                row.mean,
                row.interval,
                row.seed_std,
                row.difference,
                row.p_users,
                row.p_value,
                row.p_holm,
                row.verdict,
            ]
            for row in self.rows
        ]
        return header, cells
