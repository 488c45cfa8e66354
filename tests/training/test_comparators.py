"""Every comparator trains with one command, and its run is evaluated and used like any."""

from dataclasses import replace

import pytest
import torch

from motion_videos import CLASSES, tiny_recipe, write_dataset
from motionlens.inference.evaluation import evaluate
from motionlens.inference.recognizer import Recognizer
from motionlens.models.registry import list_models
from motionlens.training.fit import fit
from motionlens.training.recipe import LogConfig, OptimConfig

NARROW = {"widths": [8, 8, 8, 16]}
OPTIONS = {
    "something_3d": {"width": 0.1},
    "two_stream_nano": {"stream": "trn", "stream_options": NARROW},
}
NAMES = [*(name for name in list_models("*_nano") if name != "cpnet_nano"), "something_3d"]
WITH_FLOW = ("two_stream_nano", "mff_nano")


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("videos"))


@pytest.mark.parametrize("name", NAMES)
def test_train_evaluate_predict(name, videos, tmp_path, request):
    if name in WITH_FLOW:
        request.getfixturevalue("opencv")
    recipe = tiny_recipe(
        videos,
        tmp_path / "run",
        model=name,
        k=None,
        model_options=OPTIONS.get(name, NARROW),
        optim=OptimConfig(epochs=1, batch_size=4),
        log=LogConfig(clips=1),
    )
    fit(recipe)
    recognizer = Recognizer.from_pretrained(tmp_path / "run")
    report = evaluate(recognizer, videos, num_workers=0)
    assert report.num_videos == 12
    prediction = recognizer.predict(videos / "static" / "0.mp4")
    assert prediction.labels[0] in CLASSES
    # The same clip by hand, and the same answer.
    clip = recognizer.load_clip(videos / "static" / "0.mp4")
    assert clip.shape == (recognizer.card.clip_shape[0], 4, 16, 16)
    with torch.no_grad():
        logits = recognizer.model(clip[None])
    probability = recognizer.card.probabilities(logits)[0].max().item()
    assert prediction.probabilities[0] == pytest.approx(probability, abs=1e-5)


@pytest.mark.parametrize("name", ["trn_nano", "tsm_nano"])
def test_chance_is_a_matter_of_the_seed(name, videos, tmp_path):
    found = []
    for run in ("one", "two"):
        recipe = tiny_recipe(
            videos,
            tmp_path / run,
            model=name,
            k=None,
            model_options=NARROW | ({"scales": 2} if name == "trn_nano" else {}),
            optim=OptimConfig(epochs=1, batch_size=4),
        )
        torch.manual_seed(len(found))  # what was drawn before makes no difference
        fit(replace(recipe, seed=3))
        found.append((tmp_path / run / "model.safetensors").read_bytes())
    assert found[0] == found[1]
