import csv
import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from mini_datasets import NAMES, STEPS, classes_of, moving_square, write_file, write_mini
from motionlens.datasets import decode_check
from motionlens.datasets import prepare as prepare_module
from motionlens.datasets.catalog.names import CATALOG
from motionlens.datasets.decode_check import check_video
from motionlens.datasets.parts import open_parts
from motionlens.datasets.prepare import default_out
from motionlens.datasets.prepared import is_prepared, load_description, load_part
from motionlens.datasets.source import DataSource

# Processes take longer to start than these videos take to check.
prepare = partial(prepare_module.prepare, num_workers=0)


@pytest.fixture
def jester(tmp_path):
    return write_mini("jester", tmp_path / "jester")


@pytest.fixture
def looked_at(monkeypatch):
    """Paths of the videos that are opened from now on."""
    seen = []

    def check(job):
        seen.append(job.path)
        return check_video(job)

    def check_each(jobs, num_workers, **_):
        return ((i, check(job)) for i, job in enumerate(jobs))

    monkeypatch.setattr(decode_check, "check_each", check_each)
    return seen


def rows(path):
    with path.open(newline="") as lines:
        return list(csv.reader(lines))[1:]


@pytest.mark.parametrize("name", NAMES)
def test_every_data_set_from_its_official_files_to_clips(name, tmp_path):
    root = write_mini(name, tmp_path / "copy")
    counted = []
    report = prepare(name, root, on_progress=lambda *n: counted.append(n))
    prepared = default_out(root)
    assert report.num_left_out == 0
    total = sum(entries.listed for entries in report.parts.values())
    assert counted == [(n, total) for n in range(total + 1)]
    for part, entries in report.parts.items():
        assert entries.listed == entries.usable > 0
        assert tuple(entries.frames) == (8, 8, 8)
        index = load_part(prepared, part)
        with index.open(len(index) - 1) as reader:
            assert reader.num_frames == 8
            assert reader.read([0, 7]).data.shape == (2, 3, 32, 32)
    train, validation = open_parts(DataSource(data=str(prepared)))
    assert (len(train), len(validation)) == tuple(
        report.parts[part].usable for part in ("train", "validation")
    )
    shown = classes_of(name)[0]
    assert set(shown) <= set(train.class_names)
    assert {train.class_names[label] for label in train.labels} <= set(shown)
    own = name in ("folder", "list")
    assert (train.flip_pairs is None) == own
    assert (train.targets is not None) == (name == "list")
    assert train.fps == CATALOG[name].fps
    if name in ("jester", "something-v1", "something-v2"):
        assert {frozenset(pair) for pair in train.flip_pairs.items()} >= {frozenset(shown[:2])}


def test_labels_are_those_of_the_videos(jester):
    """The left one of a pair moves left: numbers, names and files are not mixed up."""
    prepare("jester", jester)
    index = load_part(default_out(jester), "train")
    for i in range(len(index)):
        with index.open(i) as reader:
            frames = reader.read(range(8)).data.float().mean(dim=1)
        columns = (frames > 150).float().sum(dim=1).argmax(dim=1).numpy()
        steps = np.diff(columns)
        motion = classes_of("jester")[0].index(index.class_names[index.labels[i]])
        assert np.median(steps) == pytest.approx(STEPS[motion][1], abs=1.01)


def test_bad_videos_are_left_out_counted_and_named(jester):
    videos = jester / "20bn-jester-v1"
    shutil.rmtree(videos / "1")
    shutil.rmtree(videos / "13")
    (videos / "2" / "00001.jpg").write_bytes(b"no picture")
    for picture in sorted((videos / "3").iterdir())[1:]:
        picture.unlink()
    report = prepare("jester", jester)
    train, validation = report.parts["train"], report.parts["validation"]
    assert (train.listed, train.usable, train.missing, train.unreadable, train.short) == (
        12, 9, 1, 1, 1,
    )  # fmt: skip
    assert (validation.usable, validation.missing) == (3, 1)
    assert report.num_left_out == 4
    out = default_out(jester)
    label = classes_of("jester")[0][0]
    assert rows(out / "missing.csv") == [
        ["train", "20bn-jester-v1/1", label, "nothing is there"],
        ["validation", "20bn-jester-v1/13", label, "nothing is there"],
    ]
    broken, short = rows(out / "unreadable.csv")
    assert broken[:2] == ["train", "20bn-jester-v1/2"]
    assert "cannot be read as a picture" in broken[3]
    assert short[1:] == ["20bn-jester-v1/3", label, "too short: 1 frame, at least 2 are wanted"]
    index = load_part(out, "train")
    assert len(index) == 9
    assert not set(index.paths) & {f"20bn-jester-v1/{n}" for n in (1, 2, 3)}
    # Repaired, they are back.
    write_mini("jester", jester)
    again = prepare("jester", jester)
    assert again.num_left_out == 0
    assert rows(out / "missing.csv") == rows(out / "unreadable.csv") == []


def test_decoding_finds_what_opening_does_not(jester, looked_at):
    (jester / "20bn-jester-v1" / "5" / "00006.jpg").write_bytes(b"no picture")
    assert prepare("jester", jester).parts["train"].unreadable == 0
    assert len(looked_at) == 20
    assert prepare("jester", jester, check="decode").parts["train"].unreadable == 1
    assert len(looked_at) == 40
    # What was decoded need not be opened. What could not be is tried once more, as closely.
    assert prepare("jester", jester).parts["train"].unreadable == 1
    assert looked_at[40:] == [str(jester / "20bn-jester-v1" / "5")]


def test_only_looked_for(jester, looked_at):
    shutil.rmtree(jester / "20bn-jester-v1" / "1")
    report = prepare("jester", jester, check="none")
    assert report.parts["train"].missing == 1
    assert report.parts["train"].frames is None
    assert looked_at == []
    assert rows(default_out(jester) / "train.csv")[0][4] == ""


def test_an_unchanged_copy_is_not_opened_again(jester, looked_at):
    first = prepare("jester", jester)
    (jester / "20bn-jester-v1" / "7" / "00009.jpg").write_bytes(
        (jester / "20bn-jester-v1" / "7" / "00008.jpg").read_bytes()
    )
    del looked_at[:]
    counted = []
    again = prepare("jester", jester, on_progress=lambda *n: counted.append(n))
    assert looked_at == [str(jester / "20bn-jester-v1" / "7")]
    assert counted == [(19, 20), (20, 20)]
    assert again.parts["train"].frames[2] == 9
    assert replace(again, parts={}) == replace(first, parts={})


def test_goes_on_where_it_was_stopped(jester, looked_at):
    def stop(done, _):
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare("jester", jester, on_progress=stop)
    out = default_out(jester)
    assert not is_prepared(out)
    with (out / "checked.jsonl").open("a") as cache:
        cache.write('[1, ["20bn-jes')  # killed while it wrote
    before = set(looked_at)
    del looked_at[:]
    assert prepare("jester", jester).num_left_out == 0
    assert len(before) == 6
    assert len(looked_at) == 14
    assert not before & set(looked_at)
    del looked_at[:]
    prepare("jester", jester)
    assert looked_at == []


KILLED = """
import os, signal, sys
from motionlens.datasets.prepare import prepare

def die(done, total):
    if done >= 8:
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    prepare("jester", sys.argv[1], num_workers=2, on_progress=die)
"""


def test_goes_on_after_a_kill(jester, tmp_path, looked_at):
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    done = subprocess.run([sys.executable, str(script), str(jester)], capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    report = prepare("jester", jester)
    assert report.num_left_out == 0
    assert len(looked_at) == 12


@pytest.mark.slow
def test_processes_make_the_same(jester):
    (jester / "20bn-jester-v1" / "2" / "00001.jpg").write_bytes(b"no picture")
    prepare("jester", jester, num_workers=2)
    out = default_out(jester)
    first = {path.name: path.read_bytes() for path in out.glob("*.csv")}
    shutil.rmtree(out)
    prepare("jester", jester)
    assert {path.name: path.read_bytes() for path in out.glob("*.csv")} == first


def test_bad_input_leaves_what_was_prepared(jester):
    prepare("jester", jester)
    out = default_out(jester)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    (jester / "jester-v1-train.csv").unlink()
    with pytest.raises(ValueError, match="list of the train part"):
        prepare("jester", jester)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_nothing_usable(jester):
    for path in (jester / "20bn-jester-v1").iterdir():
        (path / "00001.jpg").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"one usable video, it has none of 20: 20bn-.*/1: .*pict"):
        prepare("jester", jester)
    assert not is_prepared(default_out(jester))


def test_a_part_without_usable_videos_has_no_list(jester):
    prepare("jester", jester)
    for number in range(17, 21):
        shutil.rmtree(jester / "20bn-jester-v1" / str(number))
    report = prepare("jester", jester)
    assert report.parts["test"].usable == 0
    assert not (default_out(jester) / "test.csv").exists()


def test_videos_in_two_parts(jester):
    lists = {part: jester / f"jester-v1-{part}.csv" for part in ("train", "validation")}
    first, second = lists["train"].read_text().splitlines()[:2]
    lists["validation"].write_text(lists["validation"].read_text() + first + "\n")
    lists["train"].write_text(lists["train"].read_text() + second + "\n")
    report = prepare("jester", jester)
    assert (report.num_twice, report.num_leaked) == (2, 1)
    assert [(row[0], row[1], row[3]) for row in rows(default_out(jester) / "duplicates.csv")] == [
        ("train", "20bn-jester-v1/2", "also in train"),
        ("validation", "20bn-jester-v1/1", "also in train"),
    ]
    assert any("more than once: 2, in more than one part: 1" in r for r in report.remarks())


def test_damaged_videos_are_used_and_named(test_data, tmp_path):
    broken = test_data / "data" / "clips" / "broken"
    write_file(tmp_path / "good.mp4", moving_square(0, 0))
    lines = [f"good.mp4,a\n{path},b\n" for path in sorted(broken.iterdir())]
    for part in ("train", "validation"):
        (tmp_path / f"{part}.csv").write_text("".join(lines))
    report = prepare("list", tmp_path, check="decode")
    assert report.parts["train"].damaged == 1
    assert report.parts["train"].unreadable == 6
    (row,) = (r for r in rows(default_out(tmp_path) / "damaged.csv") if r[0] == "train")
    assert "frames" in row[3]


def test_windows_are_kept(tmp_path):
    write_file(tmp_path / "v.mp4", moving_square(0, 0, num_frames=24))
    lines = "path,label,start,end\nv.mp4,a,0,1\nv.mp4,b,1,1.5\nv.mp4,b,1.9,\n"
    for part in ("train", "validation"):
        (tmp_path / f"{part}.csv").write_text(lines)
    report = prepare("list", tmp_path, min_frames=3)
    assert tuple(report.parts["train"].frames) == (6, 9, 12)
    assert report.parts["train"].short == 1
    index = load_part(default_out(tmp_path), "train")
    assert [index.window(i) for i in range(2)] == [(0.0, 1.0), (1.0, 1.5)]


def test_both_folders_may_be_moved_together(jester, tmp_path):
    prepare("jester", jester)
    assert load_description(default_out(jester)).root == ".."
    jester.rename(tmp_path / "moved")
    index = load_part(tmp_path / "moved" / "prepared", "train")
    assert index.path(0).is_dir()


def test_another_place_for_the_prepared_set(jester, tmp_path):
    report = prepare("jester", jester, tmp_path / "deep" / "er")
    assert report.out == str(tmp_path / "deep" / "er")
    assert load_part(report.out, "train").path(0).is_dir()
    assert not default_out(jester).exists()


def test_the_official_lists_are_not_written_over(tmp_path):
    root = write_mini("list", tmp_path)
    before = (root / "train.csv").read_bytes()
    with pytest.raises(ValueError, match="out must not be the folder of the official lists, got"):
        prepare("list", root, root)
    assert (root / "train.csv").read_bytes() == before


def test_a_list_file_is_prepared_beside_it(tmp_path):
    root = write_mini("list", tmp_path)
    report = prepare("list", root / "train.csv", validation_fraction=0.34)
    assert Path(report.out) == root / "prepared"
    assert [report.parts[part].usable for part in ("train", "validation")] == [8, 4]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"check": "closely"}, "check must be open, decode or none, got 'closely'"),
        ({"num_workers": -1}, "num_workers must be a whole number of at least 0, got -1"),
        ({"min_frames": 0}, "min_frames must be a whole number of at least 1, got 0"),
        ({"split": 1}, "split is no option of jester"),
        ({"out": __file__}, "out must be a folder that can be written"),
    ],
)
def test_refuses(jester, changes, message):
    with pytest.raises(ValueError, match=message):
        prepare("jester", jester, **changes)


def test_reports_are_written(jester):
    report = prepare("jester", jester)
    out = default_out(jester)
    assert json.loads((out / "report.json").read_text())["parts"]["train"]["official"] == 118562
    text = (out / "report.md").read_text()
    assert text == report.to_markdown()
    assert "train: 12 videos are listed, officially there are 118,562." in text


def test_one_process_per_core_checks_by_default(jester, monkeypatch):
    used = []

    def check_videos(*args, num_workers, **options):
        used.append(num_workers)
        return decode_check.check_videos(*args, num_workers=0, **options)

    monkeypatch.setattr(prepare_module, "check_videos", check_videos)
    monkeypatch.setattr(prepare_module, "usable_cores", lambda: 7)
    prepare_module.prepare("jester", jester)
    assert used == [7]


def test_frame_rates_are_counted_and_mixed_ones_named(tmp_path, make_video):
    for name, rates in (("wave", (10, 10, 30)), ("clap", (10, 60, 30))):
        for number, fps in enumerate(rates):
            make_video(f"data/{name}/{number}.mp4", num_frames=12, fps=fps)
    report = prepare("folder", tmp_path / "data", tmp_path / "out")
    assert report.rates == {10.0: 3, 30.0: 2, 60.0: 1}
    (found,) = [line for line in report.remarks() if line.startswith("Frame rates")]
    assert found == "Frame rates: 10 frames/s (3 videos), 30 frames/s (2), 60 frames/s (1)."
    assert any("Rates are mixed" in line for line in report.remarks())
    again = prepare("folder", tmp_path / "data", tmp_path / "out")  # from the kept findings
    assert again.rates == report.rates
