import numpy as np
import pytest
import torch

from motionlens.training.clip_configs import AugmentConfig
from motionlens.training.mixing import mix

CLIP = torch.arange(4.0).view(4, 1, 1, 1, 1).expand(4, 3, 2, 8, 8)
LABEL = torch.arange(4)


def mixed(seed=0, weight=None, label=LABEL, **config):
    config = {"mix_probability": 1.0, **config}
    weight = torch.ones(4) if weight is None else weight
    rng = np.random.default_rng(seed)
    return mix(CLIP, label, weight, 4, AugmentConfig(**config), rng)


@pytest.mark.parametrize("kind", ["mixup_alpha", "cutmix_alpha"])
@pytest.mark.parametrize("seed", range(10))
def test_labels_have_the_parts_that_clips_have(seed, kind):
    clip, target = mixed(seed, **{kind: 1.0})
    torch.testing.assert_close(target.sum(1), torch.ones(4))
    # Clip i is full of i, so that its mean tells whose parts are in it.
    torch.testing.assert_close(clip.mean((1, 2, 3, 4)), target @ torch.arange(4.0))


def test_cutmix_cuts_the_same_box_out_of_all_frames():
    for seed in range(5):
        clip, _ = mixed(seed, cutmix_alpha=1.0)
        assert set(clip.unique().tolist()) <= {0.0, 1.0, 2.0, 3.0}
        assert torch.equal(clip[:, :, 0], clip[:, :, 1])


def test_padding_is_mixed_into_nothing():
    weight = torch.tensor([1.0, 1.0, 1.0, 0.0])
    for seed in range(20):
        _, target = mixed(seed, weight, mixup_alpha=1.0)
        assert target[:3, 3].sum() == 0
        assert target[3, 3] == 1


def test_only_a_part_of_the_batches_is_mixed():
    found = [mixed(seed, mixup_alpha=1.0, mix_probability=0.5) is None for seed in range(200)]
    assert 60 < sum(found) < 140
    assert mixed(mix_probability=0.0) is None


def test_both_kinds_take_turns_and_the_same_seed_draws_the_same():
    both = [mixed(seed, mixup_alpha=1.0, cutmix_alpha=1.0)[0] for seed in range(20)]
    whole = [bool((clip == clip.round()).all()) for clip in both]
    assert 3 < sum(whole) < 17
    again = mixed(3, mixup_alpha=1.0, cutmix_alpha=1.0)[0]
    assert torch.equal(again, both[3])


def test_targets_of_several_labels_are_mixed_too():
    targets = torch.tensor([[1.0, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1]])
    _, target = mixed(0, label=targets, mixup_alpha=1.0)
    assert target.shape == (4, 4)
    assert ((target >= 0) & (target <= 1)).all()
