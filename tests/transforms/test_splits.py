import copy
import math

import numpy as np
import pytest
import torch
from torch_geometric.data import HeteroData
from torch_geometric.transforms import ToUndirected

from sea_pyg.datasets import FakeMultimodalDataset
from sea_pyg.nn.models import SEA, DualGNN
from sea_pyg.transforms import (
    GlobalTimeSplit,
    InteractionSplit,
    ItemWalkGraph,
    KCore,
    LabelSplit,
    LeaveLastOut,
    RandomUserSplit,
    UserCooccurrence,
)
from sea_pyg.transforms.random_user_split import rank_within_users
from sea_pyg.typing import CO_RATES, LEADS_TO, RATES
from sea_pyg.utils import positive_labels


def graph(pairs: list[tuple[int, int]], **attributes: list[int]) -> HeteroData:
    data = HeteroData()
    data["user"].num_nodes = 3
    data["item"].num_nodes = 6
    data[RATES].edge_index = torch.tensor(pairs).t()
    for name, value in attributes.items():
        data[RATES][name] = torch.tensor(value)
    return data


PAIRS = [(0, 0), (0, 1), (0, 2), (1, 2), (1, 3), (1, 4)]


def pairs(edge_index: torch.Tensor) -> list[tuple[int, int]]:
    return [(user, item) for user, item in edge_index.t().tolist()]


def labels(parts: tuple[HeteroData, ...]) -> list[list[tuple[int, int]]]:
    return [pairs(part[RATES].edge_label_index) for part in parts]


ALL = [
    RandomUserSplit(),
    RandomUserSplit((0.5, 0.2, 0.3), seed=7),
    LeaveLastOut(),
    GlobalTimeSplit(),
    LabelSplit(),
]


@pytest.mark.parametrize("split", ALL, ids=repr)
@pytest.mark.filterwarnings("ignore:.*none in training")
def test_every_split_keeps_the_contract(split: InteractionSplit):
    data = FakeMultimodalDataset()[0]
    number = torch.arange(data[RATES].edge_index.size(1))
    data[RATES].number = number
    data[RATES].split = number % 3
    before = data.to_dict()
    parts = split(data)
    assert data.to_dict() == before
    assert len(parts) == 3
    train, val, test = parts
    store = train[RATES]
    assert val[RATES].edge_index is test[RATES].edge_index is store.edge_index
    assert store.edge_label_index is store.edge_index
    together = [pair for label in labels(parts) for pair in label]
    assert len(together) == len(set(together)) == number.numel()
    assert set(together) == set(pairs(data[RATES].edge_index))
    for part in parts:
        assert part["user"].num_nodes == 200
        assert part["item"].x_text is data["item"].x_text
        assert "split" not in part[RATES]
        # Attributes of the edges follow the edges.
        followed = data[RATES].edge_index[:, part[RATES].number]
        assert torch.equal(followed, part[RATES].edge_index)
        assert torch.equal(data[RATES].time[part[RATES].number], part[RATES].time)


def test_label_split():
    parts = LabelSplit()(graph(PAIRS, split=[0, 2, 1, 0, 0, 1]))
    assert labels(parts) == [
        [(0, 0), (1, 2), (1, 3)],
        [(0, 2), (1, 4)],
        [(0, 1)],
    ]


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({}, r"needs the attribute 'split' on \('user', 'rates', 'item'\).*x_label"),
        ({"split": [0, 1]}, r"one label per interaction, 6 \(got shape \[2\]\)"),
        ({"split": [0, 1, 2, 3, 0, 0]}, r"0, 1 or 2 .*\(got 3 at interaction 3\)"),
        ({"split": [0, 1, 2, -1, 0, 0]}, r"\(got -1 at interaction 3\)"),
        ({"split": [0, 1, 2, 0, 0.5, 0]}, r"0, 1 or 2 .*\(got 0.5 at interaction 4\)"),
        ({"split": [0, 1, 2, math.nan, 0, 0]}, r"\(got nan at interaction 3\)"),
        ({"split": [0, 1, 1, 0, 0, 0]}, r"the test split .* is empty .*x_label"),
        ({"split": [0, 2, 2, 0, 0, 0]}, r"the val split .* is empty .*interactions 1"),
        ({"split": [1, 2, 2, 1, 1, 1]}, r"the train split .* is empty"),
    ],
)
def test_label_split_of_bad_labels(attributes, message):
    with pytest.raises(ValueError, match=message):
        LabelSplit()(graph(PAIRS, **attributes))


@pytest.mark.parametrize("ratios", [(0.8, 0.1, 0.1), (0.4, 0.3, 0.3), (0.6, 0.1, 0.3)])
def test_random_split_counts_per_user(ratios):
    degrees = list(range(1, 41))
    user = torch.arange(40).repeat_interleave(torch.tensor(degrees))
    item = torch.cat([torch.arange(degree) for degree in degrees])
    data = HeteroData()
    data["user"].num_nodes = data["item"].num_nodes = 40
    data[RATES].edge_index = torch.stack([user, item])[:, torch.randperm(user.numel())]
    _, val, test = RandomUserSplit(ratios)(data)
    num_val = torch.bincount(val[RATES].edge_label_index[0], minlength=40).tolist()
    num_test = torch.bincount(test[RATES].edge_label_index[0], minlength=40).tolist()
    for degree, of_val, of_test in zip(degrees, num_val, num_test, strict=True):
        least_test = 1 if degree >= 2 else 0
        least_val = 1 if degree >= 3 else 0
        assert of_test == max(math.floor(degree * ratios[2] + 1e-9), least_test)
        assert of_val == max(math.floor(degree * ratios[1] + 1e-9), least_val)
        assert of_val + of_test < degree


@pytest.mark.parametrize(("degree", "ratio"), [(900, 0.13), (100, 0.29)])
def test_random_split_counts_as_the_ratios_say(degree, ratio):
    data = graph([(0, item) for item in range(degree)])
    data["item"].num_nodes = degree
    parts = labels(RandomUserSplit((1 - 2 * ratio, ratio, ratio))(data))
    held_out = round(degree * ratio)
    assert [len(part) for part in parts[1:]] == [held_out, held_out]


def test_random_split_follows_the_seed():
    data = FakeMultimodalDataset()[0]
    first, same, other = (
        labels(RandomUserSplit(seed=seed)(data))[2] for seed in (1, 1, 2)
    )
    assert first == same
    assert first != other


def test_random_split_is_uniform():
    counts = torch.zeros(10)
    data = graph([(0, item) for item in range(5)] + [(1, item) for item in range(5)])
    for seed in range(400):
        test = RandomUserSplit((0.6, 0.2, 0.2), seed)(data)[2]
        user, item = test[RATES].edge_label_index
        counts[user * 5 + item] += 1
    assert counts.sum() == 800
    assert (counts - 80).abs().max() < 4 * 80**0.5 * 0.8**0.5


@pytest.mark.parametrize(
    "ratios", [(0.8, 0.2), (0.8, 0.1, 0.2), (1.0, 0.0, 0.0), (1.2, -0.1, -0.1)]
)
@pytest.mark.parametrize("cls", [RandomUserSplit, GlobalTimeSplit])
def test_bad_ratios(cls, ratios):
    with pytest.raises(ValueError, match=r"three positive numbers .* sum to 1 \(got"):
        cls(ratios)


def test_leave_last_out():
    data = graph([*PAIRS, (2, 0), (2, 1)], time=[3, 1, 2, 5, 5, 5, 9, 8])
    # User 1: equal times, so the order of the list; user 2: too few to hold out.
    assert labels(LeaveLastOut()(data)) == [
        [(0, 1), (1, 2), (2, 0), (2, 1)],
        [(0, 2), (1, 3)],
        [(0, 0), (1, 4)],
    ]


def test_leave_last_out_of_short_histories():
    with pytest.raises(ValueError, match=r"the val split .* is empty"):
        LeaveLastOut()(graph(PAIRS[:2], time=[1, 2]))


@pytest.mark.filterwarnings("ignore:.*none in training")
def test_global_time_split_never_parts_simultaneous_interactions():
    time = [0, 1, 2, 2, 2, 3]
    parts = GlobalTimeSplit((0.5, 1 / 3, 1 / 6))(graph(PAIRS, time=time))
    assert labels(parts) == [PAIRS[:2], PAIRS[2:5], PAIRS[5:]]


def test_global_time_split_trains_on_the_past():
    data = FakeMultimodalDataset()[0]
    time = {
        pair: float(t)
        for pair, t in zip(
            pairs(data[RATES].edge_index), data[RATES].time.tolist(), strict=True
        )
    }
    train, val, test = (
        [time[p] for p in part] for part in labels(GlobalTimeSplit()(data))
    )
    assert max(train) < min(val)
    assert max(val) < min(test)
    assert abs(len(train) / len(time) - 0.8) < 0.01
    assert abs(len(test) / len(time) - 0.1) < 0.01


def test_global_time_split_counts_as_the_ratios_say():
    data = graph([(0, item) for item in range(100)], time=list(range(100)))
    data["item"].num_nodes = 100
    parts = labels(GlobalTimeSplit((0.57, 0.01, 0.42))(data))
    assert [len(part) for part in parts] == [57, 1, 42]  # 100 * 0.57 is below 57


def test_global_time_split_tests_the_last_however_small_its_share():
    split = GlobalTimeSplit((0.5, 0.5 - 1e-12, 1e-12))
    parts = labels(split(graph(PAIRS[:3] + [(0, 5)], time=[0, 1, 2, 3])))
    assert parts == [PAIRS[:2], PAIRS[2:3], [(0, 5)]]


def test_global_time_split_of_one_moment():
    with pytest.raises(ValueError, match=r"the train split .* is empty"):
        GlobalTimeSplit()(graph(PAIRS, time=[4] * 6))


@pytest.mark.parametrize("split", [LeaveLastOut(), GlobalTimeSplit()], ids=repr)
def test_splits_by_time_need_times(split):
    with pytest.raises(ValueError, match=r"needs the attribute 'time' .*timestamp"):
        split(graph(PAIRS))
    with pytest.raises(ValueError, match=r"one number per interaction, 6 \(got shape"):
        split(graph(PAIRS, time=[1, 2]))


def test_users_without_training_edges_are_kept_with_a_warning():
    data = graph(PAIRS, split=[0, 0, 0, 1, 2, 2])
    with pytest.warns(UserWarning, match=r"1 of 3 nodes of type 'user' .*number 1"):
        train, _, test = LabelSplit()(data)
    assert train["user"].num_nodes == 3
    assert pairs(test[RATES].edge_label_index) == [(1, 3), (1, 4)]


def test_duplicates_are_merged_without_leaking():
    data = graph(
        [*PAIRS, (0, 1), (0, 1)],
        split=[0, 2, 1, 0, 0, 1, 1, 1],
        time=[0, 0, 0, 0, 0, 0, 9, 8],
        number=list(range(8)),
    )
    data[RATES].split[5] = 2
    with pytest.warns(UserWarning, match=r"merged 2 duplicate .*user 0, item 1"):
        parts = LabelSplit()(data)
    assert labels(parts)[1] == [(0, 2), (0, 1)]
    assert labels(parts)[2] == [(1, 4)]
    assert parts[0][RATES].number.tolist() == [0, 3, 4]
    assert data[RATES].edge_index.size(1) == 8


def test_other_edge_type():
    data = HeteroData()
    data["reader"].num_nodes, data["book"].num_nodes = 2, 6
    edge_type = ("reader", "reads", "book")
    data[edge_type].edge_index = torch.tensor(PAIRS).t()
    train, _, test = RandomUserSplit(edge_type=edge_type)(data)
    assert train[edge_type].edge_index.size(1) == 2
    assert test[edge_type].edge_label_index.size(1) == 2
    with pytest.raises(ValueError, match=r"no edge_index of type \('user', 'rates'"):
        RandomUserSplit()(data)


def test_splitting_twice_is_refused():
    train = RandomUserSplit()(graph(PAIRS))[0]
    with pytest.raises(ValueError, match=r"not split yet .*edge_label_index"):
        RandomUserSplit()(train)


@pytest.mark.parametrize(
    ("edge_index", "message"),
    [
        (
            torch.tensor([[0, 3], [0, 0]]),
            r"edge_index\[0, 1\].*\[0, 3\).*'user'.*3",
        ),
        (torch.tensor([[0, 0], [0, -1]]), r"edge_index\[1, 1\].*\[0, 6\).*'item'.*-1"),
        (torch.tensor([[0.0, 1.0], [0.0, 1.5]]), r"integer ids.*float32"),
        (
            torch.zeros(2, 4, dtype=torch.int32),
            r"int64; convert it by .long\(\).*int32",
        ),
        (torch.zeros(3, 4, dtype=torch.long), r"shape \[2, E\] \(got \[3, 4\]\)"),
        (torch.zeros(2, 0, dtype=torch.long), r"has no interactions"),
    ],
)
def test_malformed_interactions(edge_index, message):
    data = graph(PAIRS)
    data[RATES].edge_index = edge_index
    with pytest.raises(ValueError, match=message):
        RandomUserSplit()(data)


@pytest.mark.parametrize("add", [UserCooccurrence(), ItemWalkGraph()])
def test_graphs_of_all_interactions_are_refused(add):
    data = FakeMultimodalDataset(num_users=40, num_items=30, avg_degree=8)[0]
    with pytest.raises(ValueError, match="split first, then add them"):
        RandomUserSplit()(add(copy.copy(data)))
    train, _, _ = RandomUserSplit()(data)
    add(train)


PLAYS = ("listener", "plays", "track")


def plays() -> HeteroData:
    data = HeteroData()
    data["listener"].num_nodes, data["track"].num_nodes = 3, 6
    data["track"].x_text = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    data[PLAYS].edge_index = torch.tensor(PAIRS).t()
    data[PLAYS].time = torch.arange(6)
    data[PLAYS].split = torch.arange(6) % 3
    return data


SPLITS = [RandomUserSplit, LeaveLastOut, GlobalTimeSplit, LabelSplit]


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(
    "cls, kwargs", [(DualGNN, {}), (SEA, {"walk_weight": 1.0, "k": 2})]
)
def test_graphs_that_models_derive_of_any_edge_type_are_refused(split, cls, kwargs):
    data = plays()
    model = cls.from_data(data, edge_type=PLAYS, **kwargs)
    with pytest.raises(ValueError, match="split first, then add them"):
        split(edge_type=PLAYS)(model.prepare(data))


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(
    "add",
    [
        UserCooccurrence(edge_type=PLAYS, out_edge_type=("listener", "is", "listener")),
        ItemWalkGraph(edge_type=PLAYS, out_edge_type=("track", "before", "track")),
    ],
)
def test_derived_graphs_of_any_name_are_refused(split, add):
    with pytest.raises(ValueError, match="split first, then add them"):
        split(edge_type=PLAYS)(add(plays()))


@pytest.mark.parametrize("default", [CO_RATES, LEADS_TO])
@pytest.mark.parametrize("node_type", ["listener", "track", "artist"])
def test_derived_graphs_without_a_note_are_known_by_their_relation(default, node_type):
    data = plays()
    edge_type = (node_type, default[1], node_type)
    data[edge_type].edge_index = torch.zeros(2, 1, dtype=torch.long)
    with pytest.raises(ValueError, match="split first, then add them"):
        RandomUserSplit(edge_type=PLAYS)(data)
    # Interactions may be called so.
    named = ("listener", default[1], "track")
    data = plays()
    data[named].edge_index = data[PLAYS].edge_index
    del data[PLAYS]
    assert len(RandomUserSplit(edge_type=named)(data)) == 3


def test_interactions_must_not_stand_in_the_graph_twice() -> None:
    data = FakeMultimodalDataset(60, 50)[0]
    with pytest.raises(ValueError, match=r"'rev_rates'.*split first"):
        RandomUserSplit()(ToUndirected()(copy.copy(data)))
    again = copy.copy(data)
    again["user", "bought", "item"].edge_index = data[RATES].edge_index.flip(1)
    with pytest.raises(ValueError, match="'bought'"):
        RandomUserSplit()(again)
    again["user", "bought", "item"].edge_index = data[RATES].edge_index[:, 1:]
    with pytest.warns(UserWarning, match="'bought'"):
        RandomUserSplit()(again)  # another behaviour that happens to overlap


def test_lists_and_arrays_of_the_interactions_follow_them() -> None:
    data = FakeMultimodalDataset(60, 50)[0]
    store = data[RATES]
    keys = (store.edge_index[0] * 50 + store.edge_index[1]).tolist()
    store.tags, store.array = list(map(str, keys)), np.array(keys)
    train = RandomUserSplit()(data)[0][RATES]
    expected = (train.edge_index[0] * 50 + train.edge_index[1]).tolist()
    assert train.tags == list(map(str, expected))
    assert train.array.tolist() == expected


def test_a_time_that_is_no_number_is_refused() -> None:
    data = FakeMultimodalDataset(60, 50)[0]
    data[RATES].time = torch.rand(data[RATES].num_edges)
    data[RATES].time[3] = torch.nan
    with pytest.raises(ValueError, match="NaN for 1 interactions"):
        GlobalTimeSplit()(data)


def test_held_out_pairs_under_another_type_are_told() -> None:
    data = FakeMultimodalDataset(30, 20)[0]
    pairs = data[RATES].edge_index
    missing = next(i for i in range(20) if not (pairs[1][pairs[0] == 0] == i).any())
    more = torch.cat([pairs, torch.tensor([[0], [missing]])], dim=1)
    data["item", "clicked_by", "user"].edge_index = more.flip(0)
    with pytest.warns(UserWarning, match="that are held out .*'clicked_by'") as told:
        parts = RandomUserSplit()(data)
    held_out = sum(part[RATES].edge_label_index.size(1) for part in parts[1:])
    assert f"{held_out} of the {held_out} interactions" in str(told[0].message)
    seen = parts[0][RATES].edge_index
    data["item", "clicked_by", "user"].edge_index = seen.flip(0)[:, 1:]
    RandomUserSplit()(data)  # the same seed: what it holds is all training's


def test_ranks_are_counted_on_the_edges_device(monkeypatch: pytest.MonkeyPatch) -> None:
    count = torch.ones(3, dtype=torch.long, device="meta")
    monkeypatch.setattr(torch, "bincount", lambda *args, **kwargs: count)
    user = torch.zeros(5, dtype=torch.long, device="meta")
    rank, _ = rank_within_users(user, torch.arange(5, device="meta"), 3)
    assert rank.device.type == "meta"


@pytest.mark.parametrize("kind", [list, np.array])
def test_times_and_labels_are_tensors(kind) -> None:
    for split, name in ((LeaveLastOut(), "time"), (LabelSplit(), "split")):
        data = graph(PAIRS)
        data[RATES][name] = kind([0, 1, 2, 0, 0, 0])
        with pytest.raises(ValueError, match=rf"'{name}' .* must be a tensor \(got"):
            split(data)
    data = graph([*PAIRS, PAIRS[0]])
    data[RATES].time = kind(range(7))
    with pytest.raises(ValueError, match="'time' .* must be a tensor"):
        RandomUserSplit()(data)  # of equal pairs it takes the earliest


def test_attributes_that_are_not_of_the_interactions_stay() -> None:
    data = FakeMultimodalDataset(60, 50)[0]
    store = data[RATES]
    store.scale, store.names = torch.tensor(0.5), ("clicks", "views")
    store.levels = torch.arange(3)
    for part in RandomUserSplit()(data):
        for name in ("scale", "names", "levels"):
            assert part[RATES][name] is store[name]


@pytest.mark.filterwarnings("ignore:Sparse")  # of torch, that it makes them
@pytest.mark.parametrize("where", ["matrix", "tensor", "reverse"])
def test_interactions_in_a_sparse_matrix_are_refused(where: str) -> None:
    """A split takes edge_index apart, and would leave all of them in the matrix."""
    data = FakeMultimodalDataset()[0]
    edges = data[RATES].edge_index
    ones = torch.ones(edges.size(1))
    sizes = data["item"].num_nodes, data["user"].num_nodes
    matrix = torch.sparse_coo_tensor(edges.flip(0), ones, sizes)
    target, key = (RATES, "adj_t")
    if where == "reverse":
        target, key = ("item", "rated_by", "user"), "adj"
    data[target][key] = matrix.to_sparse_csr() if where == "tensor" else matrix
    for transform in (RandomUserSplit(), KCore(2)):
        with pytest.raises(ValueError, match=f"sparse matrix '{key}' on .*ToSparse"):
            transform(data)


def test_ratings_called_edge_label_are_no_labels_of_held_out_pairs() -> None:
    """PyG's MovieLens calls them so."""
    data = FakeMultimodalDataset()[0]
    num_edges = data[RATES].edge_index.size(1)
    data[RATES].edge_label = torch.arange(num_edges) % 2
    train, val, test = RandomUserSplit()(data)
    for graph in (train, val, test):
        assert "edge_label" not in graph[RATES]
        assert graph[RATES].rating.numel() == graph[RATES].edge_index.size(1)
        labels = positive_labels(graph[RATES])
        assert labels is graph[RATES].edge_label_index
    assert "edge_label" in data[RATES]  # what was given stays
    test[RATES].edge_label = train[RATES].rating
    with pytest.raises(ValueError, match="a label for each of the"):
        positive_labels(test[RATES])
    data[RATES].rating = torch.ones(num_edges)
    with pytest.raises(ValueError, match="both edge_label and rating"):
        RandomUserSplit()(data)


def test_a_large_share_leaves_one_for_training():
    pairs = [(0, item) for item in range(20)]
    pairs += [(user, item) for user in range(1, 12) for item in range(2)]
    data = graph(pairs)
    data["user"].num_nodes, data["item"].num_nodes = 12, 20
    train, val, _ = RandomUserSplit((0.3, 0.5, 0.2))(data)
    degree = torch.bincount(train[RATES].edge_index[0], minlength=12)
    assert degree.tolist() == [6] + [1] * 11
    assert set(val[RATES].edge_label_index[0].tolist()) == {0}
