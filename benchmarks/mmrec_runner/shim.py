"""Start MMRec's main script; run by MMRec's interpreter in a folder of its own.

    PYTHON shim.py job.json

Puts back what MMRec uses and current numpy and scipy no longer have, adds the job's
options to those that MMRec is started with, and notes the versions that it ran with in
``environment.json``. Works without this project, from Python 3.7 on.
"""

import importlib
import json
import os
import platform
import runpy
import sys
import threading
import types

IMAGE_MODULES = (
    "lmdb",
    "torchvision",
    "torchvision.transforms",
    "torchvision.transforms.functional",
)


def end_with_parent():
    """End this process when the one that started it closes our standard input."""

    def watch():
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def restore_numpy():
    """Put back the aliases that numpy 1.24 removed."""
    import numpy

    for name, alias in (("float", float), ("int", int), ("bool", bool)):
        if name not in vars(numpy):
            setattr(numpy, name, alias)


def restore_scipy():
    """Put back the unchecked update that scipy 1.13 removed."""
    from scipy.sparse import dok_matrix

    def update(self, entries):
        self._dict.update(entries)

    if not hasattr(dok_matrix, "_update"):
        dok_matrix._update = update


class StandIn(types.ModuleType):
    """A module that can be imported, and whose functions say that it is missing."""

    def __getattr__(self, name):
        """Return a function that raises."""
        if name.startswith("__"):
            raise AttributeError(name)

        def missing(*args, **kwargs):
            raise ImportError(
                "MMRec calls {}.{}, but {} cannot be imported".format(
                    self.__name__, name, self.__name__.split(".")[0]
                )
            )

        return missing


def replace_image_modules():
    """Stand in for what MMRec imports for raw images, which are not used here."""
    for root in ("lmdb", "torchvision"):
        try:
            for name in IMAGE_MODULES:
                if name.split(".")[0] == root:
                    importlib.import_module(name)
        except Exception:  # a torchvision that does not fit torch raises anything
            for name in IMAGE_MODULES:
                if name.split(".")[0] == root:
                    sys.modules[name] = StandIn(name)


def environment():
    """Return the versions of Python and of what MMRec has imported."""
    packages = {}
    for name in ("torch", "numpy", "scipy", "pandas"):
        if name in sys.modules:
            packages[name] = str(sys.modules[name].__version__)
    return {"python": platform.python_version(), "packages": packages}


def add_options(options):
    """Let ``quick_start`` find the job's options among those of the main script."""
    entry = importlib.import_module("utils.quick_start")
    original = entry.quick_start

    def quick_start(*args, **kwargs):
        kwargs["config_dict"] = dict(kwargs.get("config_dict") or {}, **options)
        return original(*args, **kwargs)

    entry.quick_start = quick_start


def main(path):
    """Run a job."""
    end_with_parent()
    sys.dont_write_bytecode = True
    with open(path, encoding="utf-8") as file:
        job = json.load(file)
    sys.path[0] = job["source"]  # instead of this file's folder
    restore_numpy()
    restore_scipy()
    replace_image_modules()
    add_options(job["options"])
    script = os.path.join(job["source"], "main.py")
    sys.argv = [script, "-m", job["model"], "-d", job["dataset"]]
    try:
        runpy.run_path(script, run_name="__main__")
    finally:  # a script may end by sys.exit
        with open("environment.json", "w", encoding="utf-8") as file:
            json.dump(environment(), file)


if __name__ == "__main__":
    main(sys.argv[1])
