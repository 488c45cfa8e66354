"""The run folder: what a training run leaves on disk, and when it may be written.

recipe.yaml          the resolved recipe
versions.json        versions of the software, git hash of the code
config.json          model card of the recognizer
model.safetensors    its weights
metrics.csv          one row an epoch
data.csv             the videos, with what would show that they were changed
broken.csv           videos that were left out, if any were asked for
reproduced.json      what `motionlens reproduce` notes of a run that has come to its end
checkpoints/last.ckpt  the full state of training, for --resume
tensorboard/         event files
logger/              files of the logger that the recipe names, if it keeps any
"""

import csv
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from motionlens._utils.csv_files import write_csv
from motionlens._utils.files import check_writable, parse_json, write_atomically
from motionlens._utils.folder_lock import check_free, locked_folder
from motionlens.datasets.source import RECIPE_FILE
from motionlens.training.recipe import Recipe
from motionlens.training.recipe_files import load_recipe, save_recipe, with_absolute_paths

VERSIONS_FILE = "versions.json"
METRICS_FILE = "metrics.csv"
DATA_FILE = "data.csv"
BROKEN_FILE = "broken.csv"
# In a folder of the runs of cross-validation: fold1, fold2, ...
FOLDS_FILE = "folds.json"
REPRODUCED_FILE = "reproduced.json"
CHECKPOINT = Path("checkpoints", "last.ckpt")
TENSORBOARD = "tensorboard"
LOGGER = "logger"
# Those of motionlens.inference.checkpoint, which would bring in torch.
_CARD_FILE, _WEIGHTS_FILE = "config.json", "model.safetensors"
_OWN_FILES = (RECIPE_FILE, VERSIONS_FILE, METRICS_FILE, DATA_FILE, BROKEN_FILE, REPRODUCED_FILE)
_FILES = (*_OWN_FILES, _CARD_FILE, _WEIGHTS_FILE)
_FOLDERS = (CHECKPOINT.parent.name, TENSORBOARD, LOGGER, "evaluation", "evaluation_test")
# Where a run waits that is being overwritten.
_REPLACED = ".replaced"

# A resumed run may lie elsewhere, use another machine and go on for longer; all else would make it
# another run. What it started from no longer matters.
_PLACES = {"out", "data", "validation", "listing.root", "init"}
_MACHINE = {"device", "devices", "num_nodes", "loader.num_workers", "loader.cache"}
_TIMES = {"checkpoint_every_minutes", "checkpoint_every_steps"}
_MAY_CHANGE = _PLACES | _MACHINE | _TIMES | {"optim.epochs", "optim.steps", "log"}


def check_run(recipe: Recipe, *, resume: bool = False, overwrite: bool = False) -> None:
    """Find out before any work, and without leaving a trace, that the run folder can be used.

    Args:
        recipe: names the folder.
        resume: it must hold a run of the same recipe that can be continued.
        overwrite: it may hold a run.

    Raises:
        ValueError: If the folder holds a run and neither is set, holds none to resume or one of
            another recipe, is a file, or cannot be written.
    """
    run = Path(recipe.out)
    if resume and overwrite:
        raise ValueError("resume and overwrite exclude each other; give one")
    check_free(run)
    _check_state(recipe, resume=resume, overwrite=overwrite)
    check_writable(run)


def _check_state(recipe: Recipe, *, resume: bool, overwrite: bool) -> None:
    """Check what the run folder holds; see :func:`check_run`."""
    run = Path(recipe.out)
    # A run that was killed before its first checkpoint leaves only a recipe.
    holds_run = any((run / name).exists() for name in (CHECKPOINT, _CARD_FILE, _REPLACED))
    if resume:
        check_resumable(recipe)
    elif holds_run and not overwrite:
        raise ValueError(
            f"out must not hold a run yet, {run} does; name another folder, or set resume "
            "(--resume) to go on with it or overwrite (--overwrite) to start anew"
        )


@contextmanager
def begun_run(recipe: Recipe, *, resume: bool = False, overwrite: bool = False) -> Iterator[Path]:
    """The run folder, with the recipe and the versions in it, while a run is made.

    No other process works in the folder meanwhile. A run that ends before its first checkpoint
    leaves no trace, and the run that it was to replace comes back. If the process is killed
    instead, or the run has a checkpoint but no finished epoch, that one lies in ``.replaced``.

    Args:
        recipe: has passed :func:`check_run`.
        resume: continue the run in the folder.
        overwrite: replace a run that the folder holds; other files in it are left.

    Raises:
        ValueError: If another process works in the folder, or has put a run there since the check.
        OSError: If the folder cannot be written.
    """
    run = Path(recipe.out)
    is_new = not run.exists()
    run.mkdir(parents=True, exist_ok=True)
    try:
        with locked_folder(run):
            _check_state(recipe, resume=resume, overwrite=overwrite)
            with _written_run(recipe, resume=resume, overwrite=overwrite):
                yield run
    finally:
        if is_new and not (run / CHECKPOINT).exists():
            with suppress(OSError):  # somebody else has put something there
                run.rmdir()


@contextmanager
def _written_run(recipe: Recipe, *, resume: bool, overwrite: bool) -> Iterator[None]:
    """A run folder that nobody else writes; see :func:`begun_run`."""
    from motionlens._utils.machine import versions  # which needs torch

    run = Path(recipe.out)
    aside = run / _REPLACED
    if overwrite and not aside.exists():
        _move_run(run, aside)
    if not resume:
        remove_run(run)
    try:
        _remove_leftovers(run)
        save_recipe(with_absolute_paths(recipe), run / RECIPE_FILE)
        write_atomically(run / VERSIONS_FILE, (json.dumps(versions(), indent=2) + "\n").encode())
        yield
    finally:
        if (run / CHECKPOINT).exists():
            # Until an epoch is finished, the run that was replaced is the only recognizer here.
            if (run / _CARD_FILE).exists():
                shutil.rmtree(aside, ignore_errors=True)
        elif not resume:
            remove_run(run)
            if aside.exists():
                _move_run(aside, run)
                aside.rmdir()


def check_resumable(recipe: Recipe) -> None:
    """Make sure that the run folder holds an interrupted or finished run of this recipe.

    Raises:
        ValueError: If it does not; a recipe that differs is named with the fields that do.
    """
    run = Path(recipe.out)
    check_checkpoint_exists(run)
    stored = load_recipe(run / RECIPE_FILE)
    before = flattened(asdict(stored))
    now = flattened(asdict(with_decisions(recipe, stored)))
    changed = [
        name
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
        and not any(name == may or name.startswith(f"{may}.") for may in _MAY_CHANGE)
    ]
    if changed:
        name = changed[0]
        raise ValueError(
            f"a resumed run must keep its recipe, {len(changed)} fields differ: "
            f"{name} was {before.get(name)}, is {now.get(name)}; give --out alone with --resume"
        )
    finished = max((int(row["epoch"]) for row in read_metrics(run)), default=0)
    if recipe.optim.epochs is not None and recipe.optim.epochs < finished:
        raise ValueError(
            f"optim.epochs must be at least the {finished} that the run has finished, got "
            f"{recipe.optim.epochs}; leave it out or raise it"
        )


def with_decisions(recipe: Recipe, before: Recipe) -> Recipe:
    """A recipe that a run is resumed with, what it leaves open as the run has it."""
    clip, optim = recipe.clip, recipe.optim
    if clip.is_open and not before.clip.is_open:
        num_frames = clip.num_frames or before.clip.num_frames
        clip = replace(clip, num_frames=num_frames, seconds=before.clip.seconds)
    if optim.epochs is None and optim.steps is None:
        optim = replace(optim, epochs=before.optim.epochs)
    validate_every = recipe.validate_every or before.validate_every
    return replace(recipe, clip=clip, optim=optim, validate_every=validate_every)


def check_checkpoint_exists(run: str | os.PathLike[str]) -> None:
    """Make sure that a folder holds a run that can be resumed.

    Raises:
        ValueError: If it does not.
    """
    if not can_resume(run):
        raise ValueError(
            f"{os.fspath(run)} holds no {CHECKPOINT} to resume from; leave --resume out to start "
            "a run"
        )


def can_resume(run: str | os.PathLike[str]) -> bool:
    """Whether a folder holds a run that can be resumed."""
    return all((Path(run) / name).is_file() for name in (CHECKPOINT, RECIPE_FILE))


def free_run_folder(data: str) -> Path:
    """Where a run lies that names no folder: ``runs/NAME``, after its data, or ``runs/NAME-2``, ...

    Example:
        >>> free_run_folder("gestures/train.csv").as_posix()
        'runs/gestures'
    """
    path = Path(os.path.abspath(data))
    # A list is mostly called train.csv, its folder after what is in it.
    name = path.parent.name if path.suffix and not path.is_dir() else path.name
    folder = Path("runs", name or "run")
    number = 1
    while folder.exists():
        number += 1
        folder = folder.with_name(f"{name}-{number}")
    return folder


def begun_folds(out: Path) -> int | None:
    """How many folds cross-validation has begun to train in a folder; None if it has not.

    Raises:
        ValueError: If its file is damaged.
    """
    path = out / FOLDS_FILE
    if not path.is_file():
        return None
    try:
        return int(parse_json(path.read_text(encoding="utf-8"))["folds"])
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{path}: is damaged; name another folder or remove it") from None


def remove_run(run: Path) -> None:
    """Delete what a run has left in a folder, and nothing else."""
    for name in _FILES:
        (run / name).unlink(missing_ok=True)
    for name in _FOLDERS:
        shutil.rmtree(run / name, ignore_errors=True)


def _remove_leftovers(run: Path) -> None:
    """Delete what a process left half written that was killed while it wrote."""
    for path in (CHECKPOINT, *map(Path, _FILES)):
        for leftover in (run / path).parent.glob(f".{path.name}.*"):
            leftover.unlink(missing_ok=True)


def _move_run(source: Path, target: Path) -> None:
    """Move what a run has left in a folder, and nothing else."""
    target.mkdir(exist_ok=True)
    for name in (*_FILES, *_FOLDERS):
        if (source / name).exists():
            (source / name).rename(target / name)


def run_recipe(run: str | os.PathLike[str]) -> Recipe:
    """The recipe of a run folder, with ``out`` naming where it lies now, without ``log.logger``.

    A run folder may be a stranger's, and a logger's class is code that would run.

    Raises:
        ValueError: If the folder holds no recipe.
    """
    path = Path(run) / RECIPE_FILE
    if not path.is_file():
        raise ValueError(
            f"{run} holds no {RECIPE_FILE}; give a folder that 'motionlens train' wrote"
        )
    recipe = load_recipe(path, out=os.fspath(run))
    return replace(recipe, log=replace(recipe.log, logger=None))


def read_metrics(run: Path) -> list[dict[str, float]]:
    """The rows of ``metrics.csv``: epoch and what was measured after it, absent values left out."""
    path = run / METRICS_FILE
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: float(v) for name, v in row.items() if v} for row in csv.DictReader(file)]


def write_metrics(run: Path, rows: list[dict[str, float]]) -> None:
    """Write ``metrics.csv`` anew; columns are all names that occur."""
    rows = [row | {"epoch": int(row["epoch"])} for row in rows]
    names = list(dict.fromkeys(name for row in rows for name in row))
    write_csv(run / METRICS_FILE, [names, *([row.get(n) for n in names] for row in rows)])


def flattened(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, keys joined by dots; tuples become lists, as in YAML and JSON."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            flat.update(flattened(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = list(value) if isinstance(value, tuple) else value
    return flat
