import argparse
import importlib
import inspect
import os
import re
from collections.abc import Callable, Sequence
from typing import Literal, get_args, get_origin, get_type_hints

import pytest

from motion_videos import write_video
from motionlens import pretrained
from motionlens.bench.measuring import bench
from motionlens.cli._arguments import add_options, call, split_run
from motionlens.cli.main import COMMANDS, Parser
from motionlens.datasets.packing import Packing, pack
from motionlens.datasets.prepare import prepare
from motionlens.export.exporting import export_recognizer
from motionlens.export.int8 import export_int8
from motionlens.inference.batch_prediction import predict_videos
from motionlens.inference.calibration import calibrate
from motionlens.inference.conversion import convert
from motionlens.inference.embedding import embed_videos
from motionlens.inference.evaluation import evaluate
from motionlens.inference.explanation_files import explain_videos
from motionlens.inference.recognizer import Recognizer
from motionlens.inference.streaming.events import EventRules
from motionlens.inference.streaming.watch import watch
from motionlens.inference.streaming.windows import WindowStream
from motionlens.reproduce.experiments import reproduce, toy
from motionlens.serving.config import ServingConfig
from motionlens.serving.server import serve
from motionlens.synthetic.motion_suite.writing import write_task


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "clips" / "a.mp4", (0, 1), seed=0)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text("{}")
    write_video(tmp_path / "run" / "validation" / "a.mp4", (0, 1), seed=0)
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no video")
    return tmp_path


@pytest.mark.parametrize(
    "run", ["run", "empty", "nowhere", "net.onnx", "owner/name", "hub:owner/name", pretrained.NAME]
)
def test_what_is_a_recognizer_is_taken_for_one(folder, capsys, run):
    assert split_run(run, ["a.mp4"]) == (run, ["a.mp4"])
    assert split_run(run, []) == (run, [])
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "word", ["clips", "clips/a.mp4", "nowhere.mp4", "rtsp://camera/1", "notes.txt"]
)
def test_what_is_data_leaves_the_recognizer_in_the_box(folder, capsys, word):
    assert split_run(word, ["b.mp4"]) == (pretrained.NAME, [word, "b.mp4"])
    assert capsys.readouterr().err == "motionlens: no run is given; taking the bundled recognizer\n"


def test_nothing_at_all_is_the_recognizer_in_the_box():
    assert split_run(None, []) == (pretrained.NAME, [])


def test_options_may_stand_among_the_words(folder, motionlens_command):
    # Each reaches the recognizer that is not there, or the broken file, and is not misread.
    for words in (
        ["nowhere", "--top", "2", "clips/a.mp4"],
        ["--top=2", "nowhere", "clips/a.mp4", "--json"],
        ["--json", "--top", "2", "--", "nowhere", "clips/a.mp4"],
    ):
        status, _, err = motionlens_command("predict", *words)
        assert (status, err.count("\n")) == (2, 1)
        assert "nowhere does not exist; give a folder" in err
    status, _, err = motionlens_command("predict", "run", "--topp", "2", "clips/a.mp4")
    assert "unknown option --topp, did you mean '--top'?" in err


def work(
    path: str,
    again: int = 1,
    *,
    top: int = 3,
    out: str | os.PathLike[str] | None = None,
    kind: Literal["a", "b"] = "a",
    fast: bool = False,
    names: Sequence[str] = (),
    share: float,
    on_done: Callable[[], None] | None = None,
):
    """Work.

    Args:
        path: the file.
        again: how often.
        top: labels
            per video.
        out: file, such as ``x.csv``, see :class:`motionlens.report.Report`.
        kind: which kind.
        fast: be fast.
        names: some names.
        share: 50 % for example.
        on_done: called at the end.
    """
    return path, again, top, out, kind, fast, names, share


def test_options_are_those_of_the_call():
    parser = argparse.ArgumentParser()
    parser.add_argument("path")
    parser.add_argument("--other")
    add_options(parser, work)
    args = parser.parse_args(["a", "--share", "0.5"])
    assert call(work, args) == ("a", 1, 3, None, "a", False, (), 0.5)
    words = "a --share 1 --top 1 --out f --kind b --fast --names c d --other x"
    args = parser.parse_args(words.split())
    assert call(work, args, out="b") == ("a", 1, 1, "b", "b", True, ["c", "d"], 1.0)
    help = " ".join(parser.format_help().split())
    assert "--top TOP labels per video" in help
    assert "--out PATH file, such as x.csv, see Report" in help
    assert "--kind {a,b} which kind" in help
    assert "--names NAMES [NAMES ...] some names" in help
    assert "--share SHARE 50 % for example" in help
    assert "on_done" not in help
    assert "--again" not in help
    with pytest.raises(SystemExit):
        parser.parse_args(["a"])  # without --share


def test_some_options_with_other_names_and_settings():
    parser = argparse.ArgumentParser()
    add_options(parser, work, "again", "top", prefix="my.", top={"metavar": "N", "default": 7})
    add_options(parser, work, "share", share={"option": "part", "default": 0.1})
    assert vars(parser.parse_args([])) == {"my.again": 1, "my.top": 7, "part": 0.1}
    assert "--my.top N" in parser.format_help()


# The Python calls behind each command.
CALLS = {
    "bench": [bench],
    "calibrate": [calibrate],
    "compare": [],
    "convert": [convert],
    "embed": [embed_videos, Recognizer.from_pretrained],
    "evaluate": [evaluate],
    "explain": [explain_videos],
    "export": [export_recognizer, export_int8],
    "info": [],
    "motion": [write_task],
    "predict": [Recognizer.predict, predict_videos, Recognizer.from_pretrained, EventRules],
    "prepare": [prepare, Packing, pack],
    "reproduce": [reproduce],
    "serve": [serve, ServingConfig],
    "toy": [toy],
    "watch": [watch, WindowStream, EventRules, Recognizer.from_pretrained],
}
# Options with a name of their own.
RENAMED = {"videos": "clips", "start_s": "start", "end_s": "end"}


def parser_of(command):
    parser = Parser()
    importlib.import_module(f"motionlens.cli.{command}").add_arguments(parser)
    return parser


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - {"train"}))
def test_every_option_is_described(command):
    for action in parser_of(command)._actions:
        assert action.help
        assert not re.search(r"`|:\w+:|\.$|\s$", action.help), action.help


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - {"train"}))
def test_every_option_has_the_default_and_the_choices_of_the_call(command):
    options = {action.dest: action for action in parser_of(command)._actions}
    for function in CALLS[command]:
        hints = get_type_hints(function.__init__ if isinstance(function, type) else function)
        for name, parameter in inspect.signature(function).parameters.items():
            if parameter.kind is not parameter.KEYWORD_ONLY:
                continue
            option = options.get(RENAMED.get(name, name))
            if option is None:
                assert name in (
                    "listing",
                    "config",
                    "say",
                    "write_line",
                    "labelling",
                ) or name.startswith("on_")
                continue
            assert option.required == (parameter.default is parameter.empty)
            if name != "decode_threads" and not option.required:
                assert option.default == parameter.default
            if get_origin(hints[name]) is Literal and name != "difficulty":
                assert option.choices == get_args(hints[name])
            if hints[name] in (int, float):
                assert option.type is hints[name]
