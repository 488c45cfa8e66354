import csv
import pickle

import numpy as np
import pytest

from motion_videos import write_dataset
from motionlens._utils.remote_files import StoreError
from motionlens.datasets.listing import index_folder
from motionlens.export.exporting import export_recognizer
from motionlens.inference import batch_jobs
from motionlens.inference.batch_jobs import VideoWork
from motionlens.inference.embedding import embed_videos
from motionlens.inference.evaluation import evaluate
from motionlens.inference.recognizer import Recognizer


@pytest.fixture
def index(tmp_path):
    """Videos of three classes, one of them broken."""
    folder = write_dataset(tmp_path / "videos", videos_per_class=2)
    (folder / "static" / "0.mp4").write_text("no video")
    return index_folder(folder)


@pytest.mark.parametrize("suffix", ["npy", "parquet"])
def test_features_of_a_job_are_those_without(recognizer, index, tmp_path, suffix):
    plain, job = (tmp_path / f"{name}.{suffix}" for name in ("plain", "job"))
    failed = []
    options = {"num_workers": 0, "views": "2x3", "batch_size": 1}
    embed_videos(recognizer, index, plain, **options)
    _, number = embed_videos(
        recognizer, index, job, engine="local", on_broken=lambda *e: failed.append(e), **options
    )
    assert number == 5
    assert [path for path, _ in failed] == [str(index.root / "static" / "0.mp4")]
    assert job.read_bytes() == plain.read_bytes()
    assert not list(tmp_path.glob("*.parts"))


def test_the_report_of_a_job_is_that_without(recognizer, index, tmp_path):
    options = {"num_workers": 0, "skip_broken": True, "views": "1x10", "flip_pairs": {}}
    plain = evaluate(recognizer, index, **options, batch_size=1)
    job = evaluate(recognizer, index, engine="local", out=tmp_path / "out", batch_size=1, **options)
    assert job.paths == plain.paths
    assert job.broken == plain.broken
    np.testing.assert_array_equal(job.probabilities, plain.probabilities)
    assert not (tmp_path / "out" / "parts").exists()


def test_a_broken_video_ends_an_evaluation_that_is_not_told_to_skip(recognizer, index, tmp_path):
    options = {"engine": "local", "num_workers": 0, "out": tmp_path / "out"}
    with pytest.raises(ValueError, match="cannot be read as a video"):
        evaluate(recognizer, index, **options)
    seen = []
    options |= {"skip_broken": True, "on_progress": lambda *numbers: seen.append(numbers)}
    assert len(evaluate(recognizer, index, **options).paths) == 5
    assert seen[0] == (5, 6)  # what the first call found was kept


def test_a_store_that_is_down_ends_the_job(recognizer, index, tmp_path, monkeypatch):
    """It makes no video a broken one, and the same call goes on."""

    def down(*_, **__):
        raise StoreError(5, "the store does not answer", "s3://bucket/a.mp4")

    out, options = tmp_path / "job.npy", {"engine": "local", "num_workers": 0}
    with monkeypatch.context() as patch:
        patch.setattr(batch_jobs, "run_videos", down)
        with pytest.raises(StoreError, match=r"a\.mp4: the store does not answer"):
            embed_videos(recognizer, index, out, **options)
    assert embed_videos(recognizer, index, out, **options)[1] == 5


def test_what_jobs_cannot_do_is_said(recognizer, index, tmp_path):
    for options, message in (
        ({"engine": "local"}, "engine needs a folder"),
        ({"address": "auto"}, "address is for jobs; add --engine"),
        ({"deadline_s": 5.0}, "deadline_s is for jobs"),
        (
            {"engine": "local", "frame_order": "shuffled", "out": tmp_path / "out"},
            "frame_order must not be shuffled",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            evaluate(recognizer, index, **options)


def test_an_unexpected_error_costs_one_video(recognizer, index, monkeypatch):
    work = VideoWork.of(recognizer, index, "features")
    first, second = index.entry(0).key, index.entry(1).key

    def show(runner, keys):
        if first in keys:
            raise RuntimeError("odd")
        return [np.ones(2)] * len(keys)

    monkeypatch.setattr(work, "_show", show)
    failed, row = work([first, second])
    assert failed == f"{first[0]}: RuntimeError: odd"
    assert row.tolist() == [1, 1]


def test_an_exported_network_travels_as_its_file(recognizer, index, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    export_recognizer(recognizer, "net.onnx")
    exported = Recognizer.from_pretrained("net.onnx", device="cpu")
    work = pickle.loads(pickle.dumps(VideoWork.of(exported, index, "probabilities")))
    monkeypatch.chdir("/")
    row = work([index.entry(0).key])[0]
    wanted = recognizer.predict([index.path(0)], top=3)[0]
    assert sorted(row.tolist()) == pytest.approx(sorted(wanted.probabilities), abs=1e-4)


def test_features_of_a_job_have_their_lists(recognizer, index, tmp_path):
    embed_videos(recognizer, index, tmp_path / "x.npy", engine="local", num_workers=0)
    lines = list(csv.DictReader((tmp_path / "x.csv").read_text().splitlines()))
    assert [line["label"] for line in lines] == ["move_left"] * 2 + ["move_right"] * 2 + ["static"]
