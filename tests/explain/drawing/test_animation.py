import numpy as np
import pytest
from PIL import Image, ImageColor

from explained_samples import sample_explanation
from motionlens.explain.drawing.animation import animate, animation_frames
from motionlens.explain.drawing.overview import Place
from motionlens.explain.drawing.themes import DARK, KEPT_COLOUR, POSITION_COLOUR
from motionlens.video.file import open_video

PLACE = Place("layer3.0", 2, 2, 2)


@pytest.fixture(scope="module")
def frames():
    return animation_frames(sample_explanation(), PLACE)


def count(picture, colour):
    """Pixels of a colour in the right half, where the clip runs."""
    upper = picture[: picture.shape[0] // 2, picture.shape[1] // 2 :].astype(int)
    return int((np.abs(upper - ImageColor.getrgb(colour)).max(-1) < 30).sum())


def test_each_frame_lights_up_what_was_matched_in_it(frames):
    assert len(frames) == 6
    assert len({frame.shape for frame in frames}) == 1
    # Position in frame 2; proposals in 3 and 4 are kept, that in 5 is dropped.
    kept = [count(frame, KEPT_COLOUR) > 20 for frame in frames]
    assert kept == [False, False, False, True, True, False]
    position = [count(frame, POSITION_COLOUR) > 20 for frame in frames]
    assert position == [False, False, True, False, False, False]


def test_gif(tmp_path, frames):
    animate(sample_explanation(), PLACE, tmp_path / "a.gif", fps=4)
    with Image.open(tmp_path / "a.gif") as image:
        assert image.n_frames == 6
        assert image.info["duration"] == 250
        assert image.info["loop"] == 0
        image.seek(3)
        shown = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(shown - frames[3]).mean() < 6
    assert count(shown, KEPT_COLOUR) > 20


def test_mp4(tmp_path, frames):
    animate(sample_explanation(), PLACE, tmp_path / "a.mp4", fps=2.5)
    with open_video(tmp_path / "a.mp4") as reader:
        assert (reader.num_frames, reader.fps) == (6, 2.5)
        shown = reader.read([3]).data[0].permute(1, 2, 0).numpy().astype(int)
    assert np.abs(shown - frames[3]).mean() < 6


def test_dark():
    picture = animation_frames(sample_explanation(2), Place("layer3.0", 0, 1, 1), theme=DARK)[1]
    assert tuple(picture[0, 0]) == ImageColor.getrgb(DARK.background)


def test_refusals(tmp_path):
    path = tmp_path / "a.gif"
    path.write_bytes(b"before")
    with pytest.raises(ValueError, match=r"path must end in \.gif or \.mp4, got 'a\.avi'"):
        animate(sample_explanation(2), PLACE, tmp_path / "a.avi")
    with pytest.raises(ValueError, match="fps must be above 0, got 0"):
        animate(sample_explanation(2), PLACE, path, fps=0)
    with pytest.raises(ValueError, match=r"frame must lie in 0\.\.1, got 2"):
        animate(sample_explanation(2), PLACE, path)
    assert path.read_bytes() == b"before"
