import gc
import weakref

import torch

from sea_pyg.utils import memoize


def test_builds_once_per_tensor_object() -> None:
    calls: list[int] = []
    x = torch.arange(3)

    def build() -> int:
        calls.append(1)
        return len(calls)

    assert memoize(x, "key", build) == 1
    assert memoize(x, "key", build) == 1
    assert memoize(x, "other key", build) == 2
    assert memoize(x.clone(), "key", build) == 3, "equal content is not identity"


def test_in_place_change_makes_the_value_stale() -> None:
    x, mask = torch.arange(3), torch.ones(3)
    assert memoize(x, "sum", lambda: int(x.sum())) == 3
    x[0] = 10
    assert memoize(x, "sum", lambda: int(x.sum())) == 13
    assert memoize(x, "masked", lambda: int((x * mask).sum()), mask) == 13
    mask[0] = 0
    assert memoize(x, "masked", lambda: int((x * mask).sum()), mask) == 3
    other = torch.zeros(3)
    assert memoize(x, "masked", lambda: int((x * other).sum()), other) == 0


def test_entry_dies_with_its_tensor() -> None:
    x = torch.arange(3)
    value = torch.zeros(1)
    alive = weakref.ref(value)
    memoize(x, "key", lambda value=value: value)
    del value
    gc.collect()
    assert alive() is not None
    del x
    gc.collect()
    assert alive() is None


def test_what_inference_mode_builds_serves_training() -> None:
    x, weight = torch.ones(3), torch.ones(3, requires_grad=True)
    with torch.inference_mode():
        assert not memoize(x, "double", lambda: 2 * x).is_inference()
    (memoize(x, "double", lambda: 2 * x) * weight).sum().backward()
    assert weight.grad is not None
    assert weight.grad.tolist() == [2.0, 2.0, 2.0]


def test_nothing_is_kept_for_tensors_that_count_no_changes() -> None:
    with torch.inference_mode():
        x = torch.arange(3)
        assert memoize(x, "sum", lambda: int(x.sum())) == 3
        x[0] = 10
        assert memoize(x, "sum", lambda: int(x.sum())) == 13


def test_further_tensors_are_told_apart_by_identity() -> None:
    x, ones, zeros = torch.arange(3), torch.ones(3), torch.zeros(3)
    assert memoize(x, "scaled", lambda: int((x * ones).sum()), ones) == 3
    assert memoize(x, "scaled", lambda: int((x * zeros).sum()), zeros) == 0


def test_nothing_is_kept_for_further_tensors_that_count_no_changes() -> None:
    x = torch.arange(3)
    with torch.inference_mode():
        mask = torch.ones(3)
        assert memoize(x, "masked", lambda: int((x * mask).sum()), mask) == 3
        mask[2] = 0
        assert memoize(x, "masked", lambda: int((x * mask).sum()), mask) == 1
