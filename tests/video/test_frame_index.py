from fractions import Fraction
from types import SimpleNamespace

import pytest

from motionlens.video.container import read_fps
from motionlens.video.frame_index import index_decoded, index_packets
from motionlens.video.presentation import Clock, Presentation

UNIT_S = Fraction(1, 10)


def packet(pts, is_key=False, *, is_hidden=False, is_damaged=False):
    return SimpleNamespace(
        pts=pts, dts=None, size=1, is_keyframe=is_key, is_discard=is_hidden, is_corrupt=is_damaged
    )


def index(*packets, by_stamps=True):
    return index_packets(packets, UNIT_S, Presentation(by_stamps=by_stamps))


def test_frames_are_sorted_by_time_and_times_begin_at_zero():
    found = index(packet(5, True), packet(9), packet(7))
    assert found.stamps.tolist() == [5, 7, 9]
    assert found.times_s.tolist() == pytest.approx([0.0, 0.2, 0.4])
    assert not found.counted


def test_hidden_packets_are_no_frames_but_may_be_keys():
    found = index(packet(-2, True, is_hidden=True), packet(0), packet(1, True))
    assert found.stamps.tolist() == [0, 1]
    assert found.keys.tolist() == [-2, 1]


def test_damaged_packets_are_no_frames():
    found = index(packet(0, True), packet(1, is_damaged=True), packet(2))
    assert found.stamps.tolist() == [0, 2]


@pytest.mark.parametrize(
    "packets",
    [
        [],
        [packet(0), packet(1)],
        [packet(0, True), packet(None)],
        [packet(0, True), packet(0)],
        [packet(0, True, is_hidden=True)],
    ],
    ids=["none", "no key", "no time", "time twice", "all hidden"],
)
def test_packets_that_do_not_tell(packets):
    assert index(*packets) is None


def test_times_known_to_be_guesses():
    assert index(packet(0, True), by_stamps=False) is None


def test_key_frames_of_two_packets_are_sorted():
    found = index(packet(0, True), packet(6, True), packet(2), packet(4))
    assert found.stamps.tolist() == [0, 2, 4, 6]
    assert found.keys.tolist() == [0, 6]
    assert found.times_s.tolist() == pytest.approx([0.0, 0.2, 0.4, 0.6])


def test_key_before():
    found = index(packet(2, True), packet(4), packet(6, True), packet(8))
    assert [found.key_before(stamp) for stamp in (1, 2, 5, 6, 99)] == [2, 2, 2, 6, 6]


def clock(fps):
    container = SimpleNamespace(format=SimpleNamespace(name="mov"))
    rates = {"average_rate": fps, "guessed_rate": None}
    codec = SimpleNamespace(has_b_frames=False)
    stream = SimpleNamespace(container=container, time_base=UNIT_S, codec_context=codec, **rates)
    return Clock(stream, read_fps(stream))


def test_decoded_frames_are_numbered():
    found = index_decoded([10, 20, 40], clock(25.0))
    assert found.counted
    assert found.stamps.tolist() == [0, 1, 2]
    assert found.times_s.tolist() == pytest.approx([0.0, 1.0, 3.0])


def test_times_of_decoded_frames_ascend():
    found = index_decoded([30, 40, 35, 50], clock(10.0))
    assert found.times_s.tolist() == pytest.approx([0.0, 1.0, 1.1, 2.0])


@pytest.mark.parametrize(("fps", "step_s"), [(4.0, 0.25), (None, 0.04)])
def test_decoded_frames_without_times_are_spaced_evenly(fps, step_s):
    found = index_decoded([None] * 3, clock(fps))
    assert found.times_s.tolist() == pytest.approx([0.0, step_s, 2 * step_s])


@pytest.mark.parametrize("times", [[1, 1, 2], [1, None, 2]])
def test_decoded_frames_whose_time_is_missing_or_repeated_follow_the_one_before(times):
    assert index_decoded(times, clock(20.0)).times_s.tolist() == pytest.approx([0.0, 0.05, 0.1])


def test_nothing_decoded():
    assert index_decoded([], clock(25.0)) is None


def test_frames_that_the_decoder_does_not_give_at_the_beginning():
    found = index(packet(0, True), packet(3), packet(4), packet(6)).begin_at(4)
    assert found.stamps.tolist() == [4, 6]
    assert found.times_s.tolist() == pytest.approx([0.0, 0.2])
    assert found.keys.tolist() == [0]
