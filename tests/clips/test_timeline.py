import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlens.clips.timeline import (
    TIE_S,
    Timeline,
    longest_interval_s,
    nearest_frames,
    unbroken_runs,
)


@given(
    st.lists(st.integers(0, 5000), min_size=1, max_size=40, unique=True),
    st.lists(st.floats(-2, 8), min_size=1, max_size=20),
)
def test_no_frame_is_clearly_nearer(stamps, wanted):
    times_s, wanted = np.array(sorted(stamps)) / 1000, np.array(wanted)
    found = nearest_frames(times_s, wanted)
    distances = np.abs(times_s[:, None] - wanted)
    taken = np.abs(times_s[found] - wanted)
    assert (taken <= distances.min(axis=0) + 2 * TIE_S + 1e-9).all()


def test_of_two_equally_near_frames_the_earlier_also_where_stamps_are_rounded():
    exact, rounded = np.arange(30) / 30, np.round(np.arange(30) / 30, 3)
    middles = (exact[:-1] + exact[1:]) / 2
    assert nearest_frames(exact, middles).tolist() == list(range(29))
    assert nearest_frames(rounded, middles).tolist() == list(range(29))


@pytest.mark.parametrize(("fps", "longest"), [(120.0, 1.0), (10.0, 1.0), (5.0, 2.0), (0.1, 100.0)])
def test_what_is_a_gap_depends_on_slow_rates_only(fps, longest):
    assert longest_interval_s(fps) == pytest.approx(longest)


def test_runs():
    times_s = np.concatenate([np.arange(25) / 25, 5 + np.arange(10) / 25, [9.0]])
    found = unbroken_runs(Timeline(times_s, 25.0))
    assert found == [slice(0, 25), slice(25, 35), slice(35, 36)]
    # A picture every two seconds is a rate, not a row of gaps.
    assert unbroken_runs(Timeline(np.arange(9) * 2.0, 0.5)) == [slice(0, 9)]
