"""What training leaves of the process as it was."""

import logging
import os
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


@contextmanager
def isolated() -> Iterator[None]:
    """Use deterministic kernels and leave all global random states as they were."""
    # Sums of gradients over repeated indices run in parallel and out of order else.
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    memory: Any = torch.utils.deterministic
    fill = memory.fill_uninitialized_memory
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    with torch.random.fork_rng():
        torch.use_deterministic_algorithms(True)
        memory.fill_uninitialized_memory = False
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
            memory.fill_uninitialized_memory = fill
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Lightning from telling what is no news."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            # Lightning 2.6 uses what torch 2.13 deprecates.
            warnings.filterwarnings(
                "ignore", message=".*LeafSpec", category=FutureWarning
            )
            yield
    finally:
        logger.setLevel(level)
