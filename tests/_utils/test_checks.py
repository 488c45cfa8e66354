import math

import numpy as np
import pytest

from motionlens._utils.checks import check_at_least, check_choice, check_number


@pytest.mark.parametrize(
    ("value", "bounds"),
    [
        (1, {"least": 1}),
        (1, {"most": 1}),
        (0.5, {"above": 0, "below": 1}),
        (0, {"least": 0, "below": math.inf}),
        (7, {}),
    ],
)
def test_numbers_within_their_bounds_pass(value, bounds):
    check_number("k", value, **bounds)


@pytest.mark.parametrize(
    ("value", "bounds", "message"),
    [
        (0, {"least": 1}, "k must be at least 1, got 0"),
        (0, {"above": 0, "most": 1}, "k must be above 0 and at most 1, got 0"),
        (2, {"least": 0, "most": 1}, "k must be at least 0 and at most 1, got 2"),
        (math.inf, {"least": 0, "below": math.inf}, "k must be at least 0 and below inf, got inf"),
        (math.nan, {"least": 0}, "k must be at least 0, got nan"),
        (0, {"least": 1, "hint": "lower it"}, "k must be at least 1, got 0; lower it"),
    ],
)
def test_numbers_beyond_a_bound_are_refused(value, bounds, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        check_number("k", value, **bounds)


def test_a_name_is_one_of_the_choices():
    check_choice("head", "max", ("max", "avg"))
    with pytest.raises(ValueError, match="^head must be one of max, avg, got 'maxx', did you mean"):
        check_choice("head", "maxx", ("max", "avg"))
    with pytest.raises(ValueError, match="^head must be one of max, avg, got None$"):
        check_choice("head", None, ("max", "avg"))


def test_whole_numbers_of_numpy_are_whole_numbers():
    check_at_least(1, k=np.int64(1))
    with pytest.raises(ValueError, match="k must be a whole number of at least 1"):
        check_at_least(1, k=np.int64(0))
