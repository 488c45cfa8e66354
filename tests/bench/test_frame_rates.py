import importlib.util
import sys
from pathlib import Path

import pytest

from motionlens.clips.video_index import VideoIndex
from motionlens.inference.recognizer import Recognizer
from motionlens.video.file import open_video

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "frame_rates.py"
spec = importlib.util.spec_from_file_location("frame_rates", SCRIPT)
script = importlib.util.module_from_spec(spec)
sys.modules["frame_rates"] = script
spec.loader.exec_module(script)

KINDS = ("slow-pan-left", "fast-pan-up", "fast-zoom-closer", "slow-zoom-away", "still")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """Five of the twenty scenes at every rate: the folder, and the list of them."""
    folder = tmp_path_factory.mktemp("scenes")
    chosen = [(scene, 0) for scene in script.make_scenes() if scene.name in KINDS]
    assert len(chosen) == len(KINDS)
    return folder, script.write_scenes(folder, chosen)


def test_there_are_twenty_scenes_of_every_kind():
    scenes = script.make_scenes()
    assert len({scene.name for scene in scenes}) == 20
    assert {scene.label for scene in scenes} == set(Recognizer.from_pretrained().class_names)


@pytest.mark.slow
def test_videos_have_the_times_that_are_asked_for(scenes):
    folder, entries = scenes
    for rate in (*script.RATES, script.CHANGING):
        with open_video(folder / f"still_{rate}.mp4") as reader:
            assert reader.times_s == pytest.approx(script.frame_times(rate), abs=1e-3)
    assert len(entries) == 6 * len(KINDS)


@pytest.mark.parametrize(
    "command", ["predict", "evaluate", pytest.param("watch", marks=pytest.mark.slow)]
)
@pytest.mark.slow
def test_any_frame_rate_gets_the_same_answer(scenes, command):
    folder, entries = scenes
    answers = script.answers("bundled", folder, entries)
    found = next(rows for name, rows in answers if name == command)
    result = script.compare(entries, found)
    assert result["scenes_with_one_label"] == len(KINDS)
    assert result["largest_difference"] <= script.TOLERANCE
    assert sum(scene["right"] for scene in result["scenes"].values()) == len(entries)


@pytest.mark.slow
def test_strides_did_not(scenes):
    """The fault that clips in seconds mend."""
    folder, entries = scenes
    bundled = Recognizer.from_pretrained()
    index = VideoIndex.of(folder, [e._replace(label="") for e in entries], bundled.class_names)
    report = script.evaluate(bundled, index, frame_stride=3)
    rows = [dict(zip(bundled.class_names, p, strict=True)) for p in report.probabilities.tolist()]
    result = script.compare(entries, rows)
    assert result["largest_difference"] > 0.5
