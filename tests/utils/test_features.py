import pytest
import torch
from torch_geometric.data import HeteroData

from sea_pyg.datasets import FakeMultimodalDataset
from sea_pyg.nn.models import SEA
from sea_pyg.report import describe
from sea_pyg.transforms import RandomUserSplit
from sea_pyg.utils import (
    check_features,
    closest,
    modality_input,
    modality_names,
    modality_present,
    require,
)


@pytest.fixture
def data() -> HeteroData:
    data = HeteroData()
    data["item"].num_nodes = 3
    data["item"].x_text = torch.tensor([[1.0, 2.0], [3.0, torch.nan], [5.0, 6.0]])
    data["item"].mask_text = torch.tensor([True, False, True])
    data["item"].x_image = torch.ones(3, 4, dtype=torch.float16)
    return data


def test_missing_rows_are_zero_even_where_they_hold_nan(data: HeteroData) -> None:
    x = modality_input(data, "text")
    assert x.tolist() == [[1.0, 2.0], [0.0, 0.0], [5.0, 6.0]]
    assert modality_input(data, "text") is x
    data["item"].mask_text[2] = False
    assert modality_input(data, "text")[2].tolist() == [0.0, 0.0]


def test_rows_that_are_masked_or_zero_are_missing(data: HeteroData) -> None:
    data["item"].x_image[0, 1:] = 0
    data["item"].x_image[1] = 0
    present = modality_present(data, ["text", "image"])
    assert list(present) == ["text", "image"]
    assert present["text"].tolist() == [True, False, True]
    assert present["image"].tolist() == [True, False, True]
    assert modality_present(data, ["image"])["image"] is present["image"]
    data["item"].x_image[0] = 0
    data["item"].mask_image = torch.tensor([True, True, False])
    assert not modality_present(data, ["image"])["image"].any()


def test_half_precision_becomes_float32_and_double_stays(data: HeteroData) -> None:
    assert modality_input(data, "image").dtype == torch.float32
    data["item"].x_image = torch.ones(3, 4, dtype=torch.float64)
    assert modality_input(data, "image").dtype == torch.float64


def test_nan_names_attribute_and_row(data: HeteroData) -> None:
    del data["item"].mask_text
    with pytest.raises(ValueError, match=r"data\['item'\].x_text .* row 1 .*mask_text"):
        modality_input(data, "text")


def test_wrong_shapes(data: HeteroData) -> None:
    data["item"].x_audio = torch.ones(2, 4)
    with pytest.raises(ValueError, match=r"x_audio must be of shape \[3, channels\]"):
        modality_input(data, "audio")
    data["item"].mask_text = torch.ones(3)
    with pytest.raises(ValueError, match="mask_text must be a bool tensor"):
        modality_input(data, "text")


def test_another_width_than_the_readers(data: HeteroData) -> None:
    data["item"].x_audio = torch.ones(3, 4)
    assert modality_input(data, "audio", channels=4) is data["item"].x_audio
    with pytest.raises(ValueError, match=r"'audio' of width 5 \(got 4\)"):
        modality_input(data, "audio", channels=5)


def test_names_and_their_hints(data: HeteroData) -> None:
    assert modality_names(data) == ["image", "text"]
    assert modality_names(data, names=["text", "image"]) == ["text", "image"]
    with pytest.raises(ValueError, match="did you mean 'text'"):
        modality_names(data, names=["texts"])
    with pytest.raises(ValueError, match="named twice"):
        modality_names(data, names=["text", "text"])
    assert closest("zzz", ["a", "b"]) == "choose from a, b"


def test_require_names_the_extra() -> None:
    with pytest.raises(ImportError, match=r"pip install 'sea_pyg\[train\]'"):
        require("a_package_that_does_not_exist", "train")


def test_trainable_features_get_a_gradient_in_every_call(data: HeteroData) -> None:
    data["item"].x_text = torch.nn.Parameter(data["item"].x_text)
    with torch.no_grad():
        modality_input(data, "text")
    for _ in range(2):
        modality_input(data, "text").sum().backward()
    assert data["item"].x_text.grad.tolist() == [[2.0, 2.0], [0.0, 0.0], [2.0, 2.0]]


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        ({"txt": torch.ones(3, dtype=torch.bool)}, "did you mean 'text'"),
        ({"text": torch.ones(2, dtype=torch.bool)}, r"shape \[3\] \(got torch.bool"),
        ({"text": torch.ones(3)}, r"must be a bool tensor .*torch.float32 \[3\]"),
    ],
)
def test_masks_are_checked(masks: dict, message: str) -> None:
    features = {"text": torch.ones(3, 2), "image": torch.ones(3, 4)}
    with pytest.raises(ValueError, match=message):
        check_features(features, masks, {"text": 2, "image": 4})


def test_features_of_other_shapes_are_refused() -> None:
    widths = {"text": 2, "image": 4}
    check_features({"text": torch.ones(3, 2), "image": torch.ones(3, 4)}, None, widths)
    for image, message in (
        (torch.ones(2, 4), r"\[3, 4\] \(got \[2, 4\]\)"),
        (torch.ones(3, 5), r"\[N, 4\] \(got \[3, 5\]\)"),
        (torch.ones(4), r"\[N, 4\] \(got \[4\]\)"),
    ):
        with pytest.raises(ValueError, match=message):
            check_features({"text": torch.ones(3, 2), "image": image}, None, widths)


def test_the_type_that_is_read_by_default_is_kept_once(data: HeteroData) -> None:
    for name in ("text", "image"):
        by_default = modality_input(data, name)
        assert by_default is modality_input(data, name, dtype=torch.float32)
    assert modality_input(data, "text", dtype=torch.float64).dtype == torch.float64


def test_sparse_features_are_refused(data: HeteroData) -> None:
    data["item"].x_text = torch.eye(3).to_sparse()
    with pytest.raises(ValueError, match=r"dense matrix .* by \.to_dense\(\)"):
        modality_input(data, "text")


def test_a_row_per_node_is_asked_of_every_graph(data: HeteroData) -> None:
    modality_input(data, "text")
    data["item"].num_nodes = 4
    with pytest.raises(ValueError, match=r"of shape \[4, channels\]"):
        modality_input(data, "text")


def test_masks_of_features_that_are_not_read_are_ignored() -> None:
    features = {"text": torch.ones(3, 2), "image": torch.ones(3, 4)}
    check_features(features, {"image": torch.ones(3, dtype=torch.bool)}, {"text": 2})


def test_a_mask_of_no_modality_is_told() -> None:
    data = FakeMultimodalDataset(missing={"text": 0.5})[0]
    SEA.from_data(data)  # warns of nothing
    data["item"].mask_txt = data["item"].mask_text
    splits = RandomUserSplit()(data)
    message = "mask_txt of 'item' is not read.*no x_txt; did you mean 'text'"
    with pytest.warns(UserWarning, match=message) as found:
        SEA.from_data(data)
    assert len(found) == 1
    assert found[0].filename == __file__
    with pytest.warns(UserWarning, match=message):
        describe(*splits)


def test_modalities_are_a_list_with_names() -> None:
    data = FakeMultimodalDataset()[0]
    with pytest.raises(ValueError, match=r"must be a list .*'text'\); pass \['text'\]"):
        SEA.from_data(data, "text")
    with pytest.raises(ValueError, match="modalities is empty"):
        SEA.from_data(data, [])
    with pytest.raises(ValueError, match=r"no nodes of type 'movie' .*\['user', 'item"):
        modality_names(data, "movie")
    assert data.node_types == ["user", "item"]


def test_complex_features_are_refused(data: HeteroData) -> None:
    data["item"].x_text = torch.eye(3, dtype=torch.complex64)
    with pytest.raises(ValueError, match=r"must be real .*complex64"):
        modality_input(data, "text")
