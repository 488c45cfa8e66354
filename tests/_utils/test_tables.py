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


def test_nothing_is_folded_where_no_terminal_is(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("TERM", "dumb")
    path = "/".join(["folder of some name"] * 30)
    rows = [["a.mp4", "left"], [path, "right"]]
    output = Output()
    output.print(console_table(["video", "class"], rows, title=f"videos in {path}"))
    output.print(f"written: {path}")
    title, _, _, _, first, second, _, last = capsys.readouterr().out.splitlines()
    assert title == f"videos in {path}"
    assert [cell.strip() for cell in first.split("│")[1:-1]] == ["a.mp4", "left"]
    assert [cell.strip() for cell in second.split("│")[1:-1]] == [path, "right"]
    assert last == f"written: {path}"


def test_a_terminal_has_its_width(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    Output().print("some words " * 10)
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 30
