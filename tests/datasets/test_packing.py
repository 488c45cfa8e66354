import json
import shutil
import tarfile
from dataclasses import replace

import av
import numpy as np
import pytest
from PIL import Image

from motion_videos import CLASSES, write_video
from motionlens.clips.video_index import ListEntry
from motionlens.datasets.packing import Packing, pack
from motionlens.datasets.prepared import (
    PACKING_FILE,
    PreparedSet,
    load_description,
    load_part,
    save_description,
    save_part,
)
from motionlens.video.file import open_video
from motionlens.video.shards import read_table


@pytest.fixture
def prepared(tmp_path):
    """Five training videos, one of them a folder and one broken; one for validation."""
    folder = tmp_path / "prepared"
    folder.mkdir()
    for number in range(3):
        write_video(folder / f"{number}.mp4", CLASSES["move_left"], seed=number)
    (folder / "3.mp4").write_bytes(b"no video")
    (folder / "4").mkdir()
    for number in range(6):
        picture = np.full((40, 60, 3), 20 * number, np.uint8)
        Image.fromarray(picture).save(folder / "4" / f"{number}.png")
    train = [ListEntry(f"{n}.mp4", "move_left") for n in range(4)] + [ListEntry("4", "static")]
    save_part(folder, "train", train, [8, 8, 8, None, 6])
    save_part(folder, "validation", [ListEntry("0.mp4", "", 0.25, 0.5)], [3])
    save_description(folder, PreparedSet(name="mini", class_names=tuple(CLASSES), fps=10.0))
    return folder


PACKING = Packing(short_side=24, quality=95, shard_videos=2)


def test_shards_are_a_prepared_data_set(prepared, tmp_path):
    out = tmp_path / "shards"
    seen = []
    report = pack(
        prepared, out, PACKING, num_workers=0, on_progress=lambda *done: seen.append(done)
    )
    assert seen == [(n, 6) for n in range(1, 7)]
    assert report.num_videos == {"train": 4, "validation": 1}
    assert [path for path, _ in report.broken] == ["3.mp4"]
    assert "cannot be read as a video" in report.broken[0][1]
    assert report.num_bytes > 4096
    shutil.rmtree(prepared)
    train = load_part(out, "train")
    assert train.labels.tolist() == [0, 0, 0, 2]
    assert train.paths.tolist() == [
        "train-000000.tar/00000000",
        "train-000000.tar/00000001",
        "train-000001.tar/00000002",
        "train-000002.tar/00000004",
    ]
    with open_video(train.path(3)) as reader:
        assert (reader.num_frames, reader.height, reader.width, reader.fps) == (6, 24, 36, 10.0)
        frames = reader.read([5, 0, 3]).data
    assert frames.float().mean((1, 2, 3)).round().tolist() == [100, 0, 60]


def test_frames_are_those_of_the_video(prepared, tmp_path):
    pack(prepared, tmp_path / "shards", Packing(short_side=64, quality=95), num_workers=0)
    path = load_part(tmp_path / "shards", "train").path(1)
    with open_video(path) as packed, open_video(prepared / "1.mp4") as original:
        assert packed.fps == original.fps
        assert packed.num_frames == original.num_frames
        wanted = original.read(range(8)).data.float()
        assert (packed.read(range(8)).data.float() - wanted).abs().mean() < 3
    with open_video(path, start_s=0.3) as late:
        assert late.num_frames == 4


def test_windows_are_cut_out(prepared, tmp_path):
    pack(prepared, tmp_path / "shards", PACKING, num_workers=0)
    index = load_part(tmp_path / "shards", "validation")
    assert index.window(0) == (None, None)
    assert index.labels.tolist() == [-1]
    with open_video(index.path(0)) as packed:
        assert packed.num_frames == 3


def test_goes_on_where_it_was_interrupted(prepared, tmp_path):
    def stop(done, _):
        if done == 4:
            raise KeyboardInterrupt

    whole, broken_off = tmp_path / "whole", tmp_path / "broken_off"
    pack(prepared, whole, PACKING, num_workers=0)
    with pytest.raises(KeyboardInterrupt):
        pack(prepared, broken_off, PACKING, num_workers=0, on_progress=stop)
    assert not (broken_off / "dataset.json").exists()
    first = (broken_off / "train-000000.tar").stat().st_mtime_ns
    seen = []
    pack(prepared, broken_off, PACKING, num_workers=0, on_progress=lambda *d: seen.append(d))
    # The second shard is packed again: a video in it could not be decoded.
    assert seen[0] == (3, 6)
    assert (broken_off / "train-000000.tar").stat().st_mtime_ns == first
    for path in whole.iterdir():
        if path.suffix != ".npz":  # a zip file holds the time
            assert (broken_off / path.name).read_bytes() == path.read_bytes()


@pytest.mark.slow
def test_many_processes_write_the_same(prepared, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    pack(prepared, one, PACKING, num_workers=0)
    pack(prepared, two, PACKING, num_workers=2)
    for path in sorted(one.glob("*.tar")):
        assert (two / path.name).read_bytes() == path.read_bytes()


def test_members_are_grouped_as_webdataset_groups_them(prepared, tmp_path):
    pack(prepared, tmp_path / "shards", PACKING, num_workers=0)
    with tarfile.open(tmp_path / "shards" / "train-000002.tar") as tar:
        names = tar.getnames()
        about = json.load(tar.extractfile("00000004.json"))
    assert names == ["00000004.json"] + [f"00000004.{n:05}.jpg" for n in range(6)]
    assert about == {"label": "static", "path": "4", "fps": 10.0, "num_frames": 6}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # left open there
def test_webdataset_reads_them(prepared, tmp_path):
    webdataset = pytest.importorskip("webdataset", reason="webdataset is not installed")
    pack(prepared, tmp_path / "shards", PACKING, num_workers=0)
    url = str(tmp_path / "shards" / "train-000000.tar")
    samples = list(webdataset.WebDataset(url, shardshuffle=False).decode("rgb8"))
    assert [sample["__key__"] for sample in samples] == ["00000000", "00000001"]
    with open_video(f"{url}/00000001") as reader:
        wanted = reader.read([7]).data[0].permute(1, 2, 0).numpy()
    assert np.array_equal(samples[1]["00007.jpg"], wanted)


def test_refuses_to_mix_packings(prepared, tmp_path):
    out = tmp_path / "shards"
    pack(prepared, out, PACKING, num_workers=0)
    with pytest.raises(ValueError, match="holds shards with quality 95, not 90; name another"):
        pack(prepared, out, Packing(short_side=24, quality=90, shard_videos=2), num_workers=0)
    save_part(prepared, "train", [ListEntry("0.mp4", "static")], [8])
    with pytest.raises(ValueError, match="holds shards of another list of videos"):
        pack(prepared, out, PACKING, num_workers=0)


@pytest.mark.parametrize("values", [{"short_side": 0}, {"quality": 96}, {"shard_videos": 0}])
def test_packing_out_of_range(values):
    with pytest.raises(ValueError, match=f"{next(iter(values))} must lie in 1.."):
        Packing(**values)


def packed_again(prepared, out):
    """Names of the shards that a second call has written."""
    before = {path: path.stat().st_mtime_ns for path in out.glob("*.tar")}
    pack(prepared, out, PACKING, num_workers=0)
    return {path.name for path in out.glob("*.tar") if before.get(path) != path.stat().st_mtime_ns}


def test_damage_and_change_are_packed_again(prepared, tmp_path):
    out = tmp_path / "shards"
    write_video(prepared / "3.mp4", CLASSES["static"], seed=3)
    assert pack(prepared, out, PACKING, num_workers=0).broken == ()
    assert packed_again(prepared, out) == set()
    (out / "train-000000.tar").write_bytes(b"cut short")
    assert packed_again(prepared, out) == {"train-000000.tar"}
    (out / "train-000002.tar").unlink()
    assert packed_again(prepared, out) == {"train-000002.tar"}
    write_video(prepared / "2.mp4", CLASSES["static"], seed=9)
    assert packed_again(prepared, out) == {"train-000001.tar"}
    with open_video(load_part(out, "train").path(0)) as reader:
        assert reader.num_frames == 8


def test_a_repaired_video_is_packed(prepared, tmp_path):
    out = tmp_path / "shards"
    assert len(pack(prepared, out, PACKING, num_workers=0).broken) == 1
    write_video(prepared / "3.mp4", CLASSES["static"], seed=3)
    assert packed_again(prepared, out) == {"train-000001.tar"}
    assert len(load_part(out, "train")) == 5


def test_never_packs_over_anything_else(prepared, tmp_path):
    before = (prepared / "train.csv").read_bytes()
    with pytest.raises(ValueError, match="shards must go into a folder of their own"):
        pack(prepared, prepared, PACKING, num_workers=0)
    assert (prepared / "train.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "short_side"), [("jester", 100), ("something-v2", 240), ("mini", 256)]
)
def test_frames_have_the_short_side_of_the_data_set(prepared, tmp_path, name, short_side):
    save_description(prepared, replace(load_description(prepared), name=name))
    pack(prepared, tmp_path / "shards", num_workers=0)
    assert json.loads((tmp_path / "shards" / PACKING_FILE).read_text())["short_side"] == short_side


def test_times_of_frames_are_packed_with_them(tmp_path, make_video):
    folder, times_s = tmp_path / "prepared", [0.0, 0.1, 0.15, 0.4, 0.55, 0.6, 0.9]
    folder.mkdir()
    frames = np.random.default_rng(0).integers(0, 256, (7, 32, 48, 3), dtype=np.uint8)
    with av.open(str(folder / "changing.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=20)
        stream.height, stream.width, stream.pix_fmt = 32, 48, "yuv420p"
        for picture, time_s in zip(frames, times_s, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = round(time_s * 20)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    save_part(folder, "train", [ListEntry("changing.mp4", "static", 0.1, 0.7)], [5])
    save_description(folder, PreparedSet(name="mini", class_names=tuple(CLASSES)))
    pack(folder, tmp_path / "shards", PACKING, num_workers=0)
    with load_part(tmp_path / "shards", "train").open(0) as reader:
        assert reader.times_s == pytest.approx([0.0, 0.05, 0.3, 0.45, 0.5])
    # Tables of older versions have no times: their frames are evenly spaced.
    path = tmp_path / "shards" / "train-000000.npz"
    with np.load(path) as arrays:
        old = {name: arrays[name] for name in arrays.files if name != "times_s"}
    np.savez(path, **old)
    read_table.cache_clear()
    with load_part(tmp_path / "shards", "train").open(0) as reader:
        assert np.diff(reader.times_s) == pytest.approx(np.full(4, 1 / reader.fps))
