"""Separate learning as a plug-in for any multimodal model."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from sea_pyg.nn.loss.masking import common_rows, detached
from sea_pyg.nn.loss.modality_distances import Distances
from sea_pyg.nn.loss.separate_mapping import SeparateMapping, SeparateMaps, check_maps
from sea_pyg.nn.loss.separate_options import (
    Distance,
    check_fit_on,
    named_distance,
    resolve_alignment_pairs,
)
from sea_pyg.nn.loss.solo_sim_loss import SoloSimLoss
from sea_pyg.nn.mi import MutualInformationEstimator
from sea_pyg.nn.mi.joint import joint_fit, joint_learning_loss
from sea_pyg.typing import OptTensor
from sea_pyg.utils import InitArguments, check_counts, check_in_channels, check_interval


class SeparateLearning(InitArguments, SeparateMapping):
    r"""Separate each modality's features into a generic and a unique part, as in `"It
    is Never Too Late to Mend: Separate Learning for Multimedia Recommendation"
    <https://arxiv.org/abs/2406.08270>`_.

    .. math::
        \mathcal{L} = \alpha \, \frac{1}{|P|} \sum_{(a, b) \in P}
        \mathrm{SoloSim}\bigl(f_a(\mathbf{g}_a), f_b(\mathbf{g}_b)\bigr) +
        \beta \, \frac{1}{M} \sum_m
        \hat{I}\bigl(\mathbf{A}_m \mathbf{g}_m; \mathbf{B}_m \mathbf{u}_m\bigr)

    The first half :math:`\mathbf{g}_m` of the columns of each modality is aligned with
    the other modalities, and kept apart from the second half :math:`\mathbf{u}_m` by an
    upper bound :math:`\hat{I}` of their mutual information. It attaches to any
    dictionary of item features that carry a gradient:

    .. code-block:: python

        separate = SeparateLearning({"text": 64, "audio": 64})
        main = Adam([*model.parameters(), *separate.main_parameters()])
        inner = Adam(separate.estimator_parameters())  # fits q, and nothing else does
        for batch in loader:
            maps = separate.maps(model.features(data))
            separate.fit_estimators(maps, inner, steps=50)
            loss = model.bpr(batch) + sum(separate.loss(maps).values())
            main.zero_grad()
            loss.backward()
            main.step()

    Args:
        in_channels: Width of every modality's features, by name; even.
        distance: What keeps the parts apart: :obj:`"club"`, :obj:`"l1out"`,
            :obj:`"vub"`, :obj:`"l2"` (:class:`DistanceLoss`), :obj:`"orthogonal"`
            (:class:`OrthogonalLoss`),
            :obj:`"subtraction"` (the generic half is taken off the unique one, and
            there is no loss), :obj:`None`, or a callable that makes a
            :class:`MutualInformationEstimator` or a loss from both widths, or where
            one stands, as ``"package.module.Class"``; a lower bound can fall while the
            parts share as much as before. (default: :obj:`"club"`)
        distance_kwargs: Further arguments of the distance's class;
            ``{"conditional": "linear"}`` needs no inner loop, and twice as many items
            as ``distance_channels``: fewer have no distance. A model q or a critic is
            given as a callable that makes it, since each modality has its own.
        alignment_pairs: The (query, key) modalities to align.
            (default: every unordered pair once, the later one as the query)
        alpha: Weight of the alignment. ``alignment_pairs=[]`` skips its computation; a
            weight of 0 does not. (default: :obj:`0.012`)
        beta: Weight of the distance. ``distance=None`` skips its computation; a weight
            of 0 does not. (default: :obj:`0.006`)
        temperature: Temperature of :class:`SoloSimLoss`. (default: :obj:`0.046`)
        distance_channels: Width of the distance's space. (default: :obj:`32`)
        head_channels: Hidden width of the alignment's heads. (default: :obj:`64`)
        alignment_channels: Width of the alignment's space. (default: :obj:`32`)
        shared_estimator: Whether all modalities share one estimator.
            (default: :obj:`False`)
        fit_on: The pairs that estimators learn from: :obj:`"own"`, those they are
            evaluated on, or :obj:`"cross"`, generic with generic and unique with
            unique part across the alignment pairs. (default: :obj:`"own"`)
        standardize: Whether an estimator sees its pairs with mean zero and variance one
            in every dimension. (default: :obj:`True`)
        chunk_size: Rows of logits that the alignment holds at a time; the result does
            not depend on it. (default: :obj:`512`)
        sample_size: Most items that a training step compares, drawn anew in each by
            :meth:`maps`: the alignment's time grows with their square. The bound that
            it maximises is at most the logarithm of their number. (default: all)

    Shapes:
        - **input:** features by name, each :math:`(N, C_m)`, and masks by name, each
          :math:`(N)` *(optional)*
        - **output:** two scalars by name, :obj:`"distance"` and :obj:`"alignment"`

    Raises:
        ValueError: If a width is odd, a number is out of range, a modality, distance
            or option is unknown, or modalities with estimators of their own are given
            one module.

    .. note::
        The released code has one estimator for all modalities and fits it on pairs
        across modalities, though it is evaluated on pairs within one:
        ``shared_estimator=True, fit_on="cross"``. It aligns the single pair
        ``alignment_pairs=[("text", "image")]``. See :class:`CLUB` for what it does to
        the bound. Items that lack a modality, which it knows nothing of, take no part
        in that modality's losses here.

    .. note::
        Mutual information does not depend on the scale of a dimension, but the fit of a
        model of it does: the maps shrink in training until the model's error outweighs
        its variance, and its estimate then misleads them. The released code lets them:
        ``standardize=False``.
    """

    def __init__(
        self,
        in_channels: Mapping[str, int],
        distance: Distance | None = "club",
        distance_kwargs: Mapping[str, Any] | None = None,
        alignment_pairs: Sequence[tuple[str, str]] | None = None,
        alpha: float = 0.012,
        beta: float = 0.006,
        temperature: float = 0.046,
        distance_channels: int = 32,
        head_channels: int = 64,
        alignment_channels: int = 32,
        shared_estimator: bool = False,
        fit_on: str = "own",
        standardize: bool = True,
        chunk_size: int | None = 512,
        sample_size: int | None = None,
    ) -> None:
        check_in_channels(in_channels)
        check_interval("[0, inf)", alpha=alpha, beta=beta)
        check_counts(
            1,
            distance_channels=distance_channels,
            head_channels=head_channels,
            alignment_channels=alignment_channels,
        )
        names = list(in_channels)
        pairs = resolve_alignment_pairs(names, alignment_pairs)
        check_fit_on(fit_on, shared_estimator, pairs)
        distances = Distances(
            names, distance, distance_kwargs or {}, distance_channels, shared_estimator
        )
        super().__init__(
            in_channels,
            aligned={name for pair in pairs for name in pair},
            subtract=distance == "subtraction",
            has_distance=len(distances) > 0,
            standardize=standardize and bool(distances.estimators()),
            distance_channels=distance_channels,
            head_channels=head_channels,
            alignment_channels=alignment_channels,
            sample_size=sample_size,
        )
        self.alignment_pairs = pairs
        self.alpha = alpha
        self.beta = beta
        self.distance = distance
        self.fit_on = fit_on
        self.solo_sim = SoloSimLoss(temperature, chunk_size)
        self.distances = distances
        self.has_estimator_parameters = bool(self.estimator_parameters())
        self.reset_parameters()

    def hparams(self) -> dict[str, Any]:
        """Return the constructor's arguments, a distance of one's own by its path."""
        return named_distance(super().hparams())

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        super().reset_parameters()
        self.distances.reset_parameters()

    def forward(
        self,
        features: Mapping[str, Tensor],
        masks: Mapping[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Compute both losses, weighted."""
        return self.loss(self.maps(features, masks))

    def loss(self, maps: SeparateMaps, index: OptTensor = None) -> dict[str, Tensor]:
        """Compute both losses, weighted, from what :meth:`maps` returned.

        Args:
            maps: What :meth:`maps` returned.
            index: The item that each row stands for, :math:`(N)`, if items can stand
                there several times; they count once in the alignment.
                (default: all differ)
        """
        return {
            "distance": self.beta * self.distance_loss(maps, index),
            "alignment": self.alpha * self.alignment_loss(maps, index),
        }

    def alignment_loss(self, maps: SeparateMaps, index: OptTensor = None) -> Tensor:
        """Compute the mean alignment of the pairs of modalities, without its weight.

        The arguments are those of :meth:`loss`.
        """
        check_maps(maps)
        losses = []
        for query_name, key_name in self.alignment_pairs:
            query, key, items = maps.aligned[query_name], maps.aligned[key_name], index
            rows = common_rows(maps.masks, query_name, key_name)
            if rows is not None:
                query, key = query[rows], key[rows]
                items = None if items is None else items[rows]
            # A single candidate is always right.
            if query.size(0) > 1:
                losses.append(self.solo_sim(query, key, items))
        if not losses:
            return maps.zero
        return torch.stack(losses).sum() / len(self.alignment_pairs)

    def distance_loss(self, maps: SeparateMaps, index: OptTensor = None) -> Tensor:
        """Compute the mean distance of the modalities' parts, without its weight.

        The arguments are those of :meth:`loss`. Of too few different items it is left
        out: with a warning, unless they are those of a batch, of which the last one may
        be small.
        """
        check_maps(maps)
        losses = []
        for name in maps.pairs:
            generic, unique = maps.present(name)
            fewest = self.distances.fewest_rows(name)
            if maps.count_items(name, index if fewest > 2 else None) >= fewest:
                losses.append(self.estimator(name)(generic, unique))
            elif generic.size(0) > 1 and index is None:
                warnings.warn(
                    f"the distance of modality {name!r} is left out: a linear q needs "
                    f"{fewest} items, twice distance_channels; choose fewer channels",
                    stacklevel=2,
                )
        if not losses:
            return maps.zero
        return torch.stack(losses).sum() / len(self.modalities)

    def estimator(self, name: str) -> torch.nn.Module:
        """Return the distance of a modality's parts."""
        return self.distances.of(name)

    def estimator_parameters(self) -> list[Parameter]:
        """List the parameters that :meth:`estimator_loss` trains."""
        return self.distances.estimator_parameters()

    def main_parameters(self) -> list[Parameter]:
        """List the parameters that the loss trains: all but the estimators', which
        would lower the bound by making it wrong.
        """
        own = {id(p) for p in self.estimator_parameters()}
        return [p for p in self.parameters() if id(p) not in own]

    def estimator_loss(
        self,
        features: Mapping[str, Tensor] | SeparateMaps,
        masks: Mapping[str, Tensor] | None = None,
    ) -> Tensor | None:
        """Compute the estimators' own objective, summed, on detached pairs.

        Args:
            features: The features, or what :meth:`maps` returned.
            masks: Masks of the features.

        Returns:
            A scalar, or :obj:`None` if there is nothing to learn.
        """
        if not self.has_estimator_parameters:
            return None
        if not isinstance(features, SeparateMaps):
            features = self.maps(features, masks)
        estimators, pairs = self._fitting_pairs(features)
        return joint_learning_loss(estimators, pairs) if pairs else None

    def fit_estimators(
        self, maps: SeparateMaps, optimizer: torch.optim.Optimizer, steps: int
    ) -> Tensor | None:
        """Take an optimizer's steps on :meth:`estimator_loss`.

        Args:
            maps: What :meth:`maps` returned.
            optimizer: That of :meth:`estimator_parameters`.
            steps: Number of steps.

        Returns:
            The last loss, or :obj:`None` if there is nothing to learn.
        """
        check_maps(maps)
        if not self.has_estimator_parameters:
            return None
        estimators, pairs = self._fitting_pairs(maps)
        return joint_fit(estimators, pairs, optimizer, steps) if pairs else None

    def _fitting_pairs(
        self, maps: SeparateMaps
    ) -> tuple[list[MutualInformationEstimator], list[tuple[Tensor, Tensor]]]:
        found = maps.to_fit(None if self.fit_on == "own" else self.alignment_pairs)
        estimators = [self.distances.estimator(name) for name, *_ in found]
        return estimators, [(detached(x), detached(y)) for _, x, y in found]

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.in_channels}, distance={self.distance!r}, "
            f"alpha={self.alpha}, beta={self.beta})"
        )
