"""The SEA recommender."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Linear, Parameter
from torch.optim import Optimizer
from torch_geometric.data import HeteroData

from sea_pyg.nn.conv import BipartitePropagation
from sea_pyg.nn.loss import SeparateLearning
from sea_pyg.nn.loss.masking import incomplete
from sea_pyg.nn.loss.separate_mapping import SeparateMaps
from sea_pyg.nn.loss.separate_options import Distance, named_distance
from sea_pyg.nn.modality import ModalityProjection
from sea_pyg.nn.modality.module_dict import ModuleDict
from sea_pyg.nn.models.last_embeddings import LastEmbeddings
from sea_pyg.nn.models.recommender import Recommender
from sea_pyg.nn.models.sea_encoder import SEAEncoder
from sea_pyg.nn.models.sea_presets import PRESETS, released_arguments
from sea_pyg.nn.models.sea_ranking import SEARanking
from sea_pyg.nn.models.sea_reader import SEAReader, collapsed_channels
from sea_pyg.transforms import ItemKNNGraph
from sea_pyg.typing import RATES, EdgeType, Embeddings, OptTensor, Triplets
from sea_pyg.utils import (
    check_choice,
    check_counts,
    check_mixture,
    modality_inputs,
    modality_masks,
)


class SEAState(NamedTuple):
    """What of a training step does not depend on the batch."""

    embeddings: Embeddings
    """Final user and item embeddings."""
    item: Tensor
    """Propagated item embeddings of all modalities, side by side."""
    maps: SeparateMaps | None
    """What the separate-learning losses compare, of all items; ``None`` if they take
    the batch's items only and there is no estimator to fit."""


class SEA(Recommender):
    r"""Separate learning for multimedia recommendation, the full model of `"It is Never
    Too Late to Mend: Separate Learning for Multimedia Recommendation"
    <https://arxiv.org/abs/2406.08270>`_.

    .. math::
        \mathbf{Y}_m &= \mathbf{X}_m \mathbf{W}_m^\top + \mathbf{b}_m =
        [\mathbf{G}_m \,\Vert\, \mathbf{U}_m] \\
        \mathbf{H}_m &= \sum_{l=0}^{L} \mathbf{A}^l
        \begin{bmatrix} \mathrm{norm}(\mathbf{P}_m) \\
        \mathrm{norm}(\mathrm{MLP}_m(\mathbf{Y}_m)) \end{bmatrix} \\
        \mathbf{e}_u &= \big\Vert_m w_{um} \mathbf{h}^{(m)}_u, \qquad
        \mathbf{E}_i = (\mathbf{I} + \mathbf{S}^{L'}) \big\Vert_m
        \mathbf{H}_i^{(m)}, \qquad s_{ui} = \mathbf{e}_u^\top \mathbf{e}_i

    Every modality's features are projected, and read as a generic and a unique half.
    They are mapped to item embeddings, which together with a table of user embeddings
    :math:`\mathbf{P}_m` are propagated over the user-item graph :math:`\mathbf{A}`; the
    items also over the frozen graph :math:`\mathbf{S}` of similar items
    (:class:`ItemKNNGraph`). The objective is BPR plus :class:`SeparateLearning`, which
    aligns the generic halves of different modalities and lowers the mutual information
    between the halves of each.

    Args:
        num_users: Number of users :math:`N_u`.
        num_items: Number of items :math:`N_i`.
        in_channels: Width of every modality, by name.
        embedding_dim: Width of the embeddings per modality. (default: :obj:`64`)
        hidden_channels: Hidden width of the items' MLP.
            (default: four times ``embedding_dim``)
        num_layers: Hops :math:`L` on the user-item graph. (default: :obj:`2`)
        readout: How the hops are combined, see :class:`BipartitePropagation`.
            (default: :obj:`"sum"`)
        num_item_layers: Hops :math:`L'` on the item-item graph; without one, items
            are their :math:`\mathbf{H}_i` alone. (default: :obj:`1`)
        k: Neighbours per item in the item-item graph. (default: :obj:`10`)
        item_graph_weights: Weight of every modality in the item-item graph.
            (default: equal weights)
        projection_channels: Width after projection, one for all or by name.
            (default: the width before)
        alpha: Weight of the alignment. (default: :obj:`0.012`)
        beta: Weight of the distance. (default: :obj:`0.006`)
        temperature: Temperature of the alignment. (default: :obj:`0.046`)
        distance: What keeps the halves apart, see :class:`SeparateLearning`.
            (default: :obj:`"club"`)
        distance_kwargs: Further arguments of the distance's class.
        alignment_pairs: The (query, key) modalities to align.
            (default: every unordered pair once)
        distance_channels: Width of the distance's space. (default: :obj:`32`)
        head_channels: Hidden width of the alignment's heads. (default: :obj:`64`)
        alignment_channels: Width of the alignment's space. (default: :obj:`32`)
        shared_estimator: Whether all modalities share one estimator.
            (default: :obj:`False`)
        fit_on: The pairs that estimators learn from, :obj:`"own"` or :obj:`"cross"`.
            (default: :obj:`"own"`)
        standardize: Whether estimators see their pairs standardised, see
            :class:`SeparateLearning`. (default: :obj:`True`)
        split_on: What is split: the projected :obj:`"features"`, or the items'
            propagated :obj:`"representations"`. (default: :obj:`"features"`)
        separate_items: The items that separate learning compares: :obj:`"all"`, or the
            positive items of the :obj:`"batch"`, which are far fewer; estimators that
            have to be fitted are fitted to all. (default: :obj:`"all"`)
        collapsed: Whether the projection is no wider than the item MLP's first layer,
            which has rank ``hidden_channels`` at most: with it, a projection to
            :math:`\min(d_m, H)` dimensions expresses what one to :math:`d_m` does, at
            a fraction of the price where features are wide. Separate learning then
            splits these. (default: :obj:`False`)
        log_base: Base of the logarithm in BPR. (default: natural)
        stale_evaluation: Whether to rank with the embeddings of the last training
            batch, from before its step. (default: :obj:`False`)
        chunk_size: Rows of logits that the alignment holds at a time; the result does
            not depend on it. (default: :obj:`512`)
        id_embedding: Whether items have a learned behaviour embedding too, a free
            table that is propagated and fused like one more modality and takes no part
            in separate learning. (default: :obj:`False`)
        user_graph: Whether a hop on the graph of users with shared items is added to
            the fused user embeddings, see :class:`UserCooccurrence`.
            (default: :obj:`False`)
        user_k: Neighbours per user in that graph. (default: :obj:`10`)
        walk_weight: Weight :math:`\gamma` of walks in the score
            :math:`\mathbf{e}_u^\top \mathbf{e}_i + \gamma r_{ui}`: of the mean edge
            that leads from the user's items to the one that is scored, in the
            :class:`ItemWalkGraph` with similar items. What pairs of items tell has a
            higher rank than embeddings have. Training does not see it, where a user's
            own interactions would be what it finds. (default: :obj:`0.0`)
        walk_k: Most edges per item in that graph. (default: :obj:`100`)
        ranking_loss: What ranks a user's items above others: :obj:`"bpr"`, or the
            :obj:`"softmax"` of cosines over the items of the batch that the user has
            not seen (:class:`SampledSoftmaxLoss`); the score is then the cosine.
            (default: :obj:`"bpr"`)
        ranking_temperature: Temperature of that softmax. (default: :obj:`0.2`)
        ranking_candidates: Most items of the batch in that softmax, half of them
            positives of any user. (default: all)
        sampling_correction: Share :math:`\eta` of the correction for how often each
            item was among these candidates, with probability :math:`\pi_i`. What the
            softmax learns of a popular item is too low, as it meets it as a candidate
            more often, and :math:`\eta \tau \log \pi_i` in the score makes up for it
            (the log-Q correction of `"Sampling-Bias-Corrected Neural Modeling for Large
            Corpus Item Recommendations" <https://doi.org/10.1145/3298689.3346996>`_,
            which takes it off in training instead). Training does not see it, and
            batches are taken to have half of ``ranking_candidates`` rows or more.
            (default: :obj:`0.0`)
        edge_type: The user-item edge type.

    Raises:
        ValueError: If there is no modality, a width is odd, a number is out of range,
            ``item_graph_weights`` does not weigh each modality, with a sum of 1, or an
            option is unknown.

    .. note::
        :meth:`released` sets every switch as the released code has it. There, BPR is
        taken to base 2 (``log_base``); one estimator serves all modalities and is
        fitted on pairs across them (``shared_estimator``, ``fit_on``), which have any
        scale (``standardize``); the bound is
        halved, cut off at zero, and its log-variance is a Tanh (``distance_kwargs``,
        see :class:`CLUB`); text is aligned to image only (``alignment_pairs``); the
        item-item graph takes 0.1 of image and 0.9 of text (``item_graph_weights``);
        and evaluation ranks with stale embeddings (``stale_evaluation``). Parameters
        and graphs that it holds and never uses do not exist here, and the number of
        modalities and their widths are free.

    .. note::
        The paper trains with a learning rate of 1e-4, at which validation rises by less
        than its noise in 20 epochs, so that early stopping ends the run too soon. Ours
        is 1e-3 (``training_defaults``).

    .. note::
        With ``distance="subtraction"`` the items' MLP reads
        :math:`[\mathbf{G}_m \,\Vert\, \mathbf{U}_m - \mathbf{G}_m]`, and with
        ``split_on="representations"`` the items' embeddings become it.

    .. note::
        The released code splits the projected features, before propagation. The
        paper's text splits each modality's representation, after it:
        ``split_on="representations"``.

    .. note::
        An item that lacks a modality (``data['item'].mask_<modality>``) is given that
        modality's learned default, the projection's bias, and takes no part in its
        losses. A row of zeros without a mask does, though it has no similar items.
    """

    multimodal: ClassVar[bool] = True
    training_defaults: ClassVar[dict[str, Any]] = {
        "lr": 1e-3,
        "batch_size": 2048,
        "weight_decay": 0.0,
        "inner_steps": 50,
    }
    presets = PRESETS
    chosen_on: ClassVar[dict[str, tuple[str, ...]]] = {"tuned": ("lfm2k", "sports")}

    def __init__(
        self,
        num_users: int,
        num_items: int,
        in_channels: Mapping[str, int],
        embedding_dim: int = 64,
        hidden_channels: int | None = None,
        num_layers: int = 2,
        readout: str = "sum",
        num_item_layers: int = 1,
        k: int = 10,
        item_graph_weights: Mapping[str, float] | None = None,
        projection_channels: int | Mapping[str, int] | None = None,
        alpha: float = 0.012,
        beta: float = 0.006,
        temperature: float = 0.046,
        distance: Distance | None = "club",
        distance_kwargs: Mapping[str, Any] | None = None,
        alignment_pairs: Sequence[tuple[str, str]] | None = None,
        distance_channels: int = 32,
        head_channels: int = 64,
        alignment_channels: int = 32,
        shared_estimator: bool = False,
        fit_on: str = "own",
        standardize: bool = True,
        split_on: str = "features",
        separate_items: str = "all",
        collapsed: bool = False,
        log_base: float | None = None,
        stale_evaluation: bool = False,
        chunk_size: int | None = 512,
        id_embedding: bool = False,
        user_graph: bool = False,
        user_k: int = 10,
        walk_weight: float = 0.0,
        walk_k: int = 100,
        ranking_loss: str = "bpr",
        ranking_temperature: float = 0.2,
        ranking_candidates: int | None = None,
        sampling_correction: float = 0.0,
        edge_type: EdgeType = RATES,
    ) -> None:
        super().__init__(num_users, num_items, edge_type)
        check_choice(("features", "representations"), split_on=split_on)
        check_choice(("all", "batch"), separate_items=separate_items)
        check_counts(1, embedding_dim=embedding_dim, user_k=user_k)
        if hidden_channels is not None:
            check_counts(1, hidden_channels=hidden_channels)
        check_mixture(in_channels, item_graph_weights=item_graph_weights)
        self.split_on = split_on
        self.separate_items = separate_items
        self.collapsed = collapsed
        width = hidden_channels or 4 * embedding_dim
        if collapsed:
            projection_channels = collapsed_channels(
                in_channels, projection_channels, width
            )
        projection = ModalityProjection(in_channels, projection_channels)
        names = projection.modalities
        self.output = ModuleDict({n: Linear(width, embedding_dim) for n in names})
        self.item_embedding: Parameter | None = None
        if id_embedding:
            self.item_embedding = Parameter(torch.empty(num_items, embedding_dim))
        item_graph = ItemKNNGraph(
            k,
            weights=None if item_graph_weights is None else dict(item_graph_weights),
            modalities=list(in_channels),
            edge_type=(self.edge_type[2], "similar", self.edge_type[2]),
        )
        num_parts = len(names) + id_embedding
        self.encoder = SEAEncoder(
            num_users,
            num_parts,
            embedding_dim,
            BipartitePropagation(num_layers, readout),
            item_graph,
            num_item_layers,
            user_k if user_graph else None,
            self.edge_type,
        )
        on_features = split_on == "features"
        self.separate = SeparateLearning(
            projection.out_channels
            if on_features
            else dict.fromkeys(names, embedding_dim),
            distance=distance,
            distance_kwargs=distance_kwargs,
            alignment_pairs=alignment_pairs,
            alpha=alpha,
            beta=beta,
            temperature=temperature,
            distance_channels=distance_channels,
            head_channels=head_channels,
            alignment_channels=alignment_channels,
            shared_estimator=shared_estimator,
            fit_on=fit_on,
            standardize=standardize,
            chunk_size=chunk_size,
        )
        self.reader = SEAReader(
            projection, width, subtract=on_features and self.separate.split.subtract
        )
        self.ranking = SEARanking(
            ranking_loss,
            log_base,
            ranking_temperature,
            ranking_candidates,
            sampling_correction,
            walk_weight,
            walk_k,
        )
        self.last: LastEmbeddings | None = None
        if stale_evaluation:
            channels = embedding_dim * num_parts
            self.last = LastEmbeddings(num_users, num_items, channels)
        self.reset_parameters()

    def hparams(self) -> dict[str, Any]:
        """Return the constructor's arguments, a distance of one's own by its path."""
        return named_distance(super().hparams())

    @classmethod
    def released(
        cls,
        num_users: int,
        num_items: int,
        in_channels: Mapping[str, int],
        query: str = "text",
        key: str = "image",
        **kwargs: Any,
    ) -> "SEA":
        """Build the model with the released code's behaviour.

        Args:
            num_users: Number of users.
            num_items: Number of items.
            in_channels: Width of both modalities, by name.
            query: The modality in the role of its text.
            key: The modality in the role of its image.
            **kwargs: Further arguments, which take precedence.
        """
        preset = released_arguments((query, key))
        return cls(num_users, num_items, in_channels, **{**preset, **kwargs})

    @classmethod
    def tuned(
        cls,
        num_users: int,
        num_items: int,
        in_channels: Mapping[str, int],
        **kwargs: Any,
    ) -> "SEA":
        """Build the model with the settings that ranked best on validation data.

        The arguments are those of :meth:`released`; any modalities will do.
        """
        preset = cls.preset_arguments("tuned", list(in_channels))
        return cls(num_users, num_items, in_channels, **{**preset, **kwargs})

    @property
    def modalities(self) -> list[str]:
        """The modalities' names, in the order of their concatenation."""
        return self.reader.modalities

    @property
    def scores_by_embeddings(self) -> bool:
        """Whether the score is the dot product of what :meth:`encode` returns."""
        return self.ranking.by_embeddings and type(self).score is SEA.score

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        self.reader.reset_parameters()
        for linear in self.output.values():
            linear.reset_parameters()
        self.encoder.reset_parameters()
        self.separate.reset_parameters()
        if self.last is not None:
            self.last.reset_parameters()
        if self.item_embedding is not None:
            torch.nn.init.xavier_normal_(self.item_embedding)

    def prepare(self, data: HeteroData) -> HeteroData:
        """Return ``data`` with the frozen graphs added that it does not have.

        That of similar items, with ``user_graph`` that of similar users, and with
        ``walk_weight`` that of walks. One that was made otherwise is replaced, see
        :meth:`Recommender.prepare`.
        """
        similar = self.encoder.item_graph.edge_type
        return self.ranking.prepare(self.encoder.prepare(data), similar, self.edge_type)

    @property
    def modality_channels(self) -> dict[str, int]:
        """Width of each of :meth:`modality_features`."""
        return self.reader.projection.out_channels

    def modality_features(self, data: HeteroData) -> dict[str, Tensor]:
        """Return each modality's projected item features, with gradient."""
        out: dict[str, Tensor] = self.reader.projection(self.inputs(data))
        return out

    def encode(self, data: HeteroData) -> Embeddings:
        """Compute the embeddings whose dot product is the score.

        With ``walk_weight`` or ``sampling_correction`` it is the score's first part.
        """
        self.check_graph(data)
        last = self.last.get() if self.last is not None and not self.training else None
        if last is not None:
            return last
        return self._fuse(data, *self.propagate(data, self.reader(self.inputs(data))))

    def score(
        self,
        data: HeteroData,
        user_index: Tensor,
        embeddings: Embeddings | None = None,
    ) -> Tensor:
        """Score all items for some users.

        Shapes:
            ``user_index`` :math:`[B]`; returns :math:`[B, N_i]`.
        """
        score = super().score(data, user_index, embeddings)
        if self.ranking.by_embeddings:
            return score
        data, seen = self.prepare(data), self.seen_items(data)
        return self.ranking.complete_(score, data, user_index, seen, self.edge_type)

    def representations(self, data: HeteroData) -> SEAState:
        """Compute the embeddings and what the separate-learning losses compare."""
        self.check_graph(data)
        inputs = self.inputs(data)
        if self.separate_items == "all" and self.split_on == "features":
            hidden, outputs = self.reader.both(inputs, self.separate.readouts())
            user, item = self.propagate(data, hidden)
            masks = modality_masks(data, self.modalities, self.edge_type[2])
            maps = self.separate.maps_from_readouts(outputs, item.new_zeros(()), masks)
            return SEAState(self._fuse(data, user, item), item, maps)
        user, item = self.propagate(data, self.reader(inputs))
        state = SEAState(self._fuse(data, user, item), item, None)
        if self.separate_items == "all":
            return state._replace(maps=self.separate_maps(data, state))
        if self.separate.has_estimator_parameters:
            with torch.no_grad():
                return state._replace(maps=self.separate_maps(data, state))
        return state

    def separate_maps(
        self, data: HeteroData, state: SEAState, index: OptTensor = None
    ) -> SeparateMaps:
        """Compute what the separate-learning losses compare.

        Args:
            data: The graph.
            state: What :meth:`representations` returned.
            index: The items, :math:`(B)`. (default: all)
        """
        masks = modality_masks(data, self.modalities, self.edge_type[2])
        masks = incomplete(masks, index)
        if self.split_on == "representations":
            item = state.item
            if index is not None:
                item = F.embedding(index, item)
            return self.separate.maps(self._by_modality(item), masks)
        maps = self.separate.readouts()
        outputs = self.reader.further(self.inputs(data, index), maps)
        zero = state.embeddings.item.new_zeros(())
        return self.separate.maps_from_readouts(outputs, zero, masks)

    def inputs(self, data: HeteroData, index: OptTensor = None) -> dict[str, Tensor]:
        """Return the features that are projected, of all items or some."""
        in_channels = self.reader.projection.in_channels
        dtype = next(self.parameters()).dtype
        found = modality_inputs(data, in_channels, self.edge_type[2], dtype)
        if index is None:
            return found
        return {name: F.embedding(index, x) for name, x in found.items()}

    def propagate(self, data: HeteroData, hidden: Mapping[str, Tensor]) -> Embeddings:
        """Propagate all modalities over the interactions, side by side.

        The id embedding stands last, if there is one.

        Args:
            data: The graph.
            hidden: The first layer of each modality's MLP, before its activation.

        Shapes:
            ``hidden`` :math:`(N_i, H)` each; returns user :math:`(N_u, M D)` and item
            :math:`(N_i, M D)` embeddings.
        """
        parts = [
            self.output[name](F.leaky_relu(hidden[name])) for name in self.modalities
        ]
        if self.item_embedding is not None:
            parts.append(self.item_embedding)
        return self.encoder.propagate(self.interactions(data), parts)

    def loss(
        self, data: HeteroData, batch: Triplets, state: Any = None
    ) -> dict[str, Tensor]:
        """Compute the parts :obj:`"bpr"`, :obj:`"distance"` and :obj:`"alignment"`.

        With ``ranking_loss="softmax"`` the first one is :obj:`"softmax"`.
        """
        if state is None:
            state = self.representations(data)
        assert isinstance(state, SEAState)
        if self.last is not None and self.training:
            self.last.keep(state.embeddings)
        maps, index = state.maps, None
        if self.separate_items == "batch":
            index = batch.positive
            maps = self.separate_maps(data, state, index)
        assert maps is not None
        return {
            **self.ranking.loss(batch, state.embeddings, self.seen_items(data)),
            **self.separate.loss(maps, index),
        }

    def estimator_loss(self, data: HeteroData, state: Any = None) -> Tensor | None:
        """Compute the mutual-information estimators' own objective."""
        if not self.separate.has_estimator_parameters:
            return None
        if state is None:
            with torch.no_grad():
                state = self.representations(data)
        assert isinstance(state, SEAState)
        assert state.maps is not None
        return self.separate.estimator_loss(state.maps)

    def fit_estimators(
        self, data: HeteroData, state: Any, optimizer: Optimizer, steps: int
    ) -> Tensor | None:
        """Take an optimizer's steps on :meth:`estimator_loss`."""
        if type(self).estimator_loss is not SEA.estimator_loss:  # a subclass's own
            return super().fit_estimators(data, state, optimizer, steps)
        if not self.separate.has_estimator_parameters:
            return None
        assert isinstance(state, SEAState)
        assert state.maps is not None
        return self.separate.fit_estimators(state.maps, optimizer, steps)

    def estimator_parameters(self) -> list[Parameter]:
        """List the parameters that :meth:`estimator_loss` trains."""
        return self.separate.estimator_parameters()

    def _by_modality(self, item: Tensor) -> dict[str, Tensor]:
        """Take the modalities' blocks apart; the id embedding is none of them."""
        blocks = item.chunk(len(self.encoder.users), dim=1)[: len(self.modalities)]
        return dict(zip(self.modalities, blocks, strict=True))

    def _fuse(self, data: HeteroData, user: Tensor, item: Tensor) -> Embeddings:
        if self.split_on == "representations" and self.separate.split.subtract:
            blocks = self._by_modality(item)
            parts = [part for x in blocks.values() for part in self.separate.split(x)]
            rest = item[:, sum(x.size(1) for x in blocks.values()) :]
            item = torch.cat([*parts, rest], dim=1)
        return self.ranking.embeddings(*self.encoder.fuse(data, user, item))
