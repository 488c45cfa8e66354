"""Results of ``motionlens bench``: as JSON with the machine and versions, as tables in Markdown."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

from motionlens._utils.files import write_atomically
from motionlens._utils.numbers import figure
from motionlens._utils.tables import markdown_table
from motionlens.bench.timing import Measurement

OURS = "cpnet"


class Result(TypedDict):
    """One case, measured, as it is in JSON.

    Attributes:
        name: of the case.
        group: cases of one table.
        units: what one run processes, such as ``(1, "clips")``; None for no rate.
        measured: measurement by the name of the alternative.
    """

    name: str
    group: str
    units: tuple[int, str] | None
    measured: dict[str, Measurement]


def save(path: Path, results: Sequence[Result], about: dict[str, Any]) -> None:
    """Write results and what they depend on.

    Raises:
        OSError: If the file cannot be written.
    """
    content = {"about": about, "results": list(results)}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, (json.dumps(content, indent=1) + "\n").encode())


def load(path: Path) -> tuple[list[Result], dict[str, Any]]:
    """Read what :func:`save` wrote."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return content["results"], content["about"]


def tables(results: Sequence[Result]) -> list[tuple[str, list[str], list[list[str]]]]:
    """Title, headings and rows of one table per group.

    A cell holds milliseconds, for an alternative how many times ours that is, clips per second if a
    run has units, and peak memory.
    """
    found = []
    for group in dict.fromkeys(result["group"] for result in results):
        members = [result for result in results if result["group"] == group]
        labels = list(dict.fromkeys(label for member in members for label in member["measured"]))
        rows = [[member["name"], *(_cell(member, label) for label in labels)] for member in members]
        unit = members[0]["units"]
        title = f"{group}: milliseconds" + (f", {unit[1]}/s" if unit else "") + ", peak memory"
        found.append((title, ["case", *labels], rows))
    return found


def markdown(results: Sequence[Result]) -> str:
    """The tables as Markdown."""
    return "\n".join(
        f"**{title}**\n\n{markdown_table(headings, rows)}"
        for title, headings, rows in tables(results)
    )


def _cell(result: Result, label: str) -> str:
    found = result["measured"].get(label)
    if found is None:
        return ""
    milliseconds, peak_mb = found["median_ms"], found["peak_mb"]
    text = f"{figure(milliseconds)} ms"
    ours = result["measured"].get(OURS)
    if ours is not None and label != OURS:
        text += f" ({milliseconds / ours['median_ms']:.2f}x)"
    if result["units"] is not None:
        text += f", {figure(result['units'][0] / milliseconds * 1e3)}/s"
    if peak_mb is not None:
        text += f", {figure(peak_mb)} MB"
    return text
