from itertools import combinations

import pytest
import torch

from motionlens.models.comparators.relation import MultiScaleRelation, drawn, spread
from motionlens.models.registry import create_model


@pytest.mark.parametrize(("num_frames", "scale"), [(4, 2), (6, 3), (8, 8), (7, 5)])
def test_all_subsets_in_the_order_of_a_dictionary(num_frames, scale):
    expected = [list(subset) for subset in combinations(range(num_frames), scale)]
    assert spread(num_frames, scale, 1000).tolist() == expected


@pytest.mark.parametrize("num_frames", [8, 20, 64])
@pytest.mark.parametrize("choose", [spread, drawn])
def test_subsets_are_ordered(choose, num_frames):
    found = choose(num_frames, 6, 5)
    assert found.shape == (5, 6)
    assert (found.diff(dim=1) > 0).all()
    assert found.min() >= 0
    assert found.max() < num_frames


def test_short_clips_repeat_frames():
    assert spread(1, 3, 5).tolist() == [[0, 0, 0]]
    assert spread(2, 4, 5).tolist() == [[0, 0, 1, 1]]


def test_against_the_published_form():
    """A sum over scales of a linear layer each, here on all subsets."""
    head = MultiScaleRelation(5, scales=3, hidden=4, subsets=100).eval()
    fc = torch.nn.Linear(head.num_features, 6)
    features = torch.randn(2, 4, 5)
    frames = (features @ head.reduce.weight.T + head.reduce.bias).clamp_min(0)
    logits = fc.bias.expand(2, 6)
    for scale, relation in zip((2, 3), head.relations, strict=True):
        part = fc.weight[:, 4 * (scale - 2) : 4 * (scale - 1)]
        subsets = list(combinations(range(4), scale))
        for subset in subsets:
            joined = torch.cat([frames[:, frame] for frame in subset], 1)
            hidden = (joined @ relation.weight.T + relation.bias).clamp_min(0)
            logits = logits + hidden @ part.T / len(subsets)
    torch.testing.assert_close(fc(head(features)), logits)


def test_a_seed_decides_training_and_nothing_decides_inference():
    head = MultiScaleRelation(5, scales=4, hidden=4, subsets=2)
    features = torch.randn(1, 9, 5)

    def run(seed):
        torch.manual_seed(seed)
        return head(features)

    assert torch.equal(run(1), run(1))
    assert not torch.equal(run(1), run(2))
    head.eval()
    assert torch.equal(run(1), run(2))


def test_order_of_frames_matters():
    model = create_model("trn_nano", num_classes=3).eval()
    clip = torch.randn(1, 3, 8, 32, 32)
    assert not torch.allclose(model(clip), model(clip.flip(2)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scales": 1}, "scales must be a whole number of at least 2, got 1"),
        ({"subsets": 0}, "subsets must be a whole number of at least 1, got 0"),
        ({"hidden": 0}, "hidden must be a whole number of at least 1, got 0"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        create_model("trn_nano", num_classes=3, **options)
