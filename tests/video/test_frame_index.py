from fractions import Fraction

import pytest

from motionlens.video.frame_index import StoredPacket, index_decoded, index_packets

UNIT_S = Fraction(1, 10)


def index(*packets, are_true_times=True):
    return index_packets(packets, UNIT_S, are_true_times=are_true_times)


def test_frames_are_sorted_by_time_and_times_begin_at_zero():
    found = index(StoredPacket(5, True), StoredPacket(9), StoredPacket(7))
    assert found.stamps.tolist() == [5, 7, 9]
    assert found.times_s.tolist() == pytest.approx([0.0, 0.2, 0.4])
    assert not found.counted


def test_hidden_packets_are_no_frames_but_may_be_keys():
    found = index(StoredPacket(-2, True, is_hidden=True), StoredPacket(0), StoredPacket(1, True))
    assert found.stamps.tolist() == [0, 1]
    assert found.keys.tolist() == [-2, 1]


def test_damaged_packets_are_no_frames():
    found = index(StoredPacket(0, True), StoredPacket(1, is_damaged=True), StoredPacket(2))
    assert found.stamps.tolist() == [0, 2]


@pytest.mark.parametrize(
    "packets",
    [
        [],
        [StoredPacket(0), StoredPacket(1)],
        [StoredPacket(0, True), StoredPacket(None)],
        [StoredPacket(0, True), StoredPacket(0)],
        [StoredPacket(0, True, is_hidden=True)],
    ],
    ids=["none", "no key", "no time", "time twice", "all hidden"],
)
def test_packets_that_do_not_tell(packets):
    assert index(*packets) is None


def test_times_known_to_be_guesses():
    assert index(StoredPacket(0, True), are_true_times=False) is None


def test_key_before():
    found = index(StoredPacket(2, True), StoredPacket(4), StoredPacket(6, True), StoredPacket(8))
    assert [found.key_before(stamp) for stamp in (1, 2, 5, 6, 99)] == [2, 2, 2, 6, 6]


def test_decoded_frames_are_numbered():
    found = index_decoded([30, 10, 20], UNIT_S, fps=25.0)
    assert found.counted
    assert found.stamps.tolist() == [0, 1, 2]
    assert found.times_s.tolist() == pytest.approx([0.0, 1.0, 2.0])


@pytest.mark.parametrize(("fps", "step_s"), [(4.0, 0.25), (None, 0.04)])
def test_decoded_frames_without_distinct_times_are_spaced_evenly(fps, step_s):
    for times in ([None] * 3, [1, 1, 2], [1, None, 2]):
        found = index_decoded(times, UNIT_S, fps)
        assert found.times_s.tolist() == pytest.approx([0.0, step_s, 2 * step_s])


def test_nothing_decoded():
    assert index_decoded([], UNIT_S, 25.0) is None
