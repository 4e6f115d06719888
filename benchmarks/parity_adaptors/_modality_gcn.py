"""What the adaptors of DualGNN and DRAGON share."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor
from torch.nn import Parameter
from torch_geometric.data import HeteroData

from parity_adaptors._recommender import compare_model
from parity_adaptors.reference import Quantity, Reference
from sea_pyg.nn.models import DRAGON, DualGNN
from sea_pyg.nn.models.modality_gcn import ModalityGCN
from sea_pyg.transforms import UserCooccurrence
from sea_pyg.transforms.two_hops import first_of_each
from sea_pyg.typing import CO_RATES

PREFIX = {"image": "v", "text": "t"}
NUM_NEIGHBOURS = 40


def modalities(reference: Reference) -> list[str]:
    """List the modalities of the file, in the order of its weights."""
    names = reference.names("param")
    return [name for name, x in PREFIX.items() if f"{x}_gcn.MLP.weight" in names]


def preference(reference: Reference, name: str, prefix: str = "param") -> str:
    """Return what the file calls a modality's table of users.

    The released code registers it a second time in its first step, under a name that
    then takes the place of the first.
    """
    second = f"{PREFIX[name]}_preference"
    registered = second in reference.names(prefix)
    return second if registered else f"{PREFIX[name]}_gcn.preference"


def gcn_weights(reference: Reference, module: ModalityGCN) -> dict[str, Tensor]:
    """Name the module's weights as the file does."""
    weights: dict[str, Tensor] = {}
    for name in module.modalities:
        gcn = f"{PREFIX[name]}_gcn"
        weights[preference(reference, name)] = module.preference[name]
        for part in ("weight", "bias"):
            weights[f"{gcn}.MLP.{part}"] = getattr(module.hidden[name], part)
            weights[f"{gcn}.MLP_1.{part}"] = getattr(module.output[name], part)
    return weights


def compare_gcn(
    reference: Reference,
    model: DRAGON | DualGNN,
    data: HeteroData,
    **unread: Parameter,
) -> Iterator[Quantity]:
    """Compare a model that is built on the convolutions of :class:`ModalityGCN`.

    Args:
        reference: The file.
        model: Our model.
        data: Its graph.
        **unread: Weights that the file has and penalises, and that nothing else reads.
            Of one modality, its weights of the modalities are among them.
    """
    own: Parameter | None = model.weight
    if own is None:
        unread["weight_u"] = Parameter(reference["param/weight_u"])
    weights = {
        **({} if own is None else {"weight_u": own}),
        **unread,
        **gcn_weights(reference, model.modality),
    }

    def penalty() -> Tensor:
        squares = [x.square().mean() for x in unread.values()]
        return model.reg_weight * torch.stack(squares or [torch.zeros(())]).sum()

    quantities = compare_model(
        reference,
        model,
        data,
        weights,
        sorted(reference.names("param") - set(weights)),
        gradient_names={
            preference(reference, name): preference(reference, name, "grad")
            for name in modalities(reference)
        },
        extra_loss=penalty,
    )
    yield from _determined(reference, data, quantities)


def with_user_graph(reference: Reference, data: HeteroData) -> HeteroData:
    """Add the file's user graph: of every user, the first neighbours in its order.

    Where the file has none, it is made of the interactions.
    """
    graph = reference.graph(data["user"].num_nodes)
    if "user_graph_index" not in graph:
        added: HeteroData = UserCooccurrence(NUM_NEIGHBOURS)(data)
        return added
    index, count = graph["user_graph_index"], graph["user_graph_weight"]
    order = index[0].argsort(stable=True)
    order = order[first_of_each(index[0][order], NUM_NEIGHBOURS)]
    data[CO_RATES].edge_index = index[:, order].flip(0)  # (neighbour, user)
    data[CO_RATES].edge_weight = count[order].double()
    return data


def _determined(
    reference: Reference, data: HeteroData, quantities: Iterable[Quantity]
) -> Iterator[Quantity]:
    """Leave out what hangs on randomly chosen neighbours.

    The released code fills up the neighbours of a user who has less than 40 with random
    ones of them, and thereby changes their weights. Copies of a single one change
    nothing, and a user without any gets none.
    """
    user = data[CO_RATES].edge_index[1]
    degree = torch.bincount(user, minlength=data["user"].num_nodes)
    random = (degree > 1) & (degree < NUM_NEIGHBOURS)
    if not random.any():
        yield from quantities
        return
    reference.notes.append(
        f"not deterministic: {int(random.sum())} of {random.numel()} users have less "
        f"than {NUM_NEIGHBOURS} neighbours, which were filled up at random; only what "
        "does not hang on these is compared"
    )
    rows = ~random[reference["score_users"]]
    random_loss = bool(random[reference.batch.user].any())
    for quantity in quantities:
        if quantity.name == "score" and rows.any():
            ours, theirs = quantity.ours[rows], quantity.theirs[rows]
            yield quantity._replace(ours=ours, theirs=theirs)
        elif quantity.name == "score" or random_loss:
            reference.read.discard(quantity.name)
        else:
            yield quantity
