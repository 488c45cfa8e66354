import json

import numpy as np
import pytest
import torch
from torch import nn

import motionlens.inference.runner
from export_cards import small_recognizer
from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.clips.video_index import VideoIndex
from motionlens.clips.view_loader import ViewDataset, ViewPlan
from motionlens.clips.views import Views
from motionlens.datasets.listing import index_folder
from motionlens.inference.card import ModelCard
from motionlens.inference.evaluation import evaluate
from motionlens.inference.recognizer import Recognizer
from motionlens.inference.runner import Runner, in_turn, run_videos
from motionlens.report.prediction import Prediction
from motionlens.video.frames import VideoError

SAMPLING, PREPROCESSING = Sampling(3, 2), Preprocessing(16, 18)


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


def plain_runner(network):
    """Runs a network as it is, which has no norms to fold."""
    values = {"num_frames": 3, "frame_stride": 2, "size": 16, "short_side": 18}
    card = ModelCard.from_json(
        json.dumps({"model": "toy_c2d", "class_names": ["left", "right"], **values})
    )
    runner = Runner(nn.Identity(), card)
    runner.network = network
    return runner


def run(index, views, *, model=None, batch_size=4, num_workers=0, **options):
    runner = plain_runner(model or Sides())
    return list(
        run_videos(
            runner,
            index,
            runner.logits,
            views=views,
            batch_size=batch_size,
            num_workers=num_workers,
            **options,
        )
    )


def cut(index, i, views):
    plan = ViewPlan(SAMPLING, PREPROCESSING, views)
    return list(plan.cut(ViewDataset(index, plan)[i]))


def row_of(model, view):
    return model(PREPROCESSING.normalize(view.frames)[None])[0]


@pytest.mark.parametrize("views", [Views(), Views(3, 5), Views(2, "full")])
def test_batches_and_workers_do_not_matter(index, views):
    wanted = run(index, views, batch_size=1)
    assert [name for name, _ in wanted] == index.paths.tolist()
    for batch_size, num_workers in ((7, 0), (64, 2), (4, 1)):
        found = run(index, views, batch_size=batch_size, num_workers=num_workers)
        for one, other in zip(wanted, found, strict=True):
            assert one[0] == other[0]
            torch.testing.assert_close(one[1], other[1])


def test_rows_are_the_mean_over_the_views(index):
    model = Sides()
    rows = [row_of(model, view) for view in cut(index, 4, Views(2, 3))]
    assert len(rows) == 6
    _, found = run(index, Views(2, 3))[4]
    torch.testing.assert_close(found, torch.stack(rows).mean(dim=0))


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
    assert all(float(row[0]) == pytest.approx(float(row[1]), abs=1e-5) for _, row in plain)
    found = run(index, Views(2, 10), swap=torch.tensor([1, 0]))
    model = Sides()
    for i, (_, row) in enumerate(found):
        views = cut(index, i, Views(2, 10))
        rows = [row_of(model, view) for view in views if not view.is_mirrored]
        torch.testing.assert_close(row, torch.stack(rows).mean(dim=0))
        assert abs(float(row[0] - row[1])) > 1e-4


def test_broken_videos_are_told_or_raised(index):
    index.path(0).write_text("no video")
    index.path(9).write_text("no video")
    for num_workers in (0, 2):
        with pytest.raises(VideoError, match=r"^\S*0\.mp4: cannot be read as a video"):
            run(index, Views(), num_workers=num_workers)
    found = run(index, Views(2, 3), skip_broken=True, batch_size=5)
    assert [name for name, _ in found] == index.paths.tolist()
    is_broken = [isinstance(row, VideoError) for _, row in found]
    assert is_broken == [True] + [False] * 8 + [True]
    assert "cannot be read as a video" in str(found[9][1])


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
    usual = ViewPlan.cut

    def other(plan, video):
        views = list(usual(plan, video))
        return (views * 2)[:number] if video.position == 3 else views

    monkeypatch.setattr(ViewPlan, "cut", other)
    with pytest.raises(RuntimeError, match=f"video 3 must have 6 views, got {number}"):
        run(index, Views(2, 3), batch_size=1)


def test_a_network_that_loses_a_clip_is_an_error(index):
    model = Sides()
    model.forward = lambda clips: clips[1:].mean((2, 3, 4))
    with pytest.raises(RuntimeError, match="4 views must give as many rows, got 3"):
        run(index, Views(), model=model)


def test_a_share_without_videos(index):
    assert run(index.subset([]), Views(2, 3)) == []


def test_batch_size_must_be_a_number(index):
    with pytest.raises(ValueError, match="batch_size must be a whole number of at least 1, got 0"):
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
    monkeypatch.setattr(motionlens.inference.runner, "_EXCHANGED", 4)

    def gather(own):
        return [own] + [[i for _, i in zip(range(4), share, strict=False)] for share in shares[1:]]

    monkeypatch.setattr(motionlens.inference.runner, "gather_objects", gather)
    assert list(in_turn(shares[0], 20)) == list(range(20))


def test_workers_must_be_a_number(index):
    with pytest.raises(
        ValueError, match="num_workers must be a whole number of at least 0, got -1"
    ):
        run(index, Views(), num_workers=-1)


def test_the_callers_gradients_are_left_alone(index):
    runner = plain_runner(Sides())
    for _, row in run_videos(runner, index.subset([0]), runner.logits, batch_size=1):
        assert torch.is_grad_enabled()
        assert np.isfinite(row.numpy()).all()


def test_few_videos_are_decoded_without_further_processes(index, monkeypatch):
    asked = []

    def load(dataset, num_workers):
        asked.append(num_workers)
        return [dataset[i] for i in range(len(dataset))]

    monkeypatch.setattr(motionlens.inference.runner, "load_videos", load)
    monkeypatch.setattr(motionlens.inference.runner, "resolve_num_workers", lambda n: n)
    many = index.subset([0] * 16)
    for videos, num_workers in ((index, None), (index, 2), (many, None)):
        run(videos, Views(), num_workers=num_workers)
    assert asked == [0, 2, None]


# Of realmotion7. On 224 two labels are nearly as probable, and two proposals nearly as near.
FEW = ("1", "2", "4", "23", "28", "100", "150", "160", "224", "225")


def check_that_all_ways_agree(videos, motionlens_command):
    recognizer = Recognizer.from_pretrained()
    names, network = recognizer.class_names, recognizer.network
    for batch_size in (1, 8):
        options = {"batch_size": batch_size, "num_workers": 0}
        index = VideoIndex.of_paths([str(video) for video in videos])
        expected = evaluate("bundled", index, device="cpu", **options).probabilities

        def check(predictions, expected=expected):
            rows = [dict(zip(p.labels, p.probabilities, strict=True)) for p in predictions]
            found = np.array([[row[name] for name in names] for row in rows])
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
            best = [names[i] for i in expected.argmax(axis=1)]
            assert [p.labels[0] for p in predictions] == best

        check(recognizer.predict(list(videos), top=7, **options))
        check(list(recognizer.predict_each(iter(videos), top=7, batch_size=batch_size)))
        logits = network.forward_head(recognizer.embed(list(videos), **options))
        found = recognizer.card.probabilities(logits)
        np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-6)
        if batch_size == 1:
            check([recognizer.predict(video, top=7) for video in videos])
            check([recognizer.explain(video).prediction for video in videos])
        status, out, _ = motionlens_command(
            "predict", "bundled", *videos, "--json", "--top", 7, "--device", "cpu",
            "--batch_size", batch_size, "--num_workers", 0,
        )  # fmt: skip
        assert status == 0
        lines = [json.loads(line)["predictions"] for line in out.splitlines()]
        check(
            [
                Prediction(
                    path="",
                    labels=tuple(entry["label"] for entry in line),
                    probabilities=tuple(entry["probability"] for entry in line),
                )
                for line in lines
            ]
        )


@pytest.fixture
def real_clips(test_data):
    folder = test_data / "data" / "realmotion7" / "videos"
    if not folder.is_dir():
        pytest.skip(f"needs the clips in {folder}")
    return folder


def test_all_ways_give_real_clips_the_same_probabilities(real_clips, motionlens_command):
    check_that_all_ways_agree([real_clips / f"{name}.mp4" for name in FEW], motionlens_command)


@pytest.mark.slow
def test_all_real_clips_are_predicted_explained_and_evaluated_alike(real_clips):
    recognizer = Recognizer.from_pretrained()
    videos = [str(path) for path in sorted(real_clips.glob("*.mp4"))]
    options = {"batch_size": 1, "num_workers": 0}
    index = VideoIndex.of_paths(videos)
    expected = evaluate("bundled", index, device="cpu", **options).probabilities
    explained = [recognizer.explain(video).prediction for video in videos]
    for found in (recognizer.predict(videos, top=7, **options), explained):
        rows = [dict(zip(p.labels, p.probabilities, strict=True)) for p in found]
        rows = np.array([[row[name] for name in recognizer.class_names] for row in rows])
        np.testing.assert_allclose(rows, expected, rtol=0, atol=1e-6)
        assert (rows.argmax(axis=1) == expected.argmax(axis=1)).all()


def test_a_search_that_takes_minutes_is_refused():
    recognizer = small_recognizer()
    with pytest.raises(ValueError, match="at most 40,000 positions to search on a processor"):
        recognizer.logits(torch.zeros(1, 3, 3000, 16, 16))
