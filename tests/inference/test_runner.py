import numpy as np
import pytest
import torch
from torch import nn

import motionlens.inference.runner
from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.clips.view_loader import ViewDataset, cut_views
from motionlens.clips.views import Views
from motionlens.datasets.listing import index_folder
from motionlens.inference.runner import ViewPlan, in_turn, resolve_num_workers, run_videos
from motionlens.video.frames import VideoError

SAMPLING, PREPROCESSING = Sampling(3, 2), Preprocessing(16, 18)
CPU = torch.device("cpu")


class Sides(nn.Module):
    """Brightness of the left and of the right half of a clip; counts how it is called."""

    def __init__(self):
        super().__init__()
        self.shapes = []

    def forward(self, clips):
        self.shapes.append(tuple(clips.shape))
        half = clips.shape[4] // 2
        return torch.stack(
            [clips[..., :half].mean((1, 2, 3, 4)), clips[..., half:].mean((1, 2, 3, 4))], dim=1
        )


@pytest.fixture
def index(class_folders):
    return index_folder(class_folders)


def run(index, views, *, model=None, swap=None, batch_size=4, num_workers=0, **options):
    model = model or Sides()
    plan = ViewPlan(sampling=SAMPLING, preprocessing=PREPROCESSING, views=views, swap=swap)
    return list(
        run_videos(
            model,
            index,
            plan,
            model,
            batch_size=batch_size,
            num_workers=num_workers,
            device=CPU,
            **options,
        )
    )


def row_of(model, view):
    return model(PREPROCESSING.normalize(view.frames)[None])[0]


@pytest.mark.parametrize("views", [Views(), Views(3, 5), Views(2, "full")])
def test_batches_and_workers_do_not_matter(index, views):
    wanted = run(index, views, batch_size=1)
    assert [result.position for result in wanted] == list(range(10))
    for batch_size, num_workers in ((7, 0), (64, 2), (4, 1)):
        found = run(index, views, batch_size=batch_size, num_workers=num_workers)
        for one, other in zip(wanted, found, strict=True):
            assert one.position == other.position
            torch.testing.assert_close(one.row, other.row)


def test_rows_are_the_mean_over_the_views(index):
    model = Sides()
    video = ViewDataset(index, SAMPLING, PREPROCESSING, Views(2, 3), skip_broken=False)[4]
    rows = [row_of(model, view) for view in cut_views(video, Views(2, 3), PREPROCESSING)]
    assert len(rows) == 6
    found = run(index, Views(2, 3))[4]
    torch.testing.assert_close(found.row, torch.stack(rows).mean(dim=0))


def test_batches_are_full_and_the_last_one_is_not_dropped(index):
    model = Sides()
    run(index, Views(3, 1), model=model, batch_size=8)
    assert [shape[0] for shape in model.shapes] == [8, 8, 8, 6]  # 30 views


def test_views_of_different_shapes_are_not_stacked(make_video, tmp_path):
    for number, width in enumerate((48, 48, 64, 48)):
        make_video(f"data/a/{number}.mp4", width=width)
    model = Sides()
    found = run(index_folder(tmp_path / "data"), Views(2, "full"), model=model, batch_size=8)
    assert [shape[0] for shape in model.shapes] == [4, 2, 2]
    assert {shape[3:] for shape in model.shapes} == {(18, 27), (18, 36)}
    assert len(found) == 4


def test_mirrored_views_are_swapped_back(index):
    plain = run(index, Views(2, 10))
    # Left and right of a mirrored view are the right and left of the plain one: the mean of both
    # tells nothing apart, unless what is mirrored is swapped back.
    assert all(float(r.row[0]) == pytest.approx(float(r.row[1]), abs=1e-5) for r in plain)
    found = run(index, Views(2, 10), swap=torch.tensor([1, 0]))
    model = Sides()
    dataset = ViewDataset(index, SAMPLING, PREPROCESSING, Views(2, 10), skip_broken=False)
    for i, result in enumerate(found):
        views = cut_views(dataset[i], Views(2, 10), PREPROCESSING)
        rows = [row_of(model, view) for view in views if not view.is_mirrored]
        torch.testing.assert_close(result.row, torch.stack(rows).mean(dim=0))
        assert abs(float(result.row[0] - result.row[1])) > 1e-4


def test_broken_videos_are_told_or_raised(index):
    index.path(0).write_text("no video")
    index.path(9).write_text("no video")
    with pytest.raises(VideoError, match="cannot be read as a video"):
        run(index, Views())
    found = run(index, Views(2, 3), skip_broken=True, batch_size=5)
    assert [result.position for result in found] == list(range(10))
    assert [result.row is None for result in found] == [True] + [False] * 8 + [True]
    assert "cannot be read as a video" in found[9].error


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ([0, 1, 1], "number 2 was to come, 1 came"),
        ([0, 2], "number 1 was to come, 2 came"),
        ([0, 1], "every video must be met exactly once, 2 of 10 were"),
    ],
)
def test_a_video_missed_or_met_twice_is_an_error(index, monkeypatch, order, message):
    monkeypatch.setattr(
        motionlens.inference.runner, "load_videos", lambda dataset, _: (dataset[i] for i in order)
    )
    with pytest.raises(RuntimeError, match=message):
        run(index, Views())


@pytest.mark.parametrize("number", [5, 7])
def test_a_video_with_other_than_the_planned_views_is_an_error(index, monkeypatch, number):
    cut = motionlens.inference.runner.cut_views

    def other(video, *arguments):
        views = list(cut(video, *arguments))
        return (views * 2)[:number] if video.position == 3 else views

    monkeypatch.setattr(motionlens.inference.runner, "cut_views", other)
    with pytest.raises(RuntimeError, match=f"video 3 must have 6 views, it has come to {number}"):
        run(index, Views(2, 3), batch_size=1)


def test_a_network_that_loses_a_clip_is_an_error(index):
    model = Sides()
    model.forward = lambda clips: clips[1:].mean((2, 3, 4))
    with pytest.raises(RuntimeError, match="4 views must give as many rows, got 3"):
        run(index, Views(), model=model)


def test_a_share_without_videos(index):
    assert run(index.subset([]), Views(2, 3)) == []


def test_batch_size_must_be_a_number(index):
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        run(index, Views(), batch_size=0)


def test_results_of_a_single_process_come_at_once():
    asked = []

    def results():
        for i in range(5):
            asked.append(i)
            yield i

    assert next(in_turn(results(), 5)) == 0
    assert asked == [0]


def test_results_of_several_processes_come_in_the_order_of_the_items(monkeypatch):
    # Process 0 of three, of which each finds seven, seven and six of twenty; in turns of four.
    shares = [iter(range(r, 20, 3)) for r in range(3)]
    monkeypatch.setattr(motionlens.inference.runner, "world_size", lambda: 3)
    monkeypatch.setattr(motionlens.inference.runner, "_IN_TURN", 4)

    def gather(own):
        return [own] + [[i for _, i in zip(range(4), share, strict=False)] for share in shares[1:]]

    monkeypatch.setattr(motionlens.inference.runner, "gather_objects", gather)
    assert list(in_turn(shares[0], 20)) == list(range(20))


def test_processes_on_a_machine_share_its_cores(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(9), raising=False)
    assert resolve_num_workers(None) == 8
    assert resolve_num_workers(3) == 3
    monkeypatch.setattr(motionlens.inference.runner, "local_world_size", lambda: 4)
    assert resolve_num_workers(None) == 2
    with pytest.raises(ValueError, match="num_workers must be at least 0, got -1"):
        resolve_num_workers(-1)


def test_the_callers_gradients_are_left_alone(index):
    plan = ViewPlan(sampling=SAMPLING, preprocessing=PREPROCESSING)
    for result in run_videos(
        Sides(), index.subset([0]), plan, Sides(), batch_size=1, num_workers=0, device=CPU
    ):
        assert torch.is_grad_enabled()
        assert result.row is not None
        assert np.isfinite(result.row.numpy()).all()
