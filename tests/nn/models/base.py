"""What every recommender must pass.

A model's test is a subclass in a file of its own::

    class TestLightGCN(RecommenderTests):
        model_class = LightGCN
        kwargs = {"num_layers": 2}

and further tests of what is special about it.
"""

import copy
import inspect
import io
import json
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.nn.models.closed_form import ClosedFormRecommender
from sea_pyg.nn.models.recommender import Recommender
from sea_pyg.typing import RATES, EdgeType, Triplets

WIDTHS = {"image": 24, "text": 16, "audio": 10, "a.b": 8, "training": 8, "type": 8}
MODALITIES = [("text",), ("audio", "image", "text")]
"""Those that multimodal models are tested with besides their own."""
ODD_NAMES = ("a.b", "training", "type")
"""Names of modalities that a module's attributes cannot have, or have already."""


def example_data(
    modalities: Sequence[str] = ("image", "text"),
    num_users: int = 40,
    num_items: int = 30,
    edge_type: EdgeType = RATES,
    seed: int = 0,
) -> HeteroData:
    """Make a small graph with a taste in it.

    Users and items belong to one of two groups, and users rate items of their own. The
    features of an item tell its group. The last user and the last item have no edges.
    """
    generator = torch.Generator().manual_seed(seed)
    data = HeteroData()
    user_type, _, item_type = edge_type
    data[user_type].num_nodes = num_users
    data[item_type].num_nodes = num_items
    group = torch.arange(num_items) % 2
    for name in modalities:
        centre = torch.randn(2, WIDTHS[name], generator=generator)
        noise = torch.randn(num_items, WIDTHS[name], generator=generator)
        data[item_type][f"x_{name}"] = centre[group] + 0.5 * noise
    edges = []
    for user in range(num_users - 1):
        own = (group[:-1] == user % 2).nonzero().flatten()
        chosen = own[torch.randperm(own.numel(), generator=generator)[:6]]
        edges.append(torch.stack([torch.full_like(chosen, user), chosen]))
    data[edge_type].edge_index = torch.cat(edges, dim=1)
    return data


def example_batch(
    data: HeteroData, size: int = 256, seed: int = 0, edge_type: EdgeType = RATES
) -> Triplets:
    """Draw training triplets; the negative is any item that the user has not seen."""
    generator = torch.Generator().manual_seed(seed)
    user_all, item_all = data[edge_type].edge_index
    index = torch.randint(user_all.numel(), (size,), generator=generator)
    user, positive = user_all[index], item_all[index]
    seen = torch.zeros(data[edge_type[0]].num_nodes, data[edge_type[2]].num_nodes)
    seen[user_all, item_all] = 1
    seen[:, -1] = 1  # never seen in training, so never drawn
    negative = torch.multinomial(1 - seen[user], 1, generator=generator).squeeze(1)
    return Triplets(user, positive, negative)


def train(
    model: Recommender,
    data: HeteroData,
    batches: Sequence[Triplets],
    lr: float,
    inner_steps: int = 3,
) -> list[float]:
    """Train a step per batch, as the trainer does, and return the losses."""
    optimizer = torch.optim.Adam(model.main_parameters(), lr=lr)
    estimators = model.estimator_parameters()
    inner = torch.optim.Adam(estimators, lr=lr) if estimators else None
    losses = []
    model.train()
    for batch in batches:
        state = model.representations(data)
        for _ in range(inner_steps if inner is not None else 0):
            assert inner is not None
            inner.zero_grad()
            loss = model.estimator_loss(data, state)
            assert loss is not None
            loss.backward()
            inner.step()
        optimizer.zero_grad()
        total = sum_parts(model.loss(data, batch, state))
        total.backward()
        optimizer.step()
        losses.append(total.item())
    return losses


def sum_parts(parts: dict[str, Tensor]) -> Tensor:
    """Add up the parts of a loss."""
    return torch.stack(list(parts.values())).sum()


class RecommenderTests:
    """Tests that each model inherits; subclasses name the model."""

    model_class: ClassVar[type[Recommender]]
    """The model."""

    kwargs: dict[str, Any] = {}
    """Constructor arguments besides the sizes."""

    lr: ClassVar[float] = 0.01
    """Learning rate at which twenty steps lower the loss."""

    steps: ClassVar[int] = 20

    modalities: ClassVar[tuple[str, ...]] = ("image", "text")
    """Modalities of the example graph."""

    # What subclasses may override ------------------------------------------------

    def data(
        self,
        modalities: Sequence[str] | None = None,
        edge_type: EdgeType = RATES,
        mask: bool = False,
    ) -> HeteroData:
        """Make the graph; the first modality misses some rows if ``mask``."""
        names = self.modalities if modalities is None else modalities
        data = example_data(names, edge_type=edge_type)
        if mask:
            store = data[edge_type[2]]
            present = torch.ones(store.num_nodes, dtype=torch.bool)
            present[::5] = False
            store[f"mask_{names[0]}"] = present
            store[f"x_{names[0]}"][~present] = torch.nan
        return data

    def build(self, data: HeteroData, seed: int = 0, **kwargs: Any) -> Recommender:
        """Build the model (and fit it, if it has a closed form)."""
        torch.manual_seed(seed)
        model = self.model_class.from_data(data, **{**self.kwargs, **kwargs})
        if isinstance(model, ClosedFormRecommender):
            model.fit(model.prepare(data))
        return model

    def batches(
        self, data: HeteroData, count: int, edge_type: EdgeType = RATES
    ) -> list[Triplets]:
        return [example_batch(data, seed=i, edge_type=edge_type) for i in range(count)]

    # The tests -------------------------------------------------------------------

    def _skip_unless(self, attribute: str) -> None:
        if not getattr(self.model_class, attribute):
            pytest.skip(f"{self.model_class.__name__} is not {attribute}")

    def _run(
        self, data: HeteroData, edge_type: EdgeType = RATES, **kwargs: Any
    ) -> Recommender:
        """Train two steps, recommend, and check that all is finite."""
        model = self.build(data, edge_type=edge_type, **kwargs)
        data = model.prepare(data)
        if model.trainable:
            losses = train(model, data, self.batches(data, 2, edge_type), self.lr)
            assert all(torch.tensor(losses).isfinite())
            assert all(p.isfinite().all() for p in model.parameters())
        users = torch.arange(model.num_users)
        found = model.recommend(data, users, 5)
        assert found.item_index.shape == found.score.shape == (model.num_users, 5)
        assert not found.score.isnan().any()
        self._check_embeddings(model, data)
        return model

    def _check_embeddings(self, model: Recommender, data: HeteroData) -> None:
        if isinstance(model, ClosedFormRecommender):
            return  # scores need no factors
        model.eval()
        with torch.no_grad():
            user, item = model.encode(data)
        assert user.size(0) == model.num_users
        assert item.size(0) == model.num_items
        assert user.size(1) == item.size(1)
        assert user.isfinite().all()
        assert item.isfinite().all()

    def test_loss_falls(self) -> None:
        self._skip_unless("trainable")
        data = self.data()
        model = self.build(data)
        data = model.prepare(data)
        batch = example_batch(data)
        losses = train(model, data, [batch] * self.steps, self.lr)
        assert sum(losses[-3:]) / 3 < losses[0]

    def test_learns_taste(self) -> None:
        """Unseen items of the user's own group end up above those of the other."""
        self._skip_unless("trainable")
        data = self.data()
        model = self.build(data)
        data = model.prepare(data)
        train(model, data, self.batches(data, self.steps), self.lr)
        model.eval()
        users, items = torch.arange(model.num_users - 1), model.num_items - 1
        with torch.no_grad():
            score = model.score(data, users)[:, :items]
        own = users.view(-1, 1) % 2 == torch.arange(items).view(1, -1) % 2
        row, item = model.seen_items(data).seen(users)
        unseen = torch.ones_like(own)
        unseen[row, item] = False
        wanted, other = score[own & unseen], score[~own]
        assert wanted.mean() > other.mean()

    @pytest.mark.parametrize("modalities", [None, *MODALITIES])
    def test_every_parameter_gets_a_gradient(
        self, modalities: tuple[str, ...] | None
    ) -> None:
        self._skip_unless("trainable")
        if modalities is not None:
            self._skip_unless("multimodal")
        data = self.data(modalities)
        model = self.build(data)
        data = model.prepare(data)
        names = {id(p): name for name, p in model.named_parameters()}
        # One step first: a parameter may start where its gradient vanishes.
        train(model, data, self.batches(data, 2), self.lr)

        model.zero_grad()
        sum_parts(model.loss(data, example_batch(data))).backward()
        for parameter in model.main_parameters():
            assert parameter.grad is not None, names[id(parameter)]
            assert parameter.grad.abs().max() > 0, names[id(parameter)]

        model.zero_grad()
        loss = model.estimator_loss(data)
        assert (loss is None) == (not model.estimator_parameters())
        if loss is not None:
            loss.backward()
        for parameter in model.estimator_parameters():
            assert parameter.grad is not None, names[id(parameter)]
            assert parameter.grad.abs().max() > 0, names[id(parameter)]
        # Estimators learn on detached inputs.
        for parameter in model.main_parameters():
            assert parameter.grad is None, names[id(parameter)]

    def test_parts_are_named_scalars(self) -> None:
        self._skip_unless("trainable")
        data = self.data()
        model = self.build(data)
        data = model.prepare(data)
        parts = model.loss(data, example_batch(data))
        assert parts
        for name, part in parts.items():
            assert isinstance(name, str)
            assert part.dim() == 0
            assert part.isfinite()

    def test_state_changes_nothing(self) -> None:
        self._skip_unless("trainable")
        data = self.data()
        model = self.build(data)
        data = model.prepare(data)
        batch = example_batch(data)
        torch.manual_seed(1)
        alone = model.loss(data, batch)
        torch.manual_seed(1)
        shared = model.loss(data, batch, model.representations(data))
        assert alone.keys() == shared.keys()
        for name, value in alone.items():
            torch.testing.assert_close(value, shared[name], msg=name)

    def test_same_seed_same_result(self) -> None:
        data = self.data()
        results = []
        for _ in range(2):
            model = self.build(data, seed=3)
            graph = model.prepare(data)
            if model.trainable:
                train(model, graph, self.batches(graph, 3), self.lr)
            results.append(model.recommend(graph, torch.arange(model.num_users), 5))
        assert torch.equal(results[0].item_index, results[1].item_index)
        assert torch.equal(results[0].score, results[1].score)

    def test_reset_draws_everything_anew(self) -> None:
        self._skip_unless("trainable")
        data, losses = self.data(), []
        for steps in (0, 2):
            model = self.build(data)
            graph = model.prepare(data)
            train(model, graph, self.batches(graph, steps), self.lr)
            torch.manual_seed(1)
            model.reset_parameters()
            torch.manual_seed(2)
            losses.append(train(model, graph, self.batches(graph, 2), self.lr))
        assert losses[0] == losses[1]

    def test_save_and_load(self) -> None:
        data = self.data()
        model = self.build(data)
        data = model.prepare(data)
        if model.trainable:
            train(model, data, self.batches(data, 3), self.lr)
        users = torch.arange(model.num_users)
        expected = model.recommend(data, users, 5)

        file = io.BytesIO()
        torch.save(model.state_dict(), file)
        file.seek(0)
        hparams = json.loads(json.dumps(model.hparams()))
        torch.manual_seed(99)
        loaded = self.model_class(**hparams)
        loaded.load_state_dict(torch.load(file, weights_only=True))
        found = loaded.recommend(data, users, 5)
        assert torch.equal(found.item_index, expected.item_index)
        assert torch.equal(found.score, expected.score)

    def test_copy(self) -> None:
        data = self.data()
        model = self.build(data)
        data = model.prepare(data)
        twin = copy.deepcopy(model)
        users = torch.arange(4)
        assert torch.equal(
            model.recommend(data, users, 5).score, twin.recommend(data, users, 5).score
        )

    def test_recommend_excludes_seen(self) -> None:
        data = self.data()
        model = self.build(data)
        data = model.prepare(data)
        users = torch.arange(model.num_users)
        found = model.recommend(data, users, model.num_items)
        row, item = model.seen_items(data).seen(users)
        for user in range(model.num_users):
            seen = set(item[row == user].tolist())
            kept = found.item_index[user][found.item_index[user] >= 0].tolist()
            assert set(kept) == set(range(model.num_items)) - seen
        every = model.recommend(data, users, model.num_items, exclude_seen=False)
        assert (every.item_index.sort(dim=1).values == torch.arange(30)).all()
        pairs = torch.tensor([[0, 0, 1], [3, 28, 7]])
        for exclude_seen, before in ((True, found), (False, every)):
            found = model.recommend(
                data, users, model.num_items, exclude_seen, exclude=pairs
            )
            for user in range(model.num_users):
                left_out = {-1, *pairs[1][pairs[0] == user].tolist()}
                expected = set(before.item_index[user].tolist()) - left_out
                assert set(found.item_index[user].tolist()) - {-1} == expected
        pairs[1] = 29  # what is kept of the pairs follows them
        found = model.recommend(data, users, model.num_items, exclude=pairs)
        assert not (found.item_index[:2] == 29).any()

    def test_recommend_keeps_all_modes(self) -> None:
        data = self.data()
        model = self.build(data)
        data = model.prepare(data)
        users = torch.arange(4)
        expected = model.eval().recommend(data, users, 5)
        assert not any(module.training for module in model.modules())
        model.train()
        for module in list(model.modules())[1::2]:
            module.training = False
        modes = [module.training for module in model.modules()]
        found = model.recommend(data, users, 5)
        assert [module.training for module in model.modules()] == modes
        assert torch.equal(found.item_index, expected.item_index)
        assert torch.equal(found.score, expected.score)

    def test_trains_after_inference_mode(self) -> None:
        """What an evaluation leaves behind serves training, too."""
        self._skip_unless("trainable")
        data = self.data()
        for name in self.modalities:
            mask = torch.arange(data["item"].num_nodes) > 0
            data["item"][f"mask_{name}"] = mask
        model = self.build(data)
        with torch.inference_mode():
            model.recommend(data, torch.arange(3), 2)
        data = model.prepare(data)
        losses = train(model, data, [example_batch(data)], self.lr)
        assert all(torch.tensor(losses).isfinite())

    def test_evaluation_is_deterministic(self) -> None:
        data = self.data()
        model = self.build(data).eval()
        data = model.prepare(data)
        users = torch.arange(model.num_users)
        with torch.no_grad():
            assert torch.equal(model.score(data, users), model.score(data, users))

    def test_user_and_item_without_edges(self) -> None:
        data = self.data()
        user, item = data["user", "rates", "item"].edge_index
        assert user.max() < data["user"].num_nodes - 1
        assert item.max() < data["item"].num_nodes - 1
        model = self._run(data)
        last = torch.tensor([model.num_users - 1])
        found = model.recommend(model.prepare(data), last, model.num_items)
        assert (found.item_index >= 0).all()

    def test_other_node_types(self) -> None:
        edge_type = ("listener", "plays", "track")
        self._run(self.data(edge_type=edge_type), edge_type=edge_type)

    def test_prepare_is_idempotent(self) -> None:
        data = self.data()
        model = self.build(data)
        once = model.prepare(data)
        assert model.prepare(once).edge_types == once.edge_types
        assert data.edge_types == [RATES], "prepare must not change its argument"

    @pytest.mark.parametrize("modalities", MODALITIES)
    def test_number_of_modalities(self, modalities: tuple[str, ...]) -> None:
        self._skip_unless("multimodal")
        self._run(self.data(modalities))

    def test_missing_modality(self) -> None:
        self._skip_unless("multimodal")
        self._run(self.data(mask=True))

    def test_missing_rows_are_not_read(self) -> None:
        self._skip_unless("multimodal")
        first, second = self.data(mask=True), self.data(mask=True)
        name = self.modalities[0]
        missing = ~second["item"][f"mask_{name}"]
        second["item"][f"x_{name}"][missing] = 1e6
        found = []
        for data in (first, second):
            model = self.build(data)
            data = model.prepare(data)
            found.append(model.recommend(data, torch.arange(5), 5))
        assert torch.equal(found[0].item_index, found[1].item_index)
        assert torch.equal(found[0].score, found[1].score)

    def test_modalities_of_any_name(self) -> None:
        self._skip_unless("multimodal")
        model = self._run(self.data(ODD_NAMES))
        loaded = self.model_class(**json.loads(json.dumps(model.hparams())))
        loaded.load_state_dict(model.state_dict())
        assert loaded.hparams() == json.loads(json.dumps(model.hparams()))

    @pytest.mark.parametrize("dtype", [torch.float64, torch.int64])
    def test_features_of_another_type(self, dtype: torch.dtype) -> None:
        self._skip_unless("multimodal")
        data, other = self.data(), self.data()
        for name in self.modalities:
            x = (4 * data["item"][f"x_{name}"]).round()
            data["item"][f"x_{name}"], other["item"][f"x_{name}"] = x, x.to(dtype)
        users = torch.arange(5)
        expected, found = (
            self._run(graph).recommend(self.build(graph).prepare(graph), users, 5)
            for graph in (data, other)
        )
        torch.testing.assert_close(found.score, expected.score)

    def test_in_double_precision(self) -> None:
        self._skip_unless("multimodal")
        data = self.data()
        for name in self.modalities:
            data["item"][f"x_{name}"] = data["item"][f"x_{name}"].double()
        model = self.build(data).double()
        found = model.recommend(model.prepare(data), torch.arange(5), 5)
        assert found.score.dtype == torch.double

    def test_refuses_edges_without_nodes(self) -> None:
        data = self.data()
        model = self.build(data)
        edge_index = data["user", "rates", "item"].edge_index
        for fault in ([[3], [model.num_items]], [[-1], [0]]):
            broken = copy.copy(data)
            edges = torch.cat([edge_index, torch.tensor(fault)], dim=1)
            broken["user", "rates", "item"].edge_index = edges
            with pytest.raises(ValueError, match="must lie in"):
                model.recommend(broken, torch.arange(2), 5)

    def test_shows_its_arguments(self) -> None:
        shown = inspect.signature(self.model_class).parameters
        own = inspect.signature(self.model_class.__init__).parameters
        assert list(shown) == list(own)[1:]
        assert shown.keys() == self.build(self.data()).hparams().keys()

    def test_arguments_are_its_own(self) -> None:
        data = self.data()
        model = self.build(data)
        before = json.dumps(model.hparams())
        for value in model.hparams().values():
            if isinstance(value, dict):
                value["changed"] = 1
        assert json.dumps(model.hparams()) == before

    @pytest.mark.parametrize("size", ["num_users", "num_items"])
    def test_refuses_a_graph_of_other_sizes(self, size: str) -> None:
        data = self.data()
        model = self.build(data)
        other = example_data(self.modalities, **{size: 50})
        calls = [model.encode, lambda graph: model.score(graph, torch.arange(2))]
        calls.append(lambda graph: model.recommend(graph, torch.arange(2), 5))
        if isinstance(model, ClosedFormRecommender):
            calls.append(model.fit)
        else:
            calls.append(lambda graph: model.loss(graph, example_batch(data)))
        message = rf"built for {getattr(model, size)} nodes of type .* \(got 50\)"
        for call in calls:
            with pytest.raises(ValueError, match=message):
                call(model.prepare(other))

    def test_refuses_features_of_another_width(self) -> None:
        self._skip_unless("multimodal")
        data = self.data()
        model = self.build(data)
        name = self.modalities[-1]
        data["item"][f"x_{name}"] = torch.randn(model.num_items, 7)
        message = rf"built for modality '{name}' of width {WIDTHS[name]} \(got 7\)"
        with pytest.raises(ValueError, match=message):
            model.modality_features(data)
        with pytest.raises(ValueError, match=message):
            model.loss(model.prepare(data), example_batch(data))


class ClosedFormTests(RecommenderTests):
    """What a model that is fitted at once must pass as well."""

    def test_scores_nothing_before_it_is_fitted(self) -> None:
        data = self.data()
        fitted, users = self.build(data), torch.arange(3)
        model = self.model_class.from_data(data, **self.kwargs)
        for use in (model.encode, lambda data: model.score(data, users)):
            with pytest.raises(RuntimeError, match=r"call fit\(data\)"):
                use(data)
        model.load_state_dict(fitted.state_dict())
        assert torch.equal(model.score(data, users), fitted.score(data, users))
        within = torch.nn.ModuleList([self.model_class.from_data(data, **self.kwargs)])
        within.load_state_dict(torch.nn.ModuleList([fitted]).state_dict())
        assert torch.equal(within[0].score(data, users), fitted.score(data, users))
        assert copy.deepcopy(fitted).fitted
        old = fitted.state_dict()
        del old["was_fitted"]  # as earlier versions saved it
        model.reset_parameters()
        model.load_state_dict(old)
        assert torch.equal(model.score(data, users), fitted.score(data, users))
        model.reset_parameters()
        for state in (model.state_dict(), {}):  # of one that was not, and nothing
            model.load_state_dict(state, strict=False)
            with pytest.raises(RuntimeError, match="has not been fitted"):
                model.recommend(data, users, 3)

    def test_an_interaction_counts_once(self) -> None:
        data, twice = self.data(), self.data()
        edge_index = twice["user", "rates", "item"].edge_index
        edges = torch.cat([edge_index, edge_index[:, ::3], edge_index[:, :5]], dim=1)
        twice["user", "rates", "item"].edge_index = edges
        expected, found = self.build(data), self.build(twice)
        users = torch.arange(expected.num_users)
        assert torch.equal(found.score(twice, users), expected.score(data, users))
