from dataclasses import replace

import numpy as np
import pytest

from motion_videos import CLASSES, tiny_recipe, write_dataset, write_video
from motionlens.clips.video_index import ListEntry, VideoIndex
from motionlens.datasets.parts import open_parts
from motionlens.datasets.source import DataSource
from motionlens.inference.checkpoint import load_card
from motionlens.pretrained import NAMES, PATHS, bundled_path
from motionlens.training.build import make_start
from motionlens.training.clip_configs import ClipConfig
from motionlens.training.proposal import Lengths, complete, find_lengths, propose_clip, with_init
from motionlens.training.recipe import LoaderConfig, OptimConfig, Recipe
from motionlens.training.run_folder import with_decisions


def lengths(*seconds):
    return Lengths(np.array(sorted(seconds)))


def recipe(**fields):
    return Recipe(data="videos", out="run", **fields)


@pytest.mark.parametrize(
    ("seconds", "num_frames"), [((0.6, 0.7), 8), ((2.0, 2.4, 3.0), 10), ((2, 3, 9, 3, 3), 12),
                                ((4.5,), 16), ((9, 8, 7), 16)],
)  # fmt: skip
def test_clips_span_videos_that_were_cut_to_one_motion(seconds, num_frames):
    clip, why = propose_clip(ClipConfig(), lengths(*seconds), 8, 2.0)
    assert (clip.seconds, clip.num_frames) == ("whole", num_frames)
    assert "these are short" in why
    assert "--clip.seconds" in why


def test_clips_of_long_videos_are_as_long_as_the_networks_own():
    clip, why = propose_clip(ClipConfig(), lengths(3, 60, 90), 8, 2.0)
    assert (clip.seconds, clip.num_frames) == (2.0, 8)
    assert "videos are long (3.0 to 90.0 s, median 60.0)" in why


def test_one_long_video_among_short_ones_changes_nothing():
    assert propose_clip(ClipConfig(), lengths(*[2.0] * 19, 600.0), 8, 2.0)[0].seconds == "whole"


def test_without_a_video_that_can_be_read_the_networks_own_clips():
    clip, _ = propose_clip(ClipConfig(), lengths(), 8, 2.0)
    assert (clip.seconds, clip.num_frames) == (2.0, 8)


def test_a_given_number_of_frames_is_kept():
    clip, _ = propose_clip(ClipConfig(num_frames=6), lengths(2.0), 8, 2.0)
    assert (clip.seconds, clip.num_frames) == ("whole", 6)


def test_lengths_are_those_of_the_windows(tmp_path):
    write_video(tmp_path / "a.mp4", CLASSES["move_left"], seed=0)
    whole = find_lengths(VideoIndex.of(tmp_path, [ListEntry("a.mp4", "x")])).seconds
    part = ListEntry("a.mp4", "x", 0.0, float(whole[0]) / 2)
    broken = ListEntry("none.mp4", "x")
    found = find_lengths(VideoIndex.of(tmp_path, [part, broken])).seconds
    assert found == pytest.approx(whole / 2, abs=0.1)


@pytest.mark.parametrize(
    "clip",
    [
        ClipConfig(seconds=1.0),
        ClipConfig(fps=5.0),
        ClipConfig(frame_stride=2),
        ClipConfig(mode="segments"),
    ],
)
def test_a_clip_that_is_given_stays(clip):
    optim, loader = OptimConfig(epochs=3), LoaderConfig(cache=False)
    given = recipe(clip=clip, optim=optim, loader=loader, validate_every=1)
    assert complete(given, VideoIndex.of_paths([]), None, 7) == (given, [])


@pytest.mark.parametrize(
    ("steps_per_epoch", "start", "epochs"),
    [(7, True, 143), (7, False, 286), (1, False, 2000), (1000, True, 20)],
)
def test_small_data_are_passed_more_often(steps_per_epoch, start, epochs):
    card = load_card(bundled_path(PATHS)) if start else None
    given = recipe(clip=ClipConfig(seconds=1.0))
    found, (why, *_) = complete(given, VideoIndex.of_paths([]), card, steps_per_epoch)
    assert found.optim.epochs == epochs
    assert f"{epochs} epochs of {steps_per_epoch:,} steps" in why


@pytest.mark.parametrize(("epochs", "every"), [(1, 1), (50, 1), (51, 2), (286, 6)])
def test_validates_fifty_times_at_most(epochs, every):
    given = recipe(clip=ClipConfig(seconds=1.0), optim=OptimConfig(epochs=epochs))
    found, reasons = complete(given, VideoIndex.of_paths([]), None, 7)
    assert found.validate_every == every
    assert bool(reasons) == (every > 1)
    assert all(f"validates every {every} epochs (--validate_every" in line for line in reasons)
    asked, reasons = complete(replace(given, validate_every=1), VideoIndex.of_paths([]), None, 7)
    assert (asked.validate_every, reasons) == (1, [])


@pytest.mark.parametrize(("steps", "epochs"), [(14, 2), (15, 3), (1, 1)])
def test_steps_are_rounded_up_to_epochs(steps, epochs):
    given = recipe(clip=ClipConfig(seconds=1.0), optim=OptimConfig(steps=steps))
    found, reasons = complete(given, VideoIndex.of_paths([]), None, 7)
    assert (found.optim.epochs, found.optim.steps, reasons) == (epochs, None, [])


def test_epochs_and_steps_exclude_each_other():
    with pytest.raises(ValueError, match="optim.epochs and optim.steps exclude each other"):
        OptimConfig(epochs=3, steps=3)


@pytest.mark.parametrize(
    ("fields", "init"),
    [
        ({}, "bundled_paths"),
        ({"k": 8}, "bundled_paths"),
        ({"init": "none"}, "none"),
        ({"init": "runs/other"}, "runs/other"),
        ({"model": "c2d_nano"}, None),
        ({"model_options": {"offset_scale": 1.0}}, None),
        ({"model_options": {"widths": [8, 8, 8, 8]}}, None),
        ({"model_options": {"unknown": 1}}, None),
    ],
)
def test_the_network_of_the_bundled_weights_starts_from_them(fields, init):
    assert with_init(recipe(**fields)).init == init


def test_a_recognizer_that_the_user_names_brings_its_clips():
    card = load_card(bundled_path())
    named = recipe(init="runs/other", optim=OptimConfig(epochs=1))
    assert complete(named, VideoIndex.of_paths([]), card, 7)[0].clip == named.clip
    for name in NAMES:
        taken, _ = complete(replace(named, init=name), VideoIndex.of_paths([]), card, 7)
        assert (taken.clip.seconds, taken.clip.num_frames) == (2.0, 8)


def test_a_resumed_run_keeps_what_was_decided():
    clip, optim = ClipConfig(seconds="whole", num_frames=12), OptimConfig(epochs=100)
    before = recipe(clip=clip, optim=optim, validate_every=2)
    assert with_decisions(recipe(), before) == before
    assert with_decisions(recipe(validate_every=5), before).validate_every == 5
    more = recipe(optim=OptimConfig(epochs=120))
    assert with_decisions(more, before).optim.epochs == 120
    other = recipe(clip=ClipConfig(fps=5.0))
    assert with_decisions(other, before).clip == other.clip


@pytest.mark.parametrize(("size", "is_kept"), [(64, True), (2000, False)])
def test_small_data_stay_in_memory(size, is_kept, tmp_path):
    videos = write_dataset(tmp_path / "videos")
    train, _ = open_parts(DataSource(data=str(videos)))
    given = recipe(clip=ClipConfig(seconds=1.0, size=size), optim=OptimConfig(epochs=3))
    found, reasons = complete(given, train, None, 7)
    assert found.loader.cache is is_kept
    assert [line for line in reasons if "stay in memory" in line] == reasons
    assert bool(reasons) == is_kept


def test_videos_of_which_little_is_used_do_not_stay_in_memory(tmp_path, monkeypatch):
    train, _ = open_parts(DataSource(data=str(write_dataset(tmp_path / "videos"))))
    monkeypatch.setattr("motionlens.training.proposal._MOST_FRAMES_PER_EPOCH", 3)
    for epochs, is_kept in ((2, False), (3, True)):
        given = recipe(clip=ClipConfig(seconds=1.0), optim=OptimConfig(epochs=epochs))
        assert complete(given, train, None, 7)[0].loader.cache is is_kept


def test_what_was_decided_is_in_card_and_recipe(tmp_path):
    videos = write_dataset(tmp_path / "videos")
    given = replace(tiny_recipe(videos, tmp_path / "run"), clip=ClipConfig(size=32))
    start = make_start(given)
    assert start.recipe.clip.seconds == start.card.sampling.seconds == "whole"
    assert start.card.sampling.num_frames == start.recipe.clip.num_frames == 8
    assert len(start.reasons) == 2
