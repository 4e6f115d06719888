"""Compare a model with the numbers of the implementation it was published with."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

# For the tests of the adaptors themselves as well, so not within a function.
if str(ROOT / "benchmarks") not in sys.path:
    sys.path.insert(0, str(ROOT / "benchmarks"))


def assert_parity(name: str) -> None:
    """Check every quantity of ``tests/reference/<name>.npz``."""
    from parity_adaptors import Reference, adaptor_of

    reference = Reference(ROOT / "tests" / "reference" / f"{name}.npz")
    quantities = list(adaptor_of(reference).compare(reference))
    names = {quantity.name for quantity in quantities}
    assert {"loss_total", "score"} <= names
    assert {n for n in names if n.startswith("grad/")} == {
        f"grad/{n}" for n in reference.names("grad")
    }
    for quantity in quantities:
        assert quantity.passed, f"{quantity.name}: {quantity.error:.2e}"
    assert reference.unread == []
