import math
import os
import resource
import struct
import time
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from motionlens.video.file import open_video
from motionlens.video.frames import VideoError
from motionlens.video.limits import ENVIRONMENT, Limits, check_overlap, limits_in_force, set_limits
from motionlens.video.source import open_source
from motionlens.video.stream import FileSource
from motionlens.video.writing import write_video


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "a.mp4"
    write_video(path, np.zeros((40, 32, 48, 3), np.uint8), fps=10)
    return path


@pytest.fixture
def _without_environment(monkeypatch):
    monkeypatch.delenv(ENVIRONMENT, raising=False)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"max_megapixels": 0.001}, "at most 0.001 megapixels, these are 48x32; .*--limits max_m"),
        ({"max_aspect": 1.4}, "at most 1.4 times the shorter one, these are 48x32"),
        ({"max_packets": 39}, "at most 39 packets, it has more"),
        ({"max_seconds": 3.5}, "at most 3.5 s long, its times say 3.9 s"),
    ],
)
def test_a_file_beyond_a_limit_is_refused(video, limits, message):
    limits = Limits(**limits)
    with pytest.raises(VideoError, match=f"a.mp4: .*{message}"):
        open_video(video, limits=limits)


def test_the_time_of_the_processor_is_limited(video, monkeypatch):
    monkeypatch.setattr("motionlens.video.limits._SECONDS_PER_BYTE", 0)
    limits = Limits(max_cpu_seconds=1e-9)
    with pytest.raises(VideoError, match="a.mp4: takes more than 1e-09 s .*--limits max_cpu_s"):
        open_video(video, limits=limits)


def test_a_stream_is_lent_time_for_what_has_been_read(video, monkeypatch):
    limits = Limits(max_cpu_seconds=1e-9)
    monkeypatch.setattr("motionlens.video.stream.limits_in_force", lambda: limits)
    monkeypatch.setattr("motionlens.video.limits._SECONDS_PER_BYTE", 100.0)
    assert len(list(FileSource(video, "a.mp4", (0, math.inf)))) == 40
    monkeypatch.setattr("motionlens.video.limits._SECONDS_PER_BYTE", 1e-15)
    message = rf"a.mp4: takes more than 1e-09 s of the processor for (?!{video.stat().st_size:,})"
    with pytest.raises(VideoError, match=message):
        list(FileSource(video, "a.mp4", (0, math.inf)))


def patch(path, *changes):
    """Write a number of four bytes at an offset within a box, for each change."""
    content = bytearray(path.read_bytes())
    for box, offset, number in changes:
        place = content.index(box) + offset
        content[place : place + 4] = struct.pack(">I", number)
    path.write_bytes(content)


@pytest.mark.parametrize("number", [6_000_000, 100_000_000])
def test_a_table_of_samples_that_are_not_there_takes_neither_memory_nor_time(video, number):
    # All of one byte, in one chunk, which takes no byte of the table for each.
    patch(video, (b"stsz", 8, 1), (b"stsz", 12, number), (b"stsc", 16, number))
    patch(video, (b"stts", 12, number))
    began = time.process_time()
    with pytest.raises(VideoError, match="a.mp4: .*(at most 5,000,000 packets|no frame|memory)"):
        open_video(video)
    assert time.process_time() - began < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 4e6  # kB


@pytest.mark.parametrize("number", [6_000_000, 100_000_000])
def test_a_fragment_of_samples_that_are_not_there_takes_neither_memory_nor_time(tmp_path, number):
    path = tmp_path / "a.mp4"
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 48, 3), np.uint8), format="rgb24")
        container.mux([*stream.encode(frame), *stream.encode(None)])
    patch(path, (b"trun", 4, 0), (b"trun", 8, number))
    with pytest.raises(VideoError, match="a.mp4: .*(at most 5,000,000 packets|no frame|memory)"):
        open_video(path)


def test_frames_at_the_same_time_are_limited(video):
    with open_video(video, limits=Limits(max_clip_megapixels=0.01)) as reader:
        assert len(reader.read([1, 2])) == 2
        with pytest.raises(VideoError, match="at most 0.01 megapixels together, 7 of 48x32"):
            reader.read(range(7))


def test_decoding_on_the_way_is_limited_by_the_size_of_the_file(tmp_path):
    path = tmp_path / "still.mp4"  # one key frame, and a few bytes for each of the others
    write_video(path, np.zeros((120, 320, 480, 3), np.uint8), fps=10)
    with open_video(path, limits=Limits(max_gigapixels=0.001)) as reader:
        reader.read([0])
        with pytest.raises(
            VideoError, match=r"still.mp4: more than .* from a file of [\d,]+ bytes"
        ):
            reader.read([119])


def test_packets_that_overlap_are_refused():
    check_overlap("a.mp4", 400_000, 100_000)
    with pytest.raises(VideoError, match="packets must lie beside each other, .* 100,000 bytes"):
        check_overlap("a.mp4", 500_000, 100_000)


def test_an_index_that_names_one_place_again_and_again_is_refused(tmp_path):
    """Chunks of a sample table that all begin at the offset of the first one."""
    path = tmp_path / "a.mp4"
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (200, 64, 64, 3), np.uint8)
    write_video(path, frames, fps=10)
    content = bytearray(path.read_bytes())
    # One chunk of all samples instead, each as large as the file.
    place = content.index(b"stsz")
    count = struct.unpack_from(">I", content, place + 12)[0]
    offset = content.index(b"stco")
    chunks = struct.unpack_from(">I", content, offset + 8)[0]
    first = struct.unpack_from(">I", content, offset + 12)[0]
    size = len(content) - first - 1000
    for number in range(count):
        struct.pack_into(">I", content, place + 16 + 4 * number, size)
    for number in range(chunks):
        struct.pack_into(">I", content, offset + 12 + 4 * number, first)
    mapping = content.index(b"stsc")
    struct.pack_into(">IIII", content, mapping + 8, 1, 1, 1, 1)
    path.write_bytes(content)
    with pytest.raises(VideoError, match="a.mp4: "):
        open_video(path)


def test_pictures_are_measured_before_they_are_decoded(tmp_path):
    for number in range(2):
        Image.new("L", (900, 10)).save(tmp_path / f"{number}.png")
    with pytest.raises(VideoError, match=r"0.png: the longer side .* these are 900x10"):
        open_video(tmp_path)
    with open_video(tmp_path, limits=Limits(max_aspect=90)) as reader:
        assert (reader.height, reader.width) == (10, 900)
    with pytest.raises(VideoError, match=r"0.png: frames must have at most 0.001 megapixels"):
        open_video(tmp_path, limits=Limits(max_aspect=90, max_megapixels=0.001))


@pytest.mark.parametrize("name", ["a.mp4", "a.txt", "a.png", "a", "a%d.png"])
@pytest.mark.parametrize(
    "content",
    [
        b"ffconcat version 1.0\nfile b.mp4\n",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nb.mp4\n#EXT-X-ENDLIST\n",
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=video 9 RTP/AVP 96\r\n",
        b"\x1b[31mA\x1b[0m\n" * 300,
        b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
    ],
)
def test_what_names_other_files_is_refused_whatever_it_is_called(tmp_path, name, content):
    write_video(tmp_path / "b.mp4", np.zeros((4, 32, 48, 3), np.uint8))
    path = tmp_path / name
    path.write_bytes(content)
    for open_it in (
        open_video,
        lambda p: list(open_source(p)),
        lambda p: open_source(f"file://{p}"),
    ):
        with pytest.raises(VideoError, match="is not a video file|cannot be read|holds no"):
            open_it(path)


@pytest.mark.parametrize(
    "address", ["concat://a", "subfile:///etc/passwd", "pipe://0", "data://x", "gopher://a/b"]
)
def test_only_known_addresses_are_opened(address):
    with pytest.raises(VideoError, match="is not opened; give a file, a camera or an address"):
        open_source(address)


@pytest.mark.usefixtures("_without_environment")
def test_limits_of_the_process_reach_its_children():
    assert limits_in_force() == Limits()
    set_limits(Limits(max_megapixels=100, max_seconds=7.5))
    assert limits_in_force() == Limits(max_megapixels=100, max_seconds=7.5)
    assert Limits.parse(os.environ[ENVIRONMENT]) == limits_in_force()
    set_limits(None)
    assert limits_in_force() == Limits()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_megapixel=3", "must be NAME=VALUE,... .*did you mean 'max_megapixels'"),
        ("max_megapixels=x", "max_megapixels must be a number, got 'x'"),
        ("max_aspect=nan", "max_aspect must be above 0, got nan"),
    ],
)
def test_wrong_limits_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        Limits.parse(text)


@pytest.mark.usefixtures("_without_environment")
def test_every_command_takes_limits(video, motionlens_command):
    words = ["predict", video, "--limits", "max_aspect=1.1", "--device", "cpu"]
    status, _, err = motionlens_command(*words)
    assert status == 2
    assert "at most 1.1 times" in err
    assert ENVIRONMENT not in os.environ
    assert motionlens_command("info", "--limits=max_aspect=0")[0] == 2


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: Path(path).symlink_to("/dev/zero")])
def test_pipes_and_devices_are_no_pictures(tmp_path, make):
    make(tmp_path / "0.png")
    with pytest.raises(VideoError, match=r"0.png: must be a file"):
        open_video(tmp_path)
