import json
from dataclasses import replace

import pytest

from motion_videos import tiny_recipe, write_dataset
from motionlens.inference.card import ModelCard
from motionlens.inference.checkpoint import load_card
from motionlens.inference.evaluation import evaluate
from motionlens.inference.recognizer import Recognizer
from motionlens.training.fit import fit


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A list of videos of which some show two classes."""
    folder = write_dataset(tmp_path_factory.mktemp("videos"), videos_per_class=4)
    rows = [f"{p.parent.name}/{p.name},{p.parent.name}" for p in sorted(folder.glob("*/*.mp4"))]
    path = folder / "list.csv"
    path.write_text("\n".join([*rows[:-1], f"{rows[-1]}|static"]))
    return path


@pytest.fixture
def run(data, tmp_path):
    return fit(tiny_recipe(data, tmp_path / "run"), progress=False).run


def test_chosen_on_the_validation_videos_and_used(run, data, motionlens_command):
    before = load_card(run)
    assert before.multi_label
    assert before.thresholds == ()
    assert before.label_thresholds == (0.5, 0.5, 0.5)
    # Other data, or the training part, choose nothing.
    assert evaluate(run, data, device="cpu", num_workers=0).thresholds == (0.5, 0.5, 0.5)
    evaluate(run, split="train", device="cpu", num_workers=0)
    evaluate(run, num_frames=2, device="cpu", num_workers=0)
    assert load_card(run) == before
    status, out, _ = motionlens_command("evaluate", run, "--device", "cpu", "--num_workers", 0)
    assert status == 0
    assert "Thresholds are those of the best F1 on these videos" in out
    report = json.loads((run / "evaluation" / "report.json").read_text())
    card = load_card(run)
    assert card == replace(before, thresholds=card.thresholds)
    assert card.thresholds == tuple(c["threshold"] for c in report["classes"].values())
    assert report["settings"]["thresholds"] == "chosen on these videos"
    assert all(0 <= c["f1"] <= 1 for c in report["classes"].values())
    video = data.parent / "static" / "0.mp4"
    (found,) = Recognizer.from_pretrained(run, device="cpu").predict([video], top=3)
    limits = dict(zip(card.class_names, card.thresholds, strict=True))
    pairs = zip(found.labels, found.probabilities, strict=True)
    assert found.above == tuple(p >= limits[label] for label, p in pairs)
    _, out, _ = motionlens_command("predict", run, video, "--device", "cpu")
    assert "above its threshold" in out


def test_cards(run):
    card = replace(load_card(run), thresholds=(0.1, 0.25, 0.9))
    assert ModelCard.from_json(card.to_json()) == card
    for wrong in ((0.1,), (0.1, 0.2, 1.5), ("a", "b", "c")):
        with pytest.raises(ValueError, match="thresholds must be 3 numbers in 0..1"):
            replace(card, thresholds=wrong)
    with pytest.raises(ValueError, match="of a multi_label recognizer"):
        replace(card, multi_label=False)
