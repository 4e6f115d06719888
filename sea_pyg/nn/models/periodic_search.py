"""Base class of the graphs that are searched in some of the training steps."""

from typing import Any

import torch
from torch import Tensor

from sea_pyg.utils import is_recomputing


class PeriodicSearch(torch.nn.Module):
    """Count training calls, and say in which of them to search.

    Args:
        search_every: Training calls per search.
    """

    step: Tensor

    def __init__(self, search_every: int) -> None:
        super().__init__()
        self.search_every = search_every
        self.register_buffer("step", torch.zeros((), dtype=torch.long))
        # The buffer is what is saved. To read it would wait for a GPU in every step.
        self._step = 0

    def reset_parameters(self) -> None:
        """Count from the start."""
        self.step.zero_()
        self._step = 0

    def search_is_due(self) -> bool:
        """Count a call, and return whether it searches: in evaluation, every one."""
        if not self.training:
            return True
        if is_recomputing():  # what the forward did
            return (self._step - 1) % self.search_every == 0
        due = self._step % self.search_every == 0
        self._step += 1
        self.step += 1
        return due

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any
    ) -> None:
        super()._load_from_state_dict(state_dict, prefix, *args)
        saved = state_dict.get(f"{prefix}step")
        if saved is not None and saved.shape == () and not saved.is_meta:
            self._step = int(saved)
