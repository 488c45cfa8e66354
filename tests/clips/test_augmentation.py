import pickle

import numpy as np
import pytest
import torch

from motionlens.clips.augmentation import ClipTransform, ColorJitter, rotate
from motionlens.clips.preprocessing import Preprocessing, resize_frames
from motionlens.clips.symmetries import LabelSymmetries

NAMES = ("left", "right")
OFF = ColorJitter(0, 0, 0, 0)
PLAIN = Preprocessing(32, 36, mean=(0, 0, 0), std=(1, 1, 1))


@pytest.fixture
def frames():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (6, 3, 48, 80), generator=generator, dtype=torch.uint8)


def moving_square() -> torch.Tensor:
    """A white square that moves to the right, half before a grey sky, half before black ground."""
    video = torch.zeros(6, 3, 48, 48, dtype=torch.uint8)
    video[:, :, :24] = 120
    for t in range(6):
        video[t, :, 18:30, 13 + 2 * t : 25 + 2 * t] = 255
    return video


def goes_right(clip: torch.Tensor) -> bool:
    """Whether the middle of the white pixels does, from the first frame to the last."""
    white = (clip[0] > 0.75).float()
    middle = (white.sum(dim=1) @ torch.arange(32.0)) / white.sum(dim=(1, 2))
    return bool(middle[-1] > middle[0])


class TestRotation:
    def test_a_quarter_turn_is_exact(self):
        frames = torch.rand(2, 3, 8, 8)
        for quarters in (-1, 0, 1, 2):
            expected = torch.rot90(frames, quarters, (2, 3))
            torch.testing.assert_close(rotate(frames, 90.0 * quarters), expected)

    def test_all_frames_turn_alike_and_at_most_so_far(self):
        # A bar from the middle to the right: its far end tells the angle.
        bar = torch.zeros(2, 3, 64, 64, dtype=torch.uint8)
        bar[:, :, 31:33, 32:60] = 255
        preprocessing = Preprocessing(64, 64, mean=(0, 0, 0), std=(1, 1, 1))
        transform = ClipTransform(
            preprocessing, NAMES, min_area=1.0, ratio=(1.0, 1.0), rotation=20.0, colors=OFF
        )
        angles = []
        for seed in range(60):
            clip, _ = transform(bar, 0, seed)
            torch.testing.assert_close(clip[:, 0], clip[:, 1])
            weights = clip[0, 0, :, 50:58].sum(1)
            row = float(weights @ torch.arange(64.0) / weights.sum()) - 31.5
            angles.append(np.degrees(np.arctan2(-row, 53.5 - 31.5)))
        assert 17 < max(angles) < 21
        assert -21 < min(angles) < -17


class TestClipTransform:
    def test_shape_and_type(self, frames):
        clip, label = ClipTransform(Preprocessing(24, 24), NAMES)(frames, 1, 0)
        assert clip.shape == (3, 6, 24, 24)
        assert clip.dtype == torch.float32
        assert clip.is_contiguous()
        assert label == 1

    def test_a_seed_decides_and_global_chance_does_not(self, frames):
        transform = ClipTransform(PLAIN, NAMES, LabelSymmetries({"left": "right"}, {}, {}))
        torch.manual_seed(1)
        before = torch.get_rng_state()
        first, label = transform(frames, 0, 5)
        assert torch.equal(torch.get_rng_state(), before)
        torch.manual_seed(2)
        again, label_again = transform(frames, 0, np.random.default_rng(5))
        assert torch.equal(first, again)
        assert label == label_again
        assert not torch.equal(first, transform(frames, 0, 6)[0])

    def test_one_choice_for_all_frames(self, frames):
        still = frames[:1].expand(5, -1, -1, -1)
        transform = ClipTransform(PLAIN, NAMES, LabelSymmetries({}, {}, {}))
        for seed in range(5):
            clip, _ = transform(still, 0, seed)
            assert torch.equal(clip, clip[:, :1].expand_as(clip))

    def test_without_any_choice_it_is_a_resized_crop(self):
        frames = moving_square()
        transform = ClipTransform(Preprocessing(32, 32, (0, 0, 0), (1, 1, 1)), NAMES,
                                  min_area=1.0, ratio=(1.0, 1.0), colors=OFF)  # fmt: skip
        clip, _ = transform(frames, 0, 0)
        wanted = resize_frames(frames, (32, 32)).permute(1, 0, 2, 3) / 255
        assert torch.allclose(clip, wanted)

    def test_motion_and_label_agree_however_a_clip_is_mirrored(self):
        symmetries = LabelSymmetries({"left": "right"}, {}, {"left": "right"})
        transform = ClipTransform(PLAIN, NAMES, symmetries, colors=OFF)
        seen = set()
        for seed in range(40):
            clip, label = transform(moving_square(), NAMES.index("right"), seed)
            assert NAMES[label] == ("right" if goes_right(clip) else "left")
            is_upside_down = bool(clip[0, 0, -4:].mean() > clip[0, 0, :4].mean())
            seen.add((NAMES[label], is_upside_down))
        assert len(seen) == 4

    def test_nothing_is_mirrored_unless_declared(self):
        for seed in range(20):
            clip, label = ClipTransform(PLAIN, NAMES, colors=OFF)(moving_square(), 1, seed)
            assert goes_right(clip)
            assert clip[0, 0, :4].mean() > clip[0, 0, -4:].mean()
            assert label == 1

    @pytest.mark.parametrize(("height", "width"), [(48, 80), (80, 48), (5, 200), (1, 1), (33, 33)])
    def test_crops_keep_to_their_area_and_shape(self, height, width):
        transform = ClipTransform(PLAIN, NAMES, min_area=0.5, ratio=(0.9, 1.1), colors=OFF)
        rows = torch.arange(height).view(1, 1, -1, 1).expand(1, 3, -1, width)
        frames = rows.to(torch.uint8)
        for seed in range(10):
            clip, _ = transform(frames, 0, seed)
            assert clip.shape == (3, 1, 32, 32)
            span = float((clip.max() - clip.min()) * 255) + 1
            largest = min(height, width / 0.9) + 1
            assert 0.6 * min(height, width / 1.1) - 3 <= span <= largest

    def test_shrunk_frames_hold_every_crop(self):
        frames = torch.zeros(1, 3, 240, 320, dtype=torch.uint8)
        transform = ClipTransform(PLAIN, NAMES, min_area=0.5, ratio=(0.9, 1.1))
        small = transform.shrink(frames)
        # The least crop is 0.707 of the rows, a tenth narrower or wider than the clip's 32.
        assert 32 / 0.71 < small.shape[2] <= 32 / 0.707 * 1.1 + 2
        assert small.shape[3] / small.shape[2] == pytest.approx(320 / 240, abs=0.03)
        tiny = frames[..., :40, :40]
        assert transform.shrink(tiny) is tiny

    def test_goes_through_pickle_as_workers_need(self, frames):
        transform = ClipTransform(PLAIN, NAMES, LabelSymmetries({"left": "right"}))
        copy = pickle.loads(pickle.dumps(transform))
        assert torch.equal(copy(frames, 0, 3)[0], transform(frames, 0, 3)[0])

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"min_area": 0.0}, r"min_area must be above 0 and at most 1"),
            ({"min_area": 1.5}, r"min_area must be above 0 and at most 1"),
            ({"ratio": (0.0, 1.0)}, "ratio must be 0 < least <= greatest"),
            ({"ratio": (1.2, 1.0)}, "ratio must be 0 < least <= greatest"),
            ({"symmetries": LabelSymmetries({"lefd": "right"})}, "did you mean 'left'"),
        ],
    )
    def test_refuses(self, options, message):
        with pytest.raises(ValueError, match=message):
            ClipTransform(PLAIN, NAMES, **options)


class TestColorJitter:
    @pytest.fixture
    def values(self, frames):
        return frames / 255

    def test_off_changes_nothing(self, values):
        assert OFF(values, np.random.default_rng(0)) is values

    @pytest.mark.parametrize("name", ["brightness", "contrast", "saturation", "hue"])
    def test_each_changes_colours_within_range(self, values, name):
        jitter = ColorJitter(
            **{"brightness": 0, "contrast": 0, "saturation": 0, "hue": 0, name: 0.3}
        )
        changed = jitter(values, np.random.default_rng(0))
        assert changed.shape == values.shape
        assert not torch.allclose(changed, values, atol=0.01)
        assert 0 <= changed.min() <= changed.max() <= 1.0001

    def test_hue_leaves_grey_alone(self):
        grey = torch.full((2, 3, 4, 4), 0.4)
        changed = ColorJitter(0, 0, 0, 0.5)(grey, np.random.default_rng(0))
        assert torch.allclose(changed, grey, atol=1e-5)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"brightness": -0.1}, r"brightness must be at least 0 and at most 1"),
            ({"contrast": 1.1}, r"contrast must be at least 0 and at most 1"),
            ({"saturation": float("nan")}, r"saturation must be at least 0 and at most 1"),
            ({"hue": 0.6}, r"hue must be at least 0 and at most 0.5"),
        ],
    )
    def test_refuses(self, options, message):
        with pytest.raises(ValueError, match=message):
            ColorJitter(**options)
