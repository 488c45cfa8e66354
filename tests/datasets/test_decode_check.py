import multiprocessing

import pytest

from crashing_check import die_of_odd
from mini_datasets import moving_square, write_pictures
from motionlens.datasets import decode_check as checking
from motionlens.datasets.decode_check import (
    Finding,
    Job,
    append_checked,
    check_each,
    check_video,
    open_cache,
    read_checked,
)


def test_good_videos(make_video, frame_folder):
    video = str(make_video(num_frames=12))
    assert check_video(Job(video)) == Finding(12, fps=10.0)
    assert check_video(Job(video, decode=True)) == Finding(12, fps=10.0)
    assert check_video(Job(video, 0.5, None)) == Finding(7, fps=pytest.approx(10.0))
    assert check_video(Job(str(frame_folder), 0.0, 1.0, fps=4.0, decode=True)) == Finding(
        4, fps=4.0
    )


def test_unreadable_videos_have_a_reason_without_their_path(tmp_path):
    path = tmp_path / "x.mp4"
    path.write_text("no video")
    finding = check_video(Job(str(path)))
    assert finding.num_frames == 0
    assert finding.reason.startswith("cannot be read as a video")
    assert check_video(Job(str(tmp_path / "gone"))).reason.startswith("must be a video file")


def test_a_window_outside_the_video(make_video):
    assert "no frame lies between 50 and" in check_video(Job(str(make_video()), 50.0, 60.0)).reason


def test_a_broken_picture_in_the_middle_is_found_by_decoding(tmp_path):
    write_pictures(tmp_path / "v", moving_square(0, 0))
    (tmp_path / "v" / "00005.jpg").write_bytes(b"\xff\xd8 cut short")
    job = Job(str(tmp_path / "v"))
    assert check_video(job) == Finding(8, fps=12.0)
    assert "00005.jpg: cannot be read as a picture" in check_video(job._replace(decode=True)).reason


def test_a_surprise_is_a_reason_too(monkeypatch):
    def surprise(*_, **__):
        raise RuntimeError("oops\nmore")

    monkeypatch.setattr(checking, "open_video", surprise)
    assert check_video(Job("x")) == Finding(0, "RuntimeError: oops more")


def test_real_broken_files(test_data):
    folder = test_data / "data" / "clips" / "broken"
    findings = [check_video(Job(str(path), decode=True)) for path in sorted(folder.iterdir())]
    assert sum(bool(finding.reason) for finding in findings) == 6
    assert sum(finding.num_frames > 0 for finding in findings) == 1


def test_processes_find_the_same(make_video, tmp_path):
    jobs = [Job(str(make_video(f"{n}.mp4", num_frames=n))) for n in range(2, 14)]
    (tmp_path / "5.mp4").write_text("no video")
    alone = dict(check_each(jobs))
    assert dict(check_each(jobs, num_workers=2)) == alone
    assert [i for i, finding in alone.items() if finding.reason] == [3]


@pytest.mark.slow
def test_a_video_that_kills_its_process_is_found_and_the_others_go_on():
    jobs = [Job("x" * n + str(n % 10)) for n in range(1, 30)]
    found = dict(check_each(jobs, num_workers=2, check=die_of_odd))
    assert set(found) == set(range(29))
    crashed = {i for i, finding in found.items() if "crashed" in finding.reason}
    assert crashed == {0, 10, 20}
    assert all(found[i].num_frames == i + 2 for i in range(29) if i not in crashed)


def test_closing_ends_the_processes():
    jobs = [Job(str(i)) for i in range(0, 200, 2)]
    findings = check_each(jobs, num_workers=1, check=die_of_odd)
    # Shares come in the order in which they are ready.
    number, finding = next(findings)
    assert finding == Finding(len(jobs[number].path))
    findings.close()
    assert multiprocessing.active_children() == []


VIDEOS = [
    (("ä/1.mp4", None, None), (10, 2**60), False, Finding(8)),
    (("2.mp4", 0.5, 2.25), (11, 3), True, Finding(0, "empty", "cut short")),
]


@pytest.fixture
def cache(tmp_path):
    with open_cache(tmp_path / "c.jsonl") as file:
        append_checked(file, VIDEOS[0])
    return tmp_path / "c.jsonl"


def test_reads_what_it_wrote(cache):
    with open_cache(cache) as file:
        append_checked(file, VIDEOS[1])
        # At once, not when the file is closed.
        assert list(read_checked(cache)) == VIDEOS


def test_no_file_yet(tmp_path):
    assert list(read_checked(tmp_path / "none")) == []


@pytest.mark.parametrize(
    "rest", [b"[1, [", b"[]\n", b'{"a": 1}\n', b"\xff\xfe\x00", b"[2, 3, 4, 5, 6, 7]\n"]
)
def test_what_makes_no_sense_is_passed_over_and_written_on(cache, rest):
    with cache.open("ab") as file:
        file.write(rest)
    with open_cache(cache) as file:
        append_checked(file, VIDEOS[1])
    assert list(read_checked(cache)) == VIDEOS
