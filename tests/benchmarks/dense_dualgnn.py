"""DualGNN and DRAGON of one modality as dense matrices, sharing no code with ours.

It writes files of the form that the released code's numbers have.
"""

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

NUM_USERS, NUM_ITEMS, WIDTH, DIM, K = 45, 20, 7, 6, 3
REG_WEIGHT = 0.1


def write_files(folder: Path, model: str, name: str) -> Path:
    """Write the file of a model that has the modality ``name`` alone, and its graph."""
    torch.manual_seed(0)
    rated = (torch.rand(NUM_USERS, NUM_ITEMS) < 0.6).double()
    x = torch.randn(NUM_ITEMS, WIDTH, dtype=torch.float64)
    shared = (rated @ rated.t()).fill_diagonal_(0)
    # Most shared items first, and of as many, those of the last users.
    rank = (shared + torch.arange(NUM_USERS) / NUM_USERS).argsort(1, descending=True)
    neighbour = rank[:, :40]
    count = shared.gather(1, neighbour)
    assert count.min() > 0
    user = torch.arange(NUM_USERS).repeat_interleave(40)
    edge = rated.nonzero().t().numpy()
    graph = {f"{part}_edge": edge for part in ("train", "valid", "test")}
    graph[name] = x.numpy()
    graph["user_graph_index"] = torch.stack([user, neighbour.flatten()]).numpy()
    graph["user_graph_weight"] = count.flatten().numpy()
    np.savez(folder / f"graph{NUM_USERS}.npz", **graph)

    letter = {"image": "v", "text": "t"}[name]
    shapes = {
        "weight_u": (NUM_USERS, 2, 1),
        "weight_i": (NUM_ITEMS, 2, 1),
        f"{letter}_gcn.preference": (NUM_USERS, DIM),
        f"{letter}_gcn.MLP.weight": (4 * DIM, WIDTH),
        f"{letter}_gcn.MLP.bias": (4 * DIM,),
        f"{letter}_gcn.MLP_1.weight": (DIM, 4 * DIM),
        f"{letter}_gcn.MLP_1.bias": (DIM,),
    }
    if model == "dragon":
        shapes[f"{name}_trs.weight"] = (DIM, WIDTH)
    param = {key: torch.randn(shape).double() for key, shape in shapes.items()}
    if model == "dragon":
        param[f"{name}_embedding.weight"] = x.clone()
    for value in param.values():
        value.requires_grad_()
    users = torch.zeros(NUM_USERS, NUM_USERS, dtype=torch.float64)
    users.scatter_(1, neighbour, count.softmax(dim=1))
    batch = torch.stack(
        [torch.randint(n, (32,)) for n in (NUM_USERS, *2 * [NUM_ITEMS])]
    )
    score = _score(model, letter, param, rated, x, users)
    table = param[f"{letter}_gcn.preference"]
    row, positive, negative = batch
    loss = -torch.sigmoid(score[row, positive] - score[row, negative]).log2().mean()
    penalty = table[row].square().mean() + param["weight_u"].square().mean()
    if model == "dualgnn":
        penalty = penalty + param["weight_i"].square().mean()
    loss = loss + REG_WEIGHT * penalty
    loss.backward()

    config = {"reg_weight": REG_WEIGHT, "n_mm_layers": 1, "knn_k": K}
    config["mm_image_weight"] = 0.1  # of no effect
    arrays = {
        "config": np.array(json.dumps(config)),
        "batch": batch.numpy(),
        "loss_total": loss.detach().numpy(),
        "loss_repeat": loss.detach().numpy(),
        "score": score.detach().numpy(),
        "score_users": np.arange(NUM_USERS),
    }
    for key, value in param.items():
        arrays[f"param/{key}"] = value.detach().numpy()
        if value.grad is not None:
            arrays[f"grad/{key}"] = value.grad.numpy()
    path = folder / f"{model}.npz"
    np.savez(path, **arrays)
    return path


def _score(
    model: str,
    letter: str,
    param: dict[str, Tensor],
    rated: Tensor,
    x: Tensor,
    users: Tensor,
) -> Tensor:
    gcn = {part: param[f"{letter}_gcn.{part}"] for part in ("MLP.weight", "MLP.bias")}
    hidden = x @ gcn["MLP.weight"].t() + gcn["MLP.bias"]
    hidden = torch.where(hidden > 0, hidden, 0.01 * hidden)
    item = hidden @ param[f"{letter}_gcn.MLP_1.weight"].t()
    item = item + param[f"{letter}_gcn.MLP_1.bias"]
    stacked = torch.cat([param[f"{letter}_gcn.preference"], item])
    stacked = stacked / stacked.norm(dim=1, keepdim=True)
    size = NUM_USERS + NUM_ITEMS
    adjacency = torch.zeros(size, size, dtype=torch.float64)
    adjacency[:NUM_USERS, NUM_USERS:] = rated
    adjacency = adjacency + adjacency.t()
    root = adjacency.sum(dim=1).sqrt()
    adjacency = adjacency / root / root.unsqueeze(1)
    first = adjacency @ stacked
    user, item = (stacked + first + adjacency @ first).split([NUM_USERS, NUM_ITEMS])
    user = user + users @ user
    if model == "dragon":
        unit = x / x.norm(dim=1, keepdim=True)
        nearest = (unit @ unit.t()).topk(K).indices
        similar = torch.zeros(NUM_ITEMS, NUM_ITEMS, dtype=torch.float64)
        item = item + similar.scatter_(1, nearest, 1 / K) @ item
    return user @ item.t()
