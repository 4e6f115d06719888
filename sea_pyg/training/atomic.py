"""Files that are there wholly or not at all."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sea_pyg.utils import require

TEMPORARY = ".tmp"
"""Suffix of files that are being written."""


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path that replaces ``path`` once the block has succeeded.

    Whoever reads ``path`` sees the old or the new content, also after the process
    was killed at any moment. The temporary name is always the same, so that what a
    killed process left is overwritten.
    """
    path = Path(path)
    temporary = path.with_name(path.name + TEMPORARY)
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Make a folder, and let no other process into this block for it meanwhile.

    The lock ends with the process, however it ends.

    Raises:
        ValueError: If another process is there.
    """
    filelock = require("filelock", "train")
    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / "lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise ValueError(
            f"another process is writing to {str(folder)!r}; wait for it or end it, or "
            "choose another folder"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _link(source: Path, target: Path) -> None:
    """Give a file a name that none has; its old one may be lost."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:  # of a file system without hard links
        target.touch(exist_ok=False)
        os.replace(source, target)


def create_text(path: str | Path, text: str) -> bool:
    """Write a text file atomically, unless it is there.

    Of several that do so at once, one writes. On a file system without hard links the
    file is empty for a moment.

    Returns:
        Whether it was written.
    """
    path = Path(path)
    own = f"{os.getpid()}-{threading.get_ident()}"
    temporary = path.with_name(f"{path.name}.{own}{TEMPORARY}")
    try:
        temporary.write_text(text, encoding="utf-8")
        _link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    return True


def write_text(path: str | Path, text: str) -> None:
    """Write a text file atomically."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
