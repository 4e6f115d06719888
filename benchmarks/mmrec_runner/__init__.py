"""Runs the models of the MMRec toolbox from a checkout that the user has.

MMRec (https://github.com/enoche/MMRec) is not part of this project, and nothing of it
is: its main script is started in a process of its own, by an interpreter that suits it,
on data that is written for it, and what it prints is read. The checkout is only read.

``checkout`` knows what a checkout holds, ``export`` writes data in MMRec's format,
``shim`` is what MMRec's interpreter starts, ``run`` starts it, ``parse`` reads the
output, and ``cell`` makes the cells of ``compare.py`` of all this.
"""

from mmrec_runner.cell import run_mmrec_cell, tune_mmrec
from mmrec_runner.checkout import Checkout, Method
from mmrec_runner.errors import DivergedError, MMRecError
from mmrec_runner.export import export_mmrec
from mmrec_runner.parse import Result, parse_output
from mmrec_runner.run import Runner

__all__ = [
    "Checkout",
    "DivergedError",
    "MMRecError",
    "Method",
    "Result",
    "Runner",
    "export_mmrec",
    "parse_output",
    "run_mmrec_cell",
    "tune_mmrec",
]
