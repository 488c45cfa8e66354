import json

import pyarrow.parquet as pq
import pytest

from motion_videos import write_video
from motionlens._utils.worker_process import Lost
from motionlens.inference import batch_prediction
from motionlens.inference.batch_prediction import predict_videos


@pytest.fixture
def videos(tmp_path):
    """Six videos, the third of which is broken."""
    folder = tmp_path / "videos"
    for number in range(6):
        write_video(folder / f"{number}.mp4", (0, number), seed=number)
    (folder / "2.mp4").write_text("no video")
    return folder


def rows(out):
    found = {row["path"]: row for row in pq.read_table(out).to_pylist()}
    return dict(sorted(found.items()))


def test_every_video_has_a_row_like_its_prediction(recognizer, videos, tmp_path):
    seen, failed = [], []
    done = predict_videos(
        recognizer,
        [videos, videos / "1.mp4"],  # twice
        tmp_path / "out",
        num_workers=1,
        batch_size=4,
        top=2,
        on_error=lambda path, error: failed.append((path, str(error))),
        on_progress=lambda *numbers: seen.append(numbers),
    )
    assert done == 5
    assert seen == [(number, 6) for number in range(7)]
    found = rows(tmp_path / "out")
    broken = found.pop(str(videos / "2.mp4"))
    assert failed == [(broken["path"], broken["error"])]
    assert "cannot be read as a video" in broken["error"]
    assert broken["label"] is broken["labels"] is None
    for path, row in found.items():
        wanted = recognizer.predict(path, top=2)
        assert row["label"] == wanted.label
        assert row["labels"] == list(wanted.labels)
        assert row["probabilities"] == pytest.approx(wanted.probabilities, abs=1e-6)
        assert row["probability"] == row["probabilities"][0]
        assert row["error"] is None


def test_a_job_goes_on_with_what_is_missing(recognizer, videos, tmp_path):
    def end(done, total):
        if done == 2:
            raise InterruptedError

    out = tmp_path / "out"
    options = {"num_workers": 0, "batch_size": 1}
    with pytest.raises(InterruptedError):
        predict_videos(recognizer, [videos], out, on_progress=end, **options)
    assert len(rows(out)) == 2
    seen = []
    predict_videos(
        recognizer, [videos], out, on_progress=lambda *numbers: seen.append(numbers), **options
    )
    assert seen[0] == (2, 6)
    write_video(videos / "2.mp4", (1, 1), seed=9)
    (videos / "0.mp4").write_text("not looked at again")
    failed = []
    assert predict_videos(recognizer, [videos], out, on_error=failed.append, **options) == 6
    assert not failed
    assert [row["error"] for row in rows(out).values()] == [None] * 6


def test_a_video_that_ends_its_process_is_listed(recognizer, videos, tmp_path, monkeypatch):
    class Engine:
        def run(self, work, tasks, *, batch_size, deadline_s):
            yield from ((number, Lost("crashed")) for number, _ in enumerate(tasks))

    monkeypatch.setattr(batch_prediction, "open_job_engine", lambda *_, **__: Engine())
    assert predict_videos(recognizer, [videos / "1.mp4"], tmp_path / "out") == 0
    (row,) = rows(tmp_path / "out").values()
    assert row["error"] == f"{videos / '1.mp4'}: its process crashed; it may be damaged"


def test_results_of_another_recognizer_are_not_mixed_in(recognizer, videos, tmp_path):
    predict_videos(recognizer, [videos / "1.mp4"], tmp_path / "out", num_workers=0)
    recognizer.network.fc.bias.data += 1
    try:
        with pytest.raises(ValueError, match="holds results with weights_sha256"):
            predict_videos(recognizer, [videos / "1.mp4"], tmp_path / "out", num_workers=0)
    finally:
        recognizer.network.fc.bias.data -= 1


def test_on_the_command_line(videos, tmp_path, motionlens_command):
    words = ["predict", "bundled", videos, "--device", "cpu"]
    status, out, err = motionlens_command(*words, "--out", tmp_path / "x", "--num_workers", 0)
    assert (status, err.count("\n")) == (1, 1)
    assert out == f"{tmp_path / 'x'}: 5 videos, 1 without a prediction\n"
    assert json.loads((tmp_path / "x" / "_job.json").read_text())["job"] == "predict"
    for more, message in {
        ("--engine", "ray"): "--engine is for results in a folder; add --out FOLDER",
        ("--out", tmp_path / "x", "--json"): "--json is not for results in a folder",
        ("--out", videos): "results must go into a folder of their own",
        ("--out", tmp_path / "y", "--address", "auto"): "address is of a Ray cluster",
    }.items():
        status, out, err = motionlens_command(*words, *more)
        assert (status, out) == (2, "")
        assert message in err


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_that_loses_a_node_gives_what_this_machine_gives(
    ray_cluster, recognizer, tmp_path
):
    folder = tmp_path / "videos"
    for number in range(80):
        write_video(folder / f"{number:02}.mp4", (0, number % 5), seed=number)
    for number in (7, 50):
        (folder / f"{number:02}.mp4").write_text("no video")
    here, there = tmp_path / "here", tmp_path / "there"
    assert predict_videos(recognizer, [folder], here, num_workers=0) == 78
    node = ray_cluster.add_node(num_cpus=1, object_store_memory=100 * 2**20)
    lost = []

    def lose(done, total):
        if done >= 30 and not lost:
            lost.append(node)
            ray_cluster.remove_node(node, allow_graceful=False)

    options = {"engine": "ray", "address": ray_cluster.address, "batch_size": 2}
    assert predict_videos(recognizer, [folder], there, on_progress=lose, **options) == 78
    assert lost
    ours, theirs = rows(here), rows(there)
    assert list(ours) == list(theirs)
    for path, row in ours.items():
        assert theirs[path]["error"] == row["error"]
        assert theirs[path]["labels"] == row["labels"]
        if row["error"] is None:
            assert theirs[path]["probabilities"] == pytest.approx(row["probabilities"], abs=1e-6)
