"""A program with MMRec's command line, folders and output, for tests."""

from pathlib import Path

MAIN = """
import argparse
from utils.quick_start import quick_start

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("-m", dest="model")
    parser.add_argument("-d", dest="dataset")
    given, _ = parser.parse_known_args()
    quick_start(given.model, given.dataset, config_dict={"gpu_id": 0}, save_model=True)
"""

# Validation is best in epoch 2 (1 as it counts), test in the last one. The larger the
# penalty, the worse is validation and the better is test.
ENTRY = """
import json, logging, os, pathlib, time
import lmdb
import numpy as np
import torchvision.transforms as transforms
import yaml
from scipy.sparse import dok_matrix
from torchvision.transforms.functional import pad as img_pad


def numbers(value):
    names = ("recall", "ndcg", "precision", "map")
    rows = [f"{name}@{k}: {value + k / 1000:.4f}" for name in names for k in (10, 20)]
    return "    ".join(rows) + "    "


def quick_start(model, dataset, config_dict, save_model):
    config = {}
    for name in ("overall", f"dataset/{dataset}", f"model/{model}"):
        config.update(yaml.safe_load(pathlib.Path(f"configs/{name}.yaml").read_text()))
    config.update(config_dict)
    os.makedirs("log")
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)-15s %(levelname)s %(message)s",
        datefmt="%d %b %H:%M",
        handlers=[logging.StreamHandler(), logging.FileHandler("log/a.log")],
    )
    info = logging.getLogger().info
    if model == "Crash":
        raise KeyError("graph")
    if model == "Import":
        import not_installed_here
    if model == "Cuda":
        raise AssertionError("Torch not compiled with CUDA enabled")
    if model == "Slow":
        info("waiting")
        time.sleep(60)
    if model == "Silent":
        return
    if model == "Diverging" and config["reg_weight"] == [0.1]:
        info("Loss is nan at epoch: 0, batch index: 0. Exiting.")
        info("best valid result: " + numbers(0.0))
        info("test result: " + numbers(0.0))
        return
    matrix = dok_matrix((2, 2), dtype=np.float32)
    matrix._update({(0, 1): 1})
    assert matrix.tocsr()[0, 1] == np.ones(1, dtype=np.float)
    folder = pathlib.Path(config["data_path"] + dataset)
    lines = (folder / config["inter_file_name"]).read_text().splitlines()
    seen = {
        "files": sorted(path.name for path in folder.iterdir()),
        "header": lines[0].split(config["field_separator"]),
        "config": config,
    }
    info("\\nGiven: " + json.dumps(seen))
    info("Toy(\\n  (item): Embedding(3, 4)\\n)\\nTrainable parameters: 1234")
    (penalty,) = config["reg_weight"]
    (seed,) = config["seed"]
    best = None
    for epoch in range(config["epochs"]):
        valid = numbers(0.3 - abs(epoch - 1) / 100 - penalty / 10 + seed / 100)
        test = numbers(0.2 + epoch / 100 + penalty / 10 + seed / 100)
        info(f"epoch {epoch} training [time: 0.01s, train loss: 1.0000]")
        info(f"epoch {epoch} evaluating [time: 0.01s, valid_score: 0.100000]")
        info("valid result: \\n" + valid)
        info("test result: \\n" + test)
        if best is None or epoch == 1:
            info("██ Toy--Best validation results updated!!!")
            best = valid, test
    info("best valid result: " + best[0])
    info("test result: " + best[1])
    info(f"Current BEST:\\nParameters: x,\\nValid: {valid},\\nTest: {test}")
"""

OVERALL = """
seed: [999]
epochs: 1000
is_multimodal_model: True
data_path: '../data/'
learning_rate: 0.001
hyper_parameters: ["seed"]
"""

MODEL = """
reg_weight: [1e-01, 0.0, 1e-02]
mode: ['a']
hyper_parameters: ["reg_weight", "mode"]
"""

MODELS = ("Toy", "Plain", "Crash", "Cuda", "Import", "Slow", "Silent", "Diverging")


def make_checkout(root: Path) -> Path:
    """Write the program to a folder."""
    source = root / "src"
    for name in ("utils", "models", "configs/model", "configs/dataset"):
        (source / name).mkdir(parents=True)
    (source / "main.py").write_text(MAIN)
    (source / "utils" / "quick_start.py").write_text(ENTRY, encoding="utf-8")
    (source / "configs" / "overall.yaml").write_text(OVERALL)
    for name in MODELS:
        text = MODEL
        if name == "Plain":
            text += "is_multimodal_model: False\nreq_training: False\n"
        (source / "configs" / "model" / f"{name}.yaml").write_text(text)
        (source / "models" / f"{name.lower()}.py").write_text("")
    return root
