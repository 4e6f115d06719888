"""Tune, train and test models on equal terms, and say what the differences mean.

    python benchmarks/compare.py --out DIR [--data lfm2k:text+audio,baby,sports]
        [--models SEA,LightGCN,...] [--seeds 0,1,2,3,4] [--trials 10] [--epochs 1000]
        [--split own,time] [--set batch_size=8192] [--jobs 1] [--smoke]

Every model gets the same number of trials by Optuna on validation data, with the first
seed; its published setting is the first of them (`--trials 0` trains it untuned). What
is searched stands in `sea_pyg/training/search_spaces.py`. The setting that is found is
trained with every seed and tested once. `SEA:fast` is a preset of a model, and
`FREEDOM+separate` a model with separate learning attached: it is compared with the
model alone. `--set` gives all models that train an option of training, beside which
each is tuned; or one model an argument of its own (`MICRO.contrast_on=batch`), or those
with separate learning attached one of that (`separate.sample_size=4096`). A model of
your own is named as `package.module.Class`, of a module in the current folder or on
Python's path.

`DIR/<data>-<split>/<model>/seed-0.json` is a cell, with the values of every user
beside it; `DIR/table.md` has all tables, and `DIR/comparison.json` their numbers. The
command can be stopped at any moment and
started again: finished cells and trials are kept, others go on from their last epoch,
and all files but `*.time.json` and the table's times come out the same. What fails is
said at the end, with exit code 1, and the rest is done.

The data is a name or a folder, which the results call by the last part of its path.

`--split time` separates training, validation and test by two points in time; data
without timestamps is left out there. The data is looked for in the folder that the
variable `SEA_PYG_DATA` names. `--smoke` trains two epochs on generated data.

    ... --mmrec-root PATH [--mmrec-python PYTHON] [--mmrec-timeout HOURS]
        [--mmrec-models BPR,FREEDOM:dropout=0.8+reg_weight=0,...]

adds MMRec's own models, run from your checkout of https://github.com/enoche/MMRec,
which is only read, by an interpreter that has what they need. They get as many trials,
of the lists in MMRec's `configs/model`; options that are given are not searched.
MMRec's search reports the setting that is best in test. Here every setting is a run of
its own, the setting is chosen on validation data, and the test metrics are those of the
epoch that is best on validation data. MMRec prints no values per user, so its rows have
means and no tests. What it cannot run is said at the end; the rest goes on.
"""

import argparse
import re
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from grid_work import (
    SPLITS,
    add_set,
    claim,
    data_name,
    left_of,
    load,
    make_folder,
    option_prefixes,
    parse_data,
    parse_fixed,
    parse_seeds,
    preset_request,
    read_cells,
    run_all,
    worker,
)
from grid_work.same_data import check_same_data
from grid_work.tables import write_tables
from mmrec_runner import (
    Checkout,
    Method,
    MMRecError,
    Runner,
    run_mmrec_cell,
    tune_mmrec,
)

from sea_pyg.nn import models
from sea_pyg.nn.models import Recommender
from sea_pyg.report import SEPARATE, backbone_of, find_cells
from sea_pyg.training import (
    LogUniform,
    Trial,
    best_trial,
    build_setting,
    data_fingerprint,
    finished_cell,
    run_cell,
    search_space,
    tune,
)
from sea_pyg.training.fit_setting import SEPARATE_PREFIX
from sea_pyg.typing import RATES
from sea_pyg.utils import (
    check_counts,
    import_from_working_directory,
    keep_freed_memory,
    modality_names,
)


@dataclass(frozen=True)
class Unit:
    """A piece of work: a model's tuning, or with a seed one of its cells."""

    out: str
    data: str
    """Where it is."""
    modalities: list[str] | None
    split: str
    method: str
    tuning_seed: int
    trials: int
    epochs: int
    trial_epochs: int
    threads: int
    fixed: dict[str, Any] = field(default_factory=dict)
    """What is set in all trials and cells."""
    seed: int | None = None
    mmrec: dict[str, Any] | None = None
    """How to run MMRec: root, python and timeout (in seconds)."""

    @property
    def folder(self) -> Path:
        """Where everything of the model goes."""
        method = self.method.replace(":", "-")
        return Path(self.out) / f"{self.name}-{self.split}" / method

    @property
    def name(self) -> str:
        """What the results call the data."""
        return data_name(self.data)

    @property
    def path(self) -> Path:
        """The cell's file."""
        return self.folder / f"seed-{self.seed}.json"

    def __str__(self) -> str:
        what = "tuning" if self.seed is None else f"seed {self.seed}"
        return f"{self.name} ({self.split} split), {self.method}, {what}"


def work(unit: Unit) -> None:
    """Do a piece of work, unless it is done."""
    torch.set_num_threads(unit.threads)
    keep_freed_memory()
    if unit.mmrec is not None:
        work_in_mmrec(unit, unit.mmrec)
        return
    backbone, separate = backbone_of(unit.method)
    name, _, preset = backbone.partition(":")
    model = models.resolve(name)
    names = unit.modalities
    splits = load(unit.data, names, unit.split)
    space = search_space(model, preset) if unit.trials else {}
    request = {
        **asked(unit),
        **preset_request(model, preset, splits[0], names),
        "space": {
            key: {"low": values.low, "high": values.high, "log": True}
            if isinstance(values, LogUniform)
            else list(values)
            for key, values in space.items()
        },
        "data_fingerprint": data_fingerprint(splits),
    }
    common: dict[str, Any] = {
        "modalities": names,
        "preset": preset or None,
        "separate": separate,
    }
    path = unit.folder / "request.json"
    if not path.is_file():  # what cannot be built should not stand there
        build_setting(model, unit.fixed, splits[0], **common)
    claim(path, request)
    done = None if unit.seed is None else finished_cell(unit.path)
    trials = []
    if unit.trials and done is None:
        fixed = {
            **unit.fixed,
            "seed": unit.tuning_seed,
            "max_epochs": unit.trial_epochs,
        }
        train, val, _ = splits
        folder = unit.folder / "trials"
        trials = tune(model, train, val, unit.trials, folder, space, fixed, **common)
    if unit.seed is None:
        return
    setting = {**unit.fixed, **(best_trial(trials).setting if trials else {})}
    if done is not None:
        setting = done["setting"]
        check_trials(unit)
    final = {**setting, "seed": unit.seed, "max_epochs": unit.epochs}
    about = {
        "data": unit.name,
        "split": unit.split,
        "method": unit.method,
        "setting": setting,
        "request": request,
        "trials": [asdict(trial) for trial in trials],
    }
    run_cell(model, final, splits, unit.path, about, **common)


def work_in_mmrec(unit: Unit, how: dict[str, Any]) -> None:
    """Do a piece of work of a model of MMRec, unless it is done."""
    method = Method.parse(unit.method)
    checkout = Checkout(how["root"])
    names = unit.modalities
    splits = load(unit.data, names, unit.split)
    runner = Runner(
        checkout, how["python"], how["timeout"], unit.threads, splits, names
    )
    request = {
        **asked(unit),
        "space": checkout.space(method),
        "data_fingerprint": data_fingerprint(splits),
        "mmrec_source": checkout.fingerprint(),
    }
    claim(unit.folder / "request.json", request)
    if unit.seed is not None and finished_cell(unit.path) is not None:
        check_trials(unit)
        return
    trials = tune_mmrec(
        runner,
        method,
        unit.trials,
        unit.tuning_seed,
        unit.trial_epochs,
        unit.folder / "trials",
    )
    if unit.seed is None:
        return
    about = {
        "data": unit.name,
        "split": unit.split,
        "method": unit.method,
        "request": request,
    }
    run_mmrec_cell(runner, method, trials, unit.seed, unit.epochs, unit.path, about)


def check_trials(unit: Unit) -> None:
    """Read the trials of a finished cell that are there; they may be gone.

    Raises:
        ValueError: If one is damaged.
    """
    for path in sorted((unit.folder / "trials").glob("trial-*.json")):
        Trial.load(path)


def asked(unit: Unit) -> dict[str, Any]:
    """Return what all cells of a model have in common."""
    apart = ("out", "seed", "mmrec")
    shared = {key: value for key, value in asdict(unit).items() if key not in apart}
    return {**shared, "data": unit.name}


def plan(options: argparse.Namespace) -> tuple[list[Unit], list[str]]:
    """List the cells that are asked for, and what MMRec cannot do of it.

    Raises:
        ValueError: If a model or a data set is unknown, or two data sets share a name.
    """
    units = []
    check_counts(0, trials=options.trials)
    check_counts(1, epochs=options.epochs, threads=options.threads, jobs=options.jobs)
    if options.trial_epochs is not None:
        check_counts(1, trial_epochs=options.trial_epochs)
    foreign, problems = plan_mmrec(options)
    chosen = named(options.data.split(","))
    for split in options.split.split(","):
        if split not in SPLITS:
            raise ValueError(f"--split must be of {', '.join(SPLITS)} (got {split!r})")
        for data, names in chosen:
            train = load(data, names, "own")[0]
            if split == "time" and "time" not in train[RATES]:
                note = f"{data} has no timestamps: left out of the time split"
                print(note, file=sys.stderr)
                continue
            common: dict[str, Any] = {
                "out": str(options.out),
                "data": data,
                "modalities": names,
                "split": split,
                "tuning_seed": options.seeds[0],
                "trials": options.trials,
                "epochs": options.epochs,
                "trial_epochs": options.trial_epochs or options.epochs,
                "threads": options.threads,
            }
            for method in methods_of(options):
                backbone, separate = backbone_of(method)
                name, _, preset = backbone.partition(":")
                model = models.resolve(name)
                if model.multimodal and not modality_names(train, "item"):
                    print(
                        f"{data} has no item features: {method} is left out there",
                        file=sys.stderr,
                    )
                    continue
                if separate and not (model.multimodal and model.trainable):
                    raise ValueError(
                        f"{method!r}: {model.__name__} learns nothing from item "
                        f"features; leave {SEPARATE!r} out"
                    )
                if preset and preset not in model.presets:
                    model.preset_arguments(preset, [])  # says which there are
                title = models.model_name(model) + (f":{preset}" if preset else "")
                title += SEPARATE if separate else ""
                used = options.seeds if model.trainable else options.seeds[:1]
                fixed = fixed_of(model, separate, options.fixed, options.prefixes)
                units += [
                    Unit(**common, method=title, fixed=fixed, seed=seed)
                    for seed in used
                ]
            how = {
                "root": str(options.mmrec_root),
                "python": options.mmrec_python,
                "timeout": options.mmrec_timeout * 3600,
            }
            for title, trainable in foreign.items():
                used = options.seeds if trainable else options.seeds[:1]
                units += [
                    Unit(**common, method=title, seed=seed, mmrec=how) for seed in used
                ]
    # What is named twice is trained once.
    once = {(unit.folder, unit.seed): unit for unit in units}
    return list(once.values()), problems


def methods_of(options: argparse.Namespace) -> list[str]:
    """Return what `--models` names."""
    return [name for name in options.models.split(",") if name]


def model_of(method: str) -> str:
    """Return the name of a method's model, without a preset or separate learning."""
    return backbone_of(method)[0].partition(":")[0]


def named(entries: list[str]) -> list[tuple[str, list[str] | None]]:
    """Read the data sets and their modalities.

    Raises:
        ValueError: If the results would call two of them the same.
    """
    first: dict[str, str] = {}
    for entry in entries:
        name = data_name(parse_data(entry)[0])
        if name in first:
            raise ValueError(
                f"--data: the results would call both {first[name]!r} and {entry!r} "
                f"{name!r}; give each an --out of its own, or one folder another name"
            )
        first[name] = entry
    return [parse_data(entry) for entry in entries]


def fixed_of(
    model: type[Recommender],
    separate: bool,
    fixed: dict[str, Any],
    prefixes: dict[str, type[Recommender]],
) -> dict[str, Any]:
    """Choose what of `--set` is meant for a model, by the prefixes of arguments."""
    own = [prefix for prefix, found in prefixes.items() if found is model]
    chosen = {}
    for name, value in fixed.items():
        prefix, dot, argument = name.rpartition(".")
        training = not dot and model.trainable
        if training or (separate and name.startswith(SEPARATE_PREFIX)):
            chosen[name] = value
        elif prefix + dot in own:
            chosen[argument] = value
    return chosen


def plan_mmrec(options: argparse.Namespace) -> tuple[dict[str, bool], list[str]]:
    """Return MMRec's models that are asked for, whether they train, and problems."""
    methods: dict[str, bool] = {}
    problems: list[str] = []
    if options.mmrec_root is None:
        return methods, problems
    try:
        checkout = Checkout(options.mmrec_root)
    except MMRecError as error:
        return methods, [str(error)]
    # A comma within brackets separates the values of a list.
    for text in filter(None, re.split(r",(?![^\[]*\])", options.mmrec_models)):
        try:
            method = Method.parse(text)
            checkout.space(method)
            known = checkout.options(method.model)
            methods[method.name] = bool(known.get("req_training", True))
        except MMRecError as error:
            problems.append(str(error))
    training = [name for name in options.fixed if "." not in name]
    if methods and training:
        print(
            f"--set {', '.join(training)}: MMRec's models do not take part in it; give "
            "them options by --mmrec-models MODEL:key=value",
            file=sys.stderr,
        )
    return methods, problems


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="lfm2k:text+audio,baby,sports")
    everything = ",".join([*models.classes, "SEA:fast", "SEA:tuned"])
    parser.add_argument("--models", default=everything)
    parser.add_argument("--seeds", type=parse_seeds, default="0,1,2,3,4")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--trials", type=int, default=10, help="per model; 0: untuned")
    parser.add_argument("--epochs", type=int, default=1000, help="at most")
    parser.add_argument("--trial-epochs", type=int, help="in a trial (default: same)")
    add_set(parser)
    parser.add_argument("--split", default="own", help="own, time, or own,time")
    parser.add_argument("--threads", type=int, default=1, help="of every job")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--mmrec-root", type=Path, help="your checkout of MMRec")
    parser.add_argument("--mmrec-python", default=sys.executable)
    parser.add_argument("--mmrec-models", default="BPR,LightGCN,VBPR,FREEDOM")
    parser.add_argument("--mmrec-timeout", type=float, default=24, help="hours per run")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    import_from_working_directory()  # a model of one's own may stand there
    if options.worker is not None:
        return worker(options.worker, lambda plain: work(Unit(**plain)))
    if options.smoke:
        parser.set_defaults(
            data="fake", models="Popularity,BPRMF", seeds="0,1", trials=2, epochs=2
        )
        options = parser.parse_args(arguments)
    elif options.out is None:
        parser.error("--out is needed")
    try:
        own = [name for name in map(model_of, methods_of(options)) if "." in name]
        known = [models.resolve(name) for name in [*models.classes, *own]]
        options.fixed = parse_fixed(options.set, known)
        options.prefixes = option_prefixes(known)
    except (ValueError, ImportError) as error:
        parser.error(str(error))
    with tempfile.TemporaryDirectory() as folder:
        options.out = options.out or Path(folder)
        make_folder(parser, options.out)
        try:
            return grid(options)
        except ValueError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2


def fate(unit: Unit) -> tuple[Path, int | None]:
    """Return what fails together: the seeds of a model of MMRec."""
    return unit.folder, None if unit.mmrec else unit.seed


def grid(options: argparse.Namespace) -> int:
    """Do what is left of the grid, and write its tables."""

    def do(units: list[Unit]) -> list[tuple[Unit, str]]:
        return run_all(units, work, options.jobs, __file__, fate)

    units, problems = plan(options)
    todo, damaged = left_of(units, work)
    problems += damaged
    check_same_data(todo)
    if options.jobs > 1:  # cells of one model must not tune it at once
        tuned = {u.folder: Unit(**{**asdict(u), "seed": None}) for u in reversed(todo)}
        errors = do([*tuned.values()][::-1])
        problems += [text for _, text in errors]
        failed = {unit.folder for unit, _ in errors}
        todo = [unit for unit in todo if unit.folder not in failed]
    problems += [text for _, text in do(todo)]
    cells = read_cells(find_cells(options.out, recursive=False), problems)
    if not cells and not problems:
        raise ValueError("there is no model among --models for this data")
    try:
        if cells:
            print(write_tables(cells, options.out, problems))
    finally:
        for problem in problems:
            print(f"error: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
