import json
from dataclasses import replace

import pytest
import torch

from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.inference.card import FORMAT_VERSION, ModelCard
from motionlens.models.registry import model_defaults
from motionlens.pretrained import bundled_path

VALUES = {
    "model": "cpnet_nano",
    "class_names": ("left", "right"),
    "num_frames": 4,
    "frame_stride": 2,
    "size": 32,
    "short_side": 36,
    "options": {"k": 2, "modules": {"res4": 1}},
}


def card_of(**changes):
    return ModelCard.from_json(json.dumps({**VALUES, **changes}))


def test_parts_are_read_from_flat_keys():
    card = card_of(sampling_mode="segments", mean=[0, 0.5, 1])
    assert card.sampling == Sampling(4, 2, mode="segments")
    assert card.preprocessing == Preprocessing(32, 36, mean=(0, 0.5, 1))
    assert card.clip_shape == (3, 4, 32, 32)


def test_optical_flow_follows_from_the_model():
    sampling, preprocessing = Sampling(4, lead=1), Preprocessing(32, 32)
    card = ModelCard(
        model="two_stream_resnet18",
        class_names=("a", "b"),
        sampling=sampling,
        preprocessing=preprocessing,
    )
    flow_frames = model_defaults("two_stream_resnet18").flow_frames
    assert flow_frames > 1
    assert card.sampling.lead == card.preprocessing.flow_frames == flow_frames
    assert card_of(model="two_stream_resnet18", options={}).sampling.lead == flow_frames
    assert ModelCard.from_json(card.to_json()) == card


def test_the_bundled_card_is_written_as_it_was_read():
    text = (bundled_path() / "config.json").read_text()
    assert ModelCard.from_json(text).to_json() == text


def test_round_trip():
    card = card_of(license="CC-BY-4.0")
    assert ModelCard.from_json(card.to_json()) == card
    assert card.build().block("layer3.0").before_relu.k == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class_names": ("a", "a")}, "got 2 names, more than once: a"),
        ({"class_names": ()}, "got 0 names"),
        ({"num_frames": 0}, "num_frames must be a whole number of at least 1, got 0"),
        ({"short_side": 31}, "short_side must be at least size = 32, got 31"),
        ({"sampling_mode": "random"}, r"mode must be one of dense, segments, got 'random'"),
        ({"format_version": FORMAT_VERSION + 1}, "written by a newer motionlens"),
        ({"mean": (0.5, "x", 0.5)}, "mean must be 3 numbers"),
        ({"std": (1.0, 0.0, 1.0)}, "std must be 3 numbers above 0"),
    ],
)
def test_refusals(change, message):
    with pytest.raises(ValueError, match=message):
        card_of(**change)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "must be JSON"),
        ("[1]", "with 'model' and 'class_names'"),
        (json.dumps({**VALUES, "colour": 1}), "known fields only, got colour"),
        (json.dumps({"model": "m", "class_names": ["a"]}), "must be complete"),
        (json.dumps({**VALUES, "class_names": None}), "must be a list of strings, got None"),
        (json.dumps({**VALUES, "format_version": "1"}), "must be a number, got '1'"),
        ("[" * 100_000, "must be JSON"),
    ],
)
def test_foreign_text(text, message):
    with pytest.raises(ValueError, match=message):
        ModelCard.from_json(text)


def test_probabilities_of_one_and_of_several_labels():
    logits = torch.tensor([[0.0, 0.0], [2.0, -1.0]], dtype=torch.bfloat16)
    one = card_of().probabilities(logits)
    assert one.dtype == torch.float32
    torch.testing.assert_close(one.sum(dim=1), torch.ones(2))
    several = card_of(multi_label=True).probabilities(logits)
    expected = torch.tensor([[0.5, 0.5], [0.880797, 0.268941]])
    torch.testing.assert_close(several, expected)


def test_a_clip_in_seconds_takes_the_place_of_a_stride():
    card = replace(card_of(), sampling=Sampling(4, seconds=1.5))
    values = card.to_dict()
    assert values["seconds"] == 1.5
    assert "frame_stride" not in values
    assert ModelCard.from_json(card.to_json()) == card
    whole = replace(card, sampling=Sampling(4, seconds="whole"))
    assert ModelCard.from_json(whole.to_json()).sampling.spans_video
    # A card that counts frames has the form that older versions read.
    assert "seconds" not in card_of().to_dict()
    for changes in ({"frame_stride": 2}, {"seconds": None}):
        with pytest.raises(ValueError, match="must hold seconds or frame_stride, got"):
            ModelCard.from_json(json.dumps({**values, **changes}))
    with pytest.raises(ValueError, match="seconds must be a number above 0 or whole, got 'all'"):
        ModelCard.from_json(json.dumps({**values, "seconds": "all"}))


@pytest.mark.parametrize(
    "change",
    [
        {"about": []},
        {"license": 1},
        {"background": None},
        {"model": [1]},
        {"multi_label": "yes"},
        {"options": [1]},
        {"num_frames": 50_000, "size": 112},
        {"std": [1e-300, 1, 1]},
        {"thresholds": {}},
        {"mean": [1e30, 1, 1]},
    ],
    ids=repr,
)
def test_values_of_another_kind_or_too_large(change):
    text = json.dumps(json.loads(bundled_path().joinpath("config.json").read_text()) | change)
    with pytest.raises(ValueError, match="must be|must have|multi_label"):
        ModelCard.from_json(text)
