"""Both halves of every modality, in the spaces where losses compare them."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Linear

from sea_pyg.nn.functional import Readout, read_columns
from sea_pyg.nn.loss.masking import common_rows, incomplete, rows_of, standardized
from sea_pyg.nn.modality import AlignmentHead, UniqueGenericSplit
from sea_pyg.nn.modality.modality_projection import readout_of
from sea_pyg.nn.modality.module_dict import ModuleDict
from sea_pyg.nn.modality.unique_generic_split import half_width
from sea_pyg.typing import OptTensor, SplitFeatures
from sea_pyg.utils import check_features, fill_missing, memoize


class SeparateMaps(NamedTuple):
    """What the losses compare, computed once a training step."""

    pairs: dict[str, SplitFeatures]
    """Generic and unique part of each modality, mapped to the distance's space."""
    aligned: dict[str, Tensor]
    """Unit vectors of each modality's generic part in the alignment's space."""
    masks: Mapping[str, Tensor]
    """Which items have the modality; all that have no entry."""
    zero: Tensor
    """A zero of the right type, where there is nothing to compare."""

    def present(self, name: str) -> SplitFeatures:
        """Return the parts of the items that have a modality."""
        return _taken(self.pairs[name], rows_of(self.masks.get(name)))

    def count_items(self, name: str, index: OptTensor) -> int:
        """Count the items that have a modality.

        Args:
            name: The modality.
            index: The item that each row stands for. (default: all differ)
        """
        rows = rows_of(self.masks.get(name))
        if index is None:
            return self.pairs[name].generic.size(0) if rows is None else rows.numel()
        if rows is None:  # for all modalities alike
            return memoize(index, "different", lambda: int(index.unique().numel()))
        return int(index[rows].unique().numel())

    def across(self, query: str, key: str) -> list[SplitFeatures]:
        """Return the parts of two modalities, of the items that have both."""
        rows = common_rows(self.masks, query, key)
        return [_taken(self.pairs[name], rows) for name in (query, key)]

    def to_fit(
        self, across: Sequence[tuple[str, str]] | None
    ) -> list[tuple[str, Tensor, Tensor]]:
        """Return the pairs that each modality's estimator learns from, if it has any.

        Args:
            across: The (query, key) modalities whose generic parts, and whose unique
                parts, are such a pair of the query's; without, a modality's own parts.
        """
        if across is None:
            found = [(name, *self.present(name)) for name in self.pairs]
        else:
            found = [
                (query, x, y)
                for query, key in across
                for x, y in zip(*self.across(query, key), strict=True)
            ]
        return [entry for entry in found if entry[1].size(0) > 1]


def _taken(pair: SplitFeatures, rows: OptTensor) -> SplitFeatures:
    if rows is None:
        return pair
    return SplitFeatures(pair.generic[rows], pair.unique[rows])


def check_maps(maps: object) -> None:
    """Check that something is what :meth:`SeparateMapping.maps` returned.

    Raises:
        TypeError: If it is not.
    """
    if not isinstance(maps, SeparateMaps):
        raise TypeError(
            "expected what maps(features, masks) returned (got "
            f"{type(maps).__name__}); call the module for the losses of features"
        )


class SeparateMapping(torch.nn.Module):
    """Map both halves of every modality to the spaces where losses compare them.

    Args:
        in_channels: Width of every modality's features, by name; even.
        aligned: The modalities whose generic half goes to the alignment's space, too.
        subtract: Whether the generic half is taken off the unique one.
        has_distance: Whether both halves are mapped to the distance's space.
        standardize: Whether they have mean zero and variance one in each dimension of
            it.
        distance_channels: Width of the distance's space.
        head_channels: Hidden width of the alignment's heads.
        alignment_channels: Width of the alignment's space.
        sample_size: Most items of a training step; all if absent.

    Raises:
        ValueError: If a width is odd, or there are fewer than two items to a step.
    """

    def __init__(
        self,
        in_channels: Mapping[str, int],
        aligned: Collection[str],
        subtract: bool,
        has_distance: bool,
        standardize: bool,
        distance_channels: int,
        head_channels: int,
        alignment_channels: int,
        sample_size: int | None,
    ) -> None:
        super().__init__()
        if sample_size is not None and sample_size < 2:
            raise ValueError(
                f"sample_size must be at least 2, or None for all (got {sample_size})"
            )
        self.in_channels = dict(in_channels)
        self.has_distance = has_distance
        self.standardize = standardize
        self.sample_size = sample_size
        self.split = UniqueGenericSplit(subtract)
        self.heads = ModuleDict()
        self.generic_maps = ModuleDict()
        self.unique_maps = ModuleDict()
        for name, width in in_channels.items():
            half = half_width(width, name)
            if name in aligned:
                self.heads[name] = AlignmentHead(
                    half, head_channels, alignment_channels
                )
            if has_distance:
                # Standardising takes a bias off again.
                for linears in (self.generic_maps, self.unique_maps):
                    linears[name] = Linear(half, distance_channels, not standardize)

    @property
    def modalities(self) -> list[str]:
        """The modalities' names, in the order of ``in_channels``."""
        return list(self.in_channels)

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        for modules in (self.heads, self.generic_maps, self.unique_maps):
            for module in modules.values():
                module.reset_parameters()

    def maps(
        self,
        features: Mapping[str, Tensor],
        masks: Mapping[str, Tensor] | None = None,
        generator: torch.Generator | None = None,
    ) -> SeparateMaps:
        """Compute what :meth:`loss` and :meth:`estimator_loss` share.

        In training, of ``sample_size`` items at most.

        Args:
            features: The features.
            masks: Masks of the features.
            generator: Source of the sample, of the features' device.

        Raises:
            ValueError: If features or a mask are missing, or of another shape or type.
        """
        self._check(features, masks)
        return self._maps(
            features, masks, self._sample(features[self.modalities[0]], generator)
        )

    def _check(
        self, features: Mapping[str, Tensor], masks: Mapping[str, Tensor] | None
    ) -> None:
        own = next(self.parameters(), None)
        dtype = None if own is None else own.dtype
        check_features(features, masks, self.in_channels, dtype)

    def _maps(
        self,
        features: Mapping[str, Tensor],
        masks: Mapping[str, Tensor] | None,
        index: OptTensor,
    ) -> SeparateMaps:
        masks = incomplete(masks, index)
        outputs = {}
        for name, readouts in self.readouts().items():
            x = features[name]
            x = x if index is None else F.embedding(index, x)
            outputs[name] = read_columns(fill_missing(x, masks.get(name)), readouts)
        zero = features[self.modalities[0]].new_zeros(())
        return self.maps_from_readouts(outputs, zero, masks)

    def _sample(self, x: Tensor, generator: torch.Generator | None) -> OptTensor:
        """Draw the items of a training step; ``None`` stands for all."""
        size, num_items = self.sample_size, x.size(0)
        if size is None or not self.training or num_items <= size:
            return None
        return torch.randperm(num_items, device=x.device, generator=generator)[:size]

    def readouts(self) -> dict[str, list[Readout]]:
        """Return the linear maps that read each modality's features.

        A model whose features are themselves linear can compose them; it hands the
        results to :meth:`maps_from_readouts`.
        """
        readouts: dict[str, list[Readout]] = {}
        for name, width in self.in_channels.items():
            half = width // 2
            readouts[name] = []
            if name in self.heads:
                head = self.heads[name]
                assert isinstance(head, AlignmentHead)
                readouts[name].append(readout_of(head.input, 0, half))
            if name in self.generic_maps:
                for linear, start in (
                    (self.generic_maps[name], 0),
                    (self.unique_maps[name], half),
                ):
                    readouts[name].append(readout_of(linear, start, start + half))
        return readouts

    def maps_from_readouts(
        self,
        outputs: Mapping[str, Sequence[Tensor]],
        zero: Tensor,
        masks: Mapping[str, Tensor] | None = None,
    ) -> SeparateMaps:
        """Continue from the results of :meth:`readouts`, each :math:`(N, C_{out})`."""
        masks = {} if masks is None else masks
        pairs, aligned = {}, {}
        for name in self.modalities:
            rest = list(outputs[name])
            if name in self.heads:
                aligned[name] = self._align(name, rest.pop(0), masks.get(name))
            if self.has_distance:
                if self.standardize:
                    rest = [standardized(x.contiguous(), masks.get(name)) for x in rest]
                pairs[name] = SplitFeatures(*rest)
        return SeparateMaps(pairs, aligned, masks, zero)

    def _align(self, name: str, hidden: Tensor, mask: OptTensor) -> Tensor:
        head = self.heads[name]
        assert isinstance(head, AlignmentHead)
        rows = rows_of(mask)
        if rows is None and hidden.size(0) > 1:
            return head.after_input(hidden)
        # Items without the modality must not enter the batch statistics, and one row
        # alone has none.
        out = hidden.new_zeros(hidden.size(0), head.out_channels)
        if rows is None or rows.numel() < 2:
            return out
        present = head.after_input(hidden[rows])
        return out.to(present.dtype).index_copy(0, rows, present)

    def pairs(
        self,
        features: Mapping[str, Tensor],
        masks: Mapping[str, Tensor] | None = None,
    ) -> dict[str, SplitFeatures]:
        """Return the two parts of each modality that the distance compares, of all
        items. Without a distance, these are the plain halves, for
        ``distance="subtraction"`` with the generic one taken off the unique one.
        """
        if not self.has_distance:
            return {name: self.split(features[name]) for name in self.modalities}
        self._check(features, masks)
        return self._maps(features, masks, None).pairs
