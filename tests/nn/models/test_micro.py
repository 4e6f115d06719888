import pytest
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.nn.models import MICRO
from tests.nn.models.base import RecommenderTests, example_batch, example_data

unit = torch.nn.functional.normalize


class TestMICRO(RecommenderTests):
    model_class = MICRO


class TestMICROOnTheBatch(RecommenderTests):
    model_class = MICRO
    kwargs = {"contrast_on": "batch", "normalization": "symmetric"}


K, FROZEN, REG, CL, TEMPERATURE = 4, 0.4, 0.2, 0.6, 0.3


def make(
    modalities: tuple[str, ...], missing: bool = False, **kwargs: object
) -> tuple[MICRO, HeteroData]:
    """Make a model and a graph in float64; no parameter is where it starts."""
    data = example_data(modalities)
    for name in modalities:
        data["item"][f"x_{name}"] = data["item"][f"x_{name}"].double()
    if missing:
        data["item"][f"mask_{modalities[0]}"] = torch.arange(30) % 5 > 0
    torch.manual_seed(0)
    model = MICRO.from_data(
        data,
        modalities,
        embedding_dim=8,
        feature_channels=6,
        k=K,
        frozen_weight=FROZEN,
        reg_weight=REG,
        cl_weight=CL,
        temperature=TEMPERATURE,
        **kwargs,
    ).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    assert isinstance(model, MICRO)
    return model, data


def nearest(x: Tensor, present: Tensor) -> Tensor:
    """Link the items to the nearest of them, themselves included, and normalise."""
    cosine = unit(x) @ unit(x).t()
    allowed = present.view(-1, 1) & present
    index = cosine.masked_fill(~allowed, -torch.inf).topk(K, dim=1).indices
    linked = torch.zeros_like(allowed).scatter(1, index, True) & allowed
    a = torch.where(linked, cosine, 0.0)
    degree = torch.where(present, a.sum(dim=1), 1.0)
    assert (degree > 0).all()
    return a / (degree.view(-1, 1) * degree).sqrt()


def interactions(data: HeteroData, normalization: str) -> Tensor:
    num_users, num_items = data["user"].num_nodes, data["item"].num_nodes
    user, item = data["user", "rates", "item"].edge_index
    a = torch.zeros(num_users + num_items, num_users + num_items).double()
    a[user, num_users + item] = a[num_users + item, user] = 1
    if normalization == "random_walk":
        a += torch.eye(num_users + num_items)
        return a / a.sum(dim=1, keepdim=True)
    degree = a.sum(dim=1).clamp(min=1)
    return a / (degree.view(-1, 1) * degree).sqrt()


def dense_views(model: MICRO, data: HeteroData) -> list[Tensor]:
    """Compute ``H_m`` of every modality."""
    views, options = [], model.hparams()
    for name, linear in model.features.linear.items():
        x = data["item"][f"x_{name}"]
        present = data["item"].get(f"mask_{name}", torch.ones(30) > 0)
        x = x * present.view(-1, 1)
        tuned = x + model.features.offset[name] if options["finetune_features"] else x
        learned = nearest(tuned @ linear.weight.t() + linear.bias, present)
        graph = FROZEN * nearest(x, present) + (1 - FROZEN) * learned
        view = model.item_embedding
        for _ in range(options["num_item_layers"]):
            view = graph @ view
        views.append(view)
    return views


def dense_model(model: MICRO, data: HeteroData) -> tuple[Tensor, Tensor, Tensor, list]:
    """Compute the users, the items, ``h`` and ``H`` with dense matrices."""
    views, options = dense_views(model, data), model.hparams()
    fused = views[0]
    if len(views) > 1:
        v, c = model.attention.weight, model.attention.bias
        score = [(x @ v.t() + c).tanh() @ model.attention_out.weight[0] for x in views]
        total = sum(s.exp() for s in score)
        shares = [(s.exp() / total).view(-1, 1) for s in score]
        fused = sum(share * x for share, x in zip(shares, views, strict=True))
    layer = total = torch.cat([model.user_embedding, model.item_embedding])
    walk = interactions(data, options["normalization"])
    for _ in range(options["num_layers"]):
        layer = walk @ layer
        total = total + layer
    out = total / (options["num_layers"] + 1)
    user, item = out[: model.num_users], out[model.num_users :]
    return user, item + unit(fused), fused, views


def dense_loss(model: MICRO, data: HeteroData, batch: tuple) -> dict[str, Tensor]:
    user, item, fused, views = dense_model(model, data)
    rows = user[batch[0]], item[batch[1]], item[batch[2]]
    difference = (rows[0] * (rows[1] - rows[2])).sum(dim=1)
    squares = sum(x.square().sum() for x in rows)
    chosen = sorted(set(batch[1].tolist()))
    if model.hparams()["contrast_on"] == "all":
        chosen = list(range(model.num_items))
    contrast = 0.0
    for name, view in zip(model.features.linear, views, strict=True):
        present = data["item"].get(f"mask_{name}", torch.ones(30) > 0)
        kept = [item for item in chosen if present[item]]
        query, key = unit(view[kept]), unit(fused[kept])
        between, within = query @ key.t() / TEMPERATURE, query @ query.t() / TEMPERATURE
        others = ~torch.eye(len(kept), dtype=torch.bool)
        mass = between.exp().sum(dim=1) + (within.exp() * others).sum(dim=1)
        contrast = contrast + (mass.log() - between.diag()).mean()
    return {
        "bpr": -difference.sigmoid().log().mean(),
        "reg": REG * squares / 2 / len(batch[0]),
        "contrast": CL * contrast,
    }


@pytest.mark.parametrize("contrast_on", ["all", "batch"])
@pytest.mark.parametrize(
    ("modalities", "kwargs"),
    [
        (("image", "text"), {}),
        (("text",), {"normalization": "symmetric", "num_layers": 1}),
        (("text", "audio", "image"), {"num_item_layers": 2, "finetune_features": True}),
        (("image", "text"), {"missing": True, "chunk_size": 7}),
    ],
)
def test_is_the_dense_model(modalities: tuple, kwargs: dict, contrast_on: str) -> None:
    model, data = make(modalities, contrast_on=contrast_on, **kwargs)
    user, item, *_ = dense_model(model, data)
    found = {"score": model.eval().score(data, torch.arange(40))}
    expected = {"score": user @ item.t()}
    batch = example_batch(data, size=24)
    assert 12 < batch.positive.unique().numel() < 24
    found |= model.train().loss(data, batch)
    expected |= dense_loss(model, data, batch)
    assert found.keys() == expected.keys()

    names, parameters = zip(*model.named_parameters(), strict=True)
    weights = torch.randn(40, 30).double()
    for part, value in found.items():
        both = value, expected[part]
        close(*both, part)
        ours, wanted = (
            torch.autograd.grad(
                (x * weights).sum() if part == "score" else x,
                parameters,
                allow_unused=True,
                materialize_grads=True,
                retain_graph=True,
            )
            for x in both
        )
        for name, x, y in zip(names, ours, wanted, strict=True):
            close(x, y, f"{part}, {name}")
            assert y.abs().max() > 1e-5 or part == "contrast", name


def close(found: Tensor, expected: Tensor, what: str) -> None:
    """Compare as closely as graphs that are stored in float32 let us."""
    error = (found - expected).abs().max()
    assert error <= 2e-6 * expected.abs().max(), what
