"""The Python side of ``motionlens reproduce`` and ``motionlens toy``."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch

from motionlens._utils.cores import usable_cores
from motionlens._utils.devices import resolve_device
from motionlens._utils.files import write_atomically
from motionlens._utils.machine import machine, versions
from motionlens.datasets.catalog.names import spec_of
from motionlens.datasets.parts import open_parts
from motionlens.datasets.source import ListingConfig
from motionlens.inference.checkpoint import load_checkpoint, save_checkpoint
from motionlens.report.plots.lines import draw_curves
from motionlens.reproduce import runtime, toy_training, video_training
from motionlens.reproduce.arguments import check_arguments, check_counts, command_line
from motionlens.reproduce.budgets import (
    Budget,
    BudgetName,
    base_recipe,
    changed,
    find_budget,
    usual_length,
)
from motionlens.reproduce.grids import Experiment, Run, find_experiment, planned_runs
from motionlens.reproduce.landing import with_landing
from motionlens.reproduce.proposals import draw_toy_proposals, draw_video_proposals
from motionlens.reproduce.results import Results
from motionlens.reproduce.runner import DATA, RUNS, Work, carry_out, is_done, opened
from motionlens.synthetic.toy import CLASS_NAMES, Canvas
from motionlens.training.run_folder import REPRODUCED_FILE
from motionlens.video.writing import encode_exactly

DEFAULT_OUT = Path("runs", "reproduce")
NUM_SEEDS = 3
# Toy networks that are trained at the same time may take 2 GB of memory each.
_MOST_JOBS = 8
# Settings of glibc's malloc(3) in the processes that train: they keep freed memory. Each step frees
# large buffers and allocates them again; by default glibc returns them to the system in between,
# which then has to clear every page. For networks with few channels on many positions that takes
# longer than the training itself.
_KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}
# Fields of a recipe that may differ from call to call: the runs stay the same.
_FREE = ("out", "device", "devices", "num_nodes", "loader", "log", "seed")
_SUITE_RECIPE = "motion_suite_nano.yaml"
# Of the toy's clips: slow enough to watch.
_FPS = 2


def reproduce(
    name: str,
    *,
    data: str | None = None,
    validation: str | None = None,
    listing: ListingConfig | None = None,
    budget: BudgetName = "small",
    models: Sequence[str] = (),
    seeds: int | None = None,
    canvas: Canvas | None = None,
    recipe: str | None = None,
    init: str | None = None,
    epochs: int | None = None,
    devices: int = 1,
    jobs: int | None = None,
    device: str = "auto",
    out: str | Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Path:
    """Reproduce a table or figure of the poster, or resume an interrupted reproduction.

    Args:
        name: of the experiment.
        data: as for 'motionlens train': folder of class folders, list or prepared data set; not
            for experiments that make their own.
        validation: its validation part, if data does not hold one.
        listing: how videos and labels are found.
        budget: small: networks of a quarter of the width, 64-pixel clips, 20 epochs; medium:
            ResNet-18, 112 pixels, 40 epochs; full: the authors' recipe.
        models: models of the experiment; by default all.
        seeds: runs of each network; by default 3.
        canvas: canvas of the toy; by default both.
        recipe: recipe file whose fields replace those of the budget.
        init: weights that every run starts from, as for 'motionlens train'; ``{model}`` in it
            stands for the name of the run's network.
        epochs: epochs, instead of the budget's.
        devices: processes that train together.
        jobs: toy networks that are trained at the same time, each on one core; by default one per
            core, at most 8.
        device: where to run; auto takes an accelerator if there is one.
        out: folder of runs, results.json, results.md and picture; by default
            runs/reproduce/NAME_BUDGET.
        say: called with lines of progress.

    Returns:
        The folder of the results, see :mod:`motionlens.reproduce.runner`.

    Raises:
        ValueError: If the arguments contradict each other, or data or folder cannot be used.
        KeyboardInterrupt: If it is interrupted; the same call resumes it.
    """
    experiment, limits = find_experiment(name), find_budget(budget)
    training: dict[str, Any] = {
        **{"data": data, "validation": validation, "recipe": recipe},
        **{"init": init, "epochs": epochs, "devices": devices},
    }
    check_arguments(experiment, training, seeds=seeds, jobs=jobs)
    folder, where = Path(out or DEFAULT_OUT / f"{name}_{budget}"), resolve_device(device)
    num_seeds = 1 if experiment.one_seed else seeds or NUM_SEEDS
    chosen = partial(planned_runs, models=models, seeds=num_seeds)
    if data is not None:
        more = {"listing": listing, "device": device}
        work = _video_work(experiment, folder / RUNS, limits, chosen, training | more)
    elif experiment.suite:
        given = {**training, "data": str(folder / DATA), "device": device}
        work = _suite_work(experiment, folder / RUNS, limits, chosen, given)
    elif experiment.toy:
        work = _toy_work(experiment, folder / RUNS, chosen(experiment.toy, limits, canvas=canvas))
        jobs = jobs or _toy_jobs()
    else:
        runtime.forget_other_machines(folder / RUNS, where)
        work = Work(
            runs=chosen(experiment.runtime, limits),
            perform=partial(runtime.measure, device=where, seconds=limits.runtime_s),
            read=runtime.read,
        )
    has_recipe = work.recipe is not None
    options = {**training, "budget": budget, "seeds": seeds, "canvas": canvas, "models": models}
    options |= {f"listing.{option}": value for option, value in changed(listing).items()}
    about = _about(experiment, work, budget, command_line(f"reproduce {name}", options), where)
    plan = {"experiment": name, "budget": budget, **({"recipe": work.recipe} if has_recipe else {})}
    with opened(folder, plan):
        carry_out(folder, work, about, jobs=jobs or 1, say=say)
        _draw_proposals(experiment, work, folder)
    return folder


def toy(
    *,
    models: Sequence[str] = (),
    seeds: int = NUM_SEEDS,
    canvas: Canvas = "box",
    epochs: int | None = None,
    k: int | None = None,
    offset_scale: float | None = None,
    head: Literal["max", "avg"] | None = None,
    out: str | Path = "runs/toy",
    say: Callable[[str], None] = lambda line: None,
) -> Path:
    """Train the toy networks on one canvas from scratch: ``toy`` with options of its own.

    Args:
        models: networks to train; by default all.
        seeds: runs of each network.
        canvas: box: 32x32, as in the poster; wide: 64x64, no border gives the answer away.
        epochs: epochs, instead of each network's own number.
        k: proposals per position, instead of 4.
        offset_scale: factor on offsets, instead of 16.
        head: pooling of cpnet, instead of max.
        out: folder for the results and curves.png; if cpnet is among the models also for
            proposals.png, the recognizer cpnet and clips to try it on.
        say: called with lines of progress.

    Returns:
        The folder of the results, see :mod:`motionlens.reproduce.runner`.

    Raises:
        ValueError: If an option is unknown or out of range, or the folder cannot be used.
    """
    options = {"k": k, "offset_scale": offset_scale, "head": head}
    check_counts(seeds=seeds, epochs=epochs, k=k)
    experiment, folder = find_experiment("toy"), Path(out)
    own = {name: value for name, value in options.items() if value is not None}
    budget = find_budget("small")
    runs = [
        replace(
            run,
            epochs=epochs or run.epochs,
            options={**run.options, **(own if run.choice == "cpnet" else {})},
        )
        for run in planned_runs(experiment.toy, budget, canvas=canvas, models=models, seeds=seeds)
    ]
    for run in runs[: len(runs) // seeds]:
        # A mistake, such as k above the number of positions, shows before the first training.
        toy_training.build(run)(toy_training.validation_videos(canvas).clips()[:1])
    told = {"canvas": canvas, "seeds": seeds, "models": models, "epochs": epochs, **options}
    work = _toy_work(experiment, folder / RUNS, runs)
    about = _about(experiment, work, "small", command_line("toy", told), torch.device("cpu"))
    with opened(folder, {"experiment": "toy"}, anew=True):
        for run in runs:
            (folder / RUNS / run.name / REPRODUCED_FILE).unlink(missing_ok=True)
        results = carry_out(folder, work, about, jobs=_toy_jobs(), say=say)
        _draw_proposals(experiment, work, folder)
        _add_toy_files(folder, canvas, results)
    return folder


def _video_work(
    experiment: Experiment,
    runs: Path,
    budget: Budget,
    chosen: Callable[..., list[Run]],
    training: Mapping[str, Any],
) -> Work:
    """Networks that are trained on videos, with clips that fit into the usual one."""
    spec = spec_of(training["data"])
    packaged = experiment.recipe or (spec.recipe if spec else "modern.yaml")
    parts = open_parts(base_recipe(budget, packaged, **training).source)
    num_frames = usual_length(parts[0])
    budget = budget.fitted(num_frames)
    recipe, facts = video_training.fitted_to_data(
        base_recipe(budget, packaged, **training), *parts, cache=budget.name == "small"
    )
    return Work(
        runs=chosen(experiment.videos, budget, num_frames=num_frames),
        perform=partial(video_training.train_and_store, runs=runs, base=recipe),
        read=partial(video_training.read, runs=runs, base=recipe),
        recipe={field: value for field, value in asdict(recipe).items() if field not in _FREE},
        facts=facts,
    )


def _suite_work(
    experiment: Experiment,
    runs: Path,
    budget: Budget,
    chosen: Callable[..., list[Run]],
    training: Mapping[str, Any],
) -> Work:
    """Networks that are trained on clips of the motion suite, which each run draws if need be."""
    # The same recipe for any budget: the suite's clips are small.
    recipe = base_recipe(replace(budget, recipe=None), _SUITE_RECIPE, **training)
    return Work(
        runs=chosen(experiment.suite, budget),
        perform=partial(video_training.train_and_store, runs=runs, base=recipe),
        read=partial(video_training.read, runs=runs, base=recipe),
        recipe={field: value for field, value in asdict(recipe).items() if field not in _FREE},
    )


def _toy_work(experiment: Experiment, runs: Path, planned: Sequence[Run]) -> Work:
    for name, value in _KEEP_MEMORY.items():
        os.environ.setdefault(name, value)
    return Work(
        runs=planned,
        perform=partial(toy_training.train_and_store, runs=runs),
        read=partial(with_landing, runs=runs) if experiment.landing else toy_training.read,
        facts={"class_names": list(CLASS_NAMES)},
    )


def _toy_jobs() -> int:
    return min(usable_cores(), _MOST_JOBS)


def _about(
    experiment: Experiment, work: Work, budget: str, command: str, device: torch.device
) -> dict[str, Any]:
    """What the results say besides cells and runs."""
    summaries = {run.row: run.summary for run in work.runs if run.summary}
    notes = ["; ".join(f"{row}: {text}" for row, text in summaries.items()) + "."]
    rows = {run.row for run in work.runs}
    return {
        "experiment": experiment.name,
        "measures": experiment.measures,
        "unit": experiment.unit,
        "command": command,
        "budget": budget,
        "num_seeds": len({run.seed for run in work.runs}),
        "versions": versions(),
        "machine": machine(device),
        **work.facts,
        "poster": experiment.poster,
        "picture": experiment.picture,
        "notes": [
            *(notes if summaries else ()),
            *(text for row, text in experiment.row_notes.items() if row in rows),
            *experiment.notes,
        ],
    }


def _draw_proposals(experiment: Experiment, work: Work, out: Path) -> None:
    """Draw what the first run of each network of the experiment matches, if it is complete."""
    for run in work.runs:
        folder = out / RUNS / run.name
        if run.choice in experiment.proposals and run.seed == 0 and is_done(folder):
            if work.recipe is not None:
                draw_video_proposals(folder, out / "proposals.png")
            else:
                kind = "" if run.choice == "cpnet" else f"_{run.choice}"
                draw_toy_proposals(folder, run.canvas, out / f"proposals_{run.canvas}{kind}.png")


def _add_toy_files(out: Path, canvas: str, results: Results) -> None:
    """What ``toy`` leaves besides the results: curves, a recognizer, and clips to try it on."""
    curves: dict[str, list[list[float]]] = {}
    for run in results["runs"]:
        if "validation" in run:
            curves.setdefault(run["row"], []).append(run["validation"])
    title = f"Toy videos, {canvas} canvas"
    draw_curves(curves, out / "curves.png", title=title, chance=1 / len(CLASS_NAMES))
    picture, trained = out / f"proposals_{canvas}.png", out / RUNS / f"{canvas}_cpnet_s0"
    if not picture.is_file():
        return
    picture.rename(out / "proposals.png")
    save_checkpoint(out / "cpnet", *load_checkpoint(trained))
    (out / "clips").mkdir(exist_ok=True)
    videos = toy_training.validation_videos(canvas)
    for name, number in zip(CLASS_NAMES, toy_training.first_of_each_class(videos), strict=True):
        colours = videos.frames[number, ..., None].expand(-1, -1, -1, 3).contiguous()
        content = encode_exactly(colours.numpy(), fps=_FPS)
        write_atomically(out / "clips" / f"{name}.mp4", content)
