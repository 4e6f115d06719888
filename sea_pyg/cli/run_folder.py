"""Where a run of ``sea-pyg train`` goes."""

import shutil
import time
from pathlib import Path

from sea_pyg.training import RunConfig
from sea_pyg.training.atomic import TEMPORARY, exclusive

WEIGHTS_FILE = "model.safetensors"


def default_folder(config: RunConfig) -> Path:
    """Name the folder of a run that was given none."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    name = f"{config.model.lower()}-{Path(config.data).name}-{config.training.seed}"
    return Path("runs") / f"{name}-{stamp}"


def is_free(folder: Path) -> bool:
    """Whether a run can start in a folder: it is not there, or empty.

    Files that a killed process had not finished do not count.
    """
    if not folder.exists():
        return True
    return folder.is_dir() and all(p.suffix == TEMPORARY for p in folder.iterdir())


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
    config.save(folder)


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
            for path in folder.iterdir():
                if path.is_file():
                    path.unlink()
    except ValueError:
        return
    for path in folder.iterdir():
        shutil.rmtree(path)
