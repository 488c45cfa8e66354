"""The tasks of the motion suite: what each asks, its classes, and which of them swap."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from motionlens.synthetic.motion_suite.camera import MOVES, draw_camera
from motionlens.synthetic.motion_suite.patches import (
    ORDER_KINDS,
    SENSES,
    STEPS,
    draw_approach,
    draw_collision,
    draw_direction,
    draw_order,
    draw_reappear,
)
from motionlens.synthetic.motion_suite.scenes import Rng, Scene, Setting


@dataclass(frozen=True, kw_only=True)
class Task:
    """One task.

    Attributes:
        description: what it asks.
        class_names: in the order of the labels.
        draw: scene of a class, drawn from a random generator.
        horizontal_flip: classes that swap when a clip is mirrored left to right.
        vertical_flip: likewise top to bottom.
        time_reversal: likewise when it runs backwards.
        least_frames: minimum frames of a clip.
    """

    description: str
    class_names: tuple[str, ...]
    draw: Callable[[Rng, Setting, str], Scene]
    horizontal_flip: Mapping[str, str] = field(default_factory=dict)
    vertical_flip: Mapping[str, str] = field(default_factory=dict)
    time_reversal: Mapping[str, str] = field(default_factory=dict)
    least_frames: int = 2


TASKS: dict[str, Task] = {
    "direction": Task(
        description="in which of four directions do the large patches move?",
        class_names=tuple(STEPS)[:4],
        draw=draw_direction,
        horizontal_flip={"left": "right"},
        vertical_flip={"up": "down"},
        time_reversal={"left": "right", "up": "down"},
    ),
    "direction8": Task(
        description="in which of eight directions do the large patches move?",
        class_names=tuple(STEPS),
        draw=draw_direction,
        horizontal_flip={"left": "right", "up_left": "up_right", "down_left": "down_right"},
        vertical_flip={"up": "down", "up_left": "down_left", "up_right": "down_right"},
        time_reversal={
            "left": "right",
            "up": "down",
            "up_left": "down_right",
            "up_right": "down_left",
        },
    ),
    "approach_recede": Task(
        description="does the large patch grow, shrink, or keep its size?",
        class_names=tuple(SENSES),
        draw=draw_approach,
        time_reversal={"approach": "recede"},
    ),
    "order": Task(
        description="which patch moves first, the striped or the dotted one?",
        class_names=tuple(f"{kind}_first" for kind in ORDER_KINDS),
        draw=draw_order,
        time_reversal={"stripes_first": "dots_first"},
        least_frames=6,
    ),
    "collision": Task(
        description="which patch hits the other and sets it in motion, the left, the right, none?",
        class_names=("left_hits_right", "right_hits_left", "nobody"),
        draw=draw_collision,
        horizontal_flip={"left_hits_right": "right_hits_left"},
        time_reversal={"left_hits_right": "right_hits_left"},
        least_frames=6,
    ),
    "reappear": Task(
        description="what goes behind the bar: does it pass, return, or does another come out?",
        class_names=("passes", "returns", "another"),
        draw=draw_reappear,
        least_frames=6,
    ),
    "camera": Task(
        description="how does the camera move over the picture or the footage?",
        class_names=tuple(MOVES),
        draw=draw_camera,
        horizontal_flip={"pan_left": "pan_right"},
        vertical_flip={"pan_up": "pan_down"},
        time_reversal={"pan_left": "pan_right", "pan_up": "pan_down", "zoom_in": "zoom_out"},
    ),
}
