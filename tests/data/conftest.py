"""For the data layer: what it reads is told apart by its grey."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import Tensor


@pytest.fixture
def numbers_of() -> Callable[[Tensor], list[int]]:
    """Decoded frames ``(T, 3, H, W)`` -> the numbers that ``numbered_frames`` drew into them."""

    def numbers(data: Tensor) -> list[int]:
        levels = data.float().mean(dim=(1, 2, 3)).numpy()
        found = np.round((levels - 20) / 5)
        assert np.abs(levels - 20 - 5 * found).max() < 2, f"not numbered frames: {levels}"
        return [int(number) for number in found]

    return numbers


@pytest.fixture
def frame_folder(tmp_path: Path) -> Path:
    """Pictures 1.png ... 12.png of 32x48 pixels, numbered like the videos."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for i in range(12):
        Image.new("RGB", (48, 32), (20 + 5 * i,) * 3).save(folder / f"{i + 1}.png")
    return folder


@pytest.fixture(scope="session")
def clips(test_data: Path) -> Path:
    """The folder of real media files."""
    return test_data / "data" / "clips"
