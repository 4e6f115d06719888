import torch

from sea_pyg.nn.models.modality_gcn import ModalityGCN
from sea_pyg.typing import RATES
from tests.nn.models.base import WIDTHS, example_data


def test_modalities_in_any_order() -> None:
    data = example_data()
    first, second = (
        ModalityGCN(40, {name: WIDTHS[name] for name in names}, 8, 2, RATES)
        for names in (["image", "text"], ["text", "image"])
    )
    second.load_state_dict(first.state_dict())
    expected, found = first(data), second(data)
    assert list(expected) == first.modalities == ["image", "text"]
    assert list(found) == second.modalities == ["text", "image"]
    for name, embeddings in expected.items():
        torch.testing.assert_close(found[name], embeddings)
