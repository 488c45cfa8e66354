"""Damage in the middle of a file is told; a file that was cut or joined is not damaged."""

import re
import warnings

import av
import numpy as np
import pytest

from motionlens.datasets.decode_check import Job, check_video
from motionlens.video.container import cut_short, damage_note
from motionlens.video.file import open_video
from motionlens.video.frames import VideoWarning
from motionlens.video.source import open_source


@pytest.fixture
def moving():
    """40 frames of a moving texture: uint8 ``(40, 64, 96, 3)``."""
    texture = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    texture = texture.repeat(8, 0).repeat(8, 1)
    return np.stack(
        [texture[i : i + 64, 2 * i :][:, :96][:64] for i in range(32)]
        + [texture[31:95, 62 - 2 * i :][:, :96] for i in range(8)]
    )


def overwrite(path, number):
    """Put noise into the middle of a packet."""
    with av.open(str(path)) as container:
        places = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    place, size = places[number]
    if place is None:  # a program stream
        place = path.stat().st_size * number // len(places)
    content = bytearray(path.read_bytes())
    num_bytes = min(size // 2, 400)
    first = place + size // 4
    content[first : first + num_bytes] = np.random.default_rng(1).bytes(num_bytes)
    path.write_bytes(content)


def cut_copy(source, target, first_key):
    """Copy the packets from a key frame on, as ``ffmpeg -ss -c copy`` does."""
    with av.open(str(source)) as read, av.open(str(target), "w") as written:
        stream = written.add_stream_from_template(read.streams.video[0])
        keys = -1
        for packet in read.demux(video=0):
            keys += packet.is_keyframe and packet.size > 0
            if packet.size and keys >= first_key:
                packet.stream = stream
                written.mux(packet)
    return target


def read_all(path):
    """Number of frames by index and as a stream, and all that is said of the file."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with open_video(path) as reader:
            in_order = reader.read(range(reader.num_frames)).data
    source = open_source(path)
    streamed = [frame.load() for frame in source]
    source.close()
    assert len(streamed) == len(in_order)
    for one, other in zip(streamed, in_order, strict=True):
        np.testing.assert_array_equal(one, other)
    remark = check_video(Job(str(path), decode=True)).remark
    said = [*(str(one.message) for one in seen), *source.notes, *([remark] if remark else [])]
    return len(in_order), said


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {"g": 20}),
        ("a.mkv", {"g": 20, "bf": 2}),
        ("a.ts", {"g": 8}),
        ("a.mp4", {"codec": "mpeg4", "g": 20}),
        ("a.mpg", {"codec": "mpeg2video", "g": 12}),
        ("a.flv", {"codec": "flv", "g": 12}),
    ],
)
def test_damage_in_the_middle_is_told_everywhere(make_video, moving, name, options):
    path = make_video(name, frames=moving, fps=25, **options)
    assert read_all(path) == (40, [])
    overwrite(path, 24)
    num_frames, said = read_all(path)
    assert num_frames == 40
    assert len(said) == 3
    assert all("the file is damaged, copy it again" in one for one in said)


def test_each_reading_tells_once(make_video, moving):
    path = make_video(frames=moving, g=20, fps=25)
    overwrite(path, 24)
    with open_video(path) as reader:
        with pytest.warns(VideoWarning, match=r"of 10 frames asked for .*copy it again"):
            reader.read(range(20, 30))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            reader.read(range(30))


OPEN_GOPS = {"x264-params": "open-gop=1:keyint=10:bframes=3:scenecut=0"}


@pytest.mark.parametrize("target", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize(
    "options",
    [OPEN_GOPS, {"g": 10, "bf": 2}, {"codec": "mpeg4", "g": 10, "bf": 2, "qmax": 2}],
    ids=["open", "closed", "mpeg4"],
)
def test_files_cut_by_copy_are_not_damaged(make_video, numbers_of, tmp_path, target, options):
    source = make_video(
        "whole.ts" if target == "ts" else "whole.mkv", num_frames=40, fps=25, **options
    )
    path = cut_copy(source, tmp_path / f"cut.{target}", first_key=2)
    num_frames, said = read_all(path)
    assert said == []
    with open_video(path) as reader:
        numbers = numbers_of(reader.read(range(reader.num_frames)).data)
        assert reader.times_s[0] == 0
    # Frames that refer to what was cut away are gone: none is shown twice.
    assert numbers == list(range(40 - num_frames, 40))
    assert num_frames >= 15


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.ts", {"g": 15, "bf": 2}),
        ("a.ts", {"codec": "mpeg2video", "g": 15, "bf": 2}),
        ("a.ts", {"x264-params": "intra-refresh=1:keyint=10:bframes=0"}),
        ("a.mpg", {"codec": "mpeg2video", "g": 15, "bf": 2}),
    ],
)
def test_a_stream_cut_between_key_frames_begins_with_the_first_that_can_be_shown(
    make_video, moving, name, options
):
    path = make_video(name, frames=moving, fps=25, **options)
    with open_video(path) as reader:
        whole = reader.read(range(40)).data
    content = path.read_bytes()
    path.write_bytes(content[len(content) // 3 // 188 * 188 :])
    num_frames, said = read_all(path)
    assert said == []
    with open_video(path) as reader:
        np.testing.assert_array_equal(reader.read(range(num_frames)).data, whole[-num_frames:])


@pytest.mark.parametrize("place", [0.4, 0.77])
def test_a_stream_cut_at_its_end_is_not_damaged(make_video, moving, place):
    path = make_video("a.ts", frames=moving, fps=25, g=10)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * place)])
    num_frames, said = read_all(path)
    assert said == []
    assert 40 * place - 12 < num_frames < 40 * place + 12


@pytest.mark.parametrize("bf", [(2, 2), (0, 2), (2, 0), (0, 0)])
@pytest.mark.parametrize(
    ("suffix", "options"), [("ts", {}), ("mpg", {"codec": "mpeg2video", "qmax": 2})]
)
def test_joined_recordings(make_video, numbers_of, tmp_path, bf, suffix, options):
    parts = [
        make_video(f"{part}.{suffix}", num_frames=30, fps=25, g=12, bf=order, **options)
        for part, order in enumerate(bf)
    ]
    path = tmp_path / f"joined.{suffix}"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    assert read_all(path) == (60, [])
    with open_video(path) as reader:
        assert numbers_of(reader.read(range(60)).data) == [*range(30)] * 2
        assert numbers_of(reader.read([31]).data) == [1]
        assert reader.times_s[-1] == pytest.approx(59 / 25, abs=0.1)


@pytest.mark.filterwarnings("error")
def test_a_picture_that_is_refreshed_bit_by_bit(make_video, moving):
    options = {"x264-params": "intra-refresh=1:keyint=10:bframes=0"}
    with open_video(make_video("a.mp4", frames=moving, fps=25, **options)) as reader:
        whole = reader.read(range(40)).data
        for place in (35, 12, 22):
            np.testing.assert_array_equal(reader.read([place]).data[0], whole[place])


def skip_frames(source, target, skipped):
    """Copy into an AVI without some frames; its writer puts empty chunks in their places."""
    with av.open(str(source)) as read, av.open(str(target), "w") as written:
        stream = written.add_stream_from_template(read.streams.video[0])
        for packet in read.demux(video=0):
            if packet.size and packet.dts not in skipped:
                packet.stream = stream
                written.mux(packet)
    return target


@pytest.mark.parametrize("skipped", [{5, 6}, {1}, {7, 12, 13, 14}])
def test_an_avi_with_skipped_frames_is_whole(make_video, numbers_of, tmp_path, skipped):
    source = make_video("a.avi", codec="mjpeg", pix_fmt="yuvj420p", num_frames=20)
    path = skip_frames(source, tmp_path / "skipped.avi", skipped)
    with av.open(str(path)) as container:
        assert container.streams.video[0].frames == 20
    kept = [i for i in range(20) if i not in skipped]
    assert read_all(path) == (len(kept), [])
    with open_video(path) as reader:
        assert numbers_of(reader.read(range(len(kept))).data) == kept
        assert reader.times_s * 10 == pytest.approx(kept)


def test_an_avi_with_skipped_frames_that_is_cut_short(make_video, tmp_path):
    source = make_video("a.avi", codec="mjpeg", pix_fmt="yuvj420p", num_frames=20)
    path = skip_frames(source, tmp_path / "skipped.avi", {5, 6})
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 3 // 4])
    _, said = read_all(path)
    assert all("announces 20 frames but holds" in one for one in said)
    assert len(said) == 3


@pytest.mark.parametrize("fps", [12, 50])
@pytest.mark.parametrize(("suffix", "codec"), [("h264", "libx264"), ("hevc", "libx265")])
def test_bare_pictures_play_at_the_rate_that_they_say(make_video, suffix, codec, fps):
    extra = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    path = make_video(f"a.{suffix}", fps=fps, codec=codec, height=64, width=64, **extra)
    with open_video(path) as reader:
        assert reader.fps == fps
        assert reader.times_s.tolist() == pytest.approx([i / fps for i in range(12)])
    source = open_source(path)
    assert [frame.time_s for frame in source] == pytest.approx([i / fps for i in range(12)])


@pytest.mark.parametrize("codec", ["mpeg2video", "libx264"])
def test_joined_parts_that_were_cut_are_not_damaged(make_video, moving, tmp_path, codec):
    path = make_video("a.ts", frames=moving, fps=25, g=15, bf=2, codec=codec)
    content = path.read_bytes()
    third, half = (len(content) // n // 188 * 188 for n in (3, 2))
    joined = tmp_path / "joined.ts"
    joined.write_bytes(content[half:-1000] + content[third:])
    num_frames, said = read_all(joined)
    assert said == []
    assert 20 < num_frames < 50


def test_damage_reaches_to_the_next_key_frame(make_video, moving):
    path = make_video(frames=moving, fps=25, g=20, bf=0, sc_threshold=0)
    overwrite(path, 24)
    with open_video(path) as reader, warnings.catch_warnings():
        warnings.simplefilter("error")
        reader.read([3, 12, 19])
        with pytest.raises(VideoWarning, match="1 of 1 frame asked for is damaged and shown"):
            reader.read([30])


def test_the_damage_of_a_whole_file_is_counted_in_the_check_of_many_batches(make_video, moving):
    path = make_video(frames=np.concatenate([moving, moving]), fps=25, g=10, bf=0, sc_threshold=0)
    for number in (4, 25, 38, 62):
        overwrite(path, number)
    with open_video(path) as reader, pytest.warns(VideoWarning) as seen:
        reader.read(range(80))
    whole = str(seen[0].message).removeprefix(f"{path}: ")
    assert re.search(r"\b1[5-9] of 80 frames asked for are damaged", whole)
    assert check_video(Job(str(path), decode=True)).remark == whole
    source = open_source(path)
    assert len(list(source)) == 80
    source.close()
    numbers = re.findall(r"\d+", whole.replace("of 80", ""))
    assert re.findall(r"\d+", source.notes[0].removeprefix(str(path))) == numbers


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((1, 0), "1 frame cannot be decoded and is replaced by the one before"),
        ((0, 1), "1 frame is damaged and shown as far as it can be decoded"),
        ((0, 2, 1000), "2 of 1,000 frames asked for are damaged and shown as far as they can"),
        ((1, 0, 1), "1 of 1 frame asked for cannot be decoded and is replaced"),
    ],
)
def test_one_frame_is_and_several_are(counts, said):
    assert damage_note(*counts).startswith(said)
    assert "announces 2 frames but holds 1, which is used" in cut_short("a", 2, 1)
