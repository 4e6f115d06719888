"""What a method was given to find its setting and to be trained with it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sea_pyg.nn import models
from sea_pyg.report.cell import Cell
from sea_pyg.report.separate import backbone_of


class Budget(NamedTuple):
    """The budget of a method, and what came of its search."""

    trials: int
    """Trials that were asked for."""
    made: int
    """Trials that were made; fewer where there are fewer settings."""
    epochs: int | None
    """Epochs at most; ``None`` where nothing is trained, or it is not known."""
    trial_epochs: int | None
    """Epochs of a trial at most; ``None`` without any."""
    fixed: dict[str, Any]
    """Options that were set by hand, in trials and cells alike."""
    found: dict[str, Any] | None
    """What the search changed; ``None`` without one."""
    cut: int
    """Trials that ended at :attr:`trial_epochs`, and might have become better."""

    @property
    def search(self) -> str:
        """What came of the search, in words."""
        if self.found is None:
            return "not tuned"
        return options_text(self.found) or "nothing"


def budget_of(cell: Cell) -> Budget | None:
    """Read the budget of a cell, or ``None`` if its file says nothing of it."""
    plain = cell.plain
    request = plain.get("request")
    if not isinstance(request, Mapping):
        return None
    trials = plain.get("trials") or []
    asked = int(request.get("trials") or 0)
    trained = not plain["deterministic"]
    limit = request.get("trial_epochs") if trained and asked else None
    return Budget(
        trials=asked,
        made=len(trials),
        epochs=request.get("epochs") if trained else None,
        trial_epochs=limit,
        fixed=dict(request.get("fixed", request.get("setting")) or {}),
        found=_found(trials),
        cut=sum(limit is not None and t.get("epochs") == limit for t in trials),
    )


def budget_note(methods: Mapping[str, Sequence[Cell]], data: str) -> list[str]:
    """Say whether all methods were given the same, and what.

    Args:
        methods: The cells of every method.
        data: The data set's name.

    Returns:
        One paragraph, or nothing if the cells say nothing of it; and one on presets.
    """
    budgets = {
        method: budget
        for method, cells in methods.items()
        if (budget := budget_of(cells[0])) is not None
    }
    if not budgets:
        return []
    quantities: dict[str, Callable[[Budget], Any]] = {
        "Trials": lambda budget: budget.trials,
        "Epochs at most": lambda budget: budget.epochs,
        "Epochs of a trial at most": lambda budget: budget.trial_epochs,
        "Options set": lambda budget: options_text(budget.fixed) or "none",
    }
    presets = [note for method in methods if (note := preset_note(method, data))]
    same, sentences = not presets, []
    for name, value_of in quantities.items():
        groups: dict[Any, list[str]] = {}
        for method, budget in budgets.items():
            if (value := value_of(budget)) is not None:
                groups.setdefault(value, []).append(method)
        if not groups:
            continue
        if len(groups) == 1:
            text = str(next(iter(groups)))
        else:
            same = False
            text = "; ".join(f"{v} for {', '.join(m)}" for v, m in groups.items())
        sentences.append(f"{name}: {text}.")
    early = [f"{m} after {b.made}" for m, b in budgets.items() if b.made < b.trials]
    if early:
        sentences.append(f"Ended early for want of settings: {', '.join(early)}.")
    cut = [f"{m} {b.cut} of {b.made}" for m, b in budgets.items() if b.cut]
    if cut:
        sentences.append(
            f"Trials that ended at their limit of epochs: {', '.join(cut)}; what is "
            "slow to train had less of a search."
        )
    limits = {method: at_limit(cells) for method, cells in methods.items()}
    ended = [f"{m} {n} of {len(methods[m])}" for m, n in limits.items() if n]
    if ended:
        sentences.append(
            f"Cells that ended at their limit of epochs: {', '.join(ended)}; longer "
            "training might have made them better."
        )
    if len(budgets) > 1:
        start = "All rows were" if same else "The rows were not"
        unknown = [method for method in methods if method not in budgets]
        if same and unknown:
            names = ", ".join(unknown)
            start = f"All rows but {names}, of which nothing is known, were"
        sentences.insert(0, f"{start} given the same.")
    return [" ".join(sentences), *presets]


def at_limit(cells: Sequence[Cell]) -> int:
    """Count the cells whose training was ended by its limit of epochs."""
    count = 0
    for cell in cells:
        request = cell.plain.get("request")
        limit = request.get("epochs") if isinstance(request, Mapping) else None
        trained = not cell.plain["deterministic"]
        count += trained and limit is not None and cell.plain["epochs"] == limit
    return count


def preset_note(method: str, data: str) -> str | None:
    """Say of a preset that it was chosen on a data set, or return ``None``.

    Args:
        method: A model, or a preset as ``SEA:tuned``.
        data: The data set's name.
    """
    name, _, preset = backbone_of(method)[0].partition(":")
    known = models.resolve(name).chosen_on if name in models.classes else {}
    chosen = known.get(preset, ())
    if data not in chosen:
        return None
    return (
        f"The settings of {method} were chosen on validation data of "
        f"{' and '.join(chosen)} before, by experiments that are no trials."
    )


def options_text(options: Mapping[str, Any]) -> str:
    """Write options in a line, numbers with three digits."""
    return ", ".join(f"{name}={short(value)}" for name, value in options.items())


def short(value: Any) -> str:
    """Write a number with three digits, anything else as it is."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _found(trials: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return where the best trial, the first of equals, departs from the first."""
    done = [trial for trial in trials if trial["value"] is not None]
    if not done:
        return None
    best = max(done, key=lambda trial: float(trial["value"]))
    first = trials[0]["setting"]
    return {
        name: value
        for name, value in best["setting"].items()
        if name not in first or first[name] != value
    }
