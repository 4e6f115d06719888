"""Where a run of ``sea-pyg train`` goes."""

import shutil
import time
from pathlib import Path

from sea_pyg.training import RunConfig
from sea_pyg.training.atomic import TEMPORARY, exclusive
from sea_pyg.training.run_config import FILE_NAME

WEIGHTS_FILE = "model.safetensors"


def new_folder(config: RunConfig) -> Path:
    """Make a folder for a run that was given none."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    model = config.model.rpartition(".")[2].lower()
    name = f"{model}-{Path(config.data).name}-{config.training.seed}"
    first = folder = Path("runs") / f"{name}-{stamp}"
    number = 1
    while True:
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:  # of a run that was started in the same second
            number += 1
            folder = first.with_name(f"{first.name}-{number}")


def is_free(folder: Path) -> bool:
    """Whether a run can start in a folder: it is not there, or empty.

    What a killed process had not finished of its first file does not count.
    """
    if not folder.exists():
        return True
    return folder.is_dir() and all(
        p.is_file() and p.name.startswith(FILE_NAME) and p.suffix == TEMPORARY
        for p in folder.iterdir()
    )


def start_in(folder: Path, config: RunConfig) -> None:
    """Make the folder of a new run, and write its ``config.yaml``.

    Raises:
        ValueError: If it is a file, or not empty.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(
            f"the output directory {str(folder)!r} is a file; choose another"
        )
    if not is_free(folder):
        raise ValueError(
            f"the output directory {str(folder)!r} is not empty; go on with it by "
            f"--resume {folder}, or choose another"
        )
    folder.mkdir(parents=True, exist_ok=True)
    if not config.create(folder):
        raise ValueError(
            f"another run has just started in {str(folder)!r}; choose another folder"
        )


def leave(folder: Path) -> None:
    """Empty the folder of a run that has failed before it trained anything.

    What was wrong can then be set right and started there again. A folder in which
    another process is at work stays as it is.
    """
    kept = (folder / "checkpoints" / "last.safetensors", folder / WEIGHTS_FILE)
    if any(path.is_file() for path in kept):
        return
    try:
        with exclusive(folder / "checkpoints"):
            for name in (FILE_NAME, "history.csv"):
                (folder / name).unlink(missing_ok=True)
    except ValueError:
        return
    for name in ("checkpoints", "tensorboard"):
        shutil.rmtree(folder / name, ignore_errors=True)
