import torch
from torch_geometric.data import HeteroData

from sea_pyg.typing import RATES
from sea_pyg.utils import (
    count_common,
    fits_split,
    make_split_id,
    pair_digest,
    positive_labels,
    split_id,
    training_id,
)
from sea_pyg.utils.split_id import tensor_digest

PAIRS = torch.tensor([[0, 1, 1, 5], [3, 0, 2, 1]])


def test_names_the_set_of_pairs():
    digest = pair_digest(PAIRS)
    assert digest == pair_digest(PAIRS.flip(1)) == pair_digest(PAIRS.repeat(1, 2))
    assert digest == pair_digest(PAIRS.int())
    assert digest != pair_digest(PAIRS.flip(0))
    assert digest != pair_digest(PAIRS[:, 1:])
    assert len(digest) == 16
    # Of 8-byte little-endian numbers; another one would forget all saved runs.
    assert digest == "b8ef935efa010fbe"


def test_an_empty_set_has_a_digest():
    assert len(pair_digest(PAIRS[:, :0])) == 16


def test_a_change_in_place_is_seen():
    pairs = PAIRS.clone()
    before = pair_digest(pairs)
    pairs[0, 0] = 4
    assert pair_digest(pairs) != before


def test_counts_common_pairs():
    assert count_common(PAIRS, PAIRS.clone()) == 4
    assert count_common(PAIRS, PAIRS[:, 2:]) == 2
    assert count_common(PAIRS, PAIRS.flip(0)) == 0


def test_a_digest_fits_the_split_that_trains_on_it():
    name = make_split_id(PAIRS[:, :2], PAIRS[:, 2:3], PAIRS[:, 3:])
    assert fits_split(name, name)
    assert fits_split(pair_digest(PAIRS[:, :2]), name)
    assert not fits_split(pair_digest(PAIRS), name)
    other = make_split_id(PAIRS[:, :2], PAIRS[:, 3:], PAIRS[:, 2:3])
    assert not fits_split(other, name)


def test_is_computed_once(monkeypatch):
    pairs = PAIRS.clone()
    digest = pair_digest(pairs)
    monkeypatch.setattr(split_id, "_digest", None)
    assert pair_digest(pairs) == digest


def test_only_the_training_pairs_have_the_name_of_their_split():
    data = HeteroData()
    data[RATES].split_id = name = make_split_id(
        PAIRS[:, :2], PAIRS[:, 2:3], PAIRS[:, 3:]
    )
    data[RATES].edge_index = PAIRS[:, :2]
    assert training_id(data, RATES) == name
    for others in (PAIRS[:, 2:3], PAIRS):
        data[RATES].edge_index = others
        assert training_id(data, RATES) == pair_digest(others)
    del data[RATES].split_id
    assert training_id(data, RATES) == pair_digest(PAIRS)


def test_positive_labels_follow_a_change():
    data = HeteroData()
    data[RATES].edge_label_index = PAIRS
    assert positive_labels(data[RATES]) is PAIRS
    data[RATES].edge_label = torch.tensor([1, 0, 1, 0])
    assert torch.equal(positive_labels(data[RATES]), PAIRS[:, [0, 2]])
    data[RATES].edge_label[0] = 0
    assert torch.equal(positive_labels(data[RATES]), PAIRS[:, 2:3])


def test_tensors_of_other_types_and_shapes_have_other_digests():
    x = torch.zeros(12)
    others = (x.view(3, 4), x.view(4, 3), x.int(), x.double()[:6])
    assert len({tensor_digest(y) for y in (x, *others)}) == 5
