"""The toy example and the scale of offsets on it: each run is stored, and not made again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from motionlens.inference.checkpoint import load_checkpoint
from motionlens.report.statistics import bootstrap_mean
from motionlens.reproduce.comparisons import OFFSET_SCALES
from motionlens.reproduce.grids import check_choices
from motionlens.reproduce.outcomes import Measured, Outcome
from motionlens.reproduce.request import Request, keep_plan
from motionlens.reproduce.toy import NUM_VALIDATION, ToyRun, find_systems
from motionlens.reproduce.toy_jobs import ToyJob, ToyPlan, ToyResult, read_result, train_jobs
from motionlens.reproduce.toy_report import draw_proposals, notes
from motionlens.reproduce.trained import OnOutcome
from motionlens.synthetic.toy import CANVASES, CLASS_NAMES, Canvas


def perform_toy(request: Request, on_outcome: OnOutcome) -> Outcome:
    """Train every system, one canvas after the other.

    Args:
        request: what is asked for.
        on_outcome: told what there is after every run.

    Raises:
        ValueError: For an unknown system, or a folder that cannot be used.
        KeyboardInterrupt: If it is interrupted; finished runs are kept.
    """
    plans = [
        ToyPlan(row=system, system=system, canvas=canvas)
        for canvas in canvases_of(request)
        for system in find_systems(request.models, canvas)
    ]
    outcome = perform_plans(request, "toy", plans, on_outcome)
    for plan in plans:
        if plan.system == "cpnet":
            draw_run(request, plan, f"proposals_{plan.canvas}")
    return outcome


def perform_toy_scales(request: Request, on_outcome: OnOutcome) -> Outcome:
    """Train the system with proposals with its offsets multiplied by more or less."""
    choices = {f"scale{scale}": scale for scale in OFFSET_SCALES}
    check_choices(request.models, list(choices))
    plans = [
        ToyPlan(
            row=f"scale {scale}",
            system="cpnet",
            canvas=canvas,
            options={"offset_scale": float(scale)},
        )
        for canvas in canvases_of(request)
        for choice, scale in choices.items()
        if not request.models or choice in request.models
    ]
    return perform_plans(request, "offset-scale", plans, on_outcome)


def canvases_of(request: Request) -> list[Canvas]:
    """The canvases that are asked for."""
    return [cast(Canvas, name) for name in CANVASES if request.canvas in (None, name)]


def draw_run(request: Request, plan: ToyPlan, name: str) -> None:
    """Draw the proposals of a plan's first run, if it is there.

    Args:
        request: that was performed.
        plan: with a CP module.
        name: of the picture, without its ending.
    """
    job = ToyJob.of(plan, 0, request.runs)
    if job.is_done:
        draw_proposals(request.out, load_checkpoint(job.folder)[0], plan.canvas, name)


def perform_plans(
    request: Request, name: str, plans: Sequence[ToyPlan], on_outcome: OnOutcome
) -> Outcome:
    """Train each plan with every seed, as many at a time as the request says.

    Args:
        request: what is asked for.
        name: of the experiment.
        plans: each is one row of the table on one canvas.
        on_outcome: told what there is after every run.

    Raises:
        ValueError: If the folder cannot be used.
        KeyboardInterrupt: If it is interrupted; finished runs are kept.
    """
    keep_plan(request, name)
    factor = request.budget.epochs_factor
    seeds = range(request.num_seeds)
    jobs = [ToyJob.of(plan, seed, request.runs, factor) for plan in plans for seed in seeds]
    results: list[ToyResult | None] = [None] * len(jobs)

    def take(job: ToyJob, result: ToyResult, remark: str = "") -> None:
        results[jobs.index(job)] = result
        found = f"{result.run.validation[-1]:.1%}{remark}" if result.run else "failed: "
        done = sum(one is not None for one in results)
        request.say(
            f"{name} {done}/{len(jobs)}: {job.label}: {found}{result.entry.get('error', '')}"
        )
        on_outcome(_outcome(jobs, results))

    for job in jobs:
        if job.is_done:
            take(job, read_result(job), " (was there)")
    missing = [job for job, result in zip(jobs, results, strict=True) if result is None]
    for job, error in train_jobs(missing, request.jobs):
        take(job, read_result(job, error))
    return _outcome(jobs, results)


def _outcome(jobs: Sequence[ToyJob], results: Sequence[ToyResult | None]) -> Outcome:
    """What there is so far, in the order of the table."""
    groups: dict[tuple[str, Canvas], list[ToyRun]] = {}
    for job, result in zip(jobs, results, strict=True):
        if result is not None and result.run is not None:
            groups.setdefault((job.plan.row, job.plan.canvas), []).append(result.run)
    runs = [run for group in groups.values() for run in group]
    return Outcome(
        runs=[result.entry for result in results if result is not None],
        planned=len(jobs),
        cells=[cell for (row, canvas), group in groups.items()
               for cell in _cells(row, canvas, group)],
        parameters={row: group[0].parameters for (row, _), group in groups.items()},
        about={"class_names": list(CLASS_NAMES)},
        remarks=notes(runs) if runs else (),
    )  # fmt: skip


def _cells(row: str, canvas: Canvas, group: Sequence[ToyRun]) -> list[Measured]:
    right = np.ones((len(group), NUM_VALIDATION))
    for number, run in enumerate(group):
        right[number, run.wrong] = 0
    pairs = {"left/right": [r.left_right for r in group], "up/down": [r.up_down for r in group]}
    return [
        Measured(
            row=row,
            column=canvas,
            values=tuple(run.validation[-1] for run in group),
            interval=bootstrap_mean(right.mean(axis=0)),
        ),
        *(
            Measured(row=row, column=f"{canvas}, {pair}", values=tuple(values))
            for pair, values in pairs.items()
        ),
    ]
