import pytest
import torch

from motionlens.synthetic.toy import CLASS_NAMES, moving_blocks

DIRECTION = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}


@pytest.mark.parametrize(("canvas", "side", "margin"), [("box", 32, 0), ("wide", 64, 6)])
def test_blocks_move_as_their_labels_say(canvas, side, margin):
    videos = moving_blocks(200, canvas=canvas, seed=1)
    assert videos.frames.shape == (200, 4, side, side)
    assert videos.labels.bincount().tolist() == [50] * 4
    steps = videos.corners.diff(dim=1)
    assert torch.equal(steps, steps[:, :1].expand_as(steps))  # constant speed
    for label, name in enumerate(CLASS_NAMES):
        mine = steps[videos.labels == label, 0]
        size = mine.abs().amax(1)
        assert set(size.tolist()) == {7, 8, 9}
        assert torch.equal(mine, size[:, None] * torch.tensor(DIRECTION[name]))
    assert videos.corners.min() >= margin
    assert videos.corners.max() == side - margin - 2  # the whole canvas is used


def test_frames_show_one_white_block_at_its_corner():
    videos = moving_blocks(8, seed=2)
    expected = torch.zeros_like(videos.frames)
    for video, track in enumerate(videos.corners.tolist()):
        for frame, (row, column) in enumerate(track):
            expected[video, frame, row : row + 2, column : column + 2] = 255
    assert torch.equal(videos.frames, expected)
    clips = videos.clips()
    assert clips.shape == (8, 3, 4, 32, 32)
    assert clips.unique().tolist() == [0, 1]


def test_on_the_wide_canvas_each_motion_comes_with_its_reverse():
    videos = moving_blocks(40, canvas="wide", seed=3)
    tracks = [tuple(map(tuple, track)) for track in videos.corners.tolist()]
    assert sorted(tracks) == sorted(track[::-1] for track in tracks)


def test_seeds():
    first, again, other = (moving_blocks(8, seed=seed) for seed in (4, 4, 5))
    assert torch.equal(first.frames, again.frames)
    assert not torch.equal(first.frames, other.frames)


def test_refusals():
    with pytest.raises(ValueError, match="num_videos must be a multiple of 4"):
        moving_blocks(6)
    with pytest.raises(ValueError, match="canvas must be one of box, wide, got 'round'"):
        moving_blocks(8, canvas="round")
