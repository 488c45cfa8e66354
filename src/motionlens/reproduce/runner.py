"""Carries out an experiment: each run is done once, and all that there is stays in one folder.

plan.json      what the folder was begun with
results.json   everything that was found
results.md     the table; results.png the picture
runs/          a run folder for each run; reproduced.json in it says that it is complete
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from motionlens._utils.files import check_writable, write_atomically
from motionlens._utils.process_pool import Lost, run_in_processes
from motionlens.reproduce.grids import Run
from motionlens.reproduce.results import (
    Figure,
    Results,
    errors_of,
    failure,
    make_cell,
    write_results,
)
from motionlens.training.run_folder import REPRODUCED_FILE

RUNS = "runs"
_PLAN_FILE, _LOCK_FILE = "plan.json", ".lock"
_KILLED = "its process was killed, perhaps for its memory"


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """The runs of an experiment, and how they are done.

    Attributes:
        runs: in the order of the table.
        perform: does a run and leaves a run folder.
        read: what a finished run found: its entry in the results, and its cells by their columns.
        recipe: what the runs share, as plain values; None if they have no recipe.
        facts: what the results say of the data.
    """

    runs: Sequence[Run]
    perform: Callable[[Run], None]
    read: Callable[[Run], tuple[dict[str, Any], dict[str, Figure]]]
    recipe: Mapping[str, Any] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def is_done(run: Path) -> bool:
    """Whether a run folder is complete."""
    return (run / REPRODUCED_FILE).is_file()


def carry_out(
    out: Path,
    work: Work,
    about: Mapping[str, Any],
    *,
    jobs: int,
    say: Callable[[str], None],
) -> Results:
    """Do the runs that are not there, and write the results anew after each.

    A run that fails is named in the results, and the others go on.

    Args:
        out: folder of the results, which :func:`opened` holds.
        work: to be done.
        about: what the results say beside cells and runs.
        jobs: runs at the same time, each in a process of its own; 1 for this process.
        say: takes one line on how far it is.

    Raises:
        KeyboardInterrupt: If it is interrupted; finished runs are kept.
        OSError: If the results cannot be written.
    """
    entries: dict[str, dict[str, Any]] = {}
    figures: dict[str, dict[str, Figure]] = {}
    results = _results(about, work.runs, entries, figures)

    def take(run: Run, error: str | None, remark: str = "") -> None:
        nonlocal results
        entry = {"name": run.name, "row": run.row, "model": run.model, "seed": run.seed}
        try:
            found, figures[run.name] = ({"error": error}, {}) if error else work.read(run)
            entry |= found
        except Exception as damage:
            entry["error"] = failure(damage)
        entries[run.name] = entry
        values = [_shown(f.value, about["unit"]) for f in figures.get(run.name, {}).values()]
        values += [f"failed: {text}" for text in errors_of(entry)]
        place = f"{about['experiment']} {len(entries)}/{len(work.runs)}"
        say(f"{place}: {run.label}: {', '.join(values)}{remark}")
        results = _results(about, work.runs, entries, figures)
        write_results(out, results)

    done = [run for run in work.runs if is_done(out / RUNS / run.name)]
    missing = [run for run in work.runs if run not in done]

    def announced() -> Iterator[Run]:
        for run in missing:
            say(f"{about['experiment']}: {run.label}")
            yield run

    for run in done:
        take(run, None, " (was there)")
    num_workers = jobs if jobs > 1 and len(missing) > 1 else 0
    attempt = partial(_attempt, work.perform)
    for number, error in run_in_processes(attempt, announced(), num_workers=num_workers):
        take(missing[number], _KILLED if isinstance(error, Lost) else error)
    return results


@contextmanager
def opened(out: Path, plan: Mapping[str, Any], *, anew: bool = False) -> Iterator[None]:
    """The folder of the results, with nobody else working in it.

    Args:
        out: made if absent.
        plan: what all calls with this folder must agree in; as it is in JSON.
        anew: whether an earlier plan does not matter.

    Raises:
        ValueError: If the folder cannot be written, was begun with something else, or is worked in.
    """
    check_writable(out)
    out.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(out / _LOCK_FILE, timeout=0):
            if not anew and (out / _PLAN_FILE).is_file():
                _check_plan(out, plan)
            (out / RUNS).mkdir(exist_ok=True)
            write_atomically(out / _PLAN_FILE, (json.dumps(plan, indent=1) + "\n").encode())
            yield
    except Timeout:
        raise ValueError(
            f"{out} must not be worked in by two calls, and another one is under way; wait for it, "
            "or name another folder with --out"
        ) from None


def _check_plan(out: Path, plan: Mapping[str, Any]) -> None:
    path = out / _PLAN_FILE
    try:
        before, now = _flat(json.loads(path.read_text(encoding="utf-8"))), _flat(plan)
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}); name another folder with --out") from None
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            raise ValueError(
                f"{out} must hold the same reproduction, {name} was {before.get(name)}, is "
                f"{now.get(name)}; name another folder with --out"
            )


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        is_nested = isinstance(value, dict) and value
        flat |= _flat(value, f"{prefix}{name}.") if is_nested else {f"{prefix}{name}": value}
    return flat


def _attempt(perform: Callable[[Run], None], run: Run) -> str | None:
    """Do a run in this process; returns what went wrong, if anything did."""
    try:
        perform(run)
    except Exception as error:
        return failure(error)
    return None


def _shown(value: float, unit: str) -> str:
    return f"{100 * value:.1f} %" if unit == "%" else f"{value:.2f} {unit}"


def _results(
    about: Mapping[str, Any],
    runs: Sequence[Run],
    entries: Mapping[str, dict[str, Any]],
    figures: Mapping[str, Mapping[str, Figure]],
) -> Results:
    """What there is so far, in the order of the table; see :mod:`motionlens.reproduce.results`."""
    cells: dict[tuple[str, str], list[Figure]] = {}
    for run in runs:
        for column, figure in figures.get(run.name, {}).items():
            cells.setdefault((run.row, column), []).append(figure)
    return {
        **about,
        "planned_runs": len(runs),
        "finished_runs": sum(not errors_of(entry) for entry in entries.values()),
        "cells": [make_cell(*place, found) for place, found in cells.items()],
        "runs": [entries[run.name] for run in runs if run.name in entries],
    }
