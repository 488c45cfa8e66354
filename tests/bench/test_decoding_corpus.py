"""FFmpeg's command line as an independent decoder, on a part of the corpus of the benchmark."""

import importlib.util
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "decoding_corpus.py"
RESULT = Path(__file__).parents[2] / "docs" / "results" / "decoding_corpus.json"


@pytest.fixture(scope="module")
def corpus():
    spec = importlib.util.spec_from_file_location("decoding_corpus", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    sys.modules["decoding_corpus"] = script
    spec.loader.exec_module(script)
    yield script
    del sys.modules["decoding_corpus"]


@pytest.fixture(scope="module")
def ffmpeg():
    found = shutil.which("ffmpeg")
    if found is None:
        if os.environ.get("MOTIONLENS_REQUIRE_FFMPEG") == "1":
            pytest.fail("MOTIONLENS_REQUIRE_FFMPEG=1, but there is no ffmpeg")
        pytest.skip("needs the command ffmpeg: apt-get install ffmpeg")
    return found


def test_the_corpus_is_large_and_its_names_are_distinct(corpus):
    names = [case.name for case in corpus.cases()]
    assert len(set(names)) == len(names) >= 400


def test_pictures_carry_their_numbers(corpus):
    numbers = range(corpus.NUM_FRAMES)
    assert [corpus.number_of(corpus.picture(number)) for number in numbers] == list(numbers)


def test_another_order_or_colour_is_seen(corpus):
    one, other = corpus.picture(3), corpus.picture(4)
    assert corpus.number_of(one) != corpus.number_of(other)
    assert np.abs(one.astype(int) - one[..., ::-1]).mean() > corpus.TOLERANCE


# One of each kind: codec, container, order, rate, colour, cut, rotation, joined.
PARTS = [
    ("libx264", "ts", "open-gop"), ("libx264", "flv", "-bf 2"), ("libx265", "mkv", "bframes=3"),
    ("mpeg4", "avi", "-bf 2"), ("mpeg2video", "mpg", "-g 12 -bf 1"), ("mpeg1video", "mpg", "-bf 1"),
    ("libvpx", "webm", "-auto-alt-ref 1"), ("wmv2", "asf", ""), ("ffv1", "avi", ""),
    ("libx264", "mkv", "yuv444p -colorspace bt709"), ("libx264", "mp4", "-pix_fmt yuv420p10le"),
    ("libx264", "h264", "-bf 2"), ("libtheora", "ogv", "-g 12"),
]  # fmt: skip


def find(corpus, codec, suffix, words):
    return next(
        case
        for case in corpus.cases()
        if case.encode.split()[1] == codec
        and case.name.endswith(f".{suffix}")
        and all(word in case.encode for word in words.split(" -"))
    )


@pytest.mark.parametrize(("codec", "suffix", "words"), PARTS)
def test_frames_are_those_of_ffmpeg(corpus, ffmpeg, tmp_path, codec, suffix, words):
    case = find(corpus, codec, suffix, words)
    found = corpus.check(case, tmp_path, ffmpeg)
    assert found["frames"] == corpus.NUM_FRAMES
    assert found["agrees"], found


@pytest.mark.parametrize(
    "kind", ["-ss 0.7 -t 0.6 -i IN -c copy OUT.mp4", "rotate=90 OUT.mp4", "vfr", "join", "cut"]
)
def test_edited_files_too(corpus, ffmpeg, tmp_path, kind):
    case = next(
        case
        for case in corpus.cases()
        if kind in f"{case.copy} {case.rate} {case.edit}" and not case.name.endswith("mov")
    )
    found = corpus.check(case, tmp_path, ffmpeg)
    assert found["frames"] > 10
    assert found["agrees"], found


def test_the_stored_result_is_of_the_whole_corpus(corpus):
    stored = json.loads(RESULT.read_text())
    made = {(case.name, case.encode) for case in corpus.cases()}
    assert {(row["name"], row["encode"]) for row in stored["files"]} == made
    assert stored["num_agree"] == stored["num_files"] == len(made)
    assert stored["largest_colour_difference"] <= corpus.TOLERANCE
