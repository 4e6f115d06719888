"""What a derived graph notes of how it was made, so that no other is taken for it."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.data.storage import EdgeStorage

from sea_pyg.typing import CO_RATES, LEADS_TO, EdgeType
from sea_pyg.utils.checks import check_edge_type
from sea_pyg.utils.memo import memoize
from sea_pyg.utils.split_id import pair_digest, tensor_digest

_INTERACTIONS = "edge_index"


def graph_note(by: str, of: Mapping[str, str], **settings: Any) -> str:
    """Return the note of a derived graph, a line of JSON.

    It is written as ``made_by`` on the graph's edges. A string survives copies, moves,
    saving and splits.

    Args:
        by: Name of what makes the graph.
        of: Digests of the tensors that it is made of, by name.
        **settings: All else that the edges or their weights depend on.
    """
    note = {"by": by, "of": dict(of), **settings}
    return json.dumps(note, sort_keys=True, default=lambda number: number.item())


def noted_inputs(store: EdgeStorage) -> dict[str, str]:
    """Return the digests in a graph's note, by name; none if it has no note."""
    note = _read(store.get("made_by"))
    return {} if note is None else note["of"]


def noted_settings(note: str) -> str:
    """Return a graph's note without the digests of what it is made of."""
    settings = json.loads(note)
    del settings["of"]
    return json.dumps(settings)


def has_graph(
    data: HeteroData, edge_type: EdgeType, note_of: Callable[[HeteroData], str]
) -> bool:
    """Return whether ``data`` has a derived graph that may be taken as it is.

    That is one without a note, which is the user's own, or one whose note is what
    ``note_of`` returns. Inputs that ``data`` has no more are not compared: of these
    nothing could be made.

    Args:
        data: The graph.
        edge_type: The edge type of the derived graph.
        note_of: Gives the note that it would have if it were made of ``data`` now.
    """
    if edge_type not in data.edge_types:
        return False
    noted = data[edge_type].get("made_by")
    found = _read(noted)
    if found is None:
        return True
    note = note_of(data)
    if noted == note:
        return True
    wanted = json.loads(note)
    inputs, expected = found.pop("of"), wanted.pop("of")
    return bool(found == wanted and expected.items() <= inputs.items())


def made_of_interactions(data: HeteroData) -> list[EdgeType]:
    """List the edge types that were made of interactions.

    Those whose note says so, and of the user's own those between nodes of one type
    with the relation ``co_rates`` or ``leads_to``.
    """
    relations = (CO_RATES[1], LEADS_TO[1])
    return [
        (source, relation, target)
        for source, relation, target in data.edge_types
        if _INTERACTIONS in noted_inputs(data[source, relation, target])
        or (source == target and relation in relations)
    ]


def interactions_digest(data: HeteroData, edge_type: EdgeType) -> dict[str, str]:
    """Return the digest of interactions for a note, whose order does not matter.

    Computed once per tensor.

    Args:
        data: The graph.
        edge_type: The interactions.

    Raises:
        ValueError: If ``data`` has none.
    """
    check_edge_type(data, edge_type)
    return {_INTERACTIONS: pair_digest(data[edge_type].edge_index)}


def feature_digests(
    data: HeteroData, names: Iterable[str], node_type: str
) -> dict[str, str]:
    """Return the digests of modalities for a note, of each with its mask.

    Computed once per tensor. A modality that ``data`` has not is left out.

    Args:
        data: The graph.
        names: The modalities.
        node_type: The node type that carries them.
    """
    store = data[node_type]
    keys = {name: f"x_{name}" for name in names}
    return {
        key: _feature_digest(store[key], store.get(f"mask_{name}"))
        for name, key in keys.items()
        if key in store
    }


def _feature_digest(x: Tensor, mask: Tensor | None) -> str:
    def build() -> str:
        if mask is None or bool(mask.all()):
            return tensor_digest(x)
        return tensor_digest(x, mask)

    others = () if mask is None else (mask,)
    return memoize(x, ("digest", mask is None), build, *others)


def edges_digest(edge_index: Tensor, edge_weight: Tensor | None) -> str:
    """Return the digest of weighted edges for a note, computed once per tensor.

    Shapes:
        ``edge_index`` :math:`[2, E]`, ``edge_weight`` :math:`[E]`.
    """
    others = () if edge_weight is None else (edge_weight,)
    return memoize(
        edge_index,
        ("edges digest", edge_weight is None),
        lambda: tensor_digest(edge_index, *others),
        *others,
    )


def _read(noted: object) -> dict[str, Any] | None:
    """Return a note's entries; ``None`` for what is no note of ours."""
    if not isinstance(noted, str):
        return None
    try:
        note = json.loads(noted)
    except ValueError:
        return None
    return note if isinstance(note, dict) and isinstance(note.get("of"), dict) else None
