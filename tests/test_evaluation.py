import json
from pathlib import Path

import numpy as np
import pytest
import torch

from cpnet.config import ListingConfig
from cpnet.data.listing import index_folder
from cpnet.evaluation import evaluate
from cpnet.models.card import ModelCard
from cpnet.models.weights import save_checkpoint
from cpnet.prediction import Recognizer
from cpnet.recipe_files import save_recipe
from cpnet.training.setup import build_model, make_card
from motion_videos import CLASSES, tiny_recipe, write_dataset, write_video


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
    assert seen == [(done, 12) for done in range(1, 13)]


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
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
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
