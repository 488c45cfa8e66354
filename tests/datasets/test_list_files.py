import math

import pytest

from motionlens.clips.video_index import ListEntry
from motionlens.datasets.list_files import read_ids, read_list


@pytest.fixture
def write(tmp_path):
    def write(text, name="list.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


TWO = [("a.mp4", "left"), ("b c.mp4", "Swiping Right")]


def pairs(entries):
    return [(entry.path, entry.label) for entry in entries]


@pytest.mark.parametrize(
    "text",
    [
        "a.mp4,left\nb c.mp4,Swiping Right\n",
        "a.mp4;left\nb c.mp4;Swiping Right",
        "a.mp4\tleft\r\nb c.mp4\tSwiping Right\r\n",
        "\ufeffa.mp4,left\n\n  \nb c.mp4, Swiping Right \n",
        '"a.mp4","left"\n"b c.mp4","Swiping Right"\n',
        "path,label\na.mp4,left\nb c.mp4,Swiping Right\n",
        "Label;Split;Video_ID\nleft;x;a.mp4\nSwiping Right;y;b c.mp4\n",
        '{"path": "a.mp4", "label": "left"}\n{"label": "Swiping Right", "path": "b c.mp4"}\n',
    ],
)
def test_forms(write, text):
    entries = read_list(write(text))
    assert pairs(entries) == TWO
    assert all(math.isnan(entry.start_s) and math.isnan(entry.end_s) for entry in entries)


def test_commas_within_names_do_not_separate(write):
    assert pairs(read_list(write("1;Pushing, slowly\n2;Pulling, fast\n"))) == [
        ("1", "Pushing, slowly"),
        ("2", "Pulling, fast"),
    ]
    assert pairs(read_list(write('1,"Pushing, slowly"\n'))) == [("1", "Pushing, slowly")]


def test_given_separator(write):
    assert pairs(read_list(write("a.mp4 0\nb.mp4 1\n"), separator=" ")) == [
        ("a.mp4", "0"),
        ("b.mp4", "1"),
    ]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a.mp4,left,1.5,3\n", "l.csv"),
        ("label,youtube_id,time_start,time_end,split\nleft,a.mp4,1.5,3,val\n", "l.csv"),
        ('{"path": "a.mp4", "label": "left", "start": 1.5, "end": 3}\n', "l.jsonl"),
    ],
)
def test_windows(write, text, name):
    assert read_list(write(text, name)) == [ListEntry("a.mp4", "left", 1.5, 3.0)]


def test_open_windows(write):
    first, second = read_list(write("a.mp4,left,2\nb.mp4,left,,4\n"))
    assert first.start_s == 2
    assert math.isnan(first.end_s)
    assert math.isnan(second.start_s)
    assert second.end_s == 4


@pytest.mark.parametrize("space", ["", "\n "])
def test_one_json_array(write, space):
    text = f'[{{"id": 1, "template": "left"}},{space} {{"id": "2", "label": "right", "start": 1}}]'
    assert pairs(read_list(write(text, "l.json"))) == [("1", "left"), ("2", "right")]


def test_numbers_as_labels(write):
    assert pairs(read_list(write('{"path": "a.mp4", "label": 7}\n'))) == [("a.mp4", "7")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no video"),
        ("path,label\n", "names no video below its header"),
        ("a.mp4 left\n", "must have a comma, semicolon or tab between path and label"),
        ("a.mp4,left\nb.mp4\n", "must have a comma, semicolon or tab"),
        ("a.mp4,left,1,2,3\n", "line 1 must have 2 to 4 columns .* got 5"),
        ("label,x,path\nleft,1,a.mp4\nleft,2\n", "line 3 must have 3 columns .* got 2"),
        ("path,label\n1.mp4,Pushing, left\n", "line 2 has 3 columns, but .* names 2; put"),
        ("a.mp4,left||right\n", "a class on either side of each |, got 'left||right'"),
        ("a.mp4,left\n,right\n", "line 2 must have a path, got ''"),
        ("a.mp4,\n", "line 1 must have a label, got ''"),
        ("a.mp4,left,x\n", "line 1: start must be seconds of at least 0, got 'x'"),
        ("a.mp4,left,-1\n", "line 1: start must be seconds of at least 0, got '-1'"),
        ("a.mp4,left,1,inf\n", "line 1: end must be seconds of at least 0, got 'inf'"),
        ("a.mp4,left,3,1\n", "line 1: start must come before end, got 3 and 1"),
        ('{"path": "a.mp4"}\n', "line 1 must have a label, got None"),
        ('{"path": "a.mp4", "label": ["x"]}\n', r"line 1 must have a label, got \['x'\]"),
        ('{"path": "a.mp4", "label": "x"}\n{oops\n', "line 2 must be JSON, it is not"),
        (b"\xff\xfe\x00a", "list.csv cannot be read: it is not UTF-8 text"),
    ],
)
def test_refuses(write, text, message):
    with pytest.raises(ValueError, match=message) as caught:
        read_list(write(text))
    assert "list.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_refuses_json_that_is_no_lines_of_objects(write):
    with pytest.raises(ValueError, match="video 1 must be one JSON object, got a str"):
        read_list(write('["a.mp4", "left"]\n', "l.jsonl"))
    with pytest.raises(ValueError, match="line 2 must be one JSON object, got a list"):
        read_list(write('{"path": "a", "label": "b"}\n["a.mp4", "left"]\n', "l.jsonl"))


def test_refuses_a_separator_of_two_characters(write):
    with pytest.raises(ValueError, match="separator must be one character, got '::'"):
        read_list(write("a::b\n"), separator="::")


def test_missing_list(tmp_path):
    with pytest.raises(ValueError, match="gone.csv cannot be read: No such file"):
        read_list(tmp_path / "gone.csv")


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("1;Pushing, slowly\n2;Left\n", [("1", "Pushing, slowly"), ("2", "Left")]),
        ("1\n2\n", [("1", ""), ("2", "")]),
        ("video_id,label,frames\n1,Left,37\n", [("1", "Left")]),
        ('id,frames,label\n1,3,"a, b"\n', [("1", "a, b")]),
        ("video_id,frames\n1,3\n", [("1", "")]),
        ("1,Left\n", [("1", "Left")]),
    ],
)
def test_forms_of_lists_by_id(tmp_path, text, rows):
    (tmp_path / "l.csv").write_text(text)
    assert pairs(read_ids(tmp_path / "l.csv")) == rows


def test_a_line_without_number(tmp_path):
    (tmp_path / "l.csv").write_text("1;Left\n;Right\n")
    with pytest.raises(ValueError, match="l.csv: line 2 must have a path, got ''"):
        read_ids(tmp_path / "l.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("99;Stop Sign;extra\n", "line 1 must have 1 to 2 columns .* got 3"),
        ("id,label\n1,Pushing, left\n", "line 2 has 3 columns, but the first line names 2; put"),
    ],
)
def test_columns_that_nobody_named(tmp_path, text, message):
    path = tmp_path / "list.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_ids(path)
