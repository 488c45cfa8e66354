"""The experiments by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from motionlens._utils.errors import nearest
from motionlens.datasets.catalog.names import spec_of
from motionlens.reproduce import ablations, comparisons, pictures, poster
from motionlens.reproduce.budgets import Budget
from motionlens.reproduce.experiment import Experiment
from motionlens.reproduce.grids import Grid
from motionlens.reproduce.outcomes import Outcome
from motionlens.reproduce.proposals import perform_visualise, visualise_grid
from motionlens.reproduce.request import Request
from motionlens.reproduce.runtime import perform_runtime
from motionlens.reproduce.speed import perform_speed
from motionlens.reproduce.toy_runs import perform_toy, perform_toy_scales
from motionlens.reproduce.trained import OnOutcome, perform_grid, with_fitting_clips

_KINETICS_RECIPE = "kinetics_resnet18.yaml"
_OTHER_DATA = (
    "The poster's figures are of Kinetics-400. Where ours are of other data, compare the order of "
    "the rows, not their height."
)
_MODULES = (
    "The poster does not say where its modules sit: here 1 is at the end of res4, 2 at the ends of "
    "res3 and res4, 4 are two at each, 6 also two of res5."
)


def find_experiment(name: str) -> Experiment:
    """An experiment by its name.

    Raises:
        ValueError: For an unknown one; the nearest is suggested.
    """
    if name not in EXPERIMENTS:
        raise ValueError(
            f"unknown experiment {name!r}{nearest(name, EXPERIMENTS)}; 'motionlens reproduce --list' "
            "shows all"
        )
    return EXPERIMENTS[name]


def recipe_for(data: str) -> str:
    """The packaged recipe of the full budget for a data set that the catalogue knows."""
    spec = spec_of(data)
    return spec.recipe if spec else "modern.yaml"


def _grid(
    name: str, make: Callable[[Budget], Grid], packaged: str | None = None
) -> Callable[[Request, OnOutcome], Outcome]:
    """How an experiment is performed that trains the networks of a grid."""

    def perform(request: Request, on_outcome: OnOutcome) -> Outcome:
        assert request.source is not None
        recipe = packaged or recipe_for(request.source.data)
        request = with_fitting_clips(request, recipe)
        grid = make(request.budget).chosen(request.models)
        return perform_grid(request, name, grid, recipe, on_outcome)

    return perform


def _speed(request: Request, on_outcome: OnOutcome) -> Outcome:
    assert request.source is not None
    recipe = recipe_for(request.source.data)
    request = with_fitting_clips(request, recipe)
    grid = comparisons.speed_grid(request.budget).chosen(request.models)
    return perform_speed(request, grid, recipe, on_outcome)


def _offset_scale(request: Request, on_outcome: OnOutcome) -> Outcome:
    if request.source is None:
        return perform_toy_scales(request, on_outcome)
    return _grid("offset-scale", comparisons.offset_scale_grid)(request, on_outcome)


def _visualise(request: Request, on_outcome: OnOutcome) -> Outcome:
    packaged = ""
    if request.source is not None:
        packaged = recipe_for(request.source.data)
        request = with_fitting_clips(request, packaged)
    grid = visualise_grid(request.budget).chosen(request.models)
    return perform_visualise(request, grid, packaged, on_outcome)


def _ablation(name: str, make: Callable[[Budget], Grid], **fields: Any) -> Experiment:
    return Experiment(
        name=name, needs="data", perform=_grid(name, make, _KINETICS_RECIPE), **fields
    )


_ALL = (
    Experiment(
        name="toy",
        shown_as=("Toy Example: A Failing of several previous methods",),
        measures="Validation accuracy on blocks that jump 7 to 9 pixels a frame; chance is 25 %, "
        "and 50 % between left and right or up and down",
        needs="nothing",
        perform=perform_toy,
        draw=pictures.draw_rows("Toy example"),
        notes=(
            "The poster prints no numbers for it. It says that several previous methods are at "
            "random guess, on what is the box canvas here.",
        ),
    ),
    Experiment(
        name="motion",
        shown_as=("Motion-centric Dataset Results: Jester", "... Something-Something"),
        measures="Validation accuracy of every model on data that shows motion",
        needs="data",
        perform=_grid("motion", comparisons.motion_grid),
        draw=pictures.draw_rows("Models side by side"),
        poster=(poster.MOTION,),
        notes=(
            "The poster's C2D and CPNet are ResNet-34, its other rows are of the papers that it "
            "cites; its Something-Something top-1 of CPNet cannot be read. BesNet and TPRN have no "
            "published definition: these rows are the poster's alone. MFF and two-stream TRN "
            "compute optical flow, which needs 'motionlens[flow]'.",
        ),
    ),
    Experiment(
        name="kinetics",
        shown_as=("Kinetics-400 Results: ResNet-18", "... large networks"),
        measures="Validation accuracy at two frame rates, from one crop and from ten",
        needs="data",
        perform=_grid("kinetics", comparisons.kinetics_grid, _KINETICS_RECIPE),
        draw=pictures.draw_rows("Models side by side", (poster.KINETICS,)),
        poster=(poster.KINETICS, poster.KINETICS_LARGE),
        notes=(
            "A twelfth and a quarter of the frame rate are steps of 12 and 4 frames with the full "
            "budget; otherwise the slower rate is what the videos' length allows, the faster one "
            "their own. The large networks belong to the full budget.",
        ),
    ),
    _ablation(
        "ablation-count",
        ablations.count_grid,
        shown_as=("Ablation (a), number of CP modules",),
        measures="Validation accuracy of ResNet-18 with 0, 1, 2, 4 and 6 modules",
        draw=pictures.draw_rows("Number of CP modules", (poster.COUNT,)),
        poster=(poster.COUNT,),
        notes=(_OTHER_DATA, _MODULES),
    ),
    _ablation(
        "ablation-k",
        ablations.k_grid,
        shown_as=("Ablation (b), k in training and in testing",),
        measures="Validation accuracy of ResNet-18 trained with k and tested with k, 1 to 32",
        draw=pictures.draw_k,
        poster=(poster.K,),
        notes=("Each network is trained once for a seed and k, and tested with every k.",),
    ),
    _ablation(
        "ablation-stage",
        ablations.stage_grid,
        shown_as=("Ablation (c), CP module positions",),
        measures="Validation accuracy of ResNet-18 with two modules in one stage",
        draw=pictures.draw_rows("Stage of the CP modules", (poster.STAGE,)),
        poster=(poster.STAGE,),
        notes=(_OTHER_DATA, "The poster does not say how many modules a stage has: here two."),
    ),
    Experiment(
        name="runtime",
        shown_as=("Model Run Time",),
        measures="Videos a second through the whole network",
        needs="nothing",
        perform=perform_runtime,
        draw=pictures.draw_rows(
            "Run time", (poster.RUNTIME,), percent=False, unit="videos a second"
        ),
        poster=(poster.RUNTIME,),
        one_seed=True,
        percent=False,
    ),
    Experiment(
        name="visualise",
        shown_as=("Visualization of CP Module",),
        measures="Which positions a trained network matches, see the pictures",
        needs="perhaps",
        perform=_visualise,
        one_seed=True,
        notes=(
            "Without data, on the toy: the part of the surviving proposals of the block's cells "
            "that lies on a cell which the block of another frame touches, and that on such a cell "
            "or one next to it. 'A cell a pixel' has no strides, and k = 3, one for each other "
            "frame.",
        ),
    ),
    Experiment(
        name="speed",
        shown_as=("ours",),
        measures="Validation accuracy over the speed of the motion: the same part of each video, "
        "seen in fewer and fewer frames",
        needs="data",
        perform=_speed,
        draw=pictures.draw_speed,
        pages=("realmotion7.md",),
    ),
    Experiment(
        name="offset-scale",
        shown_as=("ours",),
        measures="Validation accuracy with offsets multiplied by 1 (the poster's form) to 32",
        needs="perhaps",
        perform=_offset_scale,
        draw=pictures.draw_rows("Scale of the offsets"),
    ),
)
EXPERIMENTS = {experiment.name: experiment for experiment in _ALL}
