"""What a checkout of MMRec holds."""

import hashlib
import re
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

from mmrec_runner.errors import MMRecError
from sea_pyg.utils import closest, require

PREFIX = "MMRec:"
"""Starts the names of MMRec's models in a grid."""

OWNED = ("epochs", "seed", "topk", "metrics", "valid_metric", "eval_step", "data_path")
"""Options that the grid decides."""


@dataclass(frozen=True)
class Method:
    """A model of MMRec, with the options that are given rather than searched."""

    model: str
    fixed: dict[str, Any]
    text: str
    """As it was named, ``FREEDOM`` or ``FREEDOM:dropout=0.8+reg_weight=0``."""

    @classmethod
    def parse(cls, text: str) -> "Method":
        """Read ``MODEL[:key=value[+key=value ...]]``, the values in YAML.

        Raises:
            MMRecError: If it is of another form.
        """
        model, _, options = text.removeprefix(PREFIX).partition(":")
        fixed = {}
        # "1e+3" has a plus that separates nothing.
        for part in re.split(r"\+(?=[A-Za-z_])", options) if options else []:
            key, equals, value = part.partition("=")
            if not (model and key and equals and value):
                raise MMRecError(
                    f"--mmrec-models: expected MODEL or MODEL:key=value+key=value (got "
                    f"{text!r})"
                )
            yaml = require("yaml", "train")
            try:
                fixed[key] = _numbers(yaml.safe_load(value))
            except yaml.YAMLError as error:
                raise MMRecError(
                    f"--mmrec-models: {key}={value} in {text!r} is no value in YAML "
                    f"({' '.join(str(error).split())})"
                ) from error
        return cls(model, fixed, text.removeprefix(PREFIX))

    @property
    def name(self) -> str:
        """What the grid calls it."""
        return PREFIX + self.text


class Checkout:
    """A folder with MMRec's source, which is only read.

    Args:
        root: The folder.

    Raises:
        MMRecError: If it does not look like MMRec.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root).absolute()
        self.source = self.root / "src"
        configs = self.source / "configs"
        entry = self.source / "utils" / "quick_start.py"
        for path in (self.source / "main.py", entry, configs / "overall.yaml"):
            if not path.is_file():
                raise MMRecError(
                    f"--mmrec-root {str(root)!r} is no checkout of MMRec: expected "
                    f"{path.relative_to(self.root).as_posix()} in it; clone "
                    "https://github.com/enoche/MMRec and name the clone's folder"
                )
        self.models = sorted(
            path.stem
            for path in (configs / "model").glob("*.yaml")
            if (self.source / "models" / f"{path.stem.lower()}.py").is_file()
        )

    def options(self, model: str) -> dict[str, Any]:
        """Return MMRec's options of a model.

        Raises:
            MMRecError: If the checkout has no such model.
        """
        if model not in self.models:
            raise MMRecError(
                f"MMRec in {str(self.root)!r} has no model {model!r}; "
                f"{closest(model, self.models)}"
            )
        found: dict[str, Any] = {}
        searched: list[str] = []
        for name in ("overall.yaml", f"model/{model}.yaml"):
            path = self.source / "configs" / name
            yaml = require("yaml", "train")
            try:
                plain = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
            except (OSError, ValueError, yaml.YAMLError) as error:
                raise MMRecError(f"{str(path)!r} cannot be read ({error})") from error
            searched += plain.get("hyper_parameters") or []
            found |= _numbers(plain)
        found["hyper_parameters"] = list(dict.fromkeys(searched))
        return found

    def space(self, method: Method) -> dict[str, list[Any]]:
        """Return the values of every option that MMRec itself would search.

        An option that the method gives has this one value.

        Raises:
            MMRecError: If there is no such model, or it has no such option.
        """
        options = self.options(method.model)
        for key in method.fixed:
            if key in OWNED or key not in options:
                known = set(options) - {*OWNED, "hyper_parameters"}
                reason = "is set by the grid" if key in OWNED else closest(key, known)
                raise MMRecError(f"MMRec's {method.model}, option {key!r}: {reason}")
        space = {}
        for key in options["hyper_parameters"]:
            if key not in OWNED:
                values = method.fixed.get(key, options.get(key))
                space[key] = values if isinstance(values, list) else [values]
        return space | {
            key: [value] for key, value in method.fixed.items() if key not in space
        }

    def proposals(self, method: Method, trials: int) -> list[dict[str, Any]]:
        """Return the settings to try: the first of all, then a fixed random choice."""
        space = self.space(method)
        every = [
            dict(zip(space, point, strict=True)) for point in product(*space.values())
        ]
        others = Random(0).sample(every[1:], min(max(trials - 1, 0), len(every) - 1))
        return [every[0], *others]

    def fingerprint(self) -> str:
        """Return the SHA-256 of the code and its options."""
        digest = hashlib.sha256()
        for path in sorted(self.source.rglob("*")):
            if path.suffix in (".py", ".yaml") and path.is_file():
                digest.update(path.relative_to(self.source).as_posix().encode() + b"\0")
                digest.update(path.read_bytes() + b"\0")
        return digest.hexdigest()


def _numbers(value: Any) -> Any:
    """Read ``1e-05`` as a number, as MMRec does and YAML 1.1 does not."""
    if isinstance(value, dict):
        return {key: _numbers(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_numbers(entry) for entry in value]
    if isinstance(value, str) and re.fullmatch(r"[-+]?\d[\d.]*[eE][-+]?\d+", value):
        return float(value)
    return value
