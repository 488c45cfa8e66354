import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from motion_videos import CLASSES, tiny_recipe, write_dataset, write_video
from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.clips.video_index import ListEntry
from motionlens.clips.views import Views
from motionlens.datasets.listing import index_folder, index_list
from motionlens.datasets.prepared import PreparedSet, save_description, save_part
from motionlens.datasets.source import ListingConfig
from motionlens.inference.card import ModelCard
from motionlens.inference.checkpoint import save_checkpoint
from motionlens.inference.evaluation import evaluate
from motionlens.inference.recognizer import Recognizer
from motionlens.training.build import build_model, make_card
from motionlens.training.recipe_files import save_recipe


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("videos"))


@pytest.fixture(scope="module")
def run(videos, tmp_path_factory):
    """A run folder whose weights are random: what is tested here is not what it has learned."""
    folder = tmp_path_factory.mktemp("run")
    recipe = tiny_recipe(videos, folder)
    torch.manual_seed(0)
    card = make_card(recipe, tuple(CLASSES))
    save_checkpoint(folder, build_model(card), card)
    save_recipe(recipe, folder / "recipe.yaml")
    return folder


def test_report_agrees_with_predictions_one_by_one(run, videos):
    report = evaluate(run, videos, split="all", num_workers=0, device="cpu")
    recognizer = Recognizer.from_pretrained(run)
    assert report.num_videos == 12
    settings = report.settings
    assert (settings["model"], settings["sampling_mode"]) == (recognizer.card.model, "dense")
    sizes = [values.numel() for values in recognizer.card.build().parameters()]
    assert settings["parameters"] == sum(sizes)
    right = 0
    for path, label, row in zip(report.paths, report.labels, report.probabilities, strict=True):
        assert Path(path).parent.name == report.class_names[label]
        alone = recognizer.predict(path)
        assert alone.label == report.class_names[row.argmax()]
        assert alone.probabilities[0] == pytest.approx(float(row.max()), abs=1e-5)
        right += alone.label == report.class_names[label]
    assert report.top1 == pytest.approx(right / 12)


def test_batch_size_and_workers_do_not_matter(run, videos):
    first = evaluate(run, videos, split="all", num_workers=0, batch_size=1, device="cpu")
    other = evaluate(run, videos, split="all", num_workers=2, batch_size=5, device="cpu")
    assert first.paths == other.paths
    np.testing.assert_allclose(first.probabilities, other.probabilities, atol=1e-5)


def count(*args, **kwargs):
    return evaluate(*args, num_workers=0, device="cpu", **kwargs).num_videos


def test_the_runs_own_data_is_split_as_in_training(run, videos):
    assert count(run) == count(run, videos) == count(run, split="validation") == 3
    assert count(run, split="train") == count(run, videos, split="train") == 9
    assert count(run, videos, split="all") == 12
    with pytest.raises(ValueError, match="split must be 'train' or 'validation' where no data"):
        evaluate(run, split="all")


def test_other_data_is_used_whole_unless_it_has_parts(run, tmp_path):
    flat = write_dataset(tmp_path / "flat", videos_per_class=2)
    assert count(run, flat) == 6
    parts = tmp_path / "parts"
    write_dataset(parts / "train", videos_per_class=2)
    write_dataset(parts / "val", videos_per_class=1)
    assert count(run, parts) == 3
    assert count(run, parts, split="train") == 6
    assert count(run, parts, split="all") == 9


def test_training_data_with_validation_elsewhere_is_used_whole(run, videos, tmp_path):
    other = write_dataset(tmp_path / "validation", videos_per_class=1)
    recipe = tiny_recipe(videos, run, validation=str(other))
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    save_recipe(recipe, tmp_path / "recipe.yaml")
    assert count(tmp_path) == 3
    assert count(tmp_path, videos) == 12


def test_list_file_with_pattern(run, videos, tmp_path):
    (tmp_path / "list.csv").write_text("move_left/0;move_left\nstatic/1;static\n")
    listing = ListingConfig(root=str(videos), pattern="{}.mp4", separator=";")
    report = evaluate(run, tmp_path / "list.csv", listing=listing, num_workers=0, device="cpu")
    assert report.num_videos == 2
    assert [report.class_names[i] for i in report.labels] == ["move_left", "static"]


def test_part_of_the_classes_keeps_the_recognizers_labels(run, tmp_path):
    write_video(tmp_path / "static" / "0.mp4", (0, 0), seed=1)
    report = evaluate(run, tmp_path, num_workers=0, device="cpu")
    assert report.class_names == tuple(CLASSES)
    assert report.labels.tolist() == [2]


def test_unknown_class_is_refused(run, tmp_path):
    write_video(tmp_path / "statik" / "0.mp4", (0, 0), seed=1)
    with pytest.raises(ValueError, match=r"class 'statik' is not known, did you mean 'static'\?"):
        evaluate(run, tmp_path, num_workers=0)


def test_report_is_written(run, videos, tmp_path):
    evaluate(run, videos, num_workers=0, device="cpu", out=tmp_path / "a" / "b")
    values = json.loads((tmp_path / "a" / "b" / "report.json").read_text())
    assert values["num_videos"] == len(values["videos"]) == 3


def test_a_run_holds_its_report_by_default(run, videos):
    evaluate(run, num_workers=0, device="cpu")
    names = {"report.html", "report.json", "predictions.csv", "confusion.csv", "confusion.png"}
    assert {path.name for path in (run / "evaluation").iterdir()} == names
    assert "<h1>Evaluation of " in (run / "evaluation" / "report.html").read_text()


def test_progress_is_told(run, videos):
    seen = []
    evaluate(
        run,
        videos,
        split="all",
        batch_size=5,
        num_workers=0,
        device="cpu",
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(done, 12) for done in range(13)]


def test_index_and_loaded_recognizer_and_other_k(run, videos):
    recognizer = Recognizer.from_pretrained(run)
    index = index_folder(videos)
    before = recognizer.model.state_dict()
    usual = evaluate(recognizer, index, num_workers=0, device="cpu")
    wide = evaluate(recognizer, index, k=40, num_workers=0, device="cpu")
    assert usual.num_videos == wide.num_videos == 12
    assert recognizer.predict(usual.paths[0]).label
    assert before.keys() == recognizer.model.state_dict().keys()
    again = evaluate(recognizer, index, num_workers=0, device="cpu")
    np.testing.assert_array_equal(usual.probabilities, again.probabilities)


def test_half_precision_is_recorded_and_close(run, videos):
    usual = evaluate(run, videos, split="all", num_workers=0, device="cpu")
    half = evaluate(run, videos, split="all", num_workers=0, device="cpu", dtype=torch.bfloat16)
    assert half.settings["dtype"] == "torch.bfloat16"
    assert usual.settings["dtype"] is None
    assert np.abs(half.probabilities - usual.probabilities).max() < 0.1


def test_refusals(run, videos, tmp_path):
    with pytest.raises(ValueError, match="batch_size must be a whole number of at least 1, got 0"):
        evaluate(run, videos, batch_size=0)
    with pytest.raises(ValueError, match="nix does not exist"):
        evaluate(run, tmp_path / "nix")
    with pytest.raises(ValueError, match=r"holds no config\.json"):
        evaluate(tmp_path, videos)
    with pytest.raises(ValueError, match=r"k must be at most \(T-1\)\*S"):
        evaluate(run, videos, k=9999, num_workers=0, device="cpu")
    recognizer = Recognizer.from_pretrained(run)
    with pytest.raises(ValueError, match="data must be given"):
        evaluate(recognizer)


def test_broken_video_is_named(run, tmp_path):
    write_video(tmp_path / "static" / "0.mp4", (0, 0), seed=1)
    (tmp_path / "static" / "1.mp4").write_text("no video")
    with pytest.raises(ValueError, match=r"1\.mp4"):
        evaluate(run, tmp_path, num_workers=0, device="cpu")


def test_card_is_all_that_is_needed(run):
    assert ModelCard.from_json((run / "config.json").read_text()).class_names == tuple(CLASSES)


def look(*args, **kwargs):
    return evaluate(*args, **{"num_workers": 0, "device": "cpu", **kwargs})


@pytest.mark.parametrize("views", ["3x1", "2x6", "1xfull", "2x10"])
def test_batch_size_and_workers_do_not_matter_for_many_views(run, videos, views):
    first = look(run, videos, split="all", views=views, batch_size=1)
    other = look(run, videos, split="all", views=views, batch_size=7, num_workers=2)
    assert first.settings["views"] == views
    assert first.paths == other.paths
    np.testing.assert_allclose(first.probabilities, other.probabilities, atol=1e-5)
    np.testing.assert_allclose(first.probabilities.sum(axis=1), 1, atol=1e-5)


def test_views_are_the_mean_of_probabilities(run, videos, tmp_path):
    """Two clips of 8 frames, span 7, start at frames 0 and 1: each is a video of its own."""
    path = videos / "move_left" / "0.mp4"
    lists = []
    for number, times in enumerate(("0,0.584", "0.08,")):  # 12 frames per second
        lists.append(tmp_path / f"{number}.csv")
        lists[-1].write_text(f"{path},move_left,{times}\n")
    parts = [look(run, file).probabilities[0] for file in lists]
    assert np.abs(parts[0] - parts[1]).max() > 1e-5
    (tmp_path / "whole.csv").write_text(f"{path},move_left\n")
    both = look(run, tmp_path / "whole.csv", views=Views(2))
    np.testing.assert_allclose(both.probabilities[0], np.mean(parts, axis=0), atol=1e-5)


def test_frames_may_be_shuffled_or_stand_still(run, videos):
    plain, shuffled, still = (
        look(run, videos, split="all", frame_order=order) for order in ("kept", "shuffled", "still")
    )
    assert np.abs(plain.probabilities - shuffled.probabilities).max() > 1e-5
    assert np.abs(shuffled.probabilities - still.probabilities).max() > 1e-5
    assert [report.settings["frame_order"] for report in (plain, still)] == ["kept", "still"]


def test_ten_crops_need_to_know_what_a_mirror_swaps(run, videos):
    recognizer = Recognizer.from_pretrained(run)
    index = index_folder(videos)
    with pytest.raises(ValueError, match="views 1x10 are mirrored, and it is not known which"):
        look(recognizer, index, views="1x10")
    pairs = {"move_left": "move_right"}
    told = look(recognizer, index, views="1x10", flip_pairs=pairs)
    known = look(recognizer, replace(index, flip_pairs=pairs), views="1x10")
    np.testing.assert_array_equal(told.probabilities, known.probabilities)
    # The recipe has these pairs too.
    recipe = look(run, index, views="1x10")
    np.testing.assert_array_equal(told.probabilities, recipe.probabilities)
    kept = look(recognizer, index, views="1x10", flip_pairs={})
    assert np.abs(kept.probabilities - told.probabilities).max() > 1e-6
    with pytest.raises(ValueError, match="^flip_pairs must name classes, .* 'left' is none"):
        look(recognizer, index, views="1x10", flip_pairs={"left": "move_right"})


def test_pairs_of_the_catalogue_of_what_the_run_was_trained_on(run, videos, tmp_path):
    pairs = {"move_left": "move_right"}
    save_description(tmp_path, PreparedSet(name="x", class_names=tuple(CLASSES), flip_pairs=pairs))
    recipe = tiny_recipe(tmp_path, run)
    recipe = replace(recipe, augment=replace(recipe.augment, horizontal_flip="catalog"))
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    save_recipe(recipe, tmp_path / "recipe.yaml")
    index = index_folder(videos).subset([0, 5])
    found = look(tmp_path, index, views="1x10")
    told = look(run, index, views="1x10", flip_pairs=pairs)
    np.testing.assert_array_equal(found.probabilities, told.probabilities)


def test_a_mirrored_video_is_the_video_of_the_swapped_class(run, videos):
    """With a short side as long as the crop, ten crops are a video and its mirror image."""
    recognizer, index = Recognizer.from_pretrained(run), index_folder(videos)
    report = look(recognizer, index, views="1x10", flip_pairs={"move_left": "move_right"})
    for path, row in zip(report.paths[:3], report.probabilities, strict=False):
        clip = recognizer.load_clip(path)[None]
        plain, mirrored = (recognizer.probabilities(c)[0].numpy() for c in (clip, clip.flip(4)))
        order = [recognizer.class_names.index(n) for n in ("move_right", "move_left", "static")]
        assert recognizer.class_names == ("move_left", "move_right", "static")
        np.testing.assert_allclose(row, (plain + mirrored[order]) / 2, atol=1e-5)


def test_other_clips_than_trained_with(run, videos):
    changes = {"num_frames": 6, "frame_stride": 1, "size": 24, "short_side": 28}
    report = look(run, videos, split="all", **changes)
    assert {name: report.settings[name] for name in changes} == changes
    recognizer = Recognizer.from_pretrained(run)
    card = replace(recognizer.card, sampling=Sampling(6, 1), preprocessing=Preprocessing(24, 28))
    other = Recognizer(recognizer.model, card)
    alone = other.predict(report.paths[5])
    assert alone.probabilities[0] == pytest.approx(float(report.probabilities[5].max()), abs=1e-5)
    with pytest.raises(ValueError, match="short_side must be at least size = 99, got 16"):
        look(run, videos, size=99)
    with pytest.raises(ValueError, match="num_frames must be a whole number of at least 1"):
        look(run, videos, num_frames=0)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_broken_videos_are_left_out_and_listed(run, videos, tmp_path, num_workers):
    good = look(run, videos, split="all")
    index = index_folder(videos)
    (tmp_path / "bad.mp4").write_text("no video")
    paths = index.paths.astype(f"<U{len(str(tmp_path)) + 20}")
    paths[[0, 7]] = str(tmp_path / "bad.mp4")
    report = look(
        run, replace(index, paths=paths), skip_broken=True, views="2x1", num_workers=num_workers
    )
    assert report.num_videos == 10
    assert [path for path, _ in report.broken] == [str(tmp_path / "bad.mp4")] * 2
    assert "cannot be read as a video" in report.broken[0][1]
    assert set(report.paths) == set(good.paths) - {good.paths[0], good.paths[7]}
    assert report.labels.tolist() == [0] * 3 + [1] * 3 + [2] * 4
    with pytest.raises(ValueError, match="all 2 videos are broken, the first: .*bad.mp4"):
        look(run, replace(index, paths=paths).subset([0, 7]), skip_broken=True)


def test_videos_without_labels_are_predicted_and_not_scored(run, videos):
    index = index_folder(videos)
    labels = index.labels.copy()
    labels[[0, 5]] = -1
    report = look(run, replace(index, labels=labels))
    assert report.num_videos == 12
    assert len(report.scored) == 10
    full = look(run, index)
    np.testing.assert_array_equal(report.probabilities, full.probabilities)
    assert report.top1 == pytest.approx(np.delete(full.is_right, [0, 5]).mean())


def test_the_test_part_of_a_prepared_set(run, videos, tmp_path):
    description = PreparedSet(
        name="jester", class_names=tuple(CLASSES), root=str(videos), flip_pairs={}
    )
    entries = [ListEntry("static/1.mp4", ""), ListEntry("move_left/0.mp4", "")]
    save_part(tmp_path, "test", entries, [8, 8])
    save_description(tmp_path, description)
    report = look(run, tmp_path, split="test")
    assert (report.num_videos, len(report.scored)) == (2, 0)
    assert np.isnan(report.top1)
    assert Path(report.paths[0]).name == "1.mp4"


def test_a_prepared_set_of_a_validation_part_alone(run, videos, tmp_path):
    save_part(tmp_path, "validation", [ListEntry("static/1.mp4", "static")], [8])
    save_description(
        tmp_path, PreparedSet(name="kinetics400", class_names=tuple(CLASSES), root=str(videos))
    )
    assert look(run, tmp_path).num_videos == 1
    with pytest.raises(ValueError, match="the data set kinetics400 has no train part"):
        look(run, tmp_path, split="train")


@pytest.fixture(scope="module")
def multi_run(videos, tmp_path_factory):
    """A recognizer that says yes or no to each class."""
    folder = tmp_path_factory.mktemp("multi")
    torch.manual_seed(1)
    # Modules that start as the identity, so that no class is sure.
    recipe = tiny_recipe(videos, folder)
    recipe = recipe.with_(model_options={**recipe.model_options, "initial_scale": 0.0})
    card = replace(make_card(recipe, tuple(CLASSES)), multi_label=True)
    save_checkpoint(folder, build_model(card), card)
    return folder


def test_several_labels_a_video(multi_run, videos, tmp_path):
    (tmp_path / "list.csv").write_text(
        f"{videos}/static/0.mp4,static|move_left\n{videos}/move_left/1.mp4,move_left\n"
        f"{videos}/move_right/1.mp4,move_right\n"
    )
    report = look(multi_run, index_list(tmp_path / "list.csv"), views="2x1")
    assert report.is_multi_label
    assert report.targets.tolist() == [[True, False, True], [True, False, False],
                                       [False, True, False]]  # fmt: skip
    assert report.probabilities.sum(axis=1) == pytest.approx(1.5, abs=0.4)
    assert not np.allclose(report.probabilities.sum(axis=1), 1, atol=0.05)
    assert 0 < report.mean_average_precision <= 1
    assert np.isnan(report.top1)
    # Lists with one label a video are scored in the same way.
    single = look(multi_run, videos)
    assert single.is_multi_label
    assert single.targets.sum(axis=1).tolist() == [1] * 12
    predicted = Recognizer.from_pretrained(multi_run).predict(single.paths[0])
    assert sorted(predicted.probabilities) == pytest.approx(
        sorted(single.probabilities[0].tolist()), abs=1e-5
    )


def test_one_label_recognizer_on_videos_with_several(run, videos, tmp_path):
    (tmp_path / "list.csv").write_text(
        f"{videos}/static/0.mp4,static|move_left\n{videos}/move_left/1.mp4,move_left\n"
    )
    report = look(run, tmp_path / "list.csv")
    assert report.is_multi_label
    np.testing.assert_allclose(report.probabilities.sum(axis=1), 1, atol=1e-5)
