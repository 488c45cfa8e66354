import itertools

import numpy as np
import pytest

from motionlens.clips.symmetries import (
    AXES,
    LabelSymmetries,
    draw_symmetries,
    label_after,
    pairs_by_name,
)

NAMES = ("down", "left", "right", "static", "up", "zoom_in", "zoom_out")
MOTION = LabelSymmetries(
    horizontal_flip={"left": "right"},
    vertical_flip={"up": "down"},
    time_reversal={"left": "right", "up": "down", "zoom_in": "zoom_out"},
)


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        (["left", "right"], {"left": "right"}),
        (["Swipe Left", "Swipe Right", "up"], {"Swipe Left": "Swipe Right"}),
        (["hand-left-up", "hand-right-up", "x"], {"hand-left-up": "hand-right-up"}),
        (["left to right", "right to left"], {"left to right": "right to left"}),
        (["leftover", "copyright"], {}),
        (["left", "other"], {}),
        (["left", "right", "turn_left"], {}),
    ],
)
def test_names_tell_which_classes_a_mirror_swaps(names, pairs):
    assert pairs_by_name("horizontal_flip", names) == pairs


def chosen(*is_applied):
    return [name for name, is_on in zip(AXES, is_applied, strict=True) if is_on]


@pytest.mark.parametrize("flip_x", [False, True])
@pytest.mark.parametrize("flip_y", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_all_combinations(name, flip_x, flip_y, reverse):
    velocity = {"left": (-1, 0, 0), "right": (1, 0, 0), "up": (0, -1, 0), "down": (0, 1, 0),
                "static": (0, 0, 0), "zoom_in": (0, 0, 1), "zoom_out": (0, 0, -1)}  # fmt: skip
    x, y, z = velocity[name]
    x, y = (-x if flip_x else x), (-y if flip_y else y)
    moved = tuple(-v if reverse else v for v in (x, y, z))
    wanted = next(other for other, v in velocity.items() if v == moved)
    applied = chosen(flip_x, flip_y, reverse)
    assert NAMES[label_after(NAMES.index(name), applied, MOTION.resolve(NAMES))] == wanted


def test_draws_each_combination_equally_often():
    swaps, rng = MOTION.resolve(NAMES), np.random.default_rng(0)
    drawn = [draw_symmetries(swaps, rng) for _ in range(1600)]
    for combination in itertools.product([False, True], repeat=3):
        assert 150 < drawn.count(chosen(*combination)) < 250


def test_draws_only_what_is_declared():
    swaps = LabelSymmetries(vertical_flip={}).resolve(NAMES)
    drawn = {tuple(draw_symmetries(swaps, np.random.default_rng(seed))) for seed in range(40)}
    assert drawn == {(), ("vertical_flip",)}


def test_declared_without_pairs_keeps_every_label():
    swaps = LabelSymmetries(horizontal_flip={}).resolve(NAMES)
    assert [label_after(k, ["horizontal_flip"], swaps) for k in range(7)] == list(range(7))


@pytest.mark.parametrize("pairs", [{"left": "right"}, {"right": "left"},
                                   {"left": "right", "right": "left"}])  # fmt: skip
def test_pairs_hold_either_way_round(pairs):
    swaps = LabelSymmetries(horizontal_flip=pairs).resolve(["left", "right"])
    assert swaps["horizontal_flip"].tolist() == [1, 0]


def test_labels_follow_names_not_rows():
    for names in itertools.permutations(["left", "right", "static"]):
        swaps = LabelSymmetries(horizontal_flip={"left": "right"}).resolve(names)
        assert [names[label] for label in swaps["horizontal_flip"]] == [
            {"left": "right", "right": "left"}.get(name, name) for name in names
        ]


@pytest.mark.parametrize("field", AXES)
def test_unknown_name(field):
    with pytest.raises(ValueError, match=f"{field} must name classes, .* 'rihgt' .* mean 'right'"):
        LabelSymmetries(**{field: {"left": "rihgt"}}).resolve(NAMES)
    with pytest.raises(ValueError, match=f"{field} must name classes, .* 'qqq' is none; known"):
        LabelSymmetries(**{field: {"qqq": "left"}}).resolve(NAMES)


@pytest.mark.parametrize(
    "pairs",
    [
        {"left": "right", "up": "right"},
        {"left": "right", "right": "up"},
        {"left": "left", "up": "left"},
    ],
)
def test_name_in_two_pairs(pairs):
    with pytest.raises(ValueError, match="horizontal_flip must put a class into one pair"):
        LabelSymmetries(horizontal_flip=pairs).resolve(NAMES)


def test_contradiction():
    symmetries = LabelSymmetries(horizontal_flip={"left": "right"}, vertical_flip={"left": "up"})
    with pytest.raises(ValueError, match="horizontal_flip and vertical_flip must lead to the same"):
        symmetries.resolve(NAMES)
