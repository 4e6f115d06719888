"""The precision that a module computes in, whatever surrounds it."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

import torch
from torch import Tensor


@contextmanager
def own_precision(
    module: torch.nn.Module, x: Tensor, y: Tensor
) -> Iterator[tuple[Tensor, Tensor]]:
    """Give pairs the type of a module, and have it compute in that under autocast, too.

    A bound is a small difference of large terms, of which half precision leaves little.

    Args:
        module: Its parameters, else its buffers, say the type, float32 if it has
            neither. Pairs that are more precise keep theirs, where the estimator does
            not refuse them.
        x: First variable.
        y: Second variable.
    """
    values = chain(module.parameters(), module.buffers())
    dtype = next((v.dtype for v in values if v.is_floating_point()), torch.float32)
    for variable in (x, y):
        dtype = torch.promote_types(dtype, variable.dtype)
    with torch.autocast(x.device.type, enabled=False):
        yield x.to(dtype), y.to(dtype)
