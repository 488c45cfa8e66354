from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from motionlens.video.presentation import Clock, Decoded, Presentation, has_true_stamps


def stream(form="matroska", codec="h264", has_b_frames=False):
    return SimpleNamespace(
        time_base=Fraction(1, 10),
        container=SimpleNamespace(format=SimpleNamespace(name=form)),
        codec_context=SimpleNamespace(name=codec, has_b_frames=has_b_frames),
    )


def packet(pts, *, dts=None, is_discard=False, is_corrupt=False, size=1):
    return SimpleNamespace(
        pts=pts, dts=dts, is_discard=is_discard, is_corrupt=is_corrupt, size=size
    )


def frame(pts):
    return SimpleNamespace(pts=pts)


@pytest.mark.parametrize(
    ("stamps", "times_s"),
    [
        ([5, 6, 9], [0.0, 0.1, 0.4]),
        ([None, None, None], [0.0, 0.2, 0.4]),
        ([7, 7, 8, 11], [0.0, 0.2, 0.4, 0.6]),  # repeated: on by a frame until time catches up
        ([100, 102, 3, 5], [0.0, 0.2, 0.4, 0.6]),  # set anew
        ([1, None, 4], [0.0, 0.2, 0.3]),
    ],
)
def test_times_ascend(stamps, times_s):
    clock = Clock(stream(), fps=5.0)
    np.testing.assert_allclose([clock.read(stamp) for stamp in stamps], times_s)


def test_guessed_times_are_not_looked_at():
    clock = Clock(stream("avi", has_b_frames=True), fps=5.0)
    np.testing.assert_allclose([clock.read(stamp) for stamp in (9, 3, 4)], [0.0, 0.2, 0.4])


def shown(presentation, packets, decoded):
    for one in packets:
        presentation.expect(one)
    found = presentation.present(Decoded(one.pts, one) for one in decoded)
    return [(one.stamp, one.frame.pts) for one in found]


def test_what_does_not_come_out_is_replaced_by_the_one_before():
    presentation = Presentation()
    packets = [packet(pts) for pts in (0, 3, 1, 2, 4, 5)] + [packet(None, size=0)]
    assert shown(presentation, packets, [frame(0), frame(2), frame(4)]) == [
        (0, 0), (1, 0), (2, 2), (3, 2), (4, 4), (5, 4),
    ]  # fmt: skip
    assert (presentation.num_whole, presentation.num_replaced) == (6, 3)


def test_hidden_and_damaged_packets_are_not_shown():
    presentation = Presentation()
    packets = [packet(0, is_discard=True), packet(1), packet(2, is_corrupt=True), packet(3)]
    assert shown(presentation, packets, [frame(i) for i in range(4)]) == [(1, 1), (3, 3)]
    assert (presentation.num_whole, presentation.num_replaced) == (3, 0)


@pytest.mark.parametrize(
    "source", [stream(codec="vp8"), stream("avi", has_b_frames=True)], ids=["vp8", "avi"]
)
def test_packets_that_do_not_tell_are_not_listened_to(source):
    packets = [packet(pts) for pts in range(4)]
    assert shown(
        Presentation(by_stamps=has_true_stamps(source)), packets, [frame(1), frame(3)]
    ) == [(1, 1), (3, 3)]


def test_packets_without_times_end_the_trust():
    packets = [packet(0), packet(1), packet(None)]
    assert shown(Presentation(), packets, [frame(0), frame(None)]) == [(0, 0), (None, None)]


def test_keeps_as_much_however_long_it_lasts():
    presentation = Presentation()

    def decoded():
        for pts in range(1000):
            presentation.expect(packet(pts, is_discard=pts % 3 == 0))
            yield Decoded(pts, frame(pts))

    for _ in presentation.present(decoded()):
        assert len(presentation.due) < 4


def test_a_clock_that_goes_back_ends_the_trust():
    presentation = Presentation()
    packets = [packet(pts, dts=pts) for pts in (7, 8, 0, 1)]
    decoded = [frame(pts) for pts in (7, 8, 0, 1)]
    assert shown(presentation, packets, decoded) == [(7, 7), (8, 8), (0, 0), (1, 1)]
    assert presentation.num_replaced == 0


def test_only_frames_that_are_due_are_shown():
    presentation = Presentation([2, 3, 6])
    decoded = [frame(pts) for pts in (1, 2, 4, 5)]
    assert shown(presentation, [], decoded) == [(2, 2), (3, 2), (6, 5)]
    assert presentation.num_replaced == 2
