"""Helpers without a model in them: normalisation, sparse products, search, checks."""

from sea_pyg.utils.adjacency import (
    SymmetricAdjacency,
    bipartite_adjacency,
    pruned_adjacency,
)
from sea_pyg.utils.allocator import keep_freed_memory
from sea_pyg.utils.autograd import is_recomputing, once_differentiable
from sea_pyg.utils.checks import (
    check_choice,
    check_counts,
    check_edge_type,
    check_floating,
    check_in_channels,
    check_interval,
    check_mapping,
    check_mixture,
    check_modalities,
    check_temperature,
    check_users,
    closest,
    modality_names,
    node_count,
    require,
    warn_of_masks,
)
from sea_pyg.utils.device import device_of, on_device
from sea_pyg.utils.features import (
    check_feature,
    check_features,
    check_frozen,
    fill_missing,
    modality_input,
    modality_inputs,
    modality_masks,
    modality_present,
)
from sea_pyg.utils.graph_note import (
    edges_digest,
    feature_digests,
    graph_note,
    has_graph,
    interactions_digest,
    made_of_interactions,
    noted_inputs,
    noted_settings,
)
from sea_pyg.utils.import_path import (
    import_from_working_directory,
    import_object,
    import_path,
)
from sea_pyg.utils.init_arguments import (
    InitArguments,
    bind_arguments,
    default_arguments,
)
from sea_pyg.utils.interactions import (
    check_edges,
    check_ends,
    check_interactions,
    checked_edges,
)
from sea_pyg.utils.membership import EdgeMembership
from sea_pyg.utils.memo import memoize
from sea_pyg.utils.modules import is_unmodified
from sea_pyg.utils.non_finite_error import NonFiniteError
from sea_pyg.utils.norm import check_weights, symmetric_norm
from sea_pyg.utils.ranking import rank_scores
from sea_pyg.utils.row_buffer import row_buffer
from sea_pyg.utils.sparse import (
    CSRStructure,
    compress,
    csr_tensor,
    edge_dot,
    product_dtype,
    spmm,
)
from sea_pyg.utils.split_id import (
    count_common,
    first_of_another,
    fits_split,
    get_split_id,
    make_split_id,
    pair_digest,
    positive_labels,
    training_id,
)
from sea_pyg.utils.topk import chunked_topk

__all__ = [
    "CSRStructure",
    "EdgeMembership",
    "InitArguments",
    "NonFiniteError",
    "SymmetricAdjacency",
    "bind_arguments",
    "bipartite_adjacency",
    "check_choice",
    "check_counts",
    "check_edge_type",
    "check_edges",
    "checked_edges",
    "check_weights",
    "check_ends",
    "check_feature",
    "check_features",
    "check_floating",
    "check_frozen",
    "check_in_channels",
    "check_interactions",
    "check_interval",
    "check_mapping",
    "check_mixture",
    "check_modalities",
    "check_temperature",
    "check_users",
    "chunked_topk",
    "closest",
    "compress",
    "count_common",
    "csr_tensor",
    "default_arguments",
    "device_of",
    "edge_dot",
    "edges_digest",
    "feature_digests",
    "fill_missing",
    "first_of_another",
    "fits_split",
    "get_split_id",
    "graph_note",
    "has_graph",
    "import_from_working_directory",
    "import_object",
    "import_path",
    "interactions_digest",
    "is_recomputing",
    "is_unmodified",
    "keep_freed_memory",
    "made_of_interactions",
    "make_split_id",
    "memoize",
    "modality_input",
    "modality_inputs",
    "modality_masks",
    "modality_names",
    "modality_present",
    "node_count",
    "noted_inputs",
    "noted_settings",
    "on_device",
    "once_differentiable",
    "pair_digest",
    "positive_labels",
    "product_dtype",
    "pruned_adjacency",
    "rank_scores",
    "require",
    "row_buffer",
    "spmm",
    "symmetric_norm",
    "training_id",
    "warn_of_masks",
]
