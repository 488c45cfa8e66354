from fractions import Fraction

import av
import numpy as np
import pytest

from conftest import numbered_frames
from motionlens.video.file import open_video
from motionlens.video.packet_table import PacketTable, seeks_exactly


def packet(content, pts, *, is_key=False, pos=0):
    one = av.Packet(content)
    one.pts = one.dts = pts
    one.time_base = Fraction(1, 10)
    one.is_keyframe = is_key
    return one


def table(*packets):
    made = PacketTable()
    for one in packets:
        made.add(one)
    return made


FILE = (
    packet(b"key 1", 10, is_key=True),
    packet(b"between", 11),
    packet(b"key 2", 12, is_key=True),
    packet(b"more", 13),
)


def test_packets_get_back_their_stamps_from_the_first_known_key_frame_on():
    after_seek = [
        packet(b"rest of one", 4),
        packet(b"between", 5),
        packet(b"key 2", 6, is_key=True),
        packet(b"more", 7),
    ]
    assert [one.pts for one in table(*FILE).follow(after_seek)] == [12, 13]


def test_packets_that_are_cut_differently_end_it():
    after_seek = [packet(b"key 1", 0, is_key=True), packet(b"bet", 1), packet(b"ween", 2)]
    assert [one.pts for one in table(*FILE).follow(after_seek)] == [10]


def test_key_frames_that_are_alike_are_not_guessed():
    still = [packet(b"same", pts, is_key=True) for pts in range(3)]
    assert list(table(*still).follow([packet(b"same", 7, is_key=True)])) == []


def test_containers_sort_by_the_time_of_decoding():
    late = packet(b"key", 5, is_key=True)
    late.dts = 3
    assert table(packet(b"x", 1), late).seek_time(5) == 3


@pytest.mark.parametrize(("name", "exact"), [("a.mp4", True), ("a.mkv", True), ("a.ts", False)])
def test_which_containers_need_it(make_video, name, exact):
    with av.open(str(make_video(name))) as container:
        assert seeks_exactly(container) is exact


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mpg", {"codec": "mpeg2video", "qmax": 2, "g": 12}),
        ("a.mpg", {"codec": "mpeg2video", "qmax": 2, "g": 12, "bf": 2}),
        ("a.mpg", {"codec": "mpeg1video", "qmax": 2, "g": 12, "bf": 1}),
        ("a.mpg", {"codec": "mpeg1video", "qmax": 2, "g": 1}),
        ("a.ts", {"codec": "mpeg2video", "qmax": 2, "g": 12, "bf": 2}),
        ("a.ts", {"g": 12, "bf": 3, "x264-params": "open-gop=1"}),
        ("a.flv", {"g": 12, "bf": 2}),
        ("a.asf", {"codec": "msmpeg4", "qmax": 2, "g": 12}),
    ],
)
@pytest.mark.filterwarnings("error")
def test_small_frames_in_any_order(make_video, numbers_of, name, options):
    path = make_video(name, num_frames=40, fps=25, **options)
    order = np.random.default_rng(0).permutation(40).tolist()
    with open_video(path) as reader:
        assert reader.num_frames == 40
        assert [numbers_of(reader.read([i]).data)[0] for i in order] == order


@pytest.mark.filterwarnings("error")
def test_a_still_scene(make_video, numbers_of):
    frames = np.concatenate([numbered_frames(1)] * 30 + [numbered_frames(12)])
    with open_video(make_video("a.ts", frames=frames, g=5, fps=25)) as reader:
        for place in (41, 20, 35, 3):
            assert numbers_of(reader.read([place]).data) == [max(place - 30, 0)]


def test_a_transport_stream_is_not_decoded_from_its_beginning(make_video, monkeypatch, numbers_of):
    with open_video(make_video("a.ts", num_frames=40, g=8, bf=2, fps=25)) as reader:
        monkeypatch.setattr(reader, "_rewind", lambda: pytest.fail("started over"))
        for place in (39, 20, 33, 9):
            assert numbers_of(reader.read([place]).data) == [place]
