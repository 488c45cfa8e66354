"""Curves that things draw: a parametric family, with classes that say how a curve turns.

Rows count down and columns right, as in pictures, so a clockwise turn goes from right to down. A
curve is drawn from a generator, never taken from a list: headings, angles, lengths, corners and
roundness vary within a class, and so does the speed along it.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator
Points = NDArray[np.float64]  # (P, 2): row, column

CLOCKWISE, COUNTERCLOCKWISE = "clockwise", "counterclockwise"
SENSES = (CLOCKWISE, COUNTERCLOCKWISE)
# Angle of a heading, radians from right towards down.
HEADINGS = {"right": 0.0, "down": np.pi / 2, "left": np.pi, "up": -np.pi / 2}
_OPPOSITE = {"left": "right", "right": "left", "up": "down", "down": "up"}
_OTHER = {CLOCKWISE: COUNTERCLOCKWISE, COUNTERCLOCKWISE: CLOCKWISE}
# How far a curve with a heading may be tilted.
_TILT = np.radians(22)


def draw_curve(rng: Rng, class_name: str) -> list[Points]:
    """Draw a curve of a class.

    Args:
        rng: source of all randomness.
        class_name: one of :data:`CURVE_NAMES`.

    Returns:
        The strokes that it consists of, each from where the one before it ends; a smooth curve is
        one stroke. The longer side of its bounding box is 1.
    """
    kind, *words = class_name.split("_")
    strokes = _KINDS[kind](rng, *words)
    everything = np.concatenate(strokes)
    low = everything.min(0)
    scale = 1 / float((everything.max(0) - low).max())
    return [(stroke - low) * scale for stroke in strokes]


def sample_curve(rng: Rng, strokes: list[Points], num_frames: int, most_pause: float) -> Points:
    """Where a thing that draws a curve is in each frame.

    It may rest before and after. Strokes take whole frames, at least two each, so every corner is
    shown. Along a stroke the speed is even, or rises and falls, each curve in its own way.

    Args:
        rng: source of all randomness.
        strokes: of :func:`draw_curve`.
        num_frames: T, at least :data:`LEAST_FRAMES`.
        most_pause: largest share of the frames for each of the two rests.

    Returns:
        float64 ``(T, 2)``.
    """
    spare = num_frames - 1 - 2 * len(strokes)
    pauses = [min(int(rng.uniform(0, most_pause) * num_frames), spare // 2) for _ in range(2)]
    lengths = np.array([_length(stroke) for stroke in strokes])
    shares = lengths ** rng.uniform(0.6, 1.0) * rng.uniform(0.85, 1.15, len(strokes))
    durations = _whole_numbers(shares, num_frames - 1 - sum(pauses), least=2)
    ease = rng.uniform(0, 0.8)
    places = [np.tile(strokes[0][:1], (pauses[0] + 1, 1))]
    for stroke, duration in zip(strokes, durations, strict=True):
        time = np.arange(1, duration + 1) / duration
        travelled = (1 - ease) * time + ease * time**2 * (3 - 2 * time)
        places.append(_along(stroke, travelled))
    places.append(np.tile(strokes[-1][-1:], (pauses[1], 1)))
    return np.concatenate(places)


def swaps_of(change: str) -> dict[str, str]:
    """Which classes swap under ``horizontal_flip``, ``vertical_flip`` or ``time_reversal``."""
    pairs: dict[str, str] = {}
    for name in CURVE_NAMES:
        other = _changed(name, change)
        if other != name and other not in pairs:
            pairs[name] = other
    return pairs


def _changed(name: str, change: str) -> str:
    kind, *words = name.split("_")
    if change == "time_reversal":
        # A bend keeps its apex; what winds inwards winds outwards.
        turned = {"in": "out", "out": "in"} if kind == "spiral" else {}
        if kind in ("stroke", "zigzag"):
            turned = _OPPOSITE
    else:
        axis = ("left", "right") if change == "horizontal_flip" else ("up", "down")
        turned = {word: _OPPOSITE[word] for word in axis}
    return "_".join([kind, *(({**_OTHER, **turned}).get(word, word) for word in words)])


def _straight(*corners: tuple[float, float]) -> list[Points]:
    """Strokes between corners, given as column and row."""
    places = np.array(corners)[:, ::-1]
    return [np.stack(pair) for pair in pairwise(places)]


def _around(radii: NDArray[np.float64], angles: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Corners at distances from a middle, in the order of their angles clockwise."""
    columns, rows = (radii * np.cos(angles)).tolist(), (radii * np.sin(angles)).tolist()
    return list(zip(columns, rows, strict=True))


def _turned(strokes: list[Points], angle: float) -> list[Points]:
    """Turned clockwise by an angle."""
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.array([[cos, sin], [-sin, cos]])  # of rows of (row, column)
    return [stroke @ matrix.T for stroke in strokes]


def _mirrored(strokes: list[Points]) -> list[Points]:
    return [stroke * [1, -1] for stroke in strokes]


def _in_sense(rng: Rng, strokes: list[Points], sense: str) -> list[Points]:
    """A curve that turns clockwise, in any orientation; mirrored for the other sense."""
    return _turned(strokes if sense == CLOCKWISE else _mirrored(strokes), rng.uniform(0, 2 * np.pi))


def _stroke(rng: Rng, heading: str) -> list[Points]:
    """Straight or slightly bowed."""
    along = np.linspace(0, 1, 33)
    bow = rng.uniform(-0.12, 0.12) * 4 * along * (1 - along)
    return _turned([np.stack([bow, along], axis=1)], HEADINGS[heading] + rng.uniform(-_TILT, _TILT))


def _bend(rng: Rng, apex: str, sense: str) -> list[Points]:
    """Two arms that meet in a corner or a round apex."""
    half = np.radians(rng.uniform(35, 110)) / 2
    arms = rng.permutation([1.0, rng.uniform(0.5, 1.0)])
    ends = np.array([[arms[0] * np.cos(half), -arms[0] * np.sin(half)],
                     [arms[1] * np.cos(half), arms[1] * np.sin(half)]])  # fmt: skip
    if rng.random() < 0.4:
        # A quadratic Bezier curve, whose middle is pulled out to the apex.
        time = np.linspace(0, 1, 65)[:, None]
        pull = -0.5 * (ends[0] + ends[1])
        strokes = [(1 - time) ** 2 * ends[0] + 2 * time * (1 - time) * pull + time**2 * ends[1]]
    else:
        strokes = [np.stack([ends[0], np.zeros(2)]), np.stack([np.zeros(2), ends[1]])]
    # From left over an apex at the top to the right is clockwise.
    if sense == COUNTERCLOCKWISE:
        strokes = _mirrored(strokes)
    tilt = rng.uniform(-_TILT, _TILT)
    return _turned(strokes, HEADINGS[apex] - HEADINGS["up"] + tilt)


def _ellipse(rng: Rng, turn: float, growth: float = 1.0) -> list[Points]:
    """A round curve, clockwise; its radius changes evenly to ``growth`` times the first."""
    angles = np.linspace(0, np.radians(turn), 257)
    radii = np.linspace(1, growth, 257)
    squeeze = rng.uniform(0.7, 1.0)
    start = rng.uniform(0, 2 * np.pi)
    places = np.stack([radii * np.sin(angles + start), radii * np.cos(angles + start)], axis=1)
    return [places * [1, squeeze]]


def _loop(rng: Rng, sense: str) -> list[Points]:
    return _in_sense(rng, _ellipse(rng, rng.uniform(320, 420)), sense)


def _spiral(rng: Rng, way: str, sense: str) -> list[Points]:
    strokes = _ellipse(rng, rng.uniform(620, 800), rng.uniform(0.1, 0.25))
    if way == "out":  # backwards it turns the other way, so it is mirrored too
        strokes = [stroke[::-1] for stroke in _mirrored(strokes)]
    return _in_sense(rng, strokes, sense)


def _polygon(rng: Rng, sense: str) -> list[Points]:
    """Three or four corners, back to the first."""
    number = int(rng.integers(3, 5))
    angles = (np.arange(number) + rng.uniform(-0.12, 0.12, number)) * 2 * np.pi / number
    radii = rng.uniform(0.9, 1.1, number)
    corners = _around(radii, angles)
    return _in_sense(rng, _straight(*corners, corners[0]), sense)


def _crossing(rng: Rng, sense: str) -> list[Points]:
    """Two strokes that cross, and the way from the end of the first to the second."""
    slip = rng.uniform(-0.12, 0.12, 8).reshape(4, 2)
    corners = np.array([(0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (0.0, 0.0)]) + slip
    squeeze = [1, rng.uniform(0.75, 1.0)]
    return _in_sense(rng, _straight(*(tuple(c) for c in corners * squeeze)), sense)


def _knot(rng: Rng, sense: str) -> list[Points]:
    """Four or five strokes that turn the same way, by more than a right angle, and cross."""
    angles = np.cumsum(np.radians(rng.uniform(138, 150, int(rng.integers(5, 7)))))
    radii = rng.uniform(0.92, 1.08, len(angles))
    return _in_sense(rng, _straight(*_around(radii, angles)), sense)


def _zigzag(rng: Rng, heading: str) -> list[Points]:
    """Three to five strokes, up and down across the heading."""
    number = int(rng.integers(3, 6))
    height = rng.uniform(0.7, 2.0) * rng.choice([-1, 1])
    corners = [(i + rng.uniform(-0.12, 0.12), height * (i % 2)) for i in range(number + 1)]
    return _turned(_straight(*corners), HEADINGS[heading] + rng.uniform(-_TILT, _TILT) / 2)


def _wave(rng: Rng, axis: str) -> list[Points]:
    """Back and forth on the same line, three or four times."""
    number = int(rng.integers(3, 5))
    ends = rng.uniform(0.8, 1.0, number + 1) * (np.arange(number + 1) % 2)
    strokes = _straight(*((float(end), 0.0) for end in ends))
    angle = HEADINGS["right" if axis == "sideways" else "down"]
    return _turned(strokes, angle + np.pi * int(rng.integers(2)) + rng.uniform(-_TILT, _TILT))


def _eight(rng: Rng) -> list[Points]:
    """Once around one half clockwise and once around the other counterclockwise."""
    angles = np.linspace(0, 2 * np.pi, 257) + rng.choice([0.0, np.pi])
    places = np.stack([rng.uniform(0.4, 0.6) * np.sin(2 * angles), np.sin(angles)], axis=1)
    return _turned([places], rng.uniform(0, 2 * np.pi))


_KINDS: dict[str, Callable[..., list[Points]]] = {
    "stroke": _stroke,
    "bend": _bend,
    "loop": _loop,
    "polygon": _polygon,
    "spiral": _spiral,
    "crossing": _crossing,
    "knot": _knot,
    "zigzag": _zigzag,
    "wave": _wave,
    "eight": _eight,
}
_WORDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "stroke": (tuple(HEADINGS),),
    "bend": (tuple(HEADINGS), SENSES),
    "spiral": (("in", "out"), SENSES),
    "zigzag": (tuple(HEADINGS),),
    "wave": (("sideways", "upright"),),
    "eight": (),
}


def _names() -> Iterator[str]:
    for kind in _KINDS:
        for words in product(*_WORDS.get(kind, (SENSES,))):
            yield "_".join([kind, *words])


CURVE_NAMES = tuple(_names())
# A knot of five strokes takes ten steps.
LEAST_FRAMES = 12


def _length(stroke: Points) -> float:
    return float(np.hypot(*np.diff(stroke, axis=0).T).sum())


def _along(stroke: Points, travelled: NDArray[np.float64]) -> Points:
    """The places at these shares of a stroke's length."""
    steps = np.hypot(*np.diff(stroke, axis=0).T)
    reached = np.concatenate([[0.0], np.cumsum(steps)])
    return np.stack([np.interp(travelled * reached[-1], reached, axis) for axis in stroke.T], 1)


def _whole_numbers(shares: NDArray[np.float64], total: int, *, least: int) -> list[int]:
    """Split a total by shares into whole numbers of at least ``least``."""
    spare = (total - least * len(shares)) * shares / shares.sum()
    extra = np.diff(np.rint(np.cumsum(spare)), prepend=0)
    return [least + int(number) for number in extra]
