"""The files of a reproduction: ``results.json``, ``results.md`` and a picture."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from motionlens._utils.files import write_atomically
from motionlens.reproduce.experiment import Experiment
from motionlens.reproduce.outcomes import Outcome, errors_of
from motionlens.reproduce.tables import markdown_tables

RESULTS_FILE, TABLE_FILE, PICTURE_FILE = "results.json", "results.md", "results.png"

_HOW_TO_READ = (
    "Accuracy in %: the mean over seeds ± their standard deviation, then (in brackets) where the "
    "mean lies with 95 % confidence if the same number of videos is drawn anew, then / top-5 where "
    "there are more than 5 classes. Other seeds may vary more than that."
)


def write_results(
    out: Path, experiment: Experiment, outcome: Outcome, about: dict[str, Any]
) -> list[Path]:
    """Write what there is; returns the files.

    Args:
        out: an existing folder.
        experiment: that was performed.
        outcome: what came out.
        about: command, budget, number of seeds, versions and machine.

    Raises:
        OSError: If they cannot be written.
    """
    content = {
        "experiment": experiment.name,
        "measures": experiment.measures,
        **about,
        **outcome.about,
        "planned_runs": outcome.planned,
        "finished_runs": sum(not errors_of(run) for run in outcome.runs),
        "cells": [_cell_entry(cell) for cell in outcome.cells],
        "poster": [asdict(table) for table in experiment.poster],
        "runs": list(outcome.runs),
    }
    text = json.dumps(content, indent=1, default=list) + "\n"
    write_atomically(out / RESULTS_FILE, text.encode())
    write_atomically(out / TABLE_FILE, results_markdown(experiment, outcome, about).encode())
    written = [out / RESULTS_FILE, out / TABLE_FILE]
    if outcome.cells and experiment.draw is not None:
        experiment.draw(outcome, out / PICTURE_FILE)
        written.append(out / PICTURE_FILE)
    return written


def results_markdown(experiment: Experiment, outcome: Outcome, about: dict[str, Any]) -> str:
    """The page: what was measured, the table, what failed, how to read it."""
    lines = [f"# {experiment.name}", "", f"{experiment.measures}.", ""]
    lines += [f"    {about['command']}", "", _progress(outcome, about), ""]
    if "data" in outcome.about:
        lines.append(
            f"Data: {outcome.about['data']}, {outcome.about['num_train']} training and "
            f"{outcome.about['num_validation']} validation videos, "
            f"{len(outcome.about['class_names'])} classes."
        )
        lines.append("")
    lines += [markdown_tables(outcome, experiment.poster, percent=experiment.percent)]
    if experiment.percent:
        lines += [_HOW_TO_READ, ""]
    for text in (*outcome.remarks, *experiment.notes):
        lines += [text, ""]
    if outcome.failed:
        lines += ["Failed, and left out of the table:", ""]
        lines += [f"- {run['name']}: {'; '.join(errors_of(run))}" for run in outcome.failed]
        lines.append("")
    return "\n".join(lines)


def _progress(outcome: Outcome, about: dict[str, Any]) -> str:
    finished = sum(not errors_of(run) for run in outcome.runs)
    seconds = sum(float(run.get("seconds", 0)) for run in outcome.runs)
    text = f"Budget {about['budget']}, {finished} of {outcome.planned} runs"
    text += f", {seconds / 60:.0f} minutes of training" if seconds >= 60 else ""
    machine = about["machine"]
    return f"{text}; {machine['device']}, torch {machine['torch']}."


def _cell_entry(cell: Any) -> dict[str, Any]:
    return {
        "row": cell.row,
        "column": cell.column,
        "mean": cell.mean,
        "deviation": cell.deviation,
        "values": list(cell.values),
        "interval": None if cell.interval is None else list(cell.interval),
        "top5": cell.top5,
    }
