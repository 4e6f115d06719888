"""What every recommender of this library can do."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer
from torch_geometric.data import HeteroData

from sea_pyg.nn.mi.minimize import minimize
from sea_pyg.nn.models.graph_model import GraphModel
from sea_pyg.nn.models.ranking import evaluation_mode, rank_items
from sea_pyg.typing import (
    RATES,
    EdgeType,
    Embeddings,
    OptTensor,
    Recommendations,
    Triplets,
)
from sea_pyg.utils import (
    EdgeMembership,
    InitArguments,
    check_edge_type,
    checked_edges,
    device_of,
    memoize,
    modality_input,
    modality_names,
    node_count,
    on_device,
    warn_of_masks,
)


class Recommender(InitArguments, GraphModel, ABC):
    r"""Base class of all models that rank items for users on a ``HeteroData`` graph.

    A model implements :meth:`encode` and :meth:`loss`; it inherits scoring,
    recommending and the bookkeeping that training, saving and loading need. A loss
    comes in named parts that are already weighted: their sum is the objective.

    Args:
        num_users: Number of users :math:`N_u`.
        num_items: Number of items :math:`N_i`.
        edge_type: The user-item edge type that the model reads.

    Raises:
        ValueError: If there is no user or no item.
    """

    multimodal: ClassVar[bool] = False
    """Whether the model reads item features (and takes ``in_channels``)."""

    training_defaults: ClassVar[dict[str, Any]] = {"lr": 1e-3}
    """Published training settings where they differ from ``TrainingConfig``'s."""

    presets: ClassVar[Mapping[str, Callable[[Sequence[str]], dict[str, Any]]]] = {}
    """Settings that have a name: what makes their arguments from the modalities."""

    chosen_on: ClassVar[dict[str, tuple[str, ...]]] = {}
    """Data sets on whose validation data presets were chosen, by the preset."""

    @classmethod
    def from_data(
        cls,
        data: HeteroData,
        modalities: Sequence[str] | None = None,
        edge_type: EdgeType = RATES,
        preset: str | None = None,
        **kwargs: Any,
    ) -> "Recommender":
        """Build the model with the sizes of a graph.

        Args:
            data: The graph.
            modalities: Item modalities to use, in this order; all that the graph has,
                in alphabetical order, by default. Ignored by models that read none.
            edge_type: The user-item edge type.
            preset: Name of settings to start from, see :attr:`presets`.
            **kwargs: Further constructor arguments, which take precedence.

        Raises:
            ValueError: If the graph has no such edges or no such modality, or the
                preset is unknown.
            TypeError: If the constructor has no such argument.

        Warns:
            UserWarning: If a ``mask_<modality>`` is of no modality.
        """
        check_edge_type(data, edge_type)
        user_type, _, item_type = edge_type
        num_users, num_items = node_count(data, user_type), node_count(data, item_type)
        if not cls.multimodal:
            if preset is not None:
                kwargs = {**cls.preset_arguments(preset, []), **kwargs}
            return cls(num_users, num_items, edge_type=edge_type, **kwargs)
        names = modality_names(data, item_type, modalities)
        warn_of_masks(data, item_type)
        if modalities is not None and not names:
            raise ValueError(
                f"{cls.__name__} needs item features, but modalities is empty; name "
                "some, or leave it out for all"
            )
        if not names:
            raise ValueError(
                f"{cls.__name__} needs item features, but node type {item_type!r} has "
                "none; set data['item'].x_<modality> or choose a model without features"
            )
        in_channels = {
            name: modality_input(data, name, item_type).size(1) for name in names
        }
        if preset is not None:
            kwargs = {**cls.preset_arguments(preset, names), **kwargs}
        kwargs["in_channels"] = in_channels
        return cls(num_users, num_items, edge_type=edge_type, **kwargs)

    @classmethod
    def preset_arguments(cls, name: str, modalities: Sequence[str]) -> dict[str, Any]:
        """Return the constructor's arguments of a preset.

        Args:
            name: One of :attr:`presets`.
            modalities: The item modalities, in order.

        Raises:
            ValueError: If there is no such preset, or the modalities do not fit it.
        """
        if name not in cls.presets:
            known = ", ".join(map(repr, cls.presets)) or "none"
            raise ValueError(f"{cls.__name__} has no preset {name!r}; it has {known}")
        return cls.presets[name](modalities)

    def prepare(self, data: HeteroData) -> HeteroData:
        """Return ``data`` with the frozen graphs that the model reads added.

        Idempotent. A graph that is there already is kept if its ``made_by`` says that
        it was made with this model's settings, of these features or interactions; one
        that was made otherwise is replaced in what is returned, never in ``data``. One
        without ``made_by`` is the user's own, and kept. Most models need none.
        """
        return data

    @abstractmethod
    def encode(self, data: HeteroData) -> Embeddings:
        """Compute the embeddings whose dot product is the score.

        Shapes:
            Returns user :math:`[N_u, D]` and item :math:`[N_i, D]` embeddings.
        """

    @abstractmethod
    def loss(
        self, data: HeteroData, batch: Triplets, state: Any = None
    ) -> dict[str, Tensor]:
        """Compute the named and weighted parts of the training objective.

        Args:
            data: The training graph.
            batch: Users with a positive and a negative item each.
            state: What :meth:`representations` returned for the current parameters;
                computed here if absent.
        """

    def representations(self, data: HeteroData) -> Any:
        """Compute what of a training step does not depend on the batch.

        :meth:`estimator_loss` and :meth:`loss` share it within one step. Models that
        have nothing to share return ``None``.
        """
        return None

    def estimator_loss(self, data: HeteroData, state: Any = None) -> Tensor | None:
        """Compute the mutual-information estimators' own objective.

        Its inputs are detached, so it trains :meth:`estimator_parameters` only.
        ``None`` for models without estimators.

        Training follows it through :meth:`fit_estimators`. Models that take these steps
        in a faster way override both; a subclass of theirs that overrides this method
        alone is fitted by it, without the faster way.
        """
        return None

    def fit_estimators(
        self, data: HeteroData, state: Any, optimizer: Optimizer, steps: int
    ) -> Tensor | None:
        """Take an optimizer's steps on :meth:`estimator_loss`.

        Args:
            data: The training graph.
            state: What :meth:`representations` returned.
            optimizer: That of :meth:`estimator_parameters`; a first-order one, whose
                ``step`` needs no closure, as all of ``torch.optim`` but ``LBFGS``.
            steps: Number of steps.

        Returns:
            The last loss, or ``None`` if there is nothing to learn.
        """
        return minimize(lambda: self.estimator_loss(data, state), optimizer, steps)

    def estimator_parameters(self) -> list[Parameter]:
        """List the parameters that :meth:`estimator_loss` trains."""
        return []

    def main_parameters(self) -> list[Parameter]:
        """List the parameters that :meth:`loss` trains."""
        estimator = {id(p) for p in self.estimator_parameters()}
        return [p for p in self.parameters() if id(p) not in estimator]

    @property
    def modality_channels(self) -> dict[str, int]:
        """Width :math:`C_m` of each of :meth:`modality_features`.

        ``WithSeparateLearning`` reads it.
        """
        raise NotImplementedError(
            f"{type(self).__name__} does not tell the widths of its modality features; "
            "give separate learning its in_channels"
        )

    def modality_features(self, data: HeteroData) -> dict[str, Tensor]:
        """Return each modality's projected item features, with gradient.

        ``SeparateLearning`` attaches to them.

        Shapes:
            Each :math:`[N_i, C_m]`.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no modality features for separate learning to "
            "attach to; choose a multimodal model"
        )

    def features_in(self, data: HeteroData, state: Any) -> dict[str, Tensor]:
        """Return :meth:`modality_features`, out of ``state`` where it holds them.

        Args:
            data: The training graph.
            state: What :meth:`representations` returned.
        """
        return self.modality_features(data)

    @property
    def scores_by_embeddings(self) -> bool:
        """Whether the score is the dot product of what :meth:`encode` returns."""
        return type(self).score is Recommender.score

    def score(
        self,
        data: HeteroData,
        user_index: Tensor,
        embeddings: Embeddings | None = None,
    ) -> Tensor:
        """Score all items for some users.

        Args:
            data: The graph.
            user_index: Users, :math:`[B]`.
            embeddings: Result of :meth:`encode`, computed here if absent.

        Shapes:
            Returns :math:`[B, N_i]`.
        """
        user, item = self.encode(data) if embeddings is None else embeddings
        return user[user_index] @ item.t()

    @torch.no_grad()
    def recommend(
        self,
        data: HeteroData,
        user_index: Tensor,
        k: int,
        exclude_seen: bool = True,
        batch_size: int | None = None,
        exclude: OptTensor = None,
    ) -> Recommendations:
        """Return the ``k`` best items of some users, on the model's device.

        Args:
            data: The graph.
            user_index: Users, :math:`[B]`.
            k: Number of items per user.
            exclude_seen: Leave out the items of the user's edges in ``data``.
            batch_size: Users scored at a time. (default: 64 MB of scores)
            exclude: Further (user, item) pairs that are left out, as held-out ones.

        Shapes:
            ``exclude`` :math:`[2, P]`; returns item indices and scores, each
            :math:`[B, k]`, filled up with -1 where no item is left.

        Raises:
            ValueError: If ``k`` is not between 1 and the number of items,
                ``user_index`` is no vector of numbers, a user or a pair does not exist,
                or ``batch_size`` is not positive.
        """
        data = on_device(data, device_of(self))
        seen = self.seen_items(data) if exclude_seen else None
        if exclude is not None:
            seen = self._seen_or(data, exclude_seen, exclude)
        with evaluation_mode(self):
            ranked = rank_items(
                self, data, user_index, k, seen, self.num_items, batch_size
            )
            _, index, score = map(torch.cat, zip(*ranked, strict=True))
        return Recommendations(index, score)

    def _seen_or(
        self, data: HeteroData, exclude_seen: bool, exclude: Tensor
    ) -> EdgeMembership:
        """Join pairs with the graph's (built once per tensor of pairs)."""
        edge_index, sizes = self.interactions(data), (self.num_users, self.num_items)
        exclude = checked_edges(exclude, self.edge_type, sizes, "exclude")

        def build() -> EdgeMembership:
            pairs = exclude.to(edge_index.device)
            if exclude_seen:
                pairs = torch.cat([edge_index, pairs], dim=1)
            return EdgeMembership(pairs, *sizes)

        key = ("seen or", exclude_seen, edge_index.device, *sizes)
        return memoize(exclude, key, build, edge_index)
