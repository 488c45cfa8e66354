"""The page of results, and the stored ones."""

import json
from pathlib import Path

import pytest

from motionlens.report.statistics import Interval
from motionlens.reproduce.grids import EXPERIMENTS
from motionlens.reproduce.results import Figure, cell_text, make_cell, published, results_page

STORED = Path(__file__).parents[2] / "docs" / "results" / "reproduce"


def page_lines(experiment, cells, parameters=None):
    """The lines of a page's tables, their cells without padding."""
    page = results_page(
        {
            **{"experiment": experiment, "measures": "", "command": "", "unit": "%", "notes": []},
            **{"budget": "small", "machine": {"device": "", "torch": ""}},
            **{"planned_runs": 0, "finished_runs": 0},
            "poster": EXPERIMENTS[experiment].poster,
            "cells": cells,
            "runs": [
                {"row": row, "name": row, "parameters": n} for row, n in (parameters or {}).items()
            ],
        }
    )
    tables = [line for line in page.splitlines() if line.startswith("|")]
    return ["|".join(part.strip() for part in line.split("|")) for line in tables]


@pytest.mark.parametrize(
    ("text", "number"),
    [("56.9 / 79.5", 56.9), ("/ 83.9", None), ("84.7 /", 84.7), ("", None), ("10.1", 10.1)],
)
def test_what_cannot_be_read_stays_blank(text, number):
    poster = {"columns": ["a"], "rows": {"C2D": [text]}}
    cells = [make_cell(row, "here", [Figure(0.5)]) for row in ("C2D", "CPNet")]
    found = published(poster, cells)
    assert found == ({} if number is None else {("C2D", "here"): number})
    two = {"columns": ["a", "b"], "rows": {"C2D": [text, "1"]}}
    assert published(two, cells) == {}
    assert published({**two, "columns": ["here", "b"]}, cells) == found


def test_cells():
    cell = make_cell("C2D", "here", [Figure(0.5, top5=0.9), Figure(0.7, top5=0.9)])
    assert cell["deviation"] == pytest.approx(0.1414, abs=1e-4)
    assert cell_text({**cell, "interval": [0.4, 0.8]}, "%") == "60.0 ± 14.1 (40.0 to 80.0) / 90.0"
    assert cell_text(None, "%") == ""
    assert cell_text(make_cell("", "", [Figure(3.25)]), "videos per second") == "3.2"


def test_one_run_has_its_own_interval():
    cell = make_cell("C2D", "here", [Figure(0.5, Interval(0.4, 0.6))])
    assert (cell["interval"], cell["deviation"], cell["top5"]) == ([0.4, 0.6], None, None)


def test_rows_are_in_the_order_of_the_poster_if_it_has_them():
    cells = [make_cell(row, "here", [Figure(0.5)]) for row in ("C2D", "6 CP")]
    lines = page_lines("ablation-count", cells)[2:]
    assert [line.split("|")[1] for line in lines] == ["C2D", "1 CP", "2 CP", "4 CP", "6 CP"]


def test_rows_of_the_poster_alone_come_last():
    cell = make_cell("TSM", "here", [Figure(0.5)])
    lines = page_lines("motion", [cell], {"TSM": 250_000})
    assert lines[2] == "|TSM|0.25 M|50.0||||"
    assert "|BesNet|||/ 94.23||37.8 M|" in lines


@pytest.mark.parametrize("path", sorted(STORED.glob("*/results.json")), ids=lambda p: p.parent.name)
def test_stored_pages_show_the_stored_numbers(path):
    results = json.loads(path.read_text(encoding="utf-8"))
    assert results_page(results) == path.with_suffix(".md").read_text(encoding="utf-8")
    experiment = EXPERIMENTS[results["experiment"]]
    assert results["measures"] == experiment.measures
    assert results["poster"] == json.loads(json.dumps(experiment.poster))
