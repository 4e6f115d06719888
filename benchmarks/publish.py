"""Copy results into the repository, and make its tables anew from them.

    python benchmarks/publish.py [RESULTS_DIR] [--check]

What is copied from the folder that `benchmarks/results.sh` fills are tables, pictures,
cells, trials, and every user's value of the metrics that are tested, compressed: all
but weights and checkpoints, which stay there. So the tests can be made again from the
repository, and `compare.py --out benchmarks/results/grid` adds rows to what is there.

Then, with or without a folder to copy, the tables are made of the cells that the
repository has: `table.md`, `comparison.json` and `docs.md` (which other pages include)
of the grids, those of studies, and the README's table; and those of single scripts, as
`speed.md`, of their JSON. `--check` changes nothing, and fails if one of them is not
that of its cells or its JSON, or cannot be made. Pictures are not checked.
"""

import argparse
import importlib
import json
import math
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from grid_work.tables import TABLE, grid_tables
from studies import MEASURED, REPORTS, TABLES, plan
from study_kinds import reports
from study_kinds.variants import Variant

from sea_pyg.evaluation import ComparisonRow, EvaluationResult
from sea_pyg.report import (
    GridSection,
    grid_sections,
    load_cell,
    load_cells,
    preset_note,
    published,
)

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
SCRIPTS = {"speed": "speed_table"}
"""The scripts that are not called as their results are."""
START, END = "<!-- results: start -->", "<!-- results: end -->"
GRIDS = ("grid", "separate", "separate-linear", "separate-tuned", "separate-sports")
METRICS = ("recall@20", "ndcg@20")
KEPT = (".md", ".svg", ".json", ".txt", ".xz")


def copy_results(source: Path, target: Path) -> list[Path]:
    """Copy what the repository keeps, and return the new files.

    Raises:
        ValueError: If there is nothing to copy, a cell has not all that is tested, or
            cells of other runs would stay beside those that are copied.
    """
    if source.resolve() == target.resolve():
        raise ValueError(
            f"{str(source)!r} is what is published; give the folder of other results, "
            "or none to make the tables anew"
        )
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
    check_none_left(found, source, target)
    for path in found:
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        if path.suffix == ".md" and "](" in (text := path.read_text(encoding="utf-8")):
            docs_of(copy).write_text(without_links(text), encoding="utf-8")
        values = path.with_suffix(".safetensors")
        if path.suffix == ".json" and values.is_file():
            plain_copy = copy.with_name(values.name)
            pack_values(values, published(plain_copy))
            plain_copy.unlink(missing_ok=True)  # of a cell that was made there
    return [target / path.relative_to(source) for path in found]


def check_none_left(found: Sequence[Path], source: Path, target: Path) -> None:
    """Check that every cell is copied of the folders that are copied.

    Folders that the source does not have are left as they are.

    Raises:
        ValueError: If the target has further cells there, which its tables would count.
    """
    left = [
        path
        for folder in sorted({path.parent.relative_to(source) for path in found})
        for path in sorted((target / folder).glob("seed-*.json"))
        if not path.name.endswith(".time.json")
        and not (source / folder / path.name).is_file()
    ]
    if left:
        raise ValueError(
            f"{str(source)!r} has other cells of the same folders than "
            f"{str(target)!r}, which would keep {', '.join(map(str, left))} and count "
            "them in its tables; delete them, each with the files of its seed beside "
            "it, and start again"
        )


def pack_values(source: Path, target: Path) -> None:
    """Compress the values per user of the metrics that the tables test.

    Raises:
        ValueError: If they are damaged, or one of the metrics is not among them.
    """
    result = EvaluationResult.load(source)
    for name in METRICS:
        if name not in result.per_user:
            raise ValueError(
                f"{str(source)!r} has no values of {name!r}, which the tables test "
                f"(got {', '.join(result.per_user)}); delete the cell and make it "
                "again with an eval_k that holds 20"
            )
    kept = {name: result.per_user[name] for name in METRICS}
    replace(result, per_user=kept).save(target)


def without_links(text: str) -> str:
    """Return a table as a page elsewhere can include it: smaller titles, no links."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"^## ", "### ", text, flags=re.MULTILINE)


def docs_of(path: Path) -> Path:
    """Return where a table stands as other pages include it."""
    name = "docs.md" if path.name == TABLE else f"{path.stem}.docs.md"
    return path.with_name(name)


def made_of_cells(
    grids: dict[Path, list[GridSection]], studies: dict[Path, tuple[str, Any]]
) -> dict[Path, str]:
    """Return the files that can be made of cells, with their content.

    Args:
        grids: The sections of every grid, by its folder.
        studies: The tables of studies and their numbers as their cells make them.
    """
    found = {}
    for grid, sections in grids.items():
        for name, text in grid_tables(sections, grid).items():
            found[grid / name] = text
    for path, (text, plain) in studies.items():
        found[path] = text
        found[path.with_suffix(".json")] = reports.json_text(plain)
    for path, text in [*found.items()]:
        if path.suffix == ".md" and "](" in text:
            found[docs_of(path)] = without_links(text)
    return found


def study_result(path: Path) -> tuple[str, Any]:
    """Return a study's tables and their numbers in full as its cells make them.

    Args:
        path: The table, ``<study>.md``; it names the variants that it has.

    Raises:
        ValueError: If it is of no study, or what it is made of is not there.
    """
    folder, study = path.parent, path.stem
    if study in MEASURED:
        files = sorted((folder / study).glob("seed-*.json"))
        if not files:
            raise ValueError(f"{str(path)!r} has no measurements in {study}/")
        measured = [json.loads(file.read_text("utf-8")) for file in files]
        made: tuple[str, Any] = MEASURED[study].result(measured)
        return made
    requests = sorted((folder / "cells").glob("*/request.json"))
    if study not in REPORTS or not requests:
        raise ValueError(f"{str(path)!r} is no study's table, or there are no cells")
    names = json.loads(requests[0].read_text("utf-8"))["loaded"]
    text = path.read_text(encoding="utf-8")
    found = []
    for variant in plan(study, names):
        files = sorted((folder / "cells" / variant.key).glob("seed-*.json"))
        files = [file for file in files if not file.name.endswith(".time.json")]
        if files and row_start(variant) in text:
            found.append((variant, [load_cell(file) for file in files]))
    try:
        return TABLES[REPORTS[study]](folder, found)
    except FileNotFoundError as error:
        raise ValueError(f"{str(path)!r} has cells without values: {error}") from error


def row_start(variant: Variant) -> str:
    """Return how a table names a variant."""
    if variant.parameter:
        return f"| {variant.parameter} | {variant.value:g} |"
    return f"| {variant.label} |"


def script_page(path: Path) -> str:
    """Return the tables of a single script as its JSON makes them.

    Raises:
        ValueError: If there is no such script, or no JSON.
    """
    name = SCRIPTS.get(path.stem, path.stem)
    numbers = path.with_suffix(".json")
    if not (ROOT / "benchmarks" / f"{name}.py").is_file() or not numbers.is_file():
        raise ValueError(f"{str(path)!r} is of no script, or {numbers.name} is missing")
    page: str = importlib.import_module(name).page(numbers)
    return page


def study_tables(folder: Path) -> list[Path]:
    """List the tables of studies."""
    return [
        path
        for path in sorted(folder.glob("*/*.md"))
        if path.with_suffix("").suffix != ".docs" and path.parent.name not in GRIDS
    ]


def agree(path: Path, text: str) -> bool:
    """Tell whether a file has this content, numbers in JSON up to rounding."""
    if not path.is_file():
        return False
    before = path.read_text(encoding="utf-8")
    if path.suffix != ".json":
        return before == text
    return _close(json.loads(before), json.loads(text))


def _close(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            _close(value, other[key]) for key, value in one.items()
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_close, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)
    return bool(one == other)


def table(sections: Sequence[GridSection]) -> str:
    """Lay the test metrics out as Markdown, the best of each data set first."""
    header = ["data (test users)", "model", "Recall@20", "NDCG@20"]
    header += ["Recall@20, tested", "seeds", "trials"]
    lines = [f"| {' | '.join(header)} |", f"|{' --- |' * len(header)}"]
    notes = {}
    for section in sections:
        name = section.data
        name += "" if section.split == "own" else f", {section.split} split"
        rows = {(row.method, row.metric): row for row in section.comparison.rows}
        budgets = {
            method: trials or 0 for method, trials, *_ in section.budget_table()[1]
        }
        order = sorted(section.methods, key=lambda m: -rows[m, METRICS[0]].mean)
        for method in order:
            found = [rows[method, metric] for metric in METRICS]
            note = preset_note(method, section.data)
            trials = f"{budgets[method]}\\*" if note else str(budgets[method])
            if note:
                notes[method] = f"\n\\* {note}"
            line = [f"{name} ({section.users})", method, *map(spread, found)]
            line += [found[0].verdict, str(found[0].num_runs), trials]
            lines.append(f"| {' | '.join(line)} |")
    return "\n".join([*lines, *notes.values()])


def spread(row: ComparisonRow) -> str:
    """Write mean and standard deviation over seeds."""
    mean = f"{row.mean:.4f}"
    return mean if row.seed_std is None else f"{mean} ± {row.seed_std:.4f}"


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
        folders = [options.target / name for name in GRIDS]
        grids = {
            folder: grid_sections(load_cells(folder), METRICS)
            for folder in folders
            if folder.is_dir() or folder.name == GRIDS[0]
        }
        studies = {path: study_result(path) for path in study_tables(options.target)}
        made = made_of_cells(grids, studies)
        made |= {path: script_page(path) for path in options.target.glob("*.md")}
        made[options.readme] = with_table(page, table(grids[folders[0]]))
    except (FileNotFoundError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if options.check or options.smoke:
        wrong = [path for path, text in made.items() if not agree(path, text)]
        for path in wrong:
            print(f"{path} is not that of its cells")
        if not wrong:
            print(f"{len(made)} files are those of their cells; pictures are unchecked")
        return 1 if wrong else 0
    for path, text in made.items():
        if not agree(path, text):
            path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
