import numpy as np
import pytest
import torch

from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling, spread_indices
from motionlens.clips.training_loader import ClipDataset
from motionlens.clips.view_loader import ViewDataset, ViewPlan, load_videos
from motionlens.clips.views import Views
from motionlens.datasets.listing import index_folder

SAMPLING = Sampling(3, 2)
PREPROCESSING = Preprocessing(16, 18)


@pytest.fixture
def index(class_folders):
    return index_folder(class_folders)


def load(index, views, *, num_workers=0, sampling=SAMPLING):
    dataset = ViewDataset(index, ViewPlan(sampling, PREPROCESSING, views))
    return list(load_videos(dataset, num_workers))


def cut(video, views):
    return list(ViewPlan(SAMPLING, PREPROCESSING, views).cut(video))


def test_one_view_is_the_evaluation_clip(index):
    clips = ClipDataset(index, SAMPLING, PREPROCESSING)
    for number, video in enumerate(load(index, Views())):
        assert video.position == number
        (view,) = cut(video, Views())
        clip = PREPROCESSING.normalize(view.frames)
        torch.testing.assert_close(clip, clips[number]["clip"], rtol=0, atol=0)
        assert not view.is_mirrored


def test_workers_do_not_matter(index):
    alone, split = load(index, Views(4, 3)), load(index, Views(4, 3), num_workers=2)
    for one, other in zip(alone, split, strict=True):
        assert one.position == other.position
        assert torch.equal(one.frames, other.frames)
        assert torch.equal(one.clips, other.clips)


def test_a_frame_that_several_clips_need_is_decoded_once(make_video, tmp_path, numbers_of):
    make_video("data/a/0.mp4", num_frames=40, crf=1)
    index = index_folder(tmp_path / "data")
    (video,) = load(index, Views(9), sampling=Sampling(5, 1))
    # 9 clips of 5 frames from 0, 4, 8, 13, 17, 21, 26, 30 and 35: all 40, two chunks of them.
    assert len(video.frames) == 40
    wanted = spread_indices(40, Sampling(5, 1), 9)
    for clip, indices in zip(video.clips, wanted, strict=True):
        assert numbers_of(video.frames[clip]) == indices.tolist()


def test_views_are_cut_where_they_are_planned(index):
    video = load(index, Views(2, 10))[0]
    views = cut(video, Views(2, 10))
    assert len(views) == 20
    # Frames of 32x48 become 18x27.
    assert tuple(video.frames.shape[2:]) == (18, 27)
    lower_right = video.frames[video.clips[1]][:, :, 2:, 11:]
    assert torch.equal(views[13].frames, lower_right)
    for plain, mirrored in zip(views[10:15], views[15:], strict=True):
        assert (plain.is_mirrored, mirrored.is_mirrored) == (False, True)
        assert torch.equal(plain.frames.flip(3), mirrored.frames)
    (whole,) = cut(load(index, Views(1, "full"))[0], Views(1, "full"))
    assert whole.frames.shape == (3, 3, 18, 27)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_broken_video_tells_its_error(index, num_workers):
    index.path(3).write_text("no video")
    videos = load(index, Views(), num_workers=num_workers)
    assert np.flatnonzero([bool(video.error) for video in videos]).tolist() == [3]
    assert "3.mp4: cannot be read as a video" in videos[3].error
    assert len(videos[3].frames) == 0
