"""Arguments that no model may take, and what it says of them."""

import inspect
import re

import pytest

from sea_pyg.nn.loss import SeparateLearning, SoloSimLoss
from sea_pyg.nn.models import classes, resolve
from sea_pyg.transforms import ItemKNNGraph
from tests.nn.models.base import example_data

MULTIMODAL = [name for name in classes if resolve(name).multimodal]

BAD = {  # by argument, for every model that takes it
    "embedding_dim": ([0], "must be at least 1"),
    "hidden_channels": ([0, -1], "must be at least 1"),
    "feature_channels": ([0], "must be at least 1"),
    "distance_channels": ([0], "must be at least 1"),
    "head_channels": ([0], "must be at least 1"),
    "alignment_channels": ([0], "must be at least 1"),
    "num_hyperedges": ([0], "must be at least 1"),
    "num_hyper_layers": ([0], "must be at least 1"),
    "search_every": ([0], "must be at least 1"),
    "chunk_size": ([0], "must be at least 1"),
    "k": ([0], "must be at least 1"),
    "item_k": ([0], "must be at least 1"),
    "user_k": ([0], "must be at least 1"),
    "walk_k": ([0], "must be at least 1"),
    "ranking_candidates": ([1], "must be at least 2"),
    "reg_power": ([0, 3], "must be 1 or 2"),
    "reg_weight": (["1e-3", None], "must lie in [0, inf)"),
    "l2_weight": ([0.0], "must lie in (0, inf)"),
    "temperature": ([0.0], "must lie in (0, inf)"),
    "ssl_temperature": ([0.0], "must lie in (0, inf)"),
    "ranking_temperature": ([0.0], "must lie in (0, inf)"),
    "log_base": ([0.0, 1.0, -2.0], "must lie in (1, inf)"),
    "dropout": ([1.0, 1.5], "must lie in [0, 1)"),
    "frozen_weight": ([1.5], "must lie in [0, 1]"),
    "penalized_tables": ([["audio"]], "names an unknown modality 'audio'"),
    "item_graph_weights": (
        [{"image": 0.5, "text": 0.9}, {"image": float("nan"), "text": 1.0}],
        "must be at least 0 and sum to 1",
    ),
}
BAD_OF_ONE = [
    ("MMGCN", "num_layers", 0, "must be at least 1"),
    ("MMGCN", "latent_dim", 0, "must be at least 1"),
    ("GRCN", "latent_dim", 0, "must be at least 1"),
    ("MMGCN", "latent_dim", {"text": 0}, "must be at least 1"),
    ("MMGCN", "latent_dim", {"imgae": 8}, "names an unknown modality 'imgae'; did"),
    ("SMORE", "k", {"image": 5}, "must name all modalities; add ['text']"),
    ("SMORE", "k", {"image": 5, "text": 0}, "must be at least 1"),
    ("SMORE", "k", {"image": 5, "text": 5, "txt": 5}, "names an unknown modality"),
    ("DRAGON", "item_graph_weights", {"image": 1.0}, "must name all modalities"),
    ("FREEDOM", "item_graph_weights", {"image": 1.0}, "must name all modalities"),
    ("FREEDOM", "item_graph_weights", {"imgae": 1.0}, "names an unknown modality"),
]


def takers(argument: str) -> list[str]:
    """List the models that take an argument."""
    return [
        model
        for model in classes
        if argument in inspect.signature(resolve(model)).parameters
    ]


def numbers(kind: type) -> list[tuple[str, str]]:
    """List all models' arguments whose default is of this type."""
    return [
        (model, name)
        for model in classes
        for name, parameter in inspect.signature(resolve(model)).parameters.items()
        if type(parameter.default) is kind
    ]


def check(model: str, argument: str, value: object, message: str) -> None:
    """Check that the model is not built, for this reason."""
    sizes: dict[str, object] = {"num_users": 40, "num_items": 30}
    if resolve(model).multimodal:
        sizes["in_channels"] = {"image": 24, "text": 16}
    with pytest.raises(ValueError, match=f"^{argument} {message}") as error:
        resolve(model)(**sizes, **{argument: value})
    if not isinstance(value, list | dict):
        assert str(error.value).endswith(f"(got {value!r})")


@pytest.mark.parametrize(("model", "argument"), numbers(int))
def test_counts(model: str, argument: str) -> None:
    check(model, argument, -4, "must be")
    check(model, argument, 1.5, "must be")


@pytest.mark.parametrize(("model", "argument"), numbers(float))
def test_real_numbers(model: str, argument: str) -> None:
    for value in (-1.0, float("nan"), float("inf")):
        check(model, argument, value, "must lie in")


@pytest.mark.parametrize("argument", BAD)
def test_bad_argument(argument: str) -> None:
    values, message = BAD[argument]
    assert takers(argument)
    for model in takers(argument):
        for value in values:
            check(model, argument, value, re.escape(message))


@pytest.mark.parametrize(("model", "argument", "value", "message"), BAD_OF_ONE)
def test_bad_argument_of_one(
    model: str, argument: str, value: object, message: str
) -> None:
    check(model, argument, value, re.escape(message))


@pytest.mark.parametrize("model", MULTIMODAL)
def test_bad_widths(model: str) -> None:
    for in_channels, message in (
        ({}, "in_channels must name at least one modality"),
        ({"image": 0}, r"'image'.* must be (at least 1|positive)"),
    ):
        with pytest.raises(ValueError, match=message):
            resolve(model)(40, 30, in_channels)


@pytest.mark.parametrize("node_type", ["user", "item"])
def test_unknown_number_of_nodes(node_type: str) -> None:
    data = example_data()
    del data[node_type].num_nodes
    with (
        pytest.warns(UserWarning, match="'num_nodes'"),
        pytest.raises(ValueError, match=rf"set data\['{node_type}'\].num_nodes"),
    ):
        resolve("BPRMF").from_data(data)


def test_bad_arguments_of_parts() -> None:
    widths = {"image": 24, "text": 16}
    for build, message in (
        (lambda: SeparateLearning(widths, alpha=-1.0), "alpha must lie in"),
        (lambda: SeparateLearning(widths, head_channels=0), "head_channels must be"),
        (lambda: SoloSimLoss(chunk_size=0), "chunk_size must be at least 1"),
        (lambda: ItemKNNGraph(chunk_size=0), "chunk_size must be at least 1"),
        (lambda: ItemKNNGraph(weights={"a": 0.5, "b": 0.6}), "weights must be .* to 1"),
        (lambda: ItemKNNGraph(weights={}), "weights must be .* sum to 1"),
    ):
        with pytest.raises(ValueError, match=message):
            build()
