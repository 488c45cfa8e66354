"""Which tables and figures have been reproduced, with which budget, and where the results lie."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from motionlens.reproduce.grids import EXPERIMENTS
from motionlens.reproduce.results import RESULTS_FILE

# The results that a checkout of the code comes with.
STORED = Path(__file__).resolve().parents[3] / "docs" / "results"
HEADINGS = ("table or figure", "command", "status", "result")
_COMMAND = {"data": " --data DATA", "perhaps": " [--data DATA]", "nothing": ""}


def list_experiments(folders: Sequence[Path]) -> list[tuple[str, str, str, str]]:
    """Every table and figure of the poster, and our own: a row per result.

    Args:
        folders: where results are looked for besides those that come with the code; each is a
            folder of results or holds such folders.

    Returns:
        What the poster calls it (``"ours"`` if it is not on it), the command that reproduces it,
        its status, and where the result lies (empty if there is none).
    """
    found: dict[str, list[tuple[str, str]]] = {}
    for path in _result_files([STORED, STORED / "reproduce", *folders]):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            continue  # another program's
        if isinstance(content, dict) and "experiment" in content:
            state = _status(content), _shown(path.parent)
            found.setdefault(content["experiment"], []).append(state)
    rows = []
    for name, experiment in EXPERIMENTS.items():
        command = f"motionlens reproduce {name}{_COMMAND[experiment.needs]}"
        missing = "needs data" if experiment.needs == "data" else "not run"
        for shown in experiment.shown_as:
            for status, place in found.get(name, [(missing, "")]):
                rows.append((shown, command, status, place))
    return rows


def _result_files(folders: Sequence[Path]) -> Iterable[Path]:
    """Each file once, also if folders overlap."""
    paths = [
        path
        for folder in folders
        for path in (*folder.glob(RESULTS_FILE), *sorted(folder.glob(f"*/{RESULTS_FILE}")))
    ]
    return {path.resolve(): path for path in paths}.values()


def _status(content: dict[str, Any]) -> str:
    planned, finished = content.get("planned_runs", 0), content.get("finished_runs", 0)
    state = "done" if finished == planned else f"begun, {finished} of {planned} runs"
    seeds = content.get("num_seeds")
    what = f"budget {content.get('budget')}, {seeds} {'seed' if seeds == 1 else 'seeds'}"
    return f"{state} ({what}{', ' + content['data'] if content.get('data') else ''})"


def _shown(path: Path) -> str:
    """A path relative to the working directory or the checkout, if it lies inside."""
    tops = (Path.cwd(), STORED.parents[1])
    inside = [top for top in tops if path.absolute().is_relative_to(top)]
    return str(path.absolute().relative_to(inside[0]) if inside else path.absolute())
