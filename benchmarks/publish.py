"""Copy results into the repository, and write the README's table from them.

    python benchmarks/publish.py [RESULTS_DIR] [--check]

What is copied from the folder that `benchmarks/results.sh` fills are tables, pictures,
cells, trials, and every user's value of the metrics that are tested, compressed: all
but weights and checkpoints, which stay there. So the tests can be made again from the
repository, and `compare.py --out benchmarks/results/grid` adds rows to what is there.
The README's table is then made of the cells in `benchmarks/results/grid`, which other
pages include as they are. `--check` changes nothing, and fails if the README's table is
not that of the cells.
"""

import argparse
import json
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from sea_pyg.evaluation import EvaluationResult
from sea_pyg.report import published

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
START, END = "<!-- results: start -->", "<!-- results: end -->"
METRICS = ("recall@20", "ndcg@20")
KEPT = (".md", ".svg", ".json", ".txt", ".xz")


def copy_results(source: Path, target: Path) -> list[Path]:
    """Copy what the repository keeps, and return the new files.

    Raises:
        ValueError: If there is nothing to copy.
    """
    found = [
        path
        for path in sorted(source.rglob("*"))
        if path.suffix in KEPT
        and not any(part.endswith(".work") for part in path.parts)
        and not any(part.startswith("work-") for part in path.parts)
    ]
    if not found:
        raise ValueError(
            f"there are no results in {str(source)!r}; run benchmarks/results.sh"
        )
    for path in found:
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        if path.suffix == ".md":
            name = "docs.md" if path.name == "table.md" else f"{path.stem}.docs.md"
            if "](" in (text := path.read_text(encoding="utf-8")):
                copy.with_name(name).write_text(without_links(text), encoding="utf-8")
        values = path.with_suffix(".safetensors")
        if path.suffix == ".json" and values.is_file():
            pack_values(values, published(copy.with_name(values.name)))
    return [target / path.relative_to(source) for path in found]


def pack_values(source: Path, target: Path) -> None:
    """Compress the values per user of the metrics that the tables test."""
    result = EvaluationResult.load(source)
    kept = {name: result.per_user[name] for name in METRICS}
    replace(result, per_user=kept).save(target)


def without_links(text: str) -> str:
    """Return a table as a page elsewhere can include it: smaller titles, no links."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"^## ", "### ", text, flags=re.MULTILINE)


def load_cells(folder: Path) -> list[dict[str, Any]]:
    """Read all cells of the grid, without values per user."""
    return [
        json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder.rglob("seed-*.json"))
        if not path.name.endswith(".time.json")
    ]


def spread(values: Sequence[float]) -> str:
    """Write mean and standard deviation over seeds."""
    if len(values) == 1:
        return f"{values[0]:.4f}"
    return f"{mean(values):.4f} ± {stdev(values):.4f}"


def table(cells: Sequence[dict[str, Any]]) -> str:
    """Lay the test metrics out as Markdown, the best of each data set first."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for cell in cells:
        key = (cell["data"], cell["split"], cell["method"])
        groups.setdefault(key, []).append(cell)
    rows = []
    for (data, split, method), found in groups.items():
        scores = [[cell["test"][metric] for cell in found] for metric in METRICS]
        title = data if split == "own" else f"{data} ({split} split)"
        line = [title, method, *map(spread, scores), str(len(found))]
        rows.append(((data, split, -mean(scores[0])), f"| {' | '.join(line)} |"))
    header = "| data | model | test Recall@20 | test NDCG@20 | seeds |"
    lines = [header, "| --- | --- | --- | --- | --- |"]
    return "\n".join([*lines, *(line for _, line in sorted(rows))])


def with_table(page: str, new: str) -> str:
    """Return the page with the table between its marks replaced.

    Raises:
        ValueError: If the marks are not there once each, in order.
    """
    if page.count(START) != 1 or page.count(END) != 1:
        raise ValueError(f"the page should have {START!r} and {END!r} once each")
    before, rest = page.split(START)
    if END not in rest:
        raise ValueError(f"{END!r} should come after {START!r}")
    return f"{before}{START}\n{new}\n{END}{rest.split(END)[1]}"


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", nargs="?", type=Path, metavar="RESULTS_DIR")
    parser.add_argument("--check", action="store_true", help="change nothing")
    parser.add_argument("--smoke", action="store_true", help="the same as --check")
    parser.add_argument("--target", type=Path, default=RESULTS, help=argparse.SUPPRESS)
    parser.add_argument(
        "--readme", type=Path, default=ROOT / "README.md", help=argparse.SUPPRESS
    )
    options = parser.parse_args(arguments)
    try:
        if options.source is not None and not (options.check or options.smoke):
            copied = copy_results(options.source, options.target)
            print(f"{len(copied)} files in {options.target}")
        page = options.readme.read_text(encoding="utf-8")
        new = with_table(page, table(load_cells(options.target / "grid")))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if options.check or options.smoke:
        same = page == new
        print(f"the README's table is {'' if same else 'not '}that of the cells")
        return 0 if same else 1
    options.readme.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
