from sea_pyg.nn.models import MICRO
from tests.nn.models.base import RecommenderTests


class TestMICRO(RecommenderTests):
    model_class = MICRO


class TestMICROOnTheBatch(RecommenderTests):
    model_class = MICRO
    kwargs = {"contrast_on": "batch", "normalization": "symmetric"}
