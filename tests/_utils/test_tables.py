import io
import re
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


HEADINGS = ["run", "clip, views", "parameters", "top-1, %", "against the first", "p"]
ROWS = [
    ["runs/a/long/folder/of_runs", "8 in 2 s, 64 px", "0.37 M", "95.8 (92.1 to 98.9)", "", ""],
    ["b", "16 x 4", "12,345,678", "45.8 (42.1 to 48.9)", "-50.0 (-57.3 to -41.2)", "7.3e-12"],
]  # fmt: skip


@pytest.fixture
def terminal(monkeypatch, capsys):
    def printed(width, show):
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        show(Output())
        return re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)

    return printed


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 300])
def test_no_terminal_is_too_narrow_for_a_number(width, terminal):
    table = console_table(HEADINGS, ROWS, title="2 runs", left=(0, 1))
    text = terminal(width, lambda output: output.print(table))
    assert max(map(len, text.splitlines())) <= width
    for cell in (cell for row in ROWS for cell in row[2:]):
        assert all(word in text for word in cell.split())
    for heading in HEADINGS:
        assert all(word in text for word in heading.split())


def test_rows_are_records_where_columns_do_not_fit(terminal):
    table = console_table(HEADINGS, ROWS)
    lines = terminal(48, lambda output: output.print(table)).splitlines()
    assert "p                  7.3e-12" in [line.rstrip() for line in lines]
    assert "parameters   0.37 M" in [line.rstrip() for line in lines]
    # An empty cell is no line.
    assert sum(line.startswith("against the first") for line in lines) == 1


def test_a_page_keeps_its_numbers_too(terminal):
    page = f"# Title\n\n{markdown_table(HEADINGS, ROWS)}\nThe end.\n"
    assert terminal(300, lambda output: output.print_markdown(page)) == page
    text = terminal(60, lambda output: output.print_markdown(page))
    assert "7.3e-12" in text
    assert text.splitlines()[0] == "# Title"
    assert text.splitlines()[-1] == "The end."


def test_the_values_of_fields_are_folded_beside_their_names(terminal):
    fields = [("options", "widths=(16, 32, 64, 128), dropout=0.2"), ("k", "4")]
    lines = terminal(30, lambda output: output.print_fields(fields)).splitlines()
    assert [line.rstrip() for line in lines] == [
        "options  widths=(16, 32, 64,",
        "         128), dropout=0.2",
        "k        4",
    ]
