"""Search for a setting, save the model, and use it elsewhere.

python examples/use_a_model.py [--trials 2] [--epochs 3]
"""

import argparse
import tempfile
from pathlib import Path

import torch

from sea_pyg import SEA
from sea_pyg.datasets import load_splits
from sea_pyg.training import LogUniform, best_trial, fit_setting, tune


def main() -> None:
    """Search, save, load, export, and rank new items."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="fake", help="a data set's name or a folder")
    parser.add_argument("--trials", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args()
    train, val, _ = load_splits(options.data)

    with tempfile.TemporaryDirectory() as folder:
        fixed = {"max_epochs": options.epochs, "lr": 1e-3}
        # Trials are kept in the folder: the search goes on where it was stopped.
        trials = tune(
            SEA,
            train,
            val,
            options.trials,
            Path(folder) / "search",
            space={"alpha": LogUniform(1e-3, 1)},
            fixed=fixed,
        )
        best = best_trial(trials)
        print(f"best of {len(trials)} trials: {best.value:.4f} with {best.setting}")
        model, *_ = fit_setting(SEA, {**fixed, **best.setting}, train, val)

        # Arguments and weights make the model again.
        path = Path(folder) / "sea.pt"
        torch.save({"arguments": model.hparams(), "state": model.state_dict()}, path)
        saved = torch.load(path)
    loaded = SEA(**saved["arguments"])
    loaded.load_state_dict(saved["state"])
    loaded.eval()

    # Vectors whose dot product is the score, for an index of nearest neighbours.
    with torch.no_grad():
        user, item = loaded.encode(loaded.prepare(train))
    if not loaded.scores_by_embeddings:
        raise SystemExit("this model ranks by more than a dot product of embeddings")
    users = torch.tensor([0, 1])
    score = (user[users] @ item.t()).topk(5).indices
    ranked, _ = loaded.recommend(loaded.prepare(train), users, 5, exclude_seen=False)
    if not torch.equal(score, ranked):
        raise SystemExit("the embeddings rank otherwise than the model")

    # New items: the plain SEA has no table of items, so that features are enough.
    grown = train.clone()
    for name in saved["arguments"]["in_channels"]:
        x = grown["item"][f"x_{name}"]
        grown["item"][f"x_{name}"] = torch.cat([x, x[:3] + 0.1])
    grown["item"].pop("title", None)
    grown["item"].num_nodes = loaded.num_items + 3
    larger = SEA(**{**saved["arguments"], "num_items": loaded.num_items + 3})
    larger.load_state_dict(saved["state"])
    items, _ = larger.recommend(larger.prepare(grown), users, 10)
    print(f"among {larger.num_items} items: {items.tolist()}")


if __name__ == "__main__":
    main()
