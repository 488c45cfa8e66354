"""Which tables and figures have been reproduced, with which budget, and where that lies."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from motionlens.reproduce.experiment import Experiment
from motionlens.reproduce.registry import EXPERIMENTS
from motionlens.reproduce.results import RESULTS_FILE

DEFAULT_OUT = Path("runs", "reproduce")
# Beside a checkout of the code lie the results that it comes with.
STORED = Path(__file__).resolve().parents[4] / "docs" / "results"
_COMMAND = {"data": " --data DATA", "perhaps": " [--data DATA]", "nothing": ""}


class Entry(NamedTuple):
    """One line of the list.

    Attributes:
        shown_as: table or figure of the poster; ``"ours"`` if it is not on it.
        command: that reproduces it.
        status: ``"done ..."``, ``"begun ..."``, ``"not run"`` or ``"needs data"``.
        place: where the result lies; empty if there is none.
    """

    shown_as: str
    command: str
    status: str
    place: str


def entries(folders: Sequence[Path]) -> list[Entry]:
    """Every table and figure.

    Args:
        folders: where results are looked for: each is one, or holds folders of them.
    """
    found: dict[str, list[tuple[Path, dict[str, Any]]]] = {}
    for path, content in _results(folders):
        found.setdefault(content["experiment"], []).append((path, content))
    lines = []
    for experiment in EXPERIMENTS.values():
        command = f"motionlens reproduce {experiment.name}{_COMMAND[experiment.needs]}"
        for shown in experiment.shown_as:
            results = found.get(experiment.name, [])
            states = [(_status(content), path.parent) for path, content in results]
            states += [("done before, by hand", STORED / page) for page in _pages(experiment)]
            if not states:
                lines.append(Entry(shown, command, _missing(experiment), ""))
            lines += [Entry(shown, command, status, _shown(place)) for status, place in states]
    return lines


def _results(folders: Sequence[Path]) -> Iterator[tuple[Path, dict[str, Any]]]:
    seen: set[Path] = set()
    for folder in folders:
        for path in (folder / RESULTS_FILE, *sorted(folder.glob(f"*/{RESULTS_FILE}"))):
            if path.resolve() in seen or not path.is_file():
                continue
            seen.add(path.resolve())
            try:
                content = json.loads(path.read_text(encoding="utf-8"))
            except ValueError:
                continue  # of somebody else
            if isinstance(content, dict) and content.get("experiment") in EXPERIMENTS:
                yield path, content


def _status(content: dict[str, Any]) -> str:
    planned, finished = content.get("planned_runs", 0), content.get("finished_runs", 0)
    state = "done" if finished == planned else f"begun, {finished} of {planned} runs"
    seeds = content.get("num_seeds")
    what = f"budget {content.get('budget')}, {seeds} {'seed' if seeds == 1 else 'seeds'}"
    data = content.get("data")
    return f"{state} ({what}{f', {data}' if data else ''})"


def _pages(experiment: Experiment) -> list[str]:
    return [page for page in experiment.pages if (STORED / page).is_file()]


def _missing(experiment: Experiment) -> str:
    return "needs data" if experiment.needs == "data" else "not run"


def _shown(path: Path) -> str:
    """Relative to the working directory, where it lies inside."""
    absolute, here = path.absolute(), Path.cwd()
    if absolute.is_relative_to(here):
        return str(absolute.relative_to(here))
    top = STORED.parents[1]
    return str(absolute.relative_to(top)) if absolute.is_relative_to(top) else str(absolute)
