"""Files that were read wrongly once: right through the index, the stream and the command line."""

import csv
import json
import warnings
from pathlib import Path

import pytest
import torch

from motionlens.video.file import open_video
from motionlens.video.frames import VideoError
from motionlens.video.source import open_source

# name: numbers of the frames, end in seconds, what is said of it
FILES = {
    "ps_2_3.mpg": (range(40), 1.627, None),
    "keep_1_131.mpg": (range(60), 2.36, None),
    "cat.ts": ([*range(60)] * 2, 4.76, None),
    "cat_nob.ts": ([*range(60)] * 2, 4.76, None),
    "dmg.mp4": (range(60), 2.36, "12 of 60 frames asked for are damaged and shown as far as"),
    "drop_mjpeg.avi": ([*range(20), *range(25, 40), *range(41, 60)], 2.36, None),
}
# Damage reaches from frame 28 to the next key frame.
DAMAGED = {"dmg.mp4": range(28, 40)}


def number(picture: torch.Tensor) -> int:
    """The number that a frame ``(3, H, W)`` carries in the strip of 8 columns at its top."""
    strip = picture[:, : picture.shape[1] // 4].float().mean(dim=(0, 1))
    return sum(int(column.mean() > 128) << bit for bit, column in enumerate(strip.chunk(8)))


def same(name: str, found: list[int]) -> bool:
    """Whether these are the numbers of a file's frames, but for those that are damaged."""
    wanted = list(FILES[name][0])
    damaged = DAMAGED.get(name, ())
    return len(found) == len(wanted) and all(
        a == b or place in damaged for place, (a, b) in enumerate(zip(found, wanted, strict=True))
    )


@pytest.fixture(scope="module")
def reports(test_data: Path) -> Path:
    if not (test_data / "reports").is_dir():
        pytest.skip("the shared data has no reports")
    return test_data / "reports"


@pytest.mark.parametrize("name", FILES)
def test_by_index(reports, name):
    _, end_s, note = FILES[name]
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with open_video(reports / name) as reader:
            in_turn = [number(picture) for picture in reader.read(range(reader.num_frames)).data]
            order = torch.randperm(reader.num_frames, generator=torch.manual_seed(3)).tolist()
            singly = {i: number(reader.read([i]).data[0]) for i in order}
            last_s = reader.times_s[-1]
    assert same(name, in_turn)
    assert [singly[i] for i in range(len(in_turn))] == in_turn
    assert last_s == pytest.approx(end_s, abs=0.001)
    assert [str(one.message) for one in seen if note is None] == []
    assert note is None or any(note in str(one.message) for one in seen)


@pytest.mark.parametrize("name", FILES)
def test_as_a_stream(reports, name):
    source = open_source(reports / name)
    found = [(frame.time_s, number(frame.load())) for frame in source]
    source.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reader = open_video(reports / name)
    with reader:
        times_s = reader.times_s.tolist()
    assert same(name, [one for _, one in found])
    assert [time_s for time_s, _ in found] == pytest.approx(times_s)
    assert source.notes == [] or "are damaged and shown" in source.notes[0]
    assert bool(source.notes) == (FILES[name][2] is not None)


def test_frames_of_several_kinds_in_a_folder(reports):
    folder = reports / "frames_with_flow"
    with pytest.raises(VideoError, match=r"3 series of pictures \(12 of flow_x_#, 12 of"):
        open_video(folder)
    for pattern in ("img_*", "img_*.jpg"):
        with open_video(folder / pattern) as reader:
            assert reader.num_frames == 12


def test_pictures_of_16_bits(reports):
    with pytest.raises(VideoError, match=r"000\.png: holds 16 bits per pixel, of which a network"):
        open_video(reports / "depth_16_bit")


def test_predict(reports, motionlens_command):
    status, out, err = motionlens_command(
        "predict", "bundled", *[reports / name for name in FILES], "--json", "--device", "cpu"
    )
    assert status == 0
    assert [Path(json.loads(line)["path"]).name for line in out.splitlines()] == [*FILES]
    told = [line for line in err.splitlines() if "warning" in line]
    assert all("dmg.mp4" in line for line in told)
    assert len(told) == 1
    for name, message in (
        ("depth_16_bit", "holds 16 bits per pixel"),
        ("frames_with_flow", "holds 3 series of pictures"),
    ):
        status, _, err = motionlens_command("predict", "bundled", reports / name)
        assert status != 0
        assert message in err
        assert "Traceback" not in err
    status, out, _ = motionlens_command(
        "predict", "bundled", reports / "frames_with_flow" / "img_*", "--json"
    )
    assert status == 0


def test_prepare_finds_damage_in_the_middle_and_nothing_else(reports, tmp_path, motionlens_command):
    names = [*FILES, "depth_16_bit", "frames_with_flow", "frames_with_flow/img_*"]
    lines = [f"{reports / name},{'ab'[place % 2]}" for place, name in enumerate(names)]
    listed = tmp_path / "videos.csv"
    listed.write_text("path,label\n" + "\n".join(lines) + "\n")
    out = tmp_path / "prepared"
    status, printed, err = motionlens_command(
        "prepare", "list", listed, "--out", out, "--check", "decode", "--num_workers", 0
    )
    assert status == 1, err  # two are left out
    assert "Left out: 2." in printed
    found = {}
    for name in ("damaged", "unreadable", "missing"):
        with (out / f"{name}.csv").open(newline="") as rows:
            found[name] = {Path(row["path"]).name for row in csv.DictReader(rows)}
    assert found == {
        "damaged": {"dmg.mp4"},
        "unreadable": {"depth_16_bit", "frames_with_flow"},
        "missing": set(),
    }
