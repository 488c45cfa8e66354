"""Which tables and figures have been reproduced, with which budget, and where the results lie."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from motionlens.reproduce.grids import EXPERIMENTS
from motionlens.reproduce.results import RESULTS_FILE

# The results that a checkout of the code comes with.
STORED = Path(__file__).resolve().parents[3] / "docs" / "results"
HEADINGS = ("table or figure", "command", "status", "result")
_COMMAND = {"data": " --data DATA", "perhaps": " [--data DATA]", "nothing": ""}


def list_experiments(folders: Sequence[Path]) -> list[tuple[str, str, str, str]]:
    """Every table and figure of the poster, and what we add: a row for each result.

    Args:
        folders: where results are looked for: each is one, or holds folders of them.

    Returns:
        What the poster calls it (``"ours"`` if it is not on it), the command that reproduces it,
        its status, and where the result lies (empty if there is none).
    """
    found: dict[str, list[tuple[str, str]]] = {}
    for path, content in _results(folders):
        found.setdefault(content["experiment"], []).append((_status(content), _shown(path.parent)))
    rows = []
    for name, experiment in EXPERIMENTS.items():
        command = f"motionlens reproduce {name}{_COMMAND[experiment.needs]}"
        missing = "needs data" if experiment.needs == "data" else "not run"
        for shown in experiment.shown_as:
            for status, place in found.get(name, [(missing, "")]):
                rows.append((shown, command, status, place))
    return rows


def _results(folders: Sequence[Path]) -> Iterator[tuple[Path, dict[str, Any]]]:
    paths = [
        p
        for folder in folders
        for p in (folder / RESULTS_FILE, *sorted(folder.glob(f"*/{RESULTS_FILE}")))
    ]
    for path in {path.resolve(): path for path in paths if path.is_file()}.values():
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            continue  # another program's
        if isinstance(content, dict) and content.get("experiment") in EXPERIMENTS:
            yield path, content


def _status(content: dict[str, Any]) -> str:
    planned, finished = content.get("planned_runs", 0), content.get("finished_runs", 0)
    state = "done" if finished == planned else f"begun, {finished} of {planned} runs"
    seeds = content.get("num_seeds")
    what = f"budget {content.get('budget')}, {seeds} {'seed' if seeds == 1 else 'seeds'}"
    return f"{state} ({', '.join([what, *([content['data']] if content.get('data') else [])])})"


def _shown(path: Path) -> str:
    """Relative to the working directory or the checkout, where it lies inside."""
    absolute = path.absolute()
    for top in (Path.cwd(), STORED.parents[1]):
        if absolute.is_relative_to(top):
            return str(absolute.relative_to(top))
    return str(absolute)
