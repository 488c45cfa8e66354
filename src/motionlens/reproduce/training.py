"""One run of a grid: trained, or gone on with, or left as it is; then looked at."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from motionlens._utils.devices import resolve_device
from motionlens._utils.errors import one_line
from motionlens._utils.files import write_atomically
from motionlens._utils.machine import machine
from motionlens.models.registry import model_options
from motionlens.report.compare import EVALUATION_FOLDER
from motionlens.report.evaluation_report import REPORT_FILE
from motionlens.reproduce.grids import Look, Variant
from motionlens.training.recipe import Recipe
from motionlens.training.run_folder import CHECKPOINT, REPRODUCED_FILE, check_resumable


def run_recipe_of(base: Recipe, variant: Variant, seed: int, runs: Path) -> Recipe:
    """The recipe of one run.

    Options of the model that the base names are kept where this model has them.

    Args:
        base: what all runs share.
        variant: what is trained.
        seed: of the run.
        runs: where the run's folder is put.

    Raises:
        ValueError: If the model or one of its options is unknown.
    """
    known = model_options(variant.model)
    options = {name: value for name, value in base.model_options.items() if name in known}
    options |= dict(variant.options)
    model_options(variant.model, **options)
    return replace(
        base,
        model=variant.model,
        model_options=options,
        clip=replace(base.clip, **variant.clip),
        seed=seed,
        out=str(runs / f"{variant.name}_s{seed}"),
    )


def is_trained(recipe: Recipe) -> bool:
    """Whether the run folder holds the finished run of this recipe.

    Raises:
        ValueError: If it holds a run of another recipe.
    """
    if not (Path(recipe.out) / REPRODUCED_FILE).is_file():
        return False
    check_resumable(recipe)
    return True


def train(recipe: Recipe) -> None:
    """Train a run, or go on with it after its last finished epoch.

    Several processes are left to a command of their own, so that each run starts them anew.

    Raises:
        ValueError: If it fails.
        KeyboardInterrupt: If it is interrupted.
    """
    run = Path(recipe.out)
    resume = (run / CHECKPOINT).is_file()
    began = time.perf_counter()
    if recipe.devices > 1:
        _train_apart(recipe, resume)
    else:
        from motionlens.training.fit import fit

        fit(recipe, resume=resume, overwrite=not resume and run.exists(), progress=False)
    # Written last: its presence says that the run has come to its end.
    note = {
        "seconds": round(time.perf_counter() - began, 1),
        "resumed": resume,
        "machine": machine(resolve_device(recipe.device)),
    }
    write_atomically(run / REPRODUCED_FILE, (json.dumps(note) + "\n").encode())


def look_at(recipe: Recipe, look: Look, device: str) -> Path:
    """Evaluate a trained run, unless that has been done; returns the folder of the report.

    Raises:
        ValueError: If it cannot be evaluated so.
    """
    from motionlens.inference.evaluation import evaluate

    folder = Path(recipe.out) / EVALUATION_FOLDER / look.name
    if not (folder / REPORT_FILE).is_file():
        workers = recipe.loader.num_workers
        evaluate(recipe.out, device=device, out=folder, num_workers=workers, **look.options)
    return folder


def note_of(run: Path) -> dict[str, Any]:
    """What was noted when the run had come to its end."""
    note: dict[str, Any] = json.loads((run / REPRODUCED_FILE).read_text(encoding="utf-8"))
    return note


def _train_apart(recipe: Recipe, resume: bool) -> None:
    from motionlens.training.recipe_files import save_recipe

    run = Path(recipe.out)
    path = run.parent / f"{run.name}.yaml"
    save_recipe(recipe, path)
    command = [sys.executable, "-m", "motionlens", "train", "--config", str(path), "--quiet"]
    if resume or run.exists():
        command.append("--resume" if resume else "--overwrite")
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    if done.returncode == 130:
        raise KeyboardInterrupt
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
        raise ValueError(lines[-1].removeprefix("motionlens: error: "))
    path.unlink()


def failure(error: Exception) -> str:
    """What went wrong, in one line."""
    text = one_line(error)
    known = isinstance(error, (ValueError, OSError, ImportError))
    return text if known else f"{type(error).__name__}: {text}"
