import pytest
import torch

from motionlens.clips.augmentation import ClipTransform, ColorJitter
from motionlens.clips.preprocessing import Preprocessing, resize_frames

NAMES = ("left", "right")
OFF = ColorJitter(0, 0, 0, 0)
PLAIN = Preprocessing(32, 36, mean=(0, 0, 0), std=(1, 1, 1))


@pytest.fixture
def frames():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (6, 3, 48, 80), generator=generator, dtype=torch.uint8)


class TestPreprocessing:
    def test_shape_and_type(self, frames):
        clip = Preprocessing(32, 36)(frames)
        assert clip.shape == (3, 6, 32, 32)
        assert clip.dtype == torch.float32
        assert clip.is_contiguous()

    def test_crops_the_middle_and_normalises(self):
        frames = torch.zeros(2, 3, 32, 64, dtype=torch.uint8)
        frames[..., 16:48] = 255
        clip = Preprocessing(32, 32, mean=(0.5, 0.25, 0.0), std=(0.5, 1.0, 2.0))(frames)
        for channel, value in enumerate((1.0, 0.75, 0.5)):
            assert torch.equal(clip[channel], torch.full((2, 32, 32), value))

    @pytest.mark.parametrize(
        ("shape", "resized"), [((48, 80), (36, 60)), ((80, 48), (60, 36)), ((20, 20), (36, 36))]
    )
    def test_short_side(self, shape, resized):
        frames = torch.zeros(1, 3, *shape, dtype=torch.uint8)
        assert PLAIN.resize(frames).shape[2:] == resized

    def test_the_crop_always_fits(self):
        preprocessing = Preprocessing(24, 24)
        for shape in ((48, 80), (80, 48), (31, 33), (7, 301)):
            frames = torch.zeros(1, 3, *shape, dtype=torch.uint8)
            assert preprocessing(frames).shape == (3, 1, 24, 24)

    def test_resizing_twice_changes_nothing(self, frames):
        once = PLAIN.resize(frames)
        assert PLAIN.resize(once) is once
        assert torch.equal(PLAIN(once), PLAIN(frames))

    def test_memory_layout_changes_nothing(self, frames):
        other = frames.contiguous(memory_format=torch.channels_last)
        assert torch.equal(PLAIN(other), PLAIN(frames))

    def test_fine_patterns_are_smoothed_not_sampled(self):
        stripes = (torch.arange(128) % 2 * 255).to(torch.uint8).expand(1, 3, 128, 128)
        small = resize_frames(stripes, (32, 32))[..., 2:-2].float()
        assert (small - 127.5).abs().max() < 3

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"size": 0, "short_side": 8}, "size must be a whole number of at least 1, got 0"),
            ({"size": 8, "short_side": 7}, "short_side must be at least size = 8, got 7"),
            (
                {"size": (9, 8), "short_side": 7},
                r"size must be a whole number of at least 1, got \(9, 8\)",
            ),
            ({"size": 8, "short_side": 8, "mean": (0, 0)}, "mean must be 3 numbers"),
            ({"size": 8, "short_side": 8, "std": (1, 1, float("nan"))}, "std must be 3 numbers"),
            ({"size": 8, "short_side": 8, "std": (1, 0, 1)}, "std must be 3 numbers above 0"),
        ],
    )
    def test_refuses(self, options, message):
        with pytest.raises(ValueError, match=message):
            Preprocessing(**options)

    @pytest.mark.parametrize("wrong", [torch.zeros(2, 3, 8, 8), torch.zeros(3, 8, 8).byte(),
                                       torch.zeros(2, 8, 8, 3).byte()])  # fmt: skip
    def test_refuses_other_frames(self, wrong):
        with pytest.raises(ValueError, match=r"frames must be uint8 \(T, 3, H, W\)"):
            PLAIN(wrong)
        with pytest.raises(ValueError, match=r"frames must be uint8 \(T, 3, H, W\)"):
            ClipTransform(PLAIN, NAMES)(wrong, 0, 0)
