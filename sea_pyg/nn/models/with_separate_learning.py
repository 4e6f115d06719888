"""Separate learning on top of any multimodal model."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer
from torch_geometric.data import HeteroData

from sea_pyg.nn.loss.separate_learning import SeparateLearning
from sea_pyg.nn.loss.separate_mapping import SeparateMaps
from sea_pyg.nn.models.recommender import Recommender
from sea_pyg.nn.models.resolve import model_name, resolve
from sea_pyg.nn.models.sea import SEA
from sea_pyg.typing import RATES, EdgeType, Embeddings, Triplets
from sea_pyg.utils import modality_masks


class SeparateState(NamedTuple):
    """What estimators and objective share within a training step."""

    backbone: Any
    maps: SeparateMaps


class WithSeparateLearning(Recommender):
    r"""Train any multimodal model with separate learning besides its own objective.

    The plug-in use of `"It is Never Too Late to Mend: Separate Learning for Multimedia
    Recommendation" <https://arxiv.org/abs/2406.08270>`_, which attaches it to VBPR and
    FREEDOM:

    .. math::
        \mathcal{L} = \mathcal{L}_{\text{backbone}} + \alpha \,
        \mathcal{L}_{\text{align}} + \beta \, \mathcal{L}_{\text{distance}}

    with both losses of :class:`~sea_pyg.nn.loss.SeparateLearning` on the backbone's
    :meth:`~sea_pyg.nn.models.Recommender.modality_features`. Encoding, scores and
    graphs are the backbone's alone. Items that ``data['item'].mask_<modality>`` marks
    as missing take no part in that modality's losses; a row of zeros, which the item
    graphs take as missing too, is compared like any other. On a large catalogue,
    ``separate={"sample_size": 4096}`` has a step compare a sample of the items.

    .. code-block:: python

        model = WithSeparateLearning.from_data(data, backbone="VBPR")

        model = WithSeparateLearning(MGCN.from_data(data), {"alpha": 0.1})

    Args:
        backbone: The model, or its name under ``'model'`` with its arguments.
        separate: The losses, or the arguments of
            :class:`~sea_pyg.nn.loss.SeparateLearning` that are not its defaults;
            ``in_channels`` are the widths of the backbone's features by default.

    .. note::
        FREEDOM and BM3 rank by none of the parameters that the losses change: their
        features enter a second loss of the backbone alone, and it is by that loss that
        separate learning reaches the ids. All other backbones rank by them.

    Shapes:
        Those of the backbone.

    Raises:
        ValueError: If the backbone reads no item features, is not trained or has
            separate learning already, or the distance is subtraction, which a backbone
            knows nothing of.
    """

    multimodal = True

    def __init__(
        self,
        backbone: Recommender | Mapping[str, Any],
        separate: SeparateLearning | Mapping[str, Any] | None = None,
    ) -> None:
        if isinstance(backbone, Mapping):
            arguments = dict(backbone)
            backbone = resolve(arguments.pop("model"))(**arguments)
        _check_backbone(type(backbone))
        if not isinstance(separate, SeparateLearning):
            arguments = dict(separate or {})
            if "in_channels" not in arguments:
                arguments["in_channels"] = backbone.modality_channels
            separate = SeparateLearning(**arguments)
        if separate.distance == "subtraction":
            raise ValueError(
                "distance='subtraction' has no loss and changes what the model reads, "
                "which here is the backbone's alone; choose another distance, or SEA"
            )
        super().__init__(backbone.num_users, backbone.num_items, backbone.edge_type)
        self.backbone = backbone
        self.separate = separate
        # The backbone's optimiser, and as many steps of the estimators as SEA has.
        steps = SEA.training_defaults["inner_steps"]
        defaults = {**backbone.training_defaults, "inner_steps": steps}
        self.training_defaults = defaults  # type: ignore[misc]

    @classmethod
    def from_data(
        cls,
        data: HeteroData,
        modalities: Sequence[str] | None = None,
        edge_type: EdgeType = RATES,
        preset: str | None = None,
        backbone: str | type[Recommender] = "FREEDOM",
        separate: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> "WithSeparateLearning":
        """Build the backbone and the losses with the sizes of a graph.

        Args:
            data: The graph.
            modalities: Item modalities to use; all by default.
            edge_type: The user-item edge type.
            preset: A preset of the backbone.
            backbone: The backbone's class or its name.
            separate: Arguments of :class:`~sea_pyg.nn.loss.SeparateLearning` besides
                the widths.
            **kwargs: Further arguments of the backbone.

        Raises:
            TypeError: If an argument is of :class:`~sea_pyg.nn.loss.SeparateLearning`.
            ValueError: If the backbone reads no item features, is not trained or has
                separate learning already.
        """
        model_class = resolve(backbone) if isinstance(backbone, str) else backbone
        _check_backbone(model_class)
        _check_arguments(model_class, kwargs)
        model = model_class.from_data(data, modalities, edge_type, preset, **kwargs)
        return cls(model, separate)

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        for module in (self.backbone, self.separate):
            assert callable(module.reset_parameters)
            module.reset_parameters()

    def hparams(self) -> dict[str, Any]:
        """Return the constructor's arguments, with mappings in place of modules."""
        return {
            "backbone": {
                "model": model_name(type(self.backbone)),
                **self.backbone.hparams(),
            },
            "separate": self.separate.hparams(),
        }

    def prepare(self, data: HeteroData) -> HeteroData:
        """Add the graphs that the backbone reads."""
        return self.backbone.prepare(data)

    def encode(self, data: HeteroData) -> Embeddings:
        """Encode with the backbone."""
        return self.backbone.encode(data)

    @property
    def scores_by_embeddings(self) -> bool:
        """Whether the backbone's score is the dot product of its embeddings."""
        own = type(self).score is WithSeparateLearning.score
        return own and self.backbone.scores_by_embeddings

    def score(
        self,
        data: HeteroData,
        user_index: Tensor,
        embeddings: Embeddings | None = None,
    ) -> Tensor:
        """Score with the backbone."""
        return self.backbone.score(data, user_index, embeddings)

    @property
    def modality_channels(self) -> dict[str, int]:
        """Width of each of the backbone's features."""
        return self.backbone.modality_channels

    def modality_features(self, data: HeteroData) -> dict[str, Tensor]:
        """Return the backbone's features."""
        return self.backbone.modality_features(data)

    def representations(self, data: HeteroData) -> SeparateState:
        """Compute what the backbone shares, and what the losses compare."""
        backbone = self.backbone.representations(data)
        features = self.backbone.features_in(data, backbone)
        masks = modality_masks(data, features, self.edge_type[2])
        return SeparateState(backbone, self.separate.maps(features, masks))

    def loss(
        self, data: HeteroData, batch: Triplets, state: Any = None
    ) -> dict[str, Tensor]:
        """Return the backbone's parts, ``distance`` and ``alignment``.

        A part of the same name in the backbone keeps it; ours is then called
        ``separate_<name>``.
        """
        if state is None:
            state = self.representations(data)
        assert isinstance(state, SeparateState)
        parts = self.backbone.loss(data, batch, state.backbone)
        own = self.separate.loss(state.maps)
        names = {name: f"separate_{name}" if name in parts else name for name in own}
        return parts | {names[name]: part for name, part in own.items()}

    def estimator_loss(self, data: HeteroData, state: Any = None) -> Tensor | None:
        """Compute the objective of all estimators, the backbone's included."""
        if not self.estimator_parameters():
            return None
        if state is None:
            with torch.no_grad():
                state = self.representations(data)
        assert isinstance(state, SeparateState)
        losses = (
            self.backbone.estimator_loss(data, state.backbone),
            self.separate.estimator_loss(state.maps),
        )
        found = [loss for loss in losses if loss is not None]
        return torch.stack(found).sum() if found else None

    def fit_estimators(
        self, data: HeteroData, state: Any, optimizer: Optimizer, steps: int
    ) -> Tensor | None:
        """Take an optimizer's steps on :meth:`estimator_loss`.

        The backbone's estimators take no more of them than they do without separate
        learning, by its ``training_defaults``.
        """
        if type(self).estimator_loss is not WithSeparateLearning.estimator_loss:
            return super().fit_estimators(data, state, optimizer, steps)
        assert isinstance(state, SeparateState)
        losses = [self.separate.fit_estimators(state.maps, optimizer, steps)]
        if self.backbone.estimator_parameters():
            own = min(steps, self.backbone.training_defaults.get("inner_steps", steps))
            losses.append(
                self.backbone.fit_estimators(data, state.backbone, optimizer, own)
            )
        found = [loss for loss in losses if loss is not None]
        return torch.stack(found).sum() if found else None

    def estimator_parameters(self) -> list[Parameter]:
        """List the parameters that :meth:`estimator_loss` trains."""
        own = self.separate.estimator_parameters()
        return self.backbone.estimator_parameters() + own


def _check_backbone(model_class: type[Recommender]) -> None:
    if not (model_class.multimodal and model_class.trainable):
        raise ValueError(
            "separate learning needs a model that is trained on item features (got "
            f"{model_class.__name__}); choose a multimodal one such as VBPR or MGCN"
        )
    if issubclass(model_class, (SEA, WithSeparateLearning)):
        raise ValueError(
            f"{model_class.__name__} has separate learning already; train it as it is, "
            "or choose another backbone"
        )


def _check_arguments(model_class: type[Recommender], names: Iterable[str]) -> None:
    own = inspect.signature(model_class).parameters.values()
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in own):
        return
    ours = inspect.signature(SeparateLearning).parameters.keys()
    for name in names:
        if name in ours - {p.name for p in own}:
            raise TypeError(
                f"{name!r} is an argument of separate learning and not of "
                f"{model_class.__name__}; pass separate={{{name!r}: ...}}"
            )
