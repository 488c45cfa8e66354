import numpy as np
import pytest
import torch
import torch.nn.functional as F

from motionlens.clips.augmentation import ClipTransform, ColorJitter
from motionlens.clips.optical_flow import clip_with_flow, optical_flow
from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling, sample_indices, spread_indices
from motionlens.clips.symmetries import LabelSymmetries


@pytest.fixture(autouse=True)
def _opencv(opencv):
    """All of these need it."""


def moving(num_frames, right, down, side=48):
    """Frames of a smooth texture that moves by that many pixels a frame: uint8 (T, 3, H, W)."""
    texture = F.interpolate(torch.rand(1, 3, 24, 24), (144, 144), mode="bicubic").clamp(0, 1)
    texture = (texture[0] * 255).round().byte()
    frames = []
    for t in range(num_frames):
        top, left = 48 - down * t, 48 - right * t
        frames.append(texture[:, top : top + side, left : left + side])
    return torch.stack(frames)


@pytest.mark.parametrize(("right", "down"), [(3, 0), (0, -2), (-4, 5)])
@pytest.mark.parametrize("side", [20, 48])
def test_flow_is_the_motion(right, down, side):
    found = optical_flow(moving(4, right, down, side))
    assert found.shape == (3, 2, side, side)
    assert found.dtype == torch.float32
    middle = found[:, :, side // 4 : -side // 4, side // 4 : -side // 4].mean((0, 2, 3))
    torch.testing.assert_close(middle, torch.tensor([right, down]).float(), rtol=0, atol=0.3)


def test_still_frames_and_one_frame():
    still = moving(1, 0, 0).expand(3, -1, -1, -1)
    assert optical_flow(still).abs().max() < 0.01
    assert optical_flow(still[:1]).shape == (0, 2, 48, 48)


def test_other_frames_are_refused():
    with pytest.raises(ValueError, match=r"frames must be uint8 \(T, 3, H, W\), got torch.float32"):
        optical_flow(torch.zeros(2, 3, 8, 8))


def test_the_number_of_threads_makes_no_difference(opencv):
    frames, before = moving(2, 3, 1), opencv.getNumThreads()
    found = []
    for threads in (1, 2):
        opencv.setNumThreads(threads)
        found.append(optical_flow(frames))
        assert opencv.getNumThreads() == threads
    opencv.setNumThreads(before)
    assert torch.equal(*found)


def test_groups_of_frames_make_a_clip():
    frames = torch.cat([moving(3, 4, 0), moving(3, 0, -2)])
    colours = frames.permute(1, 0, 2, 3).float()
    clip = clip_with_flow(frames, colours, 2)
    assert clip.shape == (7, 2, 48, 48)
    assert torch.equal(clip[:3], colours[:, [2, 5]])
    inner = clip[3:, :, 12:-12, 12:-12].mean((2, 3))
    expected = torch.tensor([[0.2, 0, 0.2, 0], [0, -0.1, 0, -0.1]]).T
    torch.testing.assert_close(inner, expected, rtol=0, atol=0.02)
    with pytest.raises(ValueError, match=r"groups of flow_frames \+ 1 = 5, at least 2, got 6"):
        clip_with_flow(frames, colours, 4)


def test_fast_motion_is_cut_off(monkeypatch):
    monkeypatch.setattr("motionlens.clips.optical_flow.BOUND_PX", 3)
    frames = moving(2, -4, 1)
    clip = clip_with_flow(frames, frames.permute(1, 0, 2, 3).float(), 1)
    inner = clip[3:, :, 12:-12, 12:-12]
    assert (inner[0] == -1).all()
    assert inner[1].mean() == pytest.approx(1 / 3, abs=0.05)


def test_preprocessing_makes_the_whole_clip():
    frames = moving(4, 4, 0)
    plain = Preprocessing(size=32, short_side=48)
    found = Preprocessing(size=32, short_side=48, flow_frames=1)(frames)
    assert found.shape == (5, 2, 32, 32)
    assert torch.equal(found[:3], plain(frames)[:, 1::2])


@pytest.mark.parametrize(
    ("symmetries", "sign"),
    [
        ({"horizontal_flip": {}}, (-1, 1)),
        ({"vertical_flip": {}}, (1, -1)),
        ({"time_reversal": {}}, (-1, -1)),
    ],
)
def test_flow_is_what_it_is_in_the_clip_that_is_seen(symmetries, sign):
    preprocessing = Preprocessing(size=48, short_side=48, flow_frames=1)
    transform = ClipTransform(
        preprocessing,
        ["a", "b"],
        LabelSymmetries(**symmetries),
        min_area=1,
        ratio=(1, 1),
        colors=ColorJitter(0, 0, 0, 0),
    )
    frames, seen = moving(4, 4, 3), set()
    for seed in range(8):
        clip, _ = transform(frames, 0, np.random.default_rng(seed))
        inner = clip[3:, :, 12:-12, 12:-12].mean((1, 2, 3)) * 20
        seen.add(tuple(inner.round().int().tolist()))
    assert seen == {(4, 3), (4 * sign[0], 3 * sign[1])}


def test_frames_that_lead_to_a_clip_s_frames():
    dense = Sampling(3, frame_stride=4, lead=2)
    assert sample_indices(9, dense).tolist() == [0, 0, 0, 2, 3, 4, 6, 7, 8]
    several = spread_indices(12, dense, 2)
    assert several.tolist() == [[0, 0, 0, 2, 3, 4, 6, 7, 8], [1, 2, 3, 5, 6, 7, 9, 10, 11]]
    with pytest.raises(ValueError, match="lead must be a whole number of at least 0, got -1"):
        Sampling(3, lead=-1)
