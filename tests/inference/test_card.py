import json

import pytest
import torch

from motionlens.inference.card import FORMAT_VERSION, ModelCard

VALUES = {
    "model": "cpnet_nano",
    "class_names": ("left", "right"),
    "num_frames": 4,
    "frame_stride": 2,
    "size": 32,
    "short_side": 36,
    "options": {"k": 2, "modules": {"res4": 1}},
}


def test_round_trip():
    card = ModelCard(**VALUES, license="CC-BY-4.0")
    assert ModelCard.from_json(card.to_json()) == card
    assert card.build().block("layer3.0").before_relu.k == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class_names": ("a", "a")}, "class_names must be distinct and not empty, got 2 names, 1"),
        ({"class_names": ()}, "got 0 names"),
        ({"num_frames": 0}, "num_frames must be a whole number of at least 1, got 0"),
        ({"short_side": 31}, "short_side must be at least size = 32, got 31"),
        ({"sampling_mode": "random"}, "sampling_mode must be 'dense' or 'segments', got 'random'"),
        ({"format_version": FORMAT_VERSION + 1}, "written by a newer motionlens"),
        ({"mean": (0.5, "x", 0.5)}, "mean must be 3 numbers"),
        ({"std": (1.0, 0.0, 1.0)}, "std must be 3 numbers above 0"),
    ],
)
def test_refusals(change, message):
    with pytest.raises(ValueError, match=message):
        ModelCard(**{**VALUES, **change})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "must be JSON"),
        ("[1]", "with 'model' and 'class_names'"),
        (json.dumps({**VALUES, "colour": 1}), "known fields only, got colour"),
        (json.dumps({"model": "m", "class_names": ["a"]}), "must be complete"),
        (json.dumps({**VALUES, "class_names": None}), "class_names of a model card must be a list"),
        (json.dumps({**VALUES, "format_version": "1"}), "must be a number, got '1'"),
        ("[" * 100_000, "must be JSON"),
    ],
)
def test_foreign_text(text, message):
    with pytest.raises(ValueError, match=message):
        ModelCard.from_json(text)


def test_probabilities_of_one_and_of_several_labels():
    logits = torch.tensor([[0.0, 0.0], [2.0, -1.0]], dtype=torch.bfloat16)
    one = ModelCard(**VALUES).probabilities(logits)
    assert one.dtype == torch.float32
    torch.testing.assert_close(one.sum(dim=1), torch.ones(2))
    several = ModelCard(**VALUES, multi_label=True).probabilities(logits)
    expected = torch.tensor([[0.5, 0.5], [0.880797, 0.268941]])
    torch.testing.assert_close(several, expected)
