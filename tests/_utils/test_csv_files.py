import os

import pytest

from motionlens._utils.csv_files import as_csv, read_csv, write_csv


def test_reads_what_it_wrote(tmp_path):
    write_csv(tmp_path / "x.csv", [["path", "n"], ["ä, b", 1], ['"\nc', 2.5]])
    rows = read_csv(tmp_path / "x.csv", ["n"], hint="x")
    assert rows == [{"path": "ä, b", "n": "1"}, {"path": '"\nc', "n": "2.5"}]


def test_names_that_are_no_utf_8_survive(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b"path,n\n\xff,2\n")
    rows = read_csv(path, ["path", "n"], hint="x")
    assert os.fsencode(rows[0]["path"]) == b"\xff"
    write_csv(path, [["path", "n"], list(rows[0].values())])
    assert path.read_bytes() == b"path,n\n\xff,2\n"


def test_another_separator():
    assert as_csv([["a", "b;c"]], ";") == 'a;"b;c"\n'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "column 'path' is missing; do it again"),
        (b"a,b\n1,2\n", "column 'path' is missing"),
        (b"path,n\n1\n", "row 1 must have 2 cells; do it again"),
        (b"path,n\n1,2\n1,2,3\n", "row 2 must have 2 cells"),
        (b'path,n\n"1,2\n', "unexpected end of data"),
        (None, "No such file"),
    ],
)
def test_what_cannot_be_used_is_refused(content, message, tmp_path):
    path = tmp_path / "x.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_csv(path, ["path"], hint="do it again")
