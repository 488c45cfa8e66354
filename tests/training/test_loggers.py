"""Any Lightning logger by class path; what is no logger is refused before anything is written."""

import csv
from dataclasses import replace

import pytest
from lightning.pytorch.loggers import CSVLogger

from motion_videos import tiny_recipe, write_dataset
from motionlens.training.fit import fit
from motionlens.training.loggers import logger_class, make_logger
from motionlens.training.recipe import LogConfig
from motionlens.training.recipe_files import save_recipe

PATH = "lightning.pytorch.loggers.CSVLogger"


def test_a_logger_gets_the_curves_and_the_recipe_beside_tensorboard(tmp_path, motionlens_command):
    videos, run = write_dataset(tmp_path / "videos"), tmp_path / "run"
    save_recipe(tiny_recipe(videos, run), tmp_path / "recipe.yaml")
    options = ["--log.logger", PATH, "--log.logger.init_args.name", "mine"]
    status, _, err = motionlens_command("train", "--config", tmp_path / "recipe.yaml", *options)
    assert (status, err) == (0, "")
    folder = run / "logger" / "mine" / "version_0"
    with (folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    with (run / "metrics.csv").open() as file:
        expected = [row["validation_loss"] for row in csv.DictReader(file)]
    found = [float(row["validation_loss"]) for row in rows if row["validation_loss"]]
    assert found == pytest.approx([float(value) for value in expected])
    assert any(row["lr"] for row in rows)
    assert "optim.batch_size: 4" in (folder / "hparams.yaml").read_text()
    assert list((run / "tensorboard").glob("events*"))

    # Whoever resumes a run does not take over the code that its recipe names.
    more = ["train", "--out", run, "--resume", "--optim.epochs", 3]
    status, _, err = motionlens_command(*more)
    assert status == 0
    assert err == (
        "motionlens: warning: the logger of this run is left out; give --log.logger again to go "
        "on with it\n"
    )
    assert [path.name for path in folder.parent.iterdir()] == ["version_0"]
    status, _, err = motionlens_command(*more[:-1], 4, *options)
    assert (status, err) == (0, "")
    assert {path.name for path in folder.parent.iterdir()} == {"version_0", "version_1"}


def test_a_mapping_gives_the_arguments(tmp_path):
    arguments = {"save_dir": str(tmp_path / "there"), "prefix": "a"}
    given = {"class_path": "CSVLogger", "init_args": arguments, "name": "b"}
    logger = make_logger(LogConfig(logger=given), tmp_path / "here")
    assert isinstance(logger, CSVLogger)
    assert (logger.save_dir, logger.name) == (str(tmp_path / "there"), "b")
    assert make_logger(LogConfig(), tmp_path) is None


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nix.Nix", "cannot be imported .*No module named 'nix'"),
        ("lightning.pytorch.loggers.Nix", "cannot be imported .*Nix"),
        ("CsvLogger", "cannot be imported"),
        ("os.system", "must be a subclass of lightning.pytorch.loggers.Logger, os.system is none"),
        ("pathlib.Path", "must be a subclass"),
    ],
)
def test_what_is_no_logger_is_refused_in_one_line(path, message):
    with pytest.raises(ValueError, match=message) as caught:
        logger_class(path)
    assert "\n" not in str(caught.value)


def test_a_logger_that_cannot_be_made_is_one_line(tmp_path, monkeypatch):
    def lacks(*_, **__):
        raise ModuleNotFoundError("Requirement 'x' not met.\nHINT: install it")

    with pytest.raises(ValueError, match="cannot be made .*'colour'.* it knows save_dir, name"):
        make_logger(LogConfig(logger={"class_path": PATH, "colour": "x"}), tmp_path)
    monkeypatch.setattr(CSVLogger, "__init__", lacks)
    with pytest.raises(ValueError, match="needs a package that is not installed: .*; install") as e:
        make_logger(LogConfig(logger=PATH), tmp_path)
    assert "\n" not in str(e.value)


def test_a_wrong_logger_leaves_no_trace(tmp_path):
    recipe = tiny_recipe(write_dataset(tmp_path / "videos"), tmp_path / "run")
    with pytest.raises(ValueError, match="must be a subclass"):
        fit(replace(recipe, log=LogConfig(logger="os.system")), progress=False)
    assert not (tmp_path / "run").exists()
