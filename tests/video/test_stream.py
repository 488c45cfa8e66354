import warnings
from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from conftest import numbered_frames
from motionlens.video import file
from motionlens.video.file import open_video
from motionlens.video.frames import VideoError
from motionlens.video.source import open_source


def read_all(source, **options):
    opened = open_source(source, **options)
    try:
        found = [(frame.time_s, frame.load()) for frame in opened]
    finally:
        opened.close()
    return found, opened


def check_same(source, *, limit=80, **window):
    """Frames, pixels and times are those that the indexed reader gives."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reader = open_video(source, **window)
    with reader, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = reader.read(range(min(reader.num_frames, limit)))
        times_s = reader.times_s
    found, opened = read_all(source, **window)
    assert len(found) == len(times_s)
    np.testing.assert_allclose([time_s for time_s, _ in found], times_s, atol=1e-9)
    for (_, picture), wanted in zip(found, expected.data, strict=False):
        assert torch.equal(picture, wanted)
    return opened


CLIPS = [
    "torchcodec_animated.gif",
    "torchcodec_av1_video.mkv",
    "torchcodec_bt601_full_range.mp4",
    "torchcodec_discard_first_keyframe.mp4",
    "torchcodec_nasa_13013_rotated.mp4",
    "torchcodec_sine_stereo_mp2.mpg",
    "torchcodec_test_non_zero_start.mp4",
    "torchcodec_testsrc2_mpeg4.avi",
    "torchcodec_testsrc2_odd_height_and_width_vp9.mp4",
    "torchcodec_testsrc2_vp8.webm",
]


@pytest.mark.parametrize("name", CLIPS)
def test_real_files_give_the_frames_of_the_indexed_reader(test_data, name):
    assert check_same(test_data / "data" / "clips" / name).notes == []


@pytest.mark.parametrize(
    "options",
    [{}, {"codec": "mpeg4"}, {"g": 4, "bf": 2}, {"codec": "mpeg4", "name": "a.avi", "bf": 2}],
)
def test_generated_files_too(make_video, options):
    name = options.pop("name", "a.mp4")
    assert check_same(make_video(name, num_frames=30, **options)).notes == []


def test_frames_of_changing_rate_keep_their_times(tmp_path):
    path = tmp_path / "a.mkv"
    stamps = [0, 40, 50, 200, 240, 1000]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 32
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for stamp, picture in zip(stamps, numbered_frames(6, 32, 32), strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = stamp, stream.codec_context.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    check_same(path)
    found, _ = read_all(path)
    assert [round(1000 * time_s) for time_s, _ in found] == stamps


def test_a_stream_without_times_is_counted(tmp_path, make_video):
    path = tmp_path / "a.h264"
    with av.open(str(make_video(fps=20))) as source, av.open(str(path), "w", format="h264") as out:
        copied = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = copied
                out.mux(packet)
    found, _ = read_all(path)
    times = [time_s for time_s, _ in found]
    assert len(times) == 12
    assert times[0] == 0
    assert (np.diff(times) > 0).all()


def test_damaged_frames_are_replaced_and_told(make_video):
    path = make_video("a.mp4", num_frames=40, codec="mpeg4", g=8)
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    content = bytearray(path.read_bytes())
    for number in (13, 14, 39):
        place, size = places[number]
        content[place : place + size] = bytes(size)
    path.write_bytes(content)
    (note,) = check_same(path).notes
    assert "3 frames cannot be decoded and are replaced by the one before" in note


def test_a_file_that_is_cut_short_is_told(make_video, tmp_path):
    whole = make_video("whole.mp4", num_frames=40, g=4, container={"movflags": "+faststart"})
    short = tmp_path / "short.mp4"
    short.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    found, opened = read_all(short)
    assert 4 < len(found) < 40
    assert f"{short}: announces 40 frames but holds" in opened.notes[0]


@pytest.mark.parametrize(
    "window",
    [
        {"start_s": 1.0},
        {"end_s": 0.95},
        {"start_s": 0.3, "end_s": 0.7},
        {"start_s": 12.0, "end_s": 12.5},
        {"start_s": 13.8},
    ],
)
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.ts"])
def test_windows_of_time(make_video, name, window):
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    frames = np.random.default_rng(0).integers(0, 256, (350, 32, 32, 3), dtype=np.uint8)
    check_same(make_video(name, frames=frames, codec=codec, fps=25, g=10), **window)


def test_a_late_start_is_not_decoded_up_to(make_video, monkeypatch):
    path = make_video(frames=np.zeros((600, 16, 16, 3), np.uint8), g=10, preset="ultrafast")
    opened = open_source(path, start_s=55.0, end_s=56.0)
    packets = []
    demux = file.read_packets
    monkeypatch.setattr(
        file, "read_packets", lambda *where: (packets.append(p) or p for p in demux(*where))
    )
    assert len([frame.load() for frame in opened]) == 10
    opened.close()
    assert len(packets) < 100


class Guessing:
    """A container that lands too late when it seeks."""

    def __init__(self, container):
        self.container, self.sought = container, 0

    def seek(self, stamp, **options):
        self.sought += 1
        self.container.seek(2 * stamp, **options)

    def __getattr__(self, name):
        return getattr(self.container, name)


def test_containers_that_seek_too_far_are_decoded_from_the_beginning(make_video):
    frames = np.zeros((600, 16, 16, 3), np.uint8)
    opened = open_source(make_video(frames=frames, g=10, preset="ultrafast"), start_s=20.0)
    reader = opened._reader
    reader._container = guessing = Guessing(reader._container)
    times = [frame.time_s for frame in opened if frame.load() is not None]
    opened.close()
    assert guessing.sought == 1
    np.testing.assert_allclose(times, np.arange(200, 600) / 10)


def test_windows_without_frames_are_refused(make_video):
    path = make_video()
    for start_s, end_s in ((2.0, 1.0), (-1.0, None), (1.0, 1.0)):
        with pytest.raises(VideoError, match="start and end must be seconds with 0 <= start < end"):
            open_source(path, start_s=start_s, end_s=end_s)
    with pytest.raises(VideoError, match="no frame lies at or after 5 s, the last one is at 1.1"):
        read_all(path, start_s=5.0)
