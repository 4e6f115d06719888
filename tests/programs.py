"""Programs that stand in docstrings."""

import inspect
import re
import textwrap
from typing import Any


def docstring_program(value: Any) -> str:
    """Return the Python code of a docstring's first code block."""
    text = (inspect.getdoc(value) or "") + "\n"
    block = re.search(r"\.\. code-block:: python\n\n((?: {4}.*\n|\n)+)", text)
    assert block is not None
    return textwrap.dedent(block[1])
