import pytest
import torch
from torch_geometric.data import HeteroData

from sea_pyg.datasets import FakeMultimodalDataset, load_splits
from sea_pyg.loader import InteractionLoader
from sea_pyg.typing import RATES, Triplets
from sea_pyg.utils import EdgeMembership


@pytest.fixture(scope="module")
def train() -> HeteroData:
    return load_splits("fake")[0]


def epoch(loader: InteractionLoader) -> Triplets:
    return Triplets(*(torch.cat(parts) for parts in zip(*loader, strict=True)))


def test_an_epoch_has_every_interaction_once(train):
    edge_index = train[RATES].edge_index
    loader = InteractionLoader(train, batch_size=100)
    sizes = [batch.user.numel() for batch in loader]
    assert len(sizes) == len(loader) == -(-edge_index.size(1) // 100)
    assert set(sizes[:-1]) == {100}
    out = epoch(loader)
    key = out.user * 1000 + out.positive
    expected = edge_index[0] * 1000 + edge_index[1]
    assert torch.equal(key.sort().values, expected.sort().values)
    assert not torch.equal(key, expected)  # shuffled
    seen = EdgeMembership(edge_index, 200, 120)
    assert not seen.contains(out.user, out.negative).any()


def test_held_out_interactions_are_no_positives(train):
    val = load_splits("fake")[1]
    out = epoch(InteractionLoader(val))
    assert out.user.numel() == train[RATES].edge_index.size(1)


def test_epochs_follow_from_seed_and_number(train):
    loader = InteractionLoader(train, seed=5)
    first, second = epoch(loader), epoch(loader)
    assert not torch.equal(first.user, second.user)
    resumed = InteractionLoader(train, seed=5)
    resumed.set_epoch(1)
    for name in Triplets._fields:
        assert torch.equal(getattr(epoch_copy(resumed), name), getattr(second, name))
    other = epoch(InteractionLoader(train, seed=6))
    assert not torch.equal(first.user, other.user)
    # The seeds' epochs are not each other's, one later.
    assert not torch.equal(second.user, other.user)


def epoch_copy(loader: InteractionLoader) -> Triplets:
    number = loader.epoch
    out = epoch(loader)
    loader.set_epoch(number)
    return out


def test_global_generator_is_neither_read_nor_changed(train):
    torch.manual_seed(1)
    first = epoch(InteractionLoader(train))
    state = torch.get_rng_state()
    torch.manual_seed(2)
    second = epoch(InteractionLoader(train))
    assert torch.equal(first.negative, second.negative)
    torch.manual_seed(1)
    assert torch.equal(state, torch.get_rng_state())


def test_an_abandoned_pass_does_not_change_the_next(train):
    loader = InteractionLoader(train, batch_size=100)
    next(iter(loader))
    second = epoch(loader)
    fresh = InteractionLoader(train, batch_size=100)
    fresh.set_epoch(1)
    assert torch.equal(second.negative, epoch(fresh).negative)


def test_without_shuffling(train):
    out = epoch(InteractionLoader(train, batch_size=64, shuffle=False))
    assert torch.equal(torch.stack(out[:2]), train[RATES].edge_index)


def test_drop_last(train):
    loader = InteractionLoader(train, batch_size=1000, drop_last=True)
    assert [batch.user.numel() for batch in loader] == [1000] * len(loader)
    assert len(loader) == train[RATES].edge_index.size(1) // 1000


def test_device_is_the_graphs():
    data = FakeMultimodalDataset()[0]
    (batch, *_) = InteractionLoader(data)
    assert batch.negative.device == data[RATES].edge_index.device


class Fixed:
    """Draws one item, or whatever it is told to return."""

    def __init__(self, found):
        self.found = found

    def sample(self, user, generator=None):
        return torch.full_like(user, 3) if self.found is None else self.found


class Drawing:
    """Draws from the generator, and keeps for whom."""

    def sample(self, user, generator=None):
        self.user = user
        return torch.randint(120, user.shape, generator=generator)


def test_a_sampler_of_ones_own(train):
    loader = InteractionLoader(train, batch_size=64, sampler=Fixed(None))
    assert all((batch.negative == 3).all() for batch in loader)
    sampler = Drawing()
    loader = InteractionLoader(train, seed=5, shuffle=False, sampler=sampler)
    first, second = epoch(loader), epoch(loader)
    assert torch.equal(sampler.user, train[RATES].edge_index[0])
    assert not torch.equal(first.negative, second.negative)
    assert first.negative.max() > 100
    resumed = InteractionLoader(train, seed=5, shuffle=False, sampler=Drawing())
    resumed.set_epoch(1)
    assert torch.equal(epoch(resumed).negative, second.negative)


def test_a_sampler_may_draw_for_users_with_every_item():
    data = FakeMultimodalDataset(num_items=1)[0]
    zeros = torch.zeros_like(data[RATES].edge_index[0])
    drawn = epoch(InteractionLoader(data, sampler=Fixed(zeros)))
    assert torch.equal(drawn.negative, zeros)


def test_bad_samplers(train):
    user = train[RATES].edge_index[0]
    number = user.numel()
    for sampler in (Fixed, lambda user, generator: user, 3):
        with pytest.raises(ValueError, match="object with a method sample.user, gen"):
            InteractionLoader(train, sampler=sampler)
    many = user.new_zeros(number, 2)
    for found, message in (
        (many, rf"int64 of shape \[{number}\] on cpu \(got .* \[{number}, 2\] on cpu"),
        (torch.zeros(number), r"must return int64 .* \(got torch.float32 of shape"),
        ([3] * 2, r"must return int64 .* \(got \[3, 3\]\)"),
        (
            user * 0 + 120,
            r"sample of Fixed must return items in \[0, 120\) \(got 120\)",
        ),
        (user * 0 - 1, r"items in \[0, 120\) \(got -1\)"),
    ):
        loader = InteractionLoader(train, sampler=Fixed(found))
        with pytest.raises(ValueError, match=message):
            next(iter(loader))


def test_bad_input(train):
    with pytest.raises(ValueError, match=r"batch_size must be at least 1 \(got 0\)"):
        InteractionLoader(train, batch_size=0)
    with pytest.raises(ValueError, match=r"batch_size must be an integer \(got 64.0\)"):
        InteractionLoader(train, batch_size=64.0)
    with pytest.raises(ValueError, match=r"seed must be at least 0 \(got -1\)"):
        InteractionLoader(train, seed=-1)
    with pytest.raises(ValueError, match=r"no edge_index of type \('a', 'b', 'c'\)"):
        InteractionLoader(train, edge_type=("a", "b", "c"))
    with pytest.raises(ValueError, match=r"every one of the 1 items"):
        InteractionLoader(FakeMultimodalDataset(num_items=1)[0])


def test_repr(train):
    loader = InteractionLoader(train, batch_size=10)
    number = train[RATES].edge_index.size(1)
    assert repr(loader) == f"InteractionLoader({number} interactions, batch_size=10)"
