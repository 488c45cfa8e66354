import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace

import av
import numpy as np
import pytest
import torch
from PIL import Image

from conftest import write_frames
from motion_videos import CLASSES
from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.inference.card import ModelCard
from motionlens.inference.recognizer import Recognizer
from motionlens.inference.streaming.events import EventRules
from motionlens.models.correspondence import CorrespondenceProposal

FIFO = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
CLASS_A = next(iter(CLASSES))
LIVE = "lavfi://testsrc2=size=48x32:rate=25,realtime"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A network of 4 frames, 2 apart, that is sure of what it says of anything."""
    card = ModelCard(
        model="cpnet_nano",
        options={"widths": [4, 8, 8, 8], "modules": {"res3": 1}, "k": 2},
        class_names=tuple(CLASSES),
        sampling=Sampling(4, 2),
        preprocessing=Preprocessing(16, 16),
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = card.build()
        for module in model.modules():
            if isinstance(module, CorrespondenceProposal):
                torch.nn.init.ones_(module.projection.norm.weight)
        torch.nn.init.normal_(model.fc.weight, std=30.0)
    folder = tmp_path_factory.mktemp("run")
    Recognizer(model, card).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def several(run, tmp_path_factory):
    """The same for several labels per video, which have thresholds of their own."""
    found = Recognizer.from_pretrained(run)
    card = replace(found.card, multi_label=True, thresholds=(0.0, 1.0, 1.0))
    # Every probability is 0.5.
    torch.nn.init.zeros_(found.model.fc.weight)
    torch.nn.init.zeros_(found.model.fc.bias)
    folder = tmp_path_factory.mktemp("several")
    Recognizer(found.model, card).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("command", [("watch",), ("predict", "--stream")])
def test_several_labels_are_shown_from_their_own_thresholds_on(
    motionlens_command, several, video, command
):
    status, out, _ = motionlens_command(*command, several, video, "--windows")
    lines = [json.loads(line) for line in out.splitlines()]
    events = [line for line in lines if line["type"] == "event"]
    assert status == 0
    assert [(event["label"], event["confidence"]) for event in events] == [(CLASS_A, 0.5)]
    above = {each["label"]: each["above"] for each in lines[0]["predictions"]}
    assert above == {CLASS_A: True, **dict.fromkeys(list(CLASSES)[1:], False)}
    # An option holds for all.
    _, out, _ = motionlens_command(*command, several, video, "--on", 0.4, "--off", 0.4)
    assert {json.loads(line)["label"] for line in out.splitlines()} == set(CLASSES)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Noise of 6 seconds, light and dark in turns."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 120, (60, 32, 48, 3), dtype=np.uint8)
    frames[20:40] += 130
    return write_frames(tmp_path_factory.mktemp("video") / "a.mp4", frames)


def lines(out):
    return [json.loads(line) for line in out.splitlines()]


def expected_events(run, video, **options):
    found = Recognizer.from_pretrained(run).events(str(video), **options)
    return [(event.label, round(event.start_s, 3), round(event.end_s, 3)) for event in found]


def told(out):
    events = [line for line in lines(out) if line["type"] == "event"]
    return [(event["label"], event["start_s"], event["end_s"]) for event in events]


def test_events_of_a_file(run, video, motionlens_command):
    status, out, err = motionlens_command("watch", run, video, "--smoothing_s", 0.05)
    assert status == 0
    assert told(out) == expected_events(run, video, rules=EventRules(smoothing_s=0.05))
    assert len(told(out)) >= 2
    assert all(line["path"] == str(video) for line in lines(out))
    assert err.splitlines() == [
        f"motionlens: {video}: 27 windows, {len(told(out))} events in 5.9 s"
    ]


def test_lines_of_windows(run, video, motionlens_command):
    _, out, _ = motionlens_command("watch", run, video, "--windows", "--hop", 3, "--top", 2)
    windows = [line for line in lines(out) if line["type"] == "window"]
    assert len(windows) == 9
    assert [len(line["predictions"]) for line in windows] == [2] * 9
    first = next(iter(Recognizer.from_pretrained(run).stream(str(video), hop=3)))
    best = windows[0]["predictions"][0]["probability"]
    assert best == pytest.approx(float(first.probabilities.max()), abs=1e-4)


def test_options_reach_the_rules(run, video, motionlens_command):
    plain = told(motionlens_command("watch", run, video, "--smoothing", "none", "--hop", "1")[1])
    labels = {label for label, _, _ in plain}
    assert len(labels) >= 2
    quiet = sorted(labels)[0]
    _, out, _ = motionlens_command(
        "watch", run, video, "--smoothing", "none", "--background", quiet
    )
    assert {label for label, _, _ in told(out)} == labels - {quiet}
    _, out, _ = motionlens_command("watch", run, video, "--min-duration-s", "100")
    assert out == ""
    _, out, _ = motionlens_command("watch", run, video, "--start", "2", "--end", "4")
    assert told(out) == expected_events(run, video, start_s=2.0, end_s=4.0)
    assert all(2 <= start and end <= 4 for _, start, end in told(out))


def test_subtitles_and_timeline(run, video, tmp_path, motionlens_command):
    srt, picture = tmp_path / "new" / "a.srt", tmp_path / "a.png"
    status, out, _ = motionlens_command("watch", run, video, "--srt", srt, "--timeline", picture)
    assert status == 0
    assert srt.read_text().count(" --> ") == len(told(out))
    with Image.open(picture) as image:
        assert image.width > 800


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], r"one source must be given: motionlens watch \[RUN\] FILE, an address in FILE's"),
        (["{run}"], r"one source must be given: motionlens watch \[RUN\] FILE"),
        (["{run}", "{video}", "--camera", "0"], "one source must be given"),
        (["{run}", "nix.mp4"], "nix.mp4: must be a video file or a folder of pictures, nothing"),
        (["{run}", "{video}", "--on", "0.2"], "thresholds must be 0 < off <= on <= 1"),
        (["{run}", "{video}", "--hop", "0"], "hop must be a whole number of at least 1, got 0"),
        (["{run}", "{video}", "--background", "statik"], "did you mean 'static'?"),
        (["{run}", "{video}", "--top", "0"], "top must be a whole number of at least 1, got 0"),
        (["{run}", "{video}", "--srt", "a.png", "--timeline", "./a.png"], "must be two files"),
        (["{run}", "{video}", "--background", "static", "statik"], "did you mean 'static'?"),
        (["{run}", "{video}", "--timeline", "a.gif"], "timeline must end in one of .png"),
        (["{run}", "{video}", "--srt", "{video}"], "srt must be another file than the video"),
        (["{run}", "{video}", "--srt", "{run}"], "srt must be a file, .* is a folder"),
        (["{run}", "{video}", "--start", "5", "--end", "4"], "must be seconds with 0 <= start"),
        (["{run}", "{video}", "--start", "9"], "no frame lies at or after 9 s"),
        (["{run}", "tcp://127.0.0.1:9/x"], "check the address, and that it sends"),
    ],
)
def test_mistakes_are_told_in_one_line(run, video, arguments, message, motionlens_command):
    before = video.read_bytes()
    words = [word.format(run=run, video=video) for word in arguments]
    status, out, err = motionlens_command("watch", *words)
    assert (status, out) == (2, "")
    (line,) = err.splitlines()
    assert re.search(message, line)
    assert video.read_bytes() == before


@pytest.fixture
def signal_at_window(monkeypatch):
    """``signal_at_window(2, signal.SIGINT)``: this process gets it when it prints that line."""

    def arrange(number, kind):
        from motionlens.inference.streaming import watch

        told = []
        plain = watch.window_line

        def window_line(*arguments):
            told.append(arguments)
            if len(told) == number:
                signal.raise_signal(kind)
            return plain(*arguments)

        monkeypatch.setattr(watch, "window_line", window_line)

    return arrange


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("source", "statuses"), [(LIVE, (0, 0)), ("{video}", (130, 143))], ids=["live", "file"]
)
def test_ends_cleanly_when_told_to(
    run, video, source, statuses, kind, tmp_path, signal_at_window, motionlens_command
):
    if source == LIVE and "lavfi" not in av.formats_available:
        pytest.skip("FFmpeg without lavfi")
    before = signal.getsignal(kind)
    signal_at_window(3, kind)
    srt = tmp_path / "a.srt"
    options = ["--windows", "--on", 0.2, "--off", 0.1, "--srt", srt, "--batch_size", 1]
    status, out, err = motionlens_command("watch", run, source.format(video=video), *options)
    assert status == statuses[kind == signal.SIGTERM]
    found = lines(out)
    assert 3 <= sum(line["type"] == "window" for line in found) <= 4
    assert found[-1]["type"] == "event"  # what was going on
    assert srt.read_text().startswith("1\n00:00:00,000 --> ")
    assert len(err.splitlines()) == 1
    assert signal.getsignal(kind) == before


def test_a_second_signal_does_not_wait(run, video, monkeypatch, motionlens_command):
    from motionlens.inference.streaming import watch

    monkeypatch.setattr(watch, "window_line", lambda *_: signal.raise_signal(signal.SIGINT))
    status, _, err = motionlens_command("watch", run, video, "--windows")
    assert status == 130
    assert "motionlens: interrupted" in err


@pytest.mark.slow
@pytest.mark.skipif("lavfi" not in av.formats_available, reason="FFmpeg without lavfi")
def test_lines_come_while_it_runs(run):
    process = subprocess.Popen(
        [sys.executable, "-m", "motionlens", "watch", str(run), LIVE, "--windows"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    seen = [process.stdout.readline() for _ in range(3)]
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert [line["type"] for line in lines("".join(seen))].count("window") >= 2
    assert "Traceback" not in err
    lines(out)  # whole lines to the end


@FIFO
def test_a_pipe_that_breaks_off(run, video, tmp_path, motionlens_command):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with av.open(str(video)) as source:
        whole = write_frames(
            tmp_path / "a.ts", np.stack([f.to_ndarray(format="rgb24") for f in source.decode(0)])
        ).read_bytes()
    writer = threading.Thread(target=lambda: pipe.write_bytes(whole[: len(whole) * 2 // 3]))
    writer.start()
    status, out, err = motionlens_command("watch", run, pipe)
    writer.join()
    assert status == 0
    assert told(out)
    assert f"motionlens: {pipe}: " in err


def test_a_source_that_breaks_in_the_middle_gives_what_was_found(run, tmp_path, motionlens_command):
    for number in range(40):
        picture = np.full((32, 48, 3), 5 * number, np.uint8)
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
    (tmp_path / "30.png").write_text("no picture")
    srt = tmp_path / "a.srt"
    status, out, err = motionlens_command("watch", run, tmp_path, "--srt", srt, "--on", 0.4)
    assert status == 2
    assert told(out)
    assert told(out)[-1][2] <= 29 / 12
    (line,) = err.splitlines()
    assert "30.png: cannot be read as a picture" in line
    assert srt.read_text().count(" --> ") == len(told(out))


@pytest.mark.slow
def test_a_slow_network_drops_frames_and_says_so(run, video, monkeypatch, motionlens_command):
    from motionlens.models.frame_stream import FrameStream

    push = FrameStream.push

    def slow(stream, frames):
        time.sleep(0.6)
        return push(stream, frames)

    monkeypatch.setattr(FrameStream, "push", slow)
    status, _, err = motionlens_command(
        "watch", run, video, "--real_time", "--batch_size", 1, "--end", 2
    )
    assert status == 0
    assert "of 10 frames dropped because the network was too slow: raise --hop" in err


def test_a_stream_over_http(run, video, motionlens_command):
    import functools
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=video.parent)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://u:secret@127.0.0.1:{server.server_port}/{video.name}"
        status, out, err = motionlens_command("watch", run, address)
        server.shutdown()
    assert status == 0
    assert told(out) == expected_events(run, video)
    assert "secret" not in out + err
    assert "u:***@127.0.0.1" in out


def test_a_live_stream_over_the_network(run, video, tmp_path, motionlens_command):
    with av.open(str(video)) as source:
        frames = np.stack([frame.to_ndarray(format="rgb24") for frame in source.decode(0)])
    content = write_frames(tmp_path / "a.ts", frames).read_bytes()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def send():
            connection, _ = server.accept()
            with connection:
                connection.sendall(content)

        sender = threading.Thread(target=send)
        sender.start()
        # So many frames may wait that none is dropped, as fast as they come.
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        status, out, err = motionlens_command("watch", run, address, "--batch_size", 64)
        sender.join()
    assert status == 0
    assert told(out) == expected_events(run, tmp_path / "a.ts")
    assert "27 windows" in err
    assert "dropped" not in err


class TestPredict:
    def test_several_files_one_after_another(self, run, video, tmp_path, motionlens_command):
        broken = tmp_path / "broken.mp4"
        broken.write_text("no video")
        status, out, err = motionlens_command("predict", run, "--stream", video, broken, video)
        assert status == 1
        assert told(out) == 2 * expected_events(run, video)
        assert f"motionlens: error: {broken}: cannot be read as a video" in err
        assert motionlens_command("predict", run, broken, "--stream")[0] == 2

    def test_files_are_of_one_video(self, run, video, tmp_path, motionlens_command):
        srt = tmp_path / "a.srt"
        status, _, err = motionlens_command("predict", run, video, video, "--stream", "--srt", srt)
        assert status == 2
        assert "srt is of one video, got 2; name one at a time" in err
        assert not srt.exists()
        status, out, _ = motionlens_command("predict", run, video, "--stream", "--srt", srt)
        assert status == 0
        assert srt.read_text().count(" --> ") == len(told(out))

    def test_options_of_streams_are_for_streams(self, run, video, motionlens_command):
        status, _, err = motionlens_command("predict", run, video, "--hop", "2")
        assert status == 2
        assert "--hop is for --stream; add that, or leave it out" in err
