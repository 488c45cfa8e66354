"""The poster's figures as they are in the table of an experiment."""

import pytest

from motionlens.report.statistics import Interval
from motionlens.reproduce import ablations, comparisons, poster
from motionlens.reproduce.budgets import BUDGETS
from motionlens.reproduce.fitting import fitted
from motionlens.reproduce.outcomes import Measured, Outcome
from motionlens.reproduce.tables import cell_text, figures_text, markdown_tables


@pytest.mark.parametrize(
    ("figures", "text"),
    [
        ((56.9, 79.5), "56.9 / 79.5"),
        ((None, 83.9), "/ 83.9"),
        ((84.7, None), "84.7 /"),
        ((None, None), ""),
        ((), ""),
        ((10.1,), "10.1"),
        ((61.0, 83.1), "61.0 / 83.1"),
    ],
)
def test_what_cannot_be_read_stays_blank(figures, text):
    assert figures_text(figures) == text


def test_no_figure_of_the_scrambled_table_is_quoted():
    assert all(f == (None, None) for row in poster.K.rows.values() for f in row)
    assert poster.MOTION.rows["CPNet"][1] == (None, 83.95)


def test_every_table_is_whole():
    tables = [value for value in vars(poster).values() if isinstance(value, poster.PosterTable)]
    assert len(tables) == 7
    for table in tables:
        assert all(len(row) == len(table.columns) for row in table.rows.values())
        assert set(table.parameters or ()) <= set(table.rows)


@pytest.mark.parametrize("budget", BUDGETS.values(), ids=BUDGETS)
@pytest.mark.parametrize(
    ("make", "table"),
    [
        (ablations.count_grid, poster.COUNT),
        (ablations.k_grid, poster.K),
        (ablations.stage_grid, poster.STAGE),
        (comparisons.kinetics_grid, poster.KINETICS),
        (comparisons.motion_grid, None),
        (comparisons.speed_grid, None),
        (comparisons.offset_scale_grid, None),
    ],
)
def test_grids_are_whole(make, table, budget):
    grid = make(budget)
    names = [variant.name for variant in grid.variants]
    assert len(names) == len(set(names))
    places = [(cell.row, cell.column) for cell in grid.cells]
    assert len(places) == len(set(places))
    looks = {(v.name, look.name) for v in grid.variants for look in v.looks}
    assert {(cell.variant, cell.look) for cell in grid.cells} <= looks
    assert {cell.variant for cell in grid.cells} == set(names)
    if table is not None:
        assert set(table.rows) <= {cell.row for cell in grid.cells}


def test_speeds_span_the_same_time():
    assert {(frames - 1) * step for frames, step in comparisons.LONG_SPEEDS} == {21}
    assert {(frames - 1) * step for frames, step in comparisons.SHORT_SPEEDS} == {6, 7}


@pytest.mark.parametrize(
    ("num_frames", "stride", "speeds"),
    [
        (300, 3, comparisons.LONG_SPEEDS[1:]),
        (22, 3, comparisons.LONG_SPEEDS[1:]),
        (21, 2, comparisons.SHORT_SPEEDS),
        (8, 1, comparisons.SHORT_SPEEDS),
        (3, 1, comparisons.SHORT_SPEEDS),
    ],
)
def test_clips_fit_the_videos(num_frames, stride, speeds):
    budget = fitted(BUDGETS["small"], num_frames)
    assert (budget.stride, budget.recipe["clip"]["frame_stride"]) == (stride, stride)
    assert comparisons.speeds_of(budget) == speeds
    assert fitted(BUDGETS["full"], num_frames) is BUDGETS["full"]


def test_cells():
    cell = Measured(
        row="C2D", column="here", values=(0.5, 0.7), interval=Interval(0.4, 0.8), top5=0.9
    )
    assert cell_text(cell, percent=True) == "60.0 ± 14.1 (40.0 to 80.0) / 90.0"
    assert cell_text(None, percent=True) == ""
    assert cell_text(Measured(row="", column="", values=(3.25,)), percent=False) == "3.2"


def test_rows_are_in_the_order_of_the_poster_if_it_has_them():
    cells = [Measured(row=row, column="here", values=(0.5,)) for row in ("C2D", "6 CP")]
    outcome = Outcome(runs=[], planned=2, cells=cells)
    lines = markdown_tables(outcome, (poster.COUNT,), percent=True).splitlines()[2:]
    assert [line.split(" | ")[0] for line in lines] == [f"| {row}" for row in poster.COUNT.rows]


def test_rows_of_the_poster_alone_come_last():
    cell = Measured(row="TSM", column="here", values=(0.5,))
    outcome = Outcome(runs=[], planned=1, cells=[cell], parameters={"TSM": 250_000})
    lines = markdown_tables(outcome, (poster.MOTION,), percent=True).splitlines()
    assert lines[2] == "| TSM | 0.25 M | 50.0 |  |  |  |"
    assert "| BesNet |  |  | / 94.23 |  | 37.8 M |" in lines
