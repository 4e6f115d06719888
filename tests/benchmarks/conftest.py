"""What tests of the scripts share."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def on_path() -> Iterator[None]:
    """Make the scripts importable, and undo what they set for their process."""
    threads = torch.get_num_threads()
    sys.path.insert(0, str(FOLDER))
    yield
    sys.path.remove(str(FOLDER))
    torch.set_num_threads(threads)
