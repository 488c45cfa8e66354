"""Carries out an experiment in one folder; each run is done once.

plan.json      what all calls with this folder must agree on
results.json   all results
results.md     the table; results.png the picture
data/          drawn clips, a data set per column
runs/          a run folder per run; it is complete when it holds reproduced.json
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from motionlens._utils.files import check_writable, write_atomically
from motionlens._utils.folder_lock import locked_folder
from motionlens._utils.process_pool import run_in_processes
from motionlens._utils.worker_process import Lost
from motionlens.datasets.prepared import claim
from motionlens.reproduce.grids import Run
from motionlens.reproduce.results import (
    Figure,
    Results,
    errors_of,
    failure,
    make_cell,
    write_results,
)
from motionlens.training.run_folder import REPRODUCED_FILE, flattened

RUNS = "runs"
DATA = "data"
_PLAN_FILE = "plan.json"
_KILLED = "its process was killed, perhaps for its memory"
# What a run stores about itself, as JSON.
Note = Mapping[str, Any]
# A run's entry in the results, and its cells by their columns.
Found = tuple[dict[str, Any], dict[str, Figure]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """The runs of an experiment, and how they are done.

    Attributes:
        runs: in the order of the table.
        perform: does a run and returns the note that is stored.
        read: turns a finished run and its note into results.
        recipe: what the runs share, as plain values; None if they have no recipe.
        facts: what the results say about the data.
    """

    runs: Sequence[Run]
    perform: Callable[[Run], Note]
    read: Callable[[Run, Note], Found]
    recipe: Mapping[str, Any] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def is_done(run: Path) -> bool:
    """Whether a run folder is complete."""
    return (run / REPRODUCED_FILE).is_file()


def carry_out(
    out: Path, work: Work, about: Mapping[str, Any], *, jobs: int, say: Callable[[str], None]
) -> Results:
    """Do the missing runs, and write the results after each.

    A run that fails is named in the results; the others continue.

    Args:
        out: folder of the results, which :func:`opened` holds.
        work: the runs.
        about: what the results say besides cells and runs.
        jobs: runs at the same time, each in a process of its own; 1 for this process.
        say: called with lines of progress.

    Raises:
        KeyboardInterrupt: If it is interrupted; finished runs are kept.
        OSError: If the results cannot be written.
    """
    name = about["experiment"]
    everything: dict[str, Found] = {}
    results = _results(about, work.runs, everything)
    for run, error, remark in _attempts(out, work, jobs, lambda run: say(f"{name}: {run.label}")):
        entry = {"name": run.name, "row": run.row, "model": run.model, "seed": run.seed}
        figures: dict[str, Figure] = {}
        try:
            if error is None:
                text = (out / RUNS / run.name / REPRODUCED_FILE).read_text(encoding="utf-8")
                found, figures = work.read(run, json.loads(text))
                entry |= found
        except Exception as damage:
            error = failure(damage)
        everything[run.name] = entry | ({"error": error} if error else {}), figures
        unit, scale = (" %", 100) if about["unit"] == "%" else (f" {about['unit']}", 1)
        values = [f"{scale * figure.value:.1f}{unit}" for figure in figures.values()]
        values += [f"failed: {text}" for text in errors_of(everything[run.name][0])]
        place = f"{name} {len(everything)}/{len(work.runs)}"
        say(f"{place}: {run.label}: {', '.join(values)}{remark}")
        results = _results(about, work.runs, everything)
        write_results(out, results)
    return results


def _attempts(
    out: Path, work: Work, jobs: int, announce: Callable[[Run], None]
) -> Iterator[tuple[Run, str | None, str]]:
    """Each run with its error, if any, and a remark; those that are complete already come first."""
    missing = [run for run in work.runs if not is_done(out / RUNS / run.name)]
    yield from ((run, None, " (was there)") for run in work.runs if run not in missing)

    def announced() -> Iterator[Run]:
        for run in missing:
            announce(run)
            yield run

    num_workers = jobs if jobs > 1 and len(missing) > 1 else 0
    attempt = partial(_attempt, work.perform, out / RUNS)
    for number, error in run_in_processes(attempt, announced(), num_workers=num_workers):
        yield missing[number], _KILLED if isinstance(error, Lost) else error, ""


def _attempt(perform: Callable[[Run], Note], runs: Path, run: Run) -> str | None:
    """Do a run in this process; returns its error, if any."""
    try:
        note = perform(run)
        (runs / run.name).mkdir(exist_ok=True)
        # Written last: its presence says that the run is complete.
        text = json.dumps(note, indent=1) + "\n"
        write_atomically(runs / run.name / REPRODUCED_FILE, text.encode())
    except Exception as error:
        return failure(error)
    return None


@contextmanager
def opened(out: Path, plan: Mapping[str, Any], *, anew: bool = False) -> Iterator[None]:
    """Lock the folder of the results.

    Args:
        out: the folder, made if absent.
        plan: what all calls with this folder must agree on.
        anew: whether to replace an earlier plan.

    Raises:
        ValueError: If the folder cannot be written, has another plan, or is locked.
    """
    check_writable(out)
    out.mkdir(parents=True, exist_ok=True)
    with locked_folder(out):
        if anew:
            (out / _PLAN_FILE).unlink(missing_ok=True)
        wanted = flattened(plan)
        if before := claim(out / _PLAN_FILE, wanted):
            name, value = before
            raise ValueError(
                f"{out} must hold the same reproduction, {name} was {value}, is "
                f"{wanted.get(name)}; name another folder with --out"
            )
        (out / RUNS).mkdir(exist_ok=True)
        yield


def _results(
    about: Mapping[str, Any], runs: Sequence[Run], everything: Mapping[str, Found]
) -> Results:
    """The results so far, in the order of the table; see :mod:`motionlens.reproduce.results`."""
    cells: dict[tuple[str, str], list[Figure]] = {}
    entries = []
    for run in runs:
        if run.name in everything:
            entry, figures = everything[run.name]
            entries.append(entry)
            for column, figure in figures.items():
                cells.setdefault((run.row, column), []).append(figure)
    return {
        **about,
        "planned_runs": len(runs),
        "finished_runs": sum(not errors_of(entry) for entry in entries),
        "cells": [make_cell(*place, found) for place, found in cells.items()],
        "runs": entries,
    }
