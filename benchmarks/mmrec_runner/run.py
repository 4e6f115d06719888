"""A process that runs MMRec."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from torch_geometric.data import HeteroData

from mmrec_runner.checkout import Checkout
from mmrec_runner.errors import DivergedError, MMRecError
from mmrec_runner.export import export_mmrec
from mmrec_runner.parse import Result, parse_output
from sea_pyg.training import read_json
from sea_pyg.utils import modality_names

SHIM = Path(__file__).with_name("shim.py")
DATASET = "data"
"""What MMRec knows the data by."""
TOPK = [10, 20]


class Finished(NamedTuple):
    """A run of MMRec that ended well."""

    result: Result
    seconds: float
    """From start to end of the process."""
    environment: dict[str, Any]
    """Versions of Python and packages that it ran with."""


@dataclass(frozen=True)
class Runner:
    """Runs models of a checkout on one data set."""

    checkout: Checkout
    python: str
    """The interpreter."""
    timeout: float
    """Seconds that one run may take."""
    threads: int
    splits: tuple[HeteroData, HeteroData, HeteroData]
    modalities: list[str] | None = None
    """The modalities to use, in order; all by default."""

    def run(
        self, model: str, setting: Mapping[str, Any], seed: int, epochs: int, log: Path
    ) -> Finished:
        """Train, validate and test a model with one setting.

        MMRec works in a folder of its own beside ``log``, which is removed at the end;
        what it prints stays in ``log``.

        Raises:
            MMRecError: If it cannot be run on this data, fails, takes longer than the
                time-out, or prints no result; says what was expected and what to do.
        """
        known = self.checkout.options(model)
        work = log.with_suffix(".work")
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        try:
            self._export(model, known, work)
            options = _options(known, setting, seed, epochs, work)
            self._write_job(model, options, work)
            start = time.monotonic()
            self._start(model, work, log)
            seconds = time.monotonic() - start
            versions = self._versions(model, work, log)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        output = log.read_text(encoding="utf-8", errors="replace")
        try:
            return Finished(parse_output(output), seconds, versions)
        except DivergedError:
            raise
        except MMRecError as error:
            raise MMRecError(
                f"MMRec's {model} ran, but {error}; see {str(log)!r}, and use a "
                "checkout whose src/utils/quick_start.py prints this"
            ) from error

    def _export(self, model: str, known: Mapping[str, Any], work: Path) -> None:
        """Write the data, with features for models that use them."""
        features = bool(known.get("is_multimodal_model"))
        names = modality_names(self.splits[0], "item", self.modalities)
        if features and not names:
            raise MMRecError(
                f"MMRec's {model} needs item features and the data has none; leave it "
                "out, or use data with features"
            )
        export_mmrec(self.splits, work / "data" / DATASET, names, features)

    def _write_job(self, model: str, options: dict[str, Any], work: Path) -> None:
        """Write what MMRec and the shim read."""
        configs = work / "configs"
        (configs / "dataset").mkdir(parents=True)
        for name in ("overall.yaml", "model"):
            (configs / name).symlink_to(self.checkout.source / "configs" / name)
        dataset = {
            "USER_ID_FIELD": "userID",
            "ITEM_ID_FIELD": "itemID",
            "inter_file_name": f"{DATASET}.inter",
            "inter_splitting_label": "x_label",
            "field_separator": "\t",
            "filter_out_cod_start_users": True,
            "vision_feature_file": "image_feat.npy",
            "text_feature_file": "text_feat.npy",
            "user_graph_dict_file": "user_graph_dict.npy",
        }
        # JSON is YAML.
        (configs / "dataset" / f"{DATASET}.yaml").write_text(json.dumps(dataset))
        job = {
            "source": str(self.checkout.source),
            "model": model,
            "dataset": DATASET,
            "options": options,
        }
        (work / "job.json").write_text(json.dumps(job), encoding="utf-8")

    def _start(self, model: str, work: Path, log: Path) -> None:
        """Run the shim to its end."""
        variables = {
            **os.environ,
            "PYTHONDONTWRITEBYTECODE": "1",  # the checkout is only read
            "PYTHONIOENCODING": "utf-8",
            "MPLBACKEND": "Agg",
            "OMP_NUM_THREADS": str(self.threads),
            "MKL_NUM_THREADS": str(self.threads),
        }
        command = [self.python, str(SHIM.absolute()), "job.json"]
        with log.open("wb") as output:
            try:
                process = subprocess.Popen(
                    command,
                    cwd=work,
                    env=variables,
                    stdin=subprocess.PIPE,  # closed when we die, which ends the shim
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
            except OSError as error:
                raise MMRecError(
                    f"--mmrec-python {self.python!r} cannot be started "
                    f"({error.strerror}); name a Python that has what MMRec needs"
                ) from error
            with process:
                try:
                    code = process.wait(self.timeout)
                except subprocess.TimeoutExpired:
                    process.kill()
                    raise MMRecError(
                        f"MMRec's {model} did not end within {self.timeout / 3600:.3g} "
                        f"hours and was stopped; raise --mmrec-timeout or lower "
                        f"--epochs; its output is in {str(log)!r}"
                    ) from None
        if code:
            raise MMRecError(self._crash(model, code, log))

    def _versions(self, model: str, work: Path, log: Path) -> dict[str, Any]:
        """Read what the shim has noted at its end."""
        path = work / "environment.json"
        if not path.is_file():
            raise MMRecError(
                f"--mmrec-python {self.python!r} ended with exit code 0, but has not "
                f"run MMRec's {model}; name a Python that has what MMRec needs; its "
                f"output is in {str(log)!r}"
            )
        return read_json(path)

    def _crash(self, model: str, code: int, log: Path) -> str:
        """Say why it ended and what to do about it."""
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        last = lines[-1].strip() if lines else "no output"
        if last.startswith(("ModuleNotFoundError", "ImportError")):
            remedy = f"install it for {self.python!r}, or name another --mmrec-python"
        elif last.startswith("FileNotFoundError"):
            remedy = (
                "models that need further files of MMRec's preprocessing cannot run"
            )
        elif "Torch not compiled with CUDA" in last:
            remedy = "it needs a GPU, and a torch with CUDA in --mmrec-python"
        else:
            remedy = (
                "it may need versions as in the checkout's requirements.txt (name a "
                "Python that has them with --mmrec-python); or leave the model out"
            )
        return (
            f"MMRec's {model} ended with exit code {code} ({last}); {remedy}; "
            f"its output is in {str(log)!r}"
        )


def _options(
    known: Mapping[str, Any],
    setting: Mapping[str, Any],
    seed: int,
    epochs: int,
    work: Path,
) -> dict[str, Any]:
    """Return the options of one run: one value each of what MMRec would search."""
    searched = known["hyper_parameters"]
    options = {k: [v] if k in searched else v for k, v in setting.items()}
    options |= {
        "seed": [seed],
        # Without training there is nothing that further epochs could change.
        "epochs": epochs if known.get("req_training", True) else 1,
        "topk": TOPK,
        "metrics": ["Recall", "NDCG", "Precision", "MAP"],
        "valid_metric": "Recall@20",
        "eval_step": 1,
        "save_recommended_topk": False,
        "data_path": f"{work.absolute() / 'data'}{os.sep}",
    }
    if "CUDA_VISIBLE_DEVICES" in os.environ:  # which MMRec would overwrite
        options["gpu_id"] = os.environ["CUDA_VISIBLE_DEVICES"]
    return options
