"""Train a model on one graph and select it on another."""

import signal
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch_geometric.data import HeteroData

from sea_pyg.loader import NegativeSampler
from sea_pyg.nn.models import Recommender
from sea_pyg.training.atomic import exclusive, write_text
from sea_pyg.training.check_splits import (
    check_labels,
    check_splits,
    differing_features,
    warn_of_features,
)
from sea_pyg.training.isolated import isolated, quiet
from sea_pyg.training.provenance import code_digest
from sea_pyg.training.run_notes import (
    data_note,
    modalities_of,
    model_note,
    sampler_note,
)
from sea_pyg.training.training_config import TrainingConfig
from sea_pyg.training.training_state import TrainingState
from sea_pyg.utils import check_frozen, on_device, require


@dataclass(frozen=True)
class FitResult:
    """What training came to."""

    best_epoch: int
    """The epoch, counted from 1, whose weights the model has now; 0 if none was
    needed."""
    best: float | None
    """Its validation metric."""
    epochs: int
    """Epochs that were run."""
    seconds: float
    """Time of training and validation."""
    history: list[dict[str, float]] = field(repr=False)
    """Mean loss parts and validation metrics of every epoch."""
    code: list[str] = field(default_factory=list, repr=False)
    """SHA-256 of the library's source files that did it; several if a run was resumed
    by another version."""


def fit(
    model: Recommender,
    train: HeteroData,
    val: HeteroData,
    config: TrainingConfig | None = None,
    run_dir: str | Path | None = None,
    resume: bool = False,
    progress: bool = False,
    sampler: NegativeSampler | None = None,
) -> FitResult:
    """Train a model and leave it with the weights of its best validation epoch.

    Refused are a test graph, graphs of two splits, and graphs whose pairs are not what
    the split made of them: our splits mark their graphs, and
    :func:`~sea_pyg.transforms.mark_splits` does others. The model is moved to the
    device and stays there; the graphs stay where they are. The model notes in
    ``trained_on`` what it was trained on. On a CPU the same arguments give the same
    bits, also when the process was killed meanwhile and the run resumed. The global
    random number generators are left as they were.

    Args:
        model: The model; one without gradients is fitted to ``train`` instead.
        train: The training graph.
        val: The validation graph.
        config: The options. (default: the model's published settings)
        run_dir: A folder for ``history.csv``, ``checkpoints/`` and the logs of
            TensorBoard. (default: nothing is written)
        resume: Whether to go on from the last checkpoint in ``run_dir``, if there is
            one; it has to be of the same options, model, sampler, interactions and
            features. Without, there must be none. (default: :obj:`False`)
        progress: Whether to show a progress bar. (default: :obj:`False`)
        sampler: What draws the negatives (see :class:`~sea_pyg.loader.NegativeSampler`)
            of a model that is trained by gradient.
            (default: :class:`~sea_pyg.loader.UniformNegativeSampler`)

    Raises:
        ImportError: If Lightning is not installed.
        ValueError: If ``train`` or ``val`` is no graph, a test graph or of another
            split than the other or what the model was trained on, ``val`` has no pairs
            to be ranked, features require a gradient, the model reads no negatives of
            ``sampler``, ``eval_k`` is above the number of
            items, a loss part is NaN or infinite, a checkpoint is damaged or of a run
            with other options or data, there is one and no ``resume``, or another
            process trains in ``run_dir``.

    Warns:
        UserWarning: If the features or masks of ``train`` and ``val`` differ.
    """
    for name, graph in (("train", train), ("val", val)):
        if not isinstance(graph, HeteroData):
            raise ValueError(
                f"{name} must be a graph that a split returns (got {graph!r}); the "
                "epoch is chosen on validation data, and a loop over InteractionLoader "
                "trains without any"
            )
    config = config or TrainingConfig.for_model(model)
    if model.trainable:  # what is solved for is not evaluated on the way
        config.check_catalogue(model.num_items)
        if config.max_epochs < config.eval_every:
            raise ValueError(
                "no epoch would be evaluated: "
                f"max_epochs={config.max_epochs} is smaller than "
                f"eval_every={config.eval_every}"
            )
    check_splits(train, val)
    if model.trainable:
        check_labels(val, model.edge_type)
        names = modalities_of(model)
        for what, graph in (("train", train), ("val", val)):
            check_frozen(graph, names, what, model.edge_type[2])
        differing = differing_features(train, val, names, model.edge_type[2])
        warn_of_features(differing, stacklevel=3)
    elif sampler is not None:
        raise ValueError(
            f"{type(model).__name__} is solved for and reads no negatives; leave "
            f"sampler out (got {sampler!r})"
        )
    device = find_device(config.device)
    model.note_training(train)
    folder = None if run_dir is None else Path(run_dir)
    # What has to be the same when the run is resumed: more epochs may be asked for
    # later, and another device is no other run.
    fixed = {k: v for k, v in asdict(config).items() if k not in _FREE_OPTIONS}
    fixed["eval_k"] = list(config.eval_k)
    fixed["sampler"] = sampler_note(sampler)
    if folder is not None and model.trainable:
        fixed["model"] = model_note(model)
        fixed["data"] = data_note(model, train, val)
    model.to(device)
    train, val = (model.prepare(on_device(data, device)) for data in (train, val))
    if not model.trainable:
        return _fit_closed_form(model, train)
    require("lightning.pytorch", "train")
    with ExitStack() as stack:
        if folder is not None:
            stack.enter_context(exclusive(folder / "checkpoints"))
        stack.enter_context(isolated())
        stack.enter_context(quiet())
        return _fit_by_gradient(
            model, train, val, config, fixed, folder, resume, progress, sampler
        )


def _fit_closed_form(model: Recommender, train: HeteroData) -> FitResult:
    start = time.perf_counter()
    model.fit(train)  # type: ignore[operator]
    seconds = time.perf_counter() - start
    return FitResult(0, None, 0, seconds, [], [code_digest()])


def _fit_by_gradient(
    model: Recommender,
    train: HeteroData,
    val: HeteroData,
    config: TrainingConfig,
    fixed: dict[str, Any],
    folder: Path | None,
    resume: bool,
    progress: bool,
    sampler: NegativeSampler | None,
) -> FitResult:
    from sea_pyg.training.history_logger import history_csv
    from sea_pyg.training.interaction_data_module import InteractionDataModule
    from sea_pyg.training.recommender_module import RecommenderModule
    from sea_pyg.training.run_checkpoint import RunCheckpoint
    from sea_pyg.training.trainer import make_callbacks, make_trainer

    state = TrainingState()
    checkpoints = None if folder is None else folder / "checkpoints"
    checkpoint = RunCheckpoint(state, fixed, checkpoints)
    if resume:
        checkpoint.restore(model)
        model.note_training(train)  # the checkpoint knows what it was trained on
    else:
        checkpoint.check_free()
    history = None if folder is None else folder / "history.csv"
    if history is not None and state.history:
        write_text(history, history_csv(state.history))

    state.check_limit(config.max_epochs)
    if config.max_epochs > state.epoch and not state.stopped:
        code = code_digest()
        if code not in state.code:
            state.code.append(code)
        callbacks = make_callbacks(config, checkpoint, history, progress)
        device = next(model.parameters()).device
        trainer = make_trainer(config, device, state.epoch, callbacks, folder, progress)
        if not model.training:
            model.train()
        module = RecommenderModule(model, train, config)
        batches = InteractionDataModule(
            train, val, config.batch_size, config.seed, model.edge_type, sampler
        )
        handler = signal.getsignal(signal.SIGINT)
        try:
            trainer.fit(module, datamodule=batches)
        except SystemExit as error:  # what Lightning makes of an interrupt
            signal.signal(signal.SIGINT, handler)
            raise KeyboardInterrupt from error
    assert state.best_epoch is not None
    checkpoint.load_best(model)
    return FitResult(
        state.best_epoch,
        state.best,
        state.epoch,
        state.seconds,
        state.history,
        state.code,
    )


_FREE_OPTIONS = ("max_epochs", "device")


def find_device(name: str) -> torch.device:
    """Return the device of a name.

    Raises:
        ValueError: If it is unknown, or not there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise ValueError(f"device must be 'auto', 'cpu' or 'cuda' (got {name!r})")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"device {name!r} was asked for, but PyTorch finds no GPU; "
            "use 'cpu' or 'auto'"
        )
    return device
