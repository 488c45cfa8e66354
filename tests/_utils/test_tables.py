import io
import sys

import pytest

from motionlens._utils.tables import Output, console_table, markdown_table

LONG = "a name that is much longer than eighty columns of a terminal, " * 5


def test_markdown_table_is_one_line_per_row_and_aligned():
    text = markdown_table(["a|b", "n", "who"], [["1\n2", "10", "[bold]"], ["", "3", ""]], left=(2,))
    assert text.splitlines() == [
        "| a\\|b |   n | who    |",
        "|-----:|----:|--------|",
        "|  1 2 |  10 | [bold] |",
        "|      |   3 |        |",
    ]


@pytest.mark.parametrize("columns", ["20", "200"])
def test_no_width_folds_or_cuts_a_markdown_table(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("FORCE_COLOR", "1")
    head, rule, row = markdown_table(["text", "n"], [[LONG, "1"]]).splitlines()
    assert row == f"| {LONG.rstrip()}  |   1 |"
    assert len(head) == len(rule) == len(row)


def test_a_markdown_table_may_have_no_rows():
    assert markdown_table(["a", "b"], []).splitlines() == ["| a   |   b |", "|-----|----:|"]


@pytest.mark.parametrize("columns", ["20", "200"])
def test_what_is_no_terminal_gets_tables_as_wide_as_they_are(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    output = Output()
    output.print(console_table(["text", "n"], [[LONG, "[b]1"]], title="Title"))
    output.print(LONG)
    lines = sys.stdout.getvalue().splitlines()
    assert lines[0].strip() == "Title"
    assert sum(LONG.strip() in line and "[b]1" in line for line in lines) == 1
    assert lines[-1] == LONG
