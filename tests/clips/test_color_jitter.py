import numpy as np
import pytest
import torch

from motionlens.clips.color_jitter import ColorJitter

OFF = ColorJitter(0, 0, 0, 0)


@pytest.fixture
def frames():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (6, 3, 48, 80), generator=generator, dtype=torch.uint8)


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
            ({"brightness": -0.1}, r"brightness must lie in 0\.\.1"),
            ({"contrast": 1.1}, r"contrast must lie in 0\.\.1"),
            ({"saturation": float("nan")}, r"saturation must lie in 0\.\.1"),
            ({"hue": 0.6}, r"hue must lie in 0\.\.0.5"),
        ],
    )
    def test_refuses(self, options, message):
        with pytest.raises(ValueError, match=message):
            ColorJitter(**options)
