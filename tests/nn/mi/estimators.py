"""Every estimator of the package, with every model q, as small as it comes."""

from collections.abc import Callable
from typing import Any

from sea_pyg.nn.mi import (
    CLUB,
    NWJ,
    SMILE,
    VUB,
    DonskerVaradhan,
    GaussianMLP,
    InfoNCE,
    JensenShannon,
    L1Out,
    MutualInformationEstimator,
    SeparableCritic,
)

Make = Callable[..., MutualInformationEstimator]


def _conditional(make: Make, q: str, **options: Any) -> Make:
    def made(x_channels: int, y_channels: int, **more: Any) -> Any:
        conditional: Any = (
            GaussianMLP(x_channels, y_channels, 6) if q == "mlp" else "linear"
        )
        return make(x_channels, y_channels, conditional=conditional, **options, **more)

    return made


def _critic(make: Make, **options: Any) -> Make:
    def made(x_channels: int, y_channels: int, **more: Any) -> Any:
        critic = SeparableCritic(x_channels, y_channels, 8, 4)
        return make(x_channels, y_channels, **{"critic": critic, **options, **more})

    return made


UPPER: dict[str, Make] = {
    f"{name}-{q}": _conditional(make, q, **options)
    for q in ("mlp", "linear")
    for name, make, options in (
        ("club", CLUB, {}),
        ("club-sampled", CLUB, {"num_negatives": "sampled"}),
        ("l1out", L1Out, {}),
        ("vub", VUB, {}),
    )
}
CRITICS: dict[str, Make] = {
    "info-nce": _critic(InfoNCE),
    "nwj": _critic(NWJ),
    "donsker-varadhan": _critic(DonskerVaradhan),
    "smile": _critic(SMILE),
    "jensen-shannon": _critic(JensenShannon),
}
ALL: dict[str, Make] = {**UPPER, **CRITICS}
