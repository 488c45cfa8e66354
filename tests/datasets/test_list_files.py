import math

import pytest

from motionlens.clips.video_index import ListEntry
from motionlens.datasets import list_tables
from motionlens.datasets.list_files import read_ids, read_list
from motionlens.video.frames import VideoWarning


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
        (b"\xff\xfea", "list.csv cannot be read: it is not UTF-8 text"),
        ("é.mp4,links\n".encode("latin-1"), "it is not UTF-8 text; .* save it as UTF-8"),
        ("a.mp4,left\n".encode("utf-16-le"), "it is not UTF-8 text; .* 'CSV UTF-8'"),
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


def test_label_0_is_a_label(write):
    text = "".join(f'{{"path": "{i}.mp4", "label": {i}}}\n' for i in range(3))
    assert pairs(read_list(write(text, "l.jsonl"))) == [(f"{i}.mp4", str(i)) for i in range(3)]
    assert pairs(read_list(write(text, "l.jsonl"), labelled=False))[0] == ("0.mp4", "0")


def test_the_list_that_lost_label_0(test_data):
    entries = read_list(test_data / "reports" / "labels_0_1_2.jsonl")
    assert {entry.label for entry in entries} == {"0", "1", "2"}
    assert all(entry.label == {"l": "0", "r": "1", "s": "2"}[entry.path[6]] for entry in entries)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('{"path": "a.mp4", "label": null}\n', "l.jsonl"),
        ('{"path": "a.mp4", "label": ""}\n', "l.jsonl"),
        ('{"path": "a.mp4", "label": "  "}\n', "l.jsonl"),
        ('{"path": "a.mp4", "label": NaN}\n', "l.jsonl"),
        ('{"path": "a.mp4", "label": 0.0}\n', "l.jsonl"),
        ('{"path": "a.mp4", "label": false}\n', "l.jsonl"),
        ("path,label\na.mp4,nan\n", "l.csv"),
        ("path,label\na.mp4,NULL\n", "l.csv"),
        ("path,label\na.mp4,None\n", "l.csv"),
        ("path,label\na.mp4,  \n", "l.csv"),
        ('path,label\na.mp4,""\n', "l.csv"),
    ],
)
def test_a_missing_label_becomes_no_class(write, text, name):
    with pytest.raises(ValueError, match=r"(line|video) \d must have a label, got"):
        read_list(write(text, name))


@pytest.mark.parametrize(
    "content",
    [
        "path\tlabel\r\na.mp4\tleft\r\nb c.mp4\tSwiping Right\r\n".encode("utf-16"),
        "\ufeffpath,label\na.mp4,left\nb c.mp4,Swiping Right\n".encode("utf-16-be"),
        "\ufeffsep=;\r\npath;label\r\na.mp4;left\r\nb c.mp4;Swiping Right\r\n".encode(),
        b"a.mp4;left;;;\r\nb c.mp4;Swiping Right;;;\r\n;;;;\r\n",
        b'# of Monday, "the first"\na.mp4,left\n  # b.mp4,right\nb c.mp4,Swiping Right\n',
        b"a.mp4,left\rb c.mp4,Swiping Right\r",
        b'[\n {"path": "a.mp4", "label": "left"},\n {"path": "b c.mp4", "label": "Swiping Right"}]',
    ],
)
def test_what_spreadsheets_and_people_write(write, content):
    assert pairs(read_list(write(content))) == TWO


def test_quotes_hold_a_sharp_and_a_line_end(write):
    text = '"#1.mp4",left\n"two\nlines.mp4","a ""b"""\nx\u2028y.mp4,left\n'
    assert pairs(read_list(write(text))) == [
        ("#1.mp4", "left"),
        ("two\nlines.mp4", 'a "b"'),
        ("x\u2028y.mp4", "left"),
    ]


def test_a_quotation_mark_that_is_never_closed_swallows_nothing(write):
    with pytest.raises(ValueError, match=r"line 3: .*; close every quotation mark"):
        read_list(write('a.mp4,left\n"b.mp4,right\nc.mp4,left\n'))


def test_of_a_long_list_the_head_decides_about_the_separator(tmp_path, monkeypatch):
    parsed = []
    rows = list_tables._rows
    monkeypatch.setattr(
        list_tables,
        "_rows",
        lambda *given: (parsed.append(given[2]) or row for row in rows(*given)),
    )
    text = "a.mp4,left\n" * 5000
    for columns in (None, ("path", "label")):
        parsed.clear()
        table = list_tables.read_table(tmp_path / "l.csv", text, None, columns)
        assert len(table) == 5000
        # Each row of the head by three separators, and all rows by one.
        assert (parsed.count("\t"), parsed.count(";")) == (1000, 1000)
        assert parsed.count(",") == 6000
    # One that fits the head alone does not hide the one that fits all.
    mixed = "a;b.mp4,left\n" * 2000 + "c.mp4,left\n"
    assert list_tables.read_table(tmp_path / "l.csv", mixed, None, None)[-1] == (
        2001, ["c.mp4", "left"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("start", "seconds"), [("1:02.5", 62.5), ("90:00", 5400.0), ("1:00:01", 3601.0), ("7", 7.0)]
)
def test_times_on_the_clock(write, start, seconds):
    assert read_list(write(f"a.mp4,left,{start}\n"))[0].start_s == seconds
    text = f'{{"path": "a.mp4", "label": "left", "start": "{start}"}}\n'
    assert read_list(write(text, "l.jsonl"))[0].start_s == seconds


@pytest.mark.parametrize("start", ["0:61", "1:60:00", "1;5", "1_0", "-0:01", "0:00:00:01"])
def test_refuses_other_times(write, start):
    text = f'{{"path": "a.mp4", "label": "left", "start": "{start}"}}\n'
    with pytest.raises(
        ValueError, match=r"start must be seconds .* write for example 62.5 or 1:02"
    ):
        read_list(write(text, "l.jsonl"))


FRAME_COUNTS = "--listing.columns path,num_frames,label"


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("a 12 0\nb 13 1\n", None),
        ("a 12 0\nb 13 1\n", " "),
        ("a,12,0\nb,13,1\n", None),
        ("a\t12\tleft\nb\t13\tright\n", None),
    ],
)
def test_numbers_of_frames_become_no_classes(write, text, separator):
    with pytest.raises(ValueError, match=FRAME_COUNTS):
        read_list(write(text), separator)
    columns = ("path", "num_frames", "label")
    entries = read_list(write(text), separator, columns=columns)
    assert [entry.path for entry in entries] == ["a", "b"]
    labels = [line.replace(",", " ").split()[-1] for line in text.splitlines()]
    assert [entry.label for entry in entries] == labels
    assert all(math.isnan(entry.start_s) for entry in entries)


def test_the_list_of_dir_num_frames_label(test_data):
    path = test_data / "reports" / "list_dir_frames_label.txt"
    with pytest.raises(ValueError, match=FRAME_COUNTS):
        read_list(path)
    entries = read_list(path, columns=("path", "num_frames", "label"))
    assert pairs(entries)[:2] == [("left_0", "0"), ("left_1", "0")]
    assert {entry.label for entry in entries} == {"0", "1", "2"}


def test_columns_by_name(write):
    columns = ("label", "start", "path")
    assert read_list(write("left,1,a.mp4\n"), columns=columns)[0][:3] == ("a.mp4", "left", 1.0)
    # A path may hold spaces where spaces separate, and headings may be there all the same.
    spaced = write("path num_frames label\nmy dir/a b 18 0\n")
    assert pairs(read_list(spaced, columns=("path", "num_frames", "label"))) == [
        ("my dir/a b", "0")
    ]


def test_a_heading_that_is_not_understood_is_no_video(write):
    with pytest.raises(ValueError, match="names path, lable; call the column of the class label"):
        read_list(write("path,lable\na.mp4,left\n"))


def test_class_names_have_one_unicode_form_and_no_spaces_around(write):
    with pytest.warns(VideoWarning, match=r"'cafe\\u0301' and 'caf\\xe9' are one class"):
        entries = read_list(write("a.mp4,cafe\u0301 | left\nb.mp4,caf\u00e9\n"))
    assert entries[0].labels == ["caf\u00e9", "left"]
    assert entries[1].labels == ["caf\u00e9"]


def test_a_heading_that_comes_twice(write):
    with pytest.raises(
        ValueError, match="must name each column once, it names label several times"
    ):
        read_list(write("path,label,label\na.mp4,x,y\n"))
    # Of different ones the plainest counts.
    assert pairs(read_list(write("video_id,path,label\n1,a.mp4,x\n"))) == [("a.mp4", "x")]


def test_whole_numbers_with_decimals_are_told(write):
    with pytest.warns(VideoWarning, match=r"such as 0.0, .*; write 0 if that is the class"):
        entries = read_list(write("path,label\na.mp4,0.0\nb.mp4,1.0\n"))
    assert [entry.label for entry in entries] == ["0.0", "1.0"]


def test_a_video_of_class_0_is_no_background(write):
    entries = read_list(write('{"path": "a.mp4", "label": 0}', "l.jsonl"), has_background=True)
    assert entries[0].label == "0"
    with pytest.raises(ValueError, match="line 1 must have a label"):
        read_list(write('{"path": "a.mp4", "start": 0}', "l.jsonl"), has_background=True)


@pytest.mark.parametrize(
    ("value", "group"), [("0", "0"), ('"0"', "0"), ('" Zoe\u0301"', "Zo\u00e9")]
)
def test_groups_are_text_or_numbers_of_one_form(write, value, group):
    row = f'{{"path": "a.mp4", "label": "x", "person": {value}}}'
    assert read_list(write(row, "l.jsonl"), group="person")[0].group == group


@pytest.mark.parametrize("value", ['""', "null", '" "'])
def test_a_group_that_is_missing(write, value):
    row = f'{{"path": "a.mp4", "label": "x", "person": {value}}}'
    with pytest.raises(ValueError, match="line 1 must name its person"):
        read_list(write(row, "l.jsonl"), group="person")


@pytest.mark.parametrize(
    ("text", "name", "group", "message"),
    [
        ('{"a.mp4": "left"}', "l.json", None, "must have the keys path and label, it has a.mp4;"),
        ("path,label,person\na.mp4,x,p\n", "l.csv", "persn", "did you mean 'person'"),
        ('{"path": "a.mp4", "label": "x"}', "l.jsonl", "no.csv", "no column no.csv, and there is"),
        ("path;label\na.mp4;x;y;z\n", "l.csv", None, "a label that holds ';'"),
    ],
)
def test_hints(write, text, name, group, message):
    with pytest.raises(ValueError, match=message):
        read_list(write(text, name), group=group)
