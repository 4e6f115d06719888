"""Run the studies of the SEA paper: what its parts do, and what they are.

    python benchmarks/studies.py STUDY --out DIR [--data lfm2k:text+audio]
        [--seeds 0,1,2] [--epochs 1000] [--set batch_size=8192] [--variants KEY,...]
        [--jobs 1] [--threads 1] [--smoke]

STUDY is one of

* ablation: SEA without its parts, and with other distances in CLUB's place
* tuned: the preset SEA:tuned, one switch away each, and SEA:fast
* modes: the cheaper forms of SEA against the exact one
* sensitivity: alpha, beta, temperature and k, one at a time around the defaults
* modalities: each modality alone, and each pair of three or more, against all
* curves: validation and losses over the epochs, of SEA, SEA:fast and LightGCN
* embeddings: generic and unique parts in a plane, before and after training
* information: how much they share, by estimators that are fitted on held-out items
* score: a trained SEA:tuned with other weights of what its score adds, on validation
  data: of the correction for sampling, and of the walks
* all: all of them

`--variants` trains some of a study's variants only, named as the folders of their
cells are, and the one that they are tested against.

`DIR/<study>.md` has the table and `DIR/<study>.svg` the picture. What is trained stands
in `DIR/cells/<variant>/seed-0.json`, and studies share it: SEA itself is trained once.
`DIR/embeddings/`, `DIR/information/` and `DIR/score/` have what was measured on
weights. The command can be stopped at any moment and started again: what is finished is
kept, others go on from their last epoch, and all files but `*.time.json` come out the
same.

The data is looked for in the folder that the variable `SEA_PYG_DATA` names. `--smoke`
does all studies, an epoch each, on generated data.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from grid_work import (
    OtherRequestError,
    add_set,
    claim,
    data_name,
    left_of,
    load,
    make_folder,
    parse_data,
    parse_fixed,
    parse_seeds,
    preset_request,
    read_cells,
    reason_of,
    run_all,
    worker,
)
from study_kinds import embeddings, information, reports, score, variants
from study_kinds.parts import Trained, weights_digest, weights_of
from study_kinds.variants import Variant, reference_of

from sea_pyg.nn import models
from sea_pyg.training import data_fingerprint, environment, read_json, run_cell
from sea_pyg.training.atomic import write_text
from sea_pyg.utils import closest, modality_names

MEASURED = {"embeddings": embeddings, "information": information, "score": score}
REPORTS = {
    "ablation": reports.compared,
    "tuned": reports.compared,
    "modes": reports.compared,
    "sensitivity": reports.sensitivity,
    "modalities": reports.compared,
    "curves": reports.curves,
}
TABLES = {
    reports.compared: reports.compared_result,
    reports.sensitivity: reports.sensitivity_result,
    reports.curves: reports.curves_result,
}
"""What every report is made of: its tables and their numbers."""
STUDIES = (*REPORTS, *MEASURED)
KEPT = {Variant(kind.SUBJECT, kind.SUBJECT).key for kind in MEASURED.values()}
"""Whose weights are kept, to be measured."""
SMOKE = {"inner_steps": 2}


@dataclass(frozen=True)
class Unit:
    """A piece of work: a cell."""

    out: str
    data: str
    loaded: list[str]
    modalities: list[str]
    key: str
    method: str
    setting: dict[str, Any]
    epochs: int
    threads: int
    seed: int

    @property
    def path(self) -> Path:
        """The cell's file."""
        return Path(self.out) / "cells" / self.key / f"seed-{self.seed}.json"

    @property
    def final(self) -> dict[str, Any]:
        """All that is set."""
        return {**self.setting, "seed": self.seed, "max_epochs": self.epochs}

    def __str__(self) -> str:
        return f"{data_name(self.data)}, {self.key}, seed {self.seed}"


def work(unit: Unit) -> None:
    """Train and test a cell, unless it is done."""
    torch.set_num_threads(unit.threads)
    splits = load(unit.data, unit.loaded, "own")
    name, _, preset = unit.method.partition(":")
    model = models.resolve(name)
    request = {
        **asked(unit),
        **preset_request(model, preset, splits[0], unit.modalities),
        "split": "own",
        "data_fingerprint": data_fingerprint(splits),
    }
    claim(unit.path.parent / "request.json", request)
    about = {
        "data": data_name(unit.data),
        "split": "own",
        "method": unit.key,
        "setting": unit.setting,
        "request": request,
    }
    run_cell(
        model,
        unit.final,
        splits,
        unit.path,
        about,
        unit.modalities,
        preset or None,
        keep_model=unit.key in KEPT,
    )


def asked(unit: Unit) -> dict[str, Any]:
    """Return what all cells of a variant have in common."""
    shared = {k: v for k, v in asdict(unit).items() if k not in ("out", "seed")}
    return {**shared, "data": data_name(unit.data)}


def plan(study: str, names: list[str], smoke: bool = False) -> list[Variant]:
    """List what a study trains.

    Raises:
        ValueError: If the study cannot be made with these modalities.
    """
    if study == "sensitivity":
        return variants.sensitivity(brief=smoke)
    if study == "modalities":
        return variants.modalities(names)
    if study in MEASURED:
        subject = MEASURED[study].SUBJECT
        return [Variant(subject, subject)]
    chosen: list[Variant] = getattr(variants, study)()
    return chosen


def some(chosen: list[Variant], keys: list[str]) -> list[Variant]:
    """Return the reference and the variants with these keys; all without any.

    Raises:
        ValueError: If there is no such variant.
    """
    known = {variant.key for variant in chosen}
    for key in keys:
        if key not in known:
            raise ValueError(f"no variant {key!r}; {closest(key, known)}")
    wanted = {reference_of(chosen).key, *keys}
    return [variant for variant in chosen if not keys or variant.key in wanted]


def planned(
    study: str, options: argparse.Namespace
) -> tuple[list[Variant], list[list[Unit]]]:
    """Return a study's variants, and the cells of each.

    Raises:
        ValueError: If the study cannot be made with these modalities.
    """
    data, names = parse_data(options.data)
    names = modality_names(load(data, names, "own")[0], "item", names)
    every = plan(study, names, options.smoke)
    groups = [
        [
            Unit(
                out=str(options.out),
                data=data,
                loaded=names,
                modalities=list(variant.modalities or names),
                key=variant.key,
                method=variant.method,
                setting={
                    **options.fixed,
                    **variant.setting,
                    **(SMOKE if options.smoke else {}),
                },
                epochs=options.epochs,
                threads=options.threads,
                seed=seed,
            )
            for seed in options.seeds
        ]
        for variant in every
    ]
    return every, groups


def run(study: str, options: argparse.Namespace) -> list[str]:
    """Do what is left of a study, write its files, and return what went wrong."""
    every, groups = planned(study, options)
    chosen = some(every, options.variants)
    # A variant can stand in a study twice: the default of every setting is the same.
    units = list({unit.path: unit for group in groups for unit in group}.values())
    left, errors = left_of(units, work)
    asked_for = {variant.key for variant in chosen}
    todo = [unit for unit in left if unit.key in asked_for]
    errors += [error for _, error in run_all(todo, work, options.jobs, __file__)]
    done = [
        read_cells([unit.path for unit in group if unit.path.is_file()], errors)
        for group in groups
    ]
    reference = reference_of(every)
    if not done[every.index(reference)]:
        return [*errors, f"{study}: nothing to report without {reference.label}"]
    if study in MEASURED:
        paths = [cell.path for cell in done[0]]
        rows = []
        for unit in (unit for unit in groups[0] if unit.path in paths):
            try:
                rows.append(measure(study, unit, options.smoke))
            except OtherRequestError:
                raise
            except Exception as error:
                errors.append(f"{study}, seed {unit.seed}: {reason_of(error)}")
        if rows:
            MEASURED[study].report(options.out, rows)
        return errors
    found = [
        (variant, cells) for variant, cells in zip(every, done, strict=True) if cells
    ]
    try:
        REPORTS[study](options.out, study, found)
    except ValueError as error:
        errors.append(f"{study}: {reason_of(error)}")
    return errors


def measure(study: str, unit: Unit, smoke: bool) -> dict[str, Any]:
    """Measure a trained model, unless it is done on these weights.

    Published cells have no weights, and what was measured on them stays.

    Raises:
        ValueError: If it is not done, and the weights are missing or damaged.
    """
    kind = MEASURED[study]
    folder = Path(unit.out) / study
    cell = read_json(unit.path)
    chosen = {**kind.OPTIONS, **(kind.SMOKE if smoke else {})}
    claim(folder / "request.json", {"options": chosen, **cell["request"]})
    path, digest = folder / unit.path.name, weights_digest(unit.path)
    if path.is_file():
        before = read_json(path)
        if digest in (None, before.get("weights")):
            return before
    if digest is None:
        raise ValueError(
            f"{str(weights_of(unit.path))!r} is missing, the weights that {study} is "
            f"measured on; delete {str(unit.path)!r}, so that they are trained again"
        )
    print(f"{study}, seed {unit.seed} ...", file=sys.stderr, flush=True)
    torch.set_num_threads(unit.threads)
    train, val, _ = load(unit.data, unit.loaded, "own")
    preset = unit.method.partition(":")[2] or None
    trained = Trained(unit.path, unit.final, train, val, unit.modalities, preset)
    plain = {
        "seed": unit.seed,
        "cell": unit.path.relative_to(unit.out).as_posix(),
        "weights": digest,
        "rows": kind.measure(trained, chosen),
        "environment": environment(),
    }
    write_text(path, json.dumps(plain, allow_nan=False) + "\n")
    return read_json(path)


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", nargs="?", choices=(*STUDIES, "all"))
    parser.add_argument("--data", default="lfm2k:text+audio")
    parser.add_argument("--seeds", type=parse_seeds, default="0,1,2")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--epochs", type=int, default=1000, help="at most")
    add_set(parser)
    parser.add_argument("--variants", default="", help="of the study (default: all)")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="of every job")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.worker is not None:
        return worker(options.worker, lambda plain: work(Unit(**plain)))
    if options.smoke:
        parser.set_defaults(study="all", data="fake", seeds="0", epochs=1)
        options = parser.parse_args(arguments)
    elif options.study is None or options.out is None:
        parser.error("a study and --out are needed")
    options.variants = [key for key in options.variants.split(",") if key]
    if options.variants and options.study == "all":
        parser.error("--variants is of one study, not of all")
    try:
        options.fixed = parse_fixed(options.set)
    except ValueError as error:
        parser.error(str(error))
    chosen = STUDIES if options.study == "all" else (options.study,)
    errors, code = [], 0
    with tempfile.TemporaryDirectory() as folder:
        options.out = options.out or Path(folder)
        make_folder(parser, options.out)
        try:
            for study in chosen:
                errors += run(study, options)
                if (options.out / f"{study}.md").is_file():
                    text = (options.out / f"{study}.md").read_text(encoding="utf-8")
                    print(f"# {study}\n\n{text}")
        except ValueError as error:
            errors.append(str(error))
            code = 2
    for text in dict.fromkeys(errors):
        print(f"error: {text}", file=sys.stderr)
    return code or (1 if errors else 0)


if __name__ == "__main__":
    sys.exit(main())
