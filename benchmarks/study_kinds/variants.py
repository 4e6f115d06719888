"""What every study trains: variants of SEA, one switch apart."""

import inspect
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from sea_pyg.nn.models import SEA

FULL = "SEA"
TUNED = "SEA:tuned"
NO_DISTANCE: dict[str, Any] = {"beta": 0.0, "distance": None}
NO_ALIGNMENT: dict[str, Any] = {"alpha": 0.0, "alignment_pairs": []}
FACTORS = {
    "alpha": (0.01, 0.1, 1, 10, 100),
    "beta": (0.01, 0.1, 1, 10, 100),
    "temperature": (0.2, 0.5, 1, 2, 5),
    "k": (0.5, 1, 2, 4),
}
"""What the sensitivity study multiplies SEA's defaults with, one at a time."""


@dataclass(frozen=True)
class Variant:
    """A model and how it departs from its published setting."""

    label: str
    """What tables call it."""
    method: str = FULL
    """The model, ``SEA:fast`` with a preset."""
    setting: dict[str, Any] = field(default_factory=dict)
    """What is set differently."""
    modalities: tuple[str, ...] | None = None
    """The modalities that it reads; all of the study's by default."""
    parameter: str = ""
    """The one that a sensitivity study varies, ..."""
    value: float = 0.0
    """... and its value."""

    @property
    def key(self) -> str:
        """The cell's folder; studies share the cells that are the same."""
        if self.modalities is None and not self.setting:
            return self.method.replace(":", "-")
        return self.label.replace(" ", "-")


def reference_of(chosen: list[Variant]) -> Variant:
    """Return the variant with nothing set, which others are compared with."""
    return next(variant for variant in chosen if not variant.setting)


def ablation() -> list[Variant]:
    """SEA, without each of its parts, and with other distances in CLUB's place."""
    return [
        Variant(FULL),
        Variant("without split", setting={**NO_DISTANCE, **NO_ALIGNMENT}),
        Variant("without distance", setting=NO_DISTANCE),
        Variant("without SoloSim", setting=NO_ALIGNMENT),
        Variant("linear q", setting={"distance_kwargs": {"conditional": "linear"}}),
        Variant("l2", setting={"distance": "l2"}),
        Variant("orthogonal", setting={"distance": "orthogonal"}),
        Variant("subtraction", setting={"distance": "subtraction"}),
    ]


def tuned() -> list[Variant]:
    """SEA:tuned, one switch away each, and the preset that it starts from."""
    changes: dict[str, dict[str, Any]] = {
        "without id embedding": {"id_embedding": False},
        "with BPR": {"ranking_loss": "bpr", "sampling_correction": 0.0},
        "without separate learning": {**NO_DISTANCE, **NO_ALIGNMENT},
        "without distance": NO_DISTANCE,
        "without SoloSim": NO_ALIGNMENT,
        "without item graph": {"num_item_layers": 0},
        "without walks": {"walk_weight": 0.0},
        "with 25 walks per item": {"walk_k": 25},
        "with temperature 0.1": {"ranking_temperature": 0.1},
        "with temperature 0.4": {"ranking_temperature": 0.4},
        "with 384 candidates": {"ranking_candidates": 384},
        "without correction": {"sampling_correction": 0.0},
        "with full correction": {"sampling_correction": 1.0},
        "with user graph": {"user_graph": True},
        "twice as wide": {"embedding_dim": 128},
        "all items separated": {"separate_items": "all"},
        "exact projection": {"collapsed": False},
        "with MLP q": {"distance_kwargs": None},
    }
    return [
        Variant(TUNED, method=TUNED),
        *(
            Variant(f"tuned {label}", method=TUNED, setting=setting)
            for label, setting in changes.items()
        ),
        Variant("SEA:fast", method="SEA:fast"),
    ]


def modes() -> list[Variant]:
    """SEA, with a collapsed projection, and the preset of the cheapest step."""
    return [
        Variant(FULL),
        Variant("collapsed", setting={"collapsed": True}),
        Variant("SEA:fast", method="SEA:fast"),
    ]


def sensitivity(brief: bool = False) -> list[Variant]:
    """SEA with one setting multiplied at a time.

    Args:
        brief: Whether to take one factor only beside the default.
    """
    variants = []
    arguments = inspect.signature(SEA).parameters
    for name, factors in FACTORS.items():
        default = arguments[name].default
        for factor in (1, factors[-1]) if brief else factors:
            value = type(default)(f"{default * factor:.6g}")
            setting = {} if factor == 1 else {name: value}
            label = f"{name}={value}"
            variants.append(
                Variant(label, setting=setting, parameter=name, value=value)
            )
    return variants


def modalities(names: list[str]) -> list[Variant]:
    """SEA with all modalities, with each, and with each pair of three or more.

    Raises:
        ValueError: If there is one modality alone.
    """
    if len(names) < 2:
        raise ValueError(
            f"the study of modalities needs two or more (got {', '.join(names)}); "
            "name more of them, as in --data lfm2k:text+audio"
        )
    sizes = (1,) if len(names) == 2 else (1, 2)
    chosen = [c for size in sizes for c in combinations(names, size)]
    return [
        Variant("+".join(names)),
        *(Variant("+".join(c), modalities=c) for c in chosen),
    ]


def curves() -> list[Variant]:
    """SEA, its fast preset, and the model without features that it builds on."""
    return [Variant(m, method=m) for m in (FULL, "SEA:fast", "LightGCN")]
