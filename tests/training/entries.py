"""All that trains or selects, each as a function of two graphs and a folder."""

import warnings

from sea_pyg.loader import InteractionLoader
from sea_pyg.nn.models import BPRMF, Popularity
from sea_pyg.training import (
    InteractionDataModule,
    RecommenderModule,
    TrainingConfig,
    fit,
    fit_setting,
    run_cell,
    tune,
)

CONFIG = TrainingConfig(max_epochs=1)
SHORT = {"max_epochs": 1, "embedding_dim": 4}


def train_by_gradient(train, val, tmp_path):
    fit(BPRMF.from_data(train, embedding_dim=4), train, val, CONFIG)


def train_in_closed_form(train, val, tmp_path):
    fit(Popularity.from_data(train), train, val)


def train_a_setting(train, val, tmp_path):
    fit_setting(BPRMF, SHORT, train, val)


def search(train, val, tmp_path):
    tune(BPRMF, train, val, 1, tmp_path, fixed=SHORT)


def run_a_cell(train, val, tmp_path):
    run_cell(BPRMF, SHORT, (train, val, val), tmp_path / "seed-0.json")


def use_lightning(train, val, tmp_path, model=None):
    import lightning.pytorch as L

    class Careless(InteractionDataModule):
        def __init__(self) -> None:
            L.LightningDataModule.__init__(self)
            self.loader, self.val = InteractionLoader(train), val

    model = model or BPRMF.from_data(train)
    module = RecommenderModule(model, train, CONFIG)
    trainer = L.Trainer(
        accelerator="cpu",
        max_epochs=1,
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        inference_mode=False,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's, of torch's deprecations
        trainer.fit(module, datamodule=Careless())


def serve_batches(train, val, tmp_path):
    InteractionDataModule(train, val)


ENTRIES = [
    train_by_gradient,
    train_in_closed_form,
    train_a_setting,
    search,
    run_a_cell,
    use_lightning,
    serve_batches,
]
