from collections.abc import Callable

import pytest
import torch
from torch.nn import Linear
from torch.nn.utils import parametrizations

from sea_pyg.utils import is_unmodified


def test_a_plain_module_is_unmodified() -> None:
    assert is_unmodified(Linear(2, 2), Linear)
    assert not is_unmodified(Linear(2, 2), torch.nn.ReLU)


@pytest.mark.parametrize(
    "modify",
    [
        lambda m: m.register_forward_hook(lambda *_: None),
        lambda m: m.register_forward_pre_hook(lambda *_: None),
        lambda m: m.register_full_backward_hook(lambda *_: None),
        lambda m: m.register_full_backward_pre_hook(lambda *_: None),
        lambda m: setattr(m, "forward", torch.relu),
        parametrizations.weight_norm,
    ],
)
def test_what_changes_a_call_is_seen(modify: Callable[[Linear], object]) -> None:
    module = Linear(2, 2)
    modify(module)
    assert not is_unmodified(module, Linear)
