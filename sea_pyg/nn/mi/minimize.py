"""Inner steps of parameters that a model trains beside its own."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim import Optimizer


def minimize(
    loss: Callable[[], Tensor | None], optimizer: Optimizer, steps: int
) -> Tensor | None:
    """Take an optimizer's steps on a loss.

    Args:
        loss: Computes it; :obj:`None` if there is nothing to learn.
        optimizer: That of the parameters that learn.
        steps: Number of steps.

    Returns:
        Its last value, or :obj:`None` without steps.
    """
    value = None
    for _ in range(steps):
        # Also within a validation, which may be in inference mode.
        with torch.inference_mode(False), torch.enable_grad():
            value = loss()
            if value is None:
                return None
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            optimizer.step()
    return None if value is None else value.detach()
