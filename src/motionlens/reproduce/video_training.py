"""Networks that are trained on the user's videos with `fit` and evaluated with `evaluate`."""

import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from motionlens._utils.devices import resolve_device
from motionlens._utils.machine import machine
from motionlens.clips.symmetries import AXES
from motionlens.clips.video_index import VideoIndex
from motionlens.inference.checkpoint import load_card
from motionlens.inference.evaluation import evaluate
from motionlens.models.registry import model_options
from motionlens.report.compare import EVALUATION_FOLDER
from motionlens.report.files import REPORT_FILE
from motionlens.report.statistics import Interval
from motionlens.reproduce.grids import Run
from motionlens.reproduce.results import Figure, failure
from motionlens.reproduce.runner import Found, Note
from motionlens.synthetic.motion_suite.tasks import TASKS
from motionlens.synthetic.motion_suite.writing import write_task
from motionlens.training.recipe import Recipe
from motionlens.training.recipe_files import save_recipe
from motionlens.training.run_folder import CHECKPOINT, VERSIONS_FILE, check_resumable, read_metrics

# Frames of so few videos fit into any memory.
_MOST_CACHED = 1000


def fitted_to_data(
    recipe: Recipe, train_part: VideoIndex, validation: VideoIndex, *, cache: bool
) -> tuple[Recipe, dict[str, Any]]:
    """The recipe adapted to its data, and facts about the data for the results.

    Args:
        recipe: the recipe that all runs share.
        train_part: its training videos.
        validation: its validation videos.
        cache: whether videos are kept in memory, if they are few.
    """
    if cache and len(train_part) + len(validation) <= _MOST_CACHED:
        recipe = recipe.with_(**{"loader.cache": True})
    # Where the data does not say which classes swap, no clip may be mirrored.
    if recipe.augment.horizontal_flip == "catalog" and train_part.flip_pairs is None:
        recipe = recipe.with_(**{"augment.horizontal_flip": None})
    path = Path(recipe.data).absolute()
    return recipe, {
        "data": f"{path.parent.name}/{path.name}" if path.is_file() else path.name,
        "num_train": len(train_part),
        "num_validation": len(validation),
        "class_names": list(train_part.class_names),
    }


def run_recipe_of(base: Recipe, run: Run, runs: Path) -> Recipe:
    """The recipe of one run; it keeps the options of the base that its model has.

    Args:
        base: the recipe that all runs share.
        run: sets model, options, clip and seed.
        runs: folder of the run folders.

    Raises:
        ValueError: If the model or one of its options is unknown.
    """
    if run.suite:
        base = _suite_recipe(base, run)
    known = model_options(run.model)
    options = {name: value for name, value in base.model_options.items() if name in known}
    options |= dict(run.options)
    model_options(run.model, **options)
    if base.init is not None:
        base = base.with_(init=base.init.replace("{model}", run.model))
    return base.with_(
        model=run.model,
        model_options=options,
        seed=run.seed,
        out=runs / run.name,
        **{f"clip.{name}": value for name, value in run.clip.items()},
        **{f"listing.{name}": value for name, value in run.listing.items()},
    )


def _suite_recipe(base: Recipe, run: Run) -> Recipe:
    """The recipe with a run's own clips, of which the task says what flips do to them."""
    task = TASKS[run.suite["task"]]
    size = run.suite.get("size", base.clip.size)
    swaps = {f"augment.{axis}": dict(getattr(task, axis)) or None for axis in AXES}
    data = str(Path(base.data, run.suite["folder"]))
    return base.with_(data=data, **{"clip.size": size}, **swaps)


def train_and_store(run: Run, runs: Path, base: Recipe) -> dict[str, Any]:
    """Train a run, or resume it from its last checkpoint.

    Several processes are started by a command of their own.

    Raises:
        ValueError: If it fails.
        KeyboardInterrupt: If it is interrupted.
    """
    if run.suite:
        drawing = {name: value for name, value in run.suite.items() if name != "folder"}
        write_task(folder=Path(base.data, run.suite["folder"]), **drawing)
    # Lightning takes seconds to load, for which 'motionlens reproduce --help' would wait.
    from motionlens.training.fit import fit

    recipe = run_recipe_of(base, run, runs)
    folder = Path(recipe.out)
    resume = (folder / CHECKPOINT).is_file()
    began = time.perf_counter()
    if recipe.devices > 1:
        _train_apart(recipe, resume)
    else:
        fit(recipe, resume=resume, overwrite=not resume and folder.exists(), progress=False)
    return {
        "seconds": round(time.perf_counter() - began, 1),
        # The seconds are then those after the interruption.
        "resumed": resume,
        "machine": machine(resolve_device(recipe.device)),
    }


def read(run: Run, note: Note, runs: Path, base: Recipe) -> Found:
    """Evaluate a trained run, unless that is done already.

    Returns:
        Its entry in the results, and its cells by column; an evaluation that fails is named in the
        entry.

    Raises:
        ValueError: If the folder holds a run of another recipe.
    """
    recipe = run_recipe_of(base, run, runs)
    check_resumable(recipe)
    looks: dict[str, Any] = {}
    figures: dict[str, Figure] = {}
    for column, look in run.looks.items():
        name, options = look.get("look", ""), look.get("evaluate", {})
        folder, key = Path(recipe.out) / EVALUATION_FOLDER / name, name or "evaluation"
        try:
            if not (folder / REPORT_FILE).is_file():
                workers = recipe.loader.num_workers
                evaluate(
                    recipe.out, device=recipe.device, out=folder, num_workers=workers, **options
                )
            found, figures[column] = _judged(folder / REPORT_FILE)
            looks[key] = {**options, **found}
        except Exception as error:
            looks[key] = {"error": failure(error)}
    return {**_facts(recipe), **note, "looks": looks}, figures


def _judged(path: Path) -> tuple[dict[str, Any], Figure]:
    """What the results and the cell take from the report of an evaluation.

    Raises:
        ValueError: If it is damaged, or no video has a label.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        videos = [video for video in report["videos"] if video["label"] is not None]
        multi_label = "mean_average_precision" in report
        key = "mean_average_precision" if multi_label else "top1"
        right = np.array([video["predicted"] == video["label"] for video in videos], dtype=float)
        interval = report[f"{key}_interval"]
        figure = Figure(
            value=float(report[key]),
            interval=Interval(interval["low"], interval["high"]),
            top5=report["top5"],
            right=None if multi_label else right,
            videos=tuple(f"{v['path']} {v.get('start')} {v.get('end')}" for v in videos),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} cannot be used ({error}); delete its folder") from None
    found = {"value": figure.value, "interval": figure.interval, "top5": figure.top5}
    name = "mAP" if multi_label else "top-1"
    return {"figure": name, **found, "num_videos": len(videos)}, figure


def _facts(recipe: Recipe) -> dict[str, Any]:
    """Facts about a finished run."""
    folder = Path(recipe.out)
    card = load_card(folder)
    with torch.device("meta"):
        parameters = sum(value.numel() for value in card.build().parameters())
    history = read_metrics(folder)
    values = {n: v for n, v in asdict(recipe).items() if n not in ("data", "validation", "out")}
    return {
        "command": f"motionlens train --config runs/{folder.name}/recipe.yaml --out NEW",
        "recipe": values,
        "options": dict(card.options),
        "parameters": parameters,
        "epochs": int(history[-1]["epoch"]),
        "train_accuracy": history[-1].get("train_accuracy"),
        "versions": json.loads((folder / VERSIONS_FILE).read_text(encoding="utf-8")),
    }


def _train_apart(recipe: Recipe, resume: bool) -> None:
    folder = Path(recipe.out)
    path = folder.parent / f"{folder.name}.yaml"
    save_recipe(recipe, path)
    command = [sys.executable, "-m", "motionlens", "train", "--config", str(path), "--quiet"]
    if resume or folder.exists():
        command.append("--resume" if resume else "--overwrite")
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    if done.returncode == 130:
        raise KeyboardInterrupt
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
        raise ValueError(lines[-1].removeprefix("motionlens: error: "))
    path.unlink()
