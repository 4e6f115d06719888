"""Check our models against the numbers of other implementations.

    python benchmarks/parity.py FILE.npz [FILE.npz ...]

Each file holds weights, a batch, and what another implementation computed from them:
intermediate results, losses, gradients, scores. The model is rebuilt from the weights,
in float64, and everything that the file has is computed anew. Sizes are those of the
file's arrays. A graph that stands beside other files is passed over.

A line per quantity gives its error, the largest difference relative to the largest
magnitude, and the last line the worst of all. The exit code is 1 if one is above its
tolerance (1e-5; gradients 1e-4), and 2 if a file cannot be read or has nothing to
compare.

Two things in the files are random. LGMRec's noise is drawn again from the file's seed;
where none yields its weights, as after training, its local part is compared exactly and
the rest with the range of many draws. DualGNN and DRAGON fill up the neighbours of
users with less than 40 at random; of such files, only what does not hang on it is
compared. A note below the quantities says which applies.
"""

import argparse
import math
import sys
from pathlib import Path

from parity_adaptors import Reference, adaptor_of


def check(path: Path, num_quantities: list[int]) -> tuple[float, list[str]]:
    """Compare a file's quantities and print them.

    Args:
        path: The file.
        num_quantities: Receives their number.

    Returns:
        The worst error, and the names of those above their tolerance.
    """
    reference = Reference(path)
    if reference.is_graph:
        print(f"{path} (a graph; nothing to compare)")
        return 0.0, []
    adaptor = adaptor_of(reference)
    model = adaptor.__name__.rpartition(".")[2]
    print(f"{path} ({model})")
    worst, failed, count = 0.0, [], 0
    for quantity in adaptor.compare(reference):
        count += 1
        worst = max(worst, quantity.error)  # the error is never NaN
        if not quantity.passed:
            failed.append(quantity.name)
        verdict = "" if quantity.passed else f"  ABOVE {quantity.tolerance:.0e}"
        if quantity.mismatch:
            verdict += f" ({quantity.mismatch})"
        print(f"  {quantity.name:<34} {quantity.error:.2e}{verdict}")
    for key in reference.unread:
        print(f"  {key:<34} not compared")
    for note in reference.notes:
        print(f"  note: {note}")
    if count == 0:
        raise ValueError(f"{path}: the file has nothing to compare")
    num_quantities.append(count)
    return worst, failed


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.npz")
    files: list[Path] = parser.parse_args(arguments).files
    worst, code = 0.0, 0
    failed: list[str] = []
    counts: list[int] = []
    for path in files:
        try:
            error, names = check(path, counts)
        except (ValueError, OSError, LookupError, RuntimeError) as problem:
            # The latter two: arrays whose shapes or indices contradict each other.
            where = "" if str(path) in str(problem) else f"{path}: "
            print(f"error: {where}{problem}", file=sys.stderr)
            worst, code = math.inf, 2
            continue
        worst = max(worst, error)
        failed += [f"{path.name}: {name}" for name in names]
    print(f"{sum(counts)} quantities in {len(counts)} of {len(files)} files")
    if not counts and not code:
        print("error: none of the files has anything to compare", file=sys.stderr)
        worst, code = math.inf, 2
    if failed:
        print(f"above tolerance: {', '.join(failed)}")
    print(f"worst relative error {worst:.3e}")
    return code or int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
