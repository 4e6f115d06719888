import sklearn

from sea_pyg.training import environment


def test_what_computes_features_is_named() -> None:
    """MovieLens' titles are embedded by scikit-learn."""
    packages = environment()["packages"]
    assert packages["scikit-learn"] == sklearn.__version__
    assert {"torch", "torch_geometric", "numpy", "scipy"} <= packages.keys()
