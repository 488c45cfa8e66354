"""The tasks of the motion suite: what each asks, its classes, and which of them swap."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from motionlens.synthetic.motion_suite.camera import MOVES, draw_camera
from motionlens.synthetic.motion_suite.curves import CURVE_NAMES, LEAST_FRAMES, swaps_of
from motionlens.synthetic.motion_suite.noise import (
    FIGURE_SHAPES,
    draw_noise_direction,
    draw_noise_shape,
)
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
from motionlens.synthetic.motion_suite.paths import draw_path_in_view, draw_paths
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
        usual_frames: frames of a clip unless another number is asked for.
    """

    description: str
    class_names: tuple[str, ...]
    draw: Callable[[Rng, Setting, str], Scene]
    horizontal_flip: Mapping[str, str] = field(default_factory=dict)
    vertical_flip: Mapping[str, str] = field(default_factory=dict)
    time_reversal: Mapping[str, str] = field(default_factory=dict)
    least_frames: int = 2
    usual_frames: int = 8


_CURVE_SWAPS = {
    change: swaps_of(change) for change in ("horizontal_flip", "vertical_flip", "time_reversal")
}

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
    "paths": Task(
        description="which path do the large things draw, all side by side?",
        class_names=CURVE_NAMES,
        draw=draw_paths,
        least_frames=LEAST_FRAMES,
        usual_frames=16,
        **_CURVE_SWAPS,
    ),
    "path_in_view": Task(
        description="which path does the hand or the large thing draw, all of it in view?",
        class_names=CURVE_NAMES,
        draw=draw_path_in_view,
        least_frames=LEAST_FRAMES,
        usual_frames=16,
        **_CURVE_SWAPS,
    ),
    "noise_direction": Task(
        description="in which direction do the figures of noise move over flickering noise?",
        class_names=tuple(STEPS)[:4],
        draw=draw_noise_direction,
        horizontal_flip={"left": "right"},
        vertical_flip={"up": "down"},
        time_reversal={"left": "right", "up": "down"},
    ),
    "noise_shape": Task(
        description="which shape has the figure of noise that moves over flickering noise?",
        class_names=FIGURE_SHAPES,
        draw=draw_noise_shape,
    ),
}
