"""Attach `SeparateLearning` to a LightGCN pipeline.

    python examples/plug_into_lightgcn.py [--data FOLDER]

The pipeline is plain PyTorch Geometric: `LGConv` on the stacked graph, with every
modality projected and added to the items' embeddings. Separate learning joins in three
places, marked (1) to (3). For the recommenders of `sea_pyg.nn.models`, the class
`WithSeparateLearning` does the same in one line.
"""

import argparse

import torch
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.nn import LGConv
from torch_geometric.utils import to_undirected

from sea_pyg import SeparateLearning
from sea_pyg.datasets import load_splits
from sea_pyg.evaluation import evaluate
from sea_pyg.loader import InteractionLoader
from sea_pyg.nn.functional import bpr_loss
from sea_pyg.nn.models import Popularity
from sea_pyg.typing import Embeddings
from sea_pyg.utils import modality_names

RATES = ("user", "rates", "item")


class LightGCNWithFeatures(torch.nn.Module):
    """LightGCN whose items add their projected modalities."""

    def __init__(self, data: HeteroData, channels: int = 32) -> None:
        super().__init__()
        self.sizes = [data["user"].num_nodes, data["item"].num_nodes]
        self.embedding = torch.nn.Embedding(sum(self.sizes), channels)
        torch.nn.init.normal_(self.embedding.weight, std=0.1)
        self.projection = torch.nn.ModuleDict(
            {
                name: torch.nn.Linear(data["item"][f"x_{name}"].size(1), channels)
                for name in modality_names(data, "item")
            }
        )
        self.conv = LGConv()

    def features(self, data: HeteroData) -> dict[str, Tensor]:
        """Return every modality's projected features, with gradient."""
        items = data["item"]
        return {name: p(items[f"x_{name}"]) for name, p in self.projection.items()}

    def forward(self, data: HeteroData, features: dict[str, Tensor]) -> Embeddings:
        """Average the layers of the stacked graph."""
        user, item = self.embedding.weight.split(self.sizes)
        x = torch.cat([user, item + sum(features.values())])
        offset = torch.tensor([[0], [self.sizes[0]]])
        edge_index = to_undirected(data[RATES].edge_index + offset)
        hop = self.conv(x, edge_index)
        user, item = ((x + hop + self.conv(hop, edge_index)) / 3).split(self.sizes)
        return Embeddings(user, item)


def main() -> None:
    """Train with separate learning, and see that the modalities were aligned."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="fake", help="a data set's name or a folder")
    parser.add_argument("--epochs", type=int, default=30)
    options = parser.parse_args()
    torch.manual_seed(0)

    train, _, test = load_splits(options.data)
    model = LightGCNWithFeatures(train)
    # (1) Make the losses from the features' widths; the estimators have an optimiser of
    # their own.
    separate = SeparateLearning(dict.fromkeys(model.projection, 32))
    rest = separate.main_parameters()
    optimizer = torch.optim.Adam([*model.parameters(), *rest], lr=5e-3)
    estimators = torch.optim.Adam(separate.estimator_parameters(), lr=5e-3)

    def alignment() -> float:
        with torch.no_grad():
            return float(separate(model.features(train))["alignment"])

    before = alignment()
    loader = InteractionLoader(train, batch_size=1024)
    for _ in range(options.epochs):
        for batch in loader:
            features = model.features(train)
            # (2) Refit the estimators, on detached features.
            maps = separate.maps(features)
            separate.fit_estimators(maps, estimators, steps=10)
            user, item = model(train, features)
            anchor = user[batch.user]
            positive = (anchor * item[batch.positive]).sum(dim=1)
            negative = (anchor * item[batch.negative]).sum(dim=1)
            # (3) Add both parts to the objective; they are weighted already.
            loss = bpr_loss(positive, negative) + sum(separate.loss(maps).values())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    after = alignment()

    popularity = Popularity.from_data(train)
    popularity.fit(train)
    model.eval()
    with torch.no_grad():
        embeddings = model(test, model.features(test))
    ours = evaluate(embeddings, test).metrics["recall@20"]
    base = evaluate(popularity, test).metrics["recall@20"]
    print(f"alignment: {before:.5f} before, {after:.5f} after training")
    print(f"test Recall@20: with separate learning {ours:.4f}, Popularity {base:.4f}")
    if after >= before:
        raise SystemExit("the generic parts should have been aligned")
    if ours <= base:
        raise SystemExit("the model did not learn: it should beat Popularity")


if __name__ == "__main__":
    main()
