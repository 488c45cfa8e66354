import json

import numpy as np
import pytest
import torch

from motion_videos import tiny_recipe, write_dataset
from motionlens.inference.calibration import calibrate
from motionlens.inference.card import ModelCard
from motionlens.inference.checkpoint import load_card
from motionlens.inference.evaluation import evaluate
from motionlens.inference.recognizer import Recognizer
from motionlens.report.calibration import at_temperature, fit_temperature
from motionlens.training.cross_validation import cross_validate
from motionlens.training.fit import fit


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("videos"), videos_per_class=8)


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    return fit(tiny_recipe(data, tmp_path_factory.mktemp("runs") / "run"), progress=False).run


@pytest.fixture
def run(trained, tmp_path):
    Recognizer.from_pretrained(trained, device="cpu").save_pretrained(tmp_path / "run")
    return tmp_path / "run"


def evaluated(run, data):
    return evaluate(run, data, device="cpu", num_workers=0)


def test_stored_and_used_everywhere(run, data, motionlens_command):
    before = evaluated(run, data)
    words = ["--data", data, "--device", "cpu", "--num_workers", 0, "--unknown_share", 0.25]
    status, out, _ = motionlens_command("calibrate", run, *words)
    assert status == 0
    assert "negative log-likelihood" in out
    stored = json.loads((run / "calibration.json").read_text())
    card = load_card(run)
    assert (card.temperature, card.unknown_below) == (
        stored["temperature"],
        stored["unknown_below"],
    )
    assert stored["num_videos"] == 24
    assert 0 < stored["refused"] <= 0.25
    after = evaluated(run, data)
    expected = at_temperature(before.probabilities, card.temperature)
    np.testing.assert_allclose(after.probabilities, expected, atol=1e-5)
    unsure = after.probabilities.max(1) < card.unknown_below
    assert unsure.mean() == pytest.approx(stored["refused"])
    found = Recognizer.from_pretrained(run, device="cpu").predict(list(after.paths))
    assert [one.is_unknown for one in found] == unsure.tolist()
    _, out, _ = motionlens_command("predict", run, after.paths[int(unsure.argmax())])
    assert "none of its labels" in out
    # Calibrating again starts from a temperature of 1.
    again = calibrate(run, data, device="cpu", num_workers=0, unknown_share=0.25)
    assert again.temperature == card.temperature


def test_it_is_fitted_where_that_helps(run, data):
    """A network that is much too certain becomes less so."""
    recognizer = Recognizer.from_pretrained(run, device="cpu")
    with torch.no_grad():
        recognizer.model.fc.weight *= 30
        recognizer.model.fc.bias *= 30
    recognizer.save_pretrained(run)
    before = evaluated(run, data)
    found = calibrate(run, data, device="cpu", num_workers=0)
    assert found.temperature > 1
    assert found.temperature == pytest.approx(
        fit_temperature(before.probabilities, before.labels), abs=1e-3
    )
    name = "negative log-likelihood"
    assert found.before[name][0] == pytest.approx(before.log_loss[0], rel=1e-4)
    assert found.after[name][0] < found.before[name][0]
    assert evaluated(run, data).log_loss[0] < before.log_loss[0]
    assert found.unknown_below == 0
    assert not load_card(run).labelling.thresholds


def test_folds_speak_of_the_videos_they_were_not_trained_on(run, data, tmp_path):
    folder = tmp_path / "folds"
    cross_validate(tiny_recipe(data, folder), 3, progress=False)
    found = calibrate(run, folds=folder, device="cpu", num_workers=0)
    assert found.num_videos == 24
    assert found.settings["folds"] == str(folder)


def test_refusals(run, data, tmp_path):
    with pytest.raises(ValueError, match="at least 20 labelled videos, got 12"):
        calibrate(run, write_dataset(tmp_path / "few", videos_per_class=4), device="cpu")
    with pytest.raises(ValueError, match="holds no folds"):
        calibrate(run, folds=data)
    with pytest.raises(ValueError, match="exclude each other"):
        calibrate(run, data, folds=data)
    with pytest.raises(ValueError, match="needs a folder"):
        calibrate("bundled", data)
    with pytest.raises(ValueError, match="unknown_share must be at least 0 and below 1"):
        calibrate(run, data, unknown_share=1)


@pytest.mark.parametrize("change", [{"temperature": 0}, {"unknown_below": 2}])
def test_a_card_takes_no_other_values(run, change):
    values = json.loads((run / "config.json").read_text())
    assert not {"temperature", "unknown_below"} & values.keys()
    with pytest.raises(ValueError, match=next(iter(change))):
        ModelCard.from_json(json.dumps(values | change))
