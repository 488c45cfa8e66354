import gc
import json
import os
import threading
import time
import tracemalloc

import av
import numpy as np
import pytest
import torch

from conftest import write_frames
from motion_videos import CLASSES
from motionlens.clips.sampling import Sampling, sample_indices
from motionlens.inference.card import ModelCard
from motionlens.inference.recognizer import Recognizer
from motionlens.inference.streaming.events import EventRules
from motionlens.models.correspondence import CorrespondenceProposal
from motionlens.video.file import open_video
from motionlens.video.frames import VideoError, VideoWarning

SMALL = {"widths": [4, 8, 8, 8]}
MODELS = {
    "cpnet": ("cpnet_nano", {**SMALL, "modules": {"res3": 1}, "k": 2}),
    "c2d": ("c2d_nano", SMALL),
    "c3d": ("c3d_nano", SMALL),
    "tsm": ("tsm_nano", {"widths": [8, 8, 8, 8]}),
    "toy": ("toy_cpnet", {"widths": [4, 8]}),
}


def recognizer_of(kind="cpnet", **changes):
    model, options = MODELS[kind]
    values = {
        "model": model,
        "options": options,
        "class_names": list(CLASSES),
        "num_frames": 4,
        "frame_stride": 3,
        "size": 16,
        "short_side": 20,
    }
    values = {name: v for name, v in {**values, **changes}.items() if v is not None}
    card = ModelCard.from_json(json.dumps(values))
    torch.manual_seed(0)
    network = card.build()
    for module in network.modules():
        if isinstance(module, CorrespondenceProposal):
            torch.nn.init.ones_(module.projection.norm.weight)  # no longer the identity
    return Recognizer(network, card)


def noise(num_frames, height=24, width=33, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (num_frames, height, width, 3), dtype=np.uint8)


def logits_of(recognizer, clip):
    return recognizer.logits(clip[None])[0]


def check_windows(recognizer, source, *, hop, batch_size=8, stride=3):
    """Every window is what the recognizer sees in these frames of the video alone."""
    found = list(recognizer.stream(source, hop=hop, batch_size=batch_size))
    with open_video(source) as reader:
        frames, times_s = reader.read(range(reader.num_frames)).data, reader.times_s
    span = 3 * stride + 1
    starts = range(0, len(frames) - span + 1, hop * stride)
    assert len(found) == len(starts)
    for window, start in zip(found, starts, strict=True):
        clip = recognizer.load_clip(frames[start : start + span])
        torch.testing.assert_close(window.logits, logits_of(recognizer, clip), rtol=1e-5, atol=1e-5)
        assert window.start_s == pytest.approx(times_s[start], abs=1e-9)
        assert window.end_s == pytest.approx(times_s[start + span - 1], abs=1e-9)
        torch.testing.assert_close(
            window.probabilities, recognizer.card.probabilities(window.logits)
        )
    assert [window.after_gap for window in found] == [True] + [False] * (len(found) - 1)


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("hop", [1, 3, 6])
def test_logits_are_the_recognizers(kind, hop):
    check_windows(recognizer_of(kind), noise(70), hop=hop)


@pytest.mark.parametrize("batch_size", [1, 3, 100])
@pytest.mark.parametrize("kind", ["cpnet", "c3d"])
def test_batches_make_no_difference(kind, batch_size):
    check_windows(recognizer_of(kind), noise(50), hop=2, batch_size=batch_size)


@pytest.fixture(scope="module")
def bundled():
    return Recognizer.from_pretrained()


@pytest.mark.parametrize(
    ("name", "hop", "batch_size"),
    [
        ("clips/torchcodec_nasa_13013.mp4", 1, 1),
        ("clips/torchcodec_nasa_13013.mp4", 2, 8),
        ("realmotion7/videos/224.mp4", 1, 8),  # with near ties
        # Many positions are exactly alike: the frames of a push are those of a window.
        ("clips/torchcodec_testsrc2_vp9.webm", 8, 1),
    ],
)
def test_real_clips_have_the_probabilities_of_prediction(bundled, test_data, name, hop, batch_size):
    path = test_data / "data" / name
    # Its clips last 2 seconds, which are 24 frames of an array, in 8 parts of 3.
    assert bundled.card.sampling == Sampling(8, seconds=2.0)
    step = 3 * hop
    with open_video(path) as reader:
        frames = reader.read(range(min(reader.num_frames, 80))).data
    found = list(bundled.stream(frames, hop=hop, batch_size=batch_size))
    assert len(found) == (len(frames) - 24) // step + 1
    for number, window in enumerate(found):
        start = number * step
        alone = bundled.predict(frames[start : start + 24], top=99)
        values = [window.probabilities[bundled.class_names.index(x)].item() for x in alone.labels]
        assert values == pytest.approx(alone.probabilities, abs=1e-6)


def test_of_a_file_too(make_video):
    path = make_video(frames=noise(60, 46, 34), fps=15, g=7, bf=2)
    check_windows(recognizer_of(), path, hop=1)


def test_an_exported_network(exported):
    recognizer = Recognizer.from_pretrained(exported)
    check_windows(recognizer, noise(40), hop=1, stride=recognizer.card.sampling.frame_stride)


def test_a_recognizer_made_ready_for_inference():
    recognizer, video = recognizer_of(), noise(40)
    # `model` is the network as it was trained; streams run one with folded norms.
    for number, window in enumerate(recognizer.stream(video, hop=1)):
        clip = recognizer.load_clip(video[3 * number : 3 * number + 10])
        with torch.inference_mode():
            expected = recognizer.model(clip[None])[0]
        torch.testing.assert_close(window.logits, expected, rtol=1e-4, atol=1e-4)
    half = Recognizer(recognizer.model, recognizer.card, dtype=torch.bfloat16)
    assert next(iter(half.stream(video))).logits.dtype == torch.float32


def test_several_labels_a_window():
    recognizer = recognizer_of(multi_label=True)
    (window, *_) = recognizer.stream(noise(40))
    torch.testing.assert_close(window.probabilities, window.logits.sigmoid())


def test_frames_with_optical_flow(opencv):
    recognizer = recognizer_of(model="two_stream_nano", options={}, size=32, short_side=32)
    video = noise(40, 32, 40)
    found = list(recognizer.stream(video, hop=2))
    sampling = recognizer.card.sampling
    for number, window in enumerate(found):
        steps = 6 * number + np.arange(4) * 3
        indices = (steps[:, None] + np.arange(-sampling.lead, 1)).clip(0).ravel()
        frames = torch.from_numpy(video[indices]).permute(0, 3, 1, 2)
        expected = logits_of(recognizer, recognizer.card.preprocessing(frames))
        torch.testing.assert_close(window.logits, expected, rtol=1e-5, atol=1e-5)
    assert len(found) == 6


def test_segments_need_a_length_and_are_those_of_a_video_as_long():
    recognizer = recognizer_of(sampling_mode="segments", frame_stride=1)
    video = noise(60)
    with pytest.raises(ValueError, match="window_s must be given"):
        recognizer.stream(video)
    # Arrays have 12 frames per second: 20 frames, 5 a segment.
    found = list(recognizer.stream(video, window_s=20 / 12, hop=1))
    assert len(found) == (60 - 20) // 5 + 1
    for number, window in enumerate(found):
        part = video[5 * number : 5 * number + 20]
        expected = logits_of(recognizer, recognizer.load_clip(part))
        torch.testing.assert_close(window.logits, expected, rtol=1e-5, atol=1e-5)


def test_length_of_a_window_in_seconds():
    # 4 frames in 2 seconds of 12 frames each are 6 apart, in the middles of 4 parts.
    found = list(recognizer_of().stream(noise(60), window_s=2.0, hop=1))
    assert [(w.start_s, w.end_s) for w in found[:2]] == [(0.25, 1.75), (0.75, 2.25)]


def test_a_part_of_the_source(make_video):
    recognizer, video = recognizer_of(), noise(60, 32, 48)
    path = make_video(frames=video, fps=10)
    found = list(recognizer.stream(path, start_s=1.5, end_s=3.5, hop=1))
    with open_video(path, start_s=1.5, end_s=3.5) as reader:
        part = reader.read(range(reader.num_frames)).data
    assert len(found) == (20 - 10) // 3 + 1
    expected = logits_of(recognizer, recognizer.load_clip(part[3:13]))
    torch.testing.assert_close(found[1].logits, expected, rtol=1e-5, atol=1e-5)
    assert found[1].start_s == pytest.approx(1.8)


def test_shorter_than_a_window_repeats_as_in_prediction(make_video):
    recognizer = recognizer_of()
    path = make_video(num_frames=7, fps=10)
    (window,) = recognizer.stream(path)
    expected = logits_of(recognizer, recognizer.load_clip(path))
    torch.testing.assert_close(window.logits, expected, rtol=1e-5, atol=1e-5)
    assert (window.start_s, window.end_s) == (0.0, pytest.approx(0.6))
    with pytest.warns(VideoWarning, match="the video has one frame, which is repeated"):
        assert len(list(recognizer.stream(noise(1)))) == 1
    assert len(sample_indices(7, recognizer.card.sampling)) == 4


def test_broken_sources_raise_after_what_was_there(tmp_path, make_video):
    recognizer = recognizer_of()
    with pytest.raises(VideoError, match="nothing is there"):
        list(recognizer.stream(tmp_path / "nix.mp4"))
    whole = make_video("whole.mp4", num_frames=40, g=4, container={"movflags": "+faststart"})
    short = tmp_path / "short.mp4"
    short.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    with pytest.warns(VideoWarning, match="announces 40 frames but holds"):
        assert list(recognizer.stream(short))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hop": 0}, "hop must be a whole number of at least 1, got 0"),
        ({"hop": 1.5}, "hop must be a whole number"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1, got 0"),
        ({"window_s": 0.0}, "window_s must be above 0 and below inf, got 0.0"),
    ],
)
def test_options_are_checked_before_anything_is_read(options, message):
    with pytest.raises(ValueError, match=message):
        recognizer_of().stream("nix.mp4", **options)


def test_events_are_those_of_the_windows():
    recognizer, video = recognizer_of(), noise(60)
    rules = EventRules(on=0.34, off=0.33, smoothing="none")
    found = list(recognizer.events(video, rules=rules, hop=1))
    rows = torch.stack([w.probabilities for w in recognizer.stream(video, hop=1)])
    assert {event.label for event in found} == {
        recognizer.class_names[i] for i in torch.where((rows >= 0.34).any(0))[0]
    }
    with pytest.raises(ValueError, match="background must be labels"):
        recognizer.events(video, rules=EventRules(background=("nix",)))


def test_ends_when_told_to_and_when_left():
    before = threading.active_count()
    stream = recognizer_of().stream(noise(4000), hop=1)
    number = 0
    for _ in stream:
        number += 1
        if number == 5:
            stream.stop()
    assert 5 <= number <= 5 + 8
    assert stream.feed.dropped == 0
    for _ in recognizer_of().stream(noise(4000), hop=1):
        break
    deadline = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before


class Slow(torch.nn.Module):
    """Takes its time for every clip."""

    def __init__(self, model, seconds):
        super().__init__()
        self.model, self.seconds = model, seconds

    def forward(self, clips):
        time.sleep(self.seconds)
        return self.model(clips)


def test_a_live_source_drops_frames_for_a_slow_network():
    plain = recognizer_of("c3d", frame_stride=1)
    slow = Recognizer(Slow(plain.model, 0.15), plain.card)
    video = noise(40)  # of 3.3 s
    stream = slow.stream(video, hop=1, real_time=True, batch_size=1)
    found = list(stream)
    assert stream.feed.seen == 40
    assert 0 < stream.feed.dropped < 40
    assert any(window.after_gap for window in found[1:])
    # What is not dropped is exact: no window has a gap inside.
    for window in found:
        start = round(12 * window.start_s)
        assert window.end_s - window.start_s == pytest.approx(3 / 12)
        expected = logits_of(plain, plain.load_clip(video[start : start + 4]))
        torch.testing.assert_close(window.logits, expected, rtol=1e-5, atol=1e-5)


def test_a_live_source_loses_nothing_for_a_fast_network(make_video):
    path = make_video(frames=noise(30, 32, 48), fps=20)
    recognizer = recognizer_of(frame_stride=1)
    began = time.monotonic()
    # So many frames may wait that none is dropped on a machine with other things to do.
    stream = recognizer.stream(path, hop=1, real_time=True, batch_size=64)
    live = torch.stack([window.logits for window in stream])
    assert time.monotonic() - began >= 29 / 20  # it did play in real time
    assert stream.feed.dropped == 0
    at_once = torch.stack([window.logits for window in recognizer.stream(path, hop=1)])
    torch.testing.assert_close(live, at_once, rtol=1e-5, atol=1e-5)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_that_breaks_gives_what_came(tmp_path, make_video):
    pipe = tmp_path / "pipe"
    video = make_video("a.ts", frames=noise(60, 32, 48), g=5)
    content = video.read_bytes()

    def windows_of(part):
        if pipe.exists():
            pipe.unlink()
        os.mkfifo(pipe)
        writer = threading.Thread(target=lambda: pipe.write_bytes(part))
        writer.start()
        try:
            return list(recognizer_of().stream(pipe, hop=1))
        finally:
            writer.join()

    whole = windows_of(content)
    assert len(whole) == (60 - 10) // 3 + 1
    half = windows_of(content[: len(content) // 2])
    assert 0 < len(half) < len(whole)
    torch.testing.assert_close(half[0].logits, whole[0].logits)
    few = make_video("few.ts", frames=noise(5, 32, 48)).read_bytes()
    with pytest.raises(
        VideoError, match="ended before a window was full; one takes 4 frames with stride 3"
    ):
        windows_of(few)


def tensor_bytes():
    """Bytes in all tensors that have come to be since the last freeze."""
    gc.collect()
    kinds = (torch.Tensor, torch.nn.Parameter)  # no others, which exports leave behind
    storages = [item.untyped_storage() for item in gc.get_objects() if type(item) in kinds]
    return sum({storage._cdata: storage.nbytes() for storage in storages}.values())


def growth(windows):
    """By how much memory grows from window 200 to 1000, bytes: Python's and NumPy's, tensors'."""
    gc.collect()
    gc.freeze()  # what was there before is of no interest, and long to look through
    tracemalloc.start()
    try:
        peaks, tensors = [], []
        for number, _ in enumerate(windows):
            if number in (100, 200, 900, 1000):
                peaks.append(tracemalloc.get_traced_memory()[1])
                tensors.append(tensor_bytes())
            if number % 100 == 0:
                tracemalloc.reset_peak()
        return max(peaks[2:]) - max(peaks[:2]), max(tensors[2:]) - max(tensors[:2])
    finally:
        tracemalloc.stop()
        gc.unfreeze()


@pytest.fixture(scope="module")
def long_video(tmp_path_factory):
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    return write_frames(path, np.zeros((2100, 16, 16, 3), np.uint8), fps=25, preset="ultrafast")


# torch itself keeps 60 bytes now and then, which Python's count shows: 9000 to 20000 in these 800
# windows. A window's frame of 16x16 pixels, kept in each, would be 600000.
SMALL_GROWTH = 60_000


@pytest.mark.parametrize("kind", ["c2d", "c3d"])
def test_memory_does_not_grow_with_the_video(long_video, kind):
    recognizer = recognizer_of(kind, frame_stride=1)
    python, tensors = growth(recognizer.stream(long_video, hop=2))
    assert python < SMALL_GROWTH
    assert tensors < 50_000  # as many frames may wait as is room for: 14 kB


def test_memory_that_grows_would_be_seen(long_video):
    kept = []
    windows = recognizer_of("c2d", frame_stride=1).stream(long_video, hop=2)
    python, tensors = growth(kept.append((w, torch.zeros(100))) or w for w in windows)
    assert python > 4 * SMALL_GROWTH
    assert tensors > 200_000


@pytest.mark.parametrize("fps", [5, 12, 30, 120])
def test_a_file_as_long_as_a_clip_is_one_window_with_the_clip_of_prediction(make_video, fps):
    recognizer = recognizer_of(seconds=1.0, frame_stride=None)
    path = make_video(frames=noise(fps, 32, 48), fps=fps)
    (window,) = recognizer.stream(path)
    expected = logits_of(recognizer, recognizer.load_clip(path))
    torch.testing.assert_close(window.logits, expected, rtol=1e-5, atol=1e-5)
    assert (window.start_s + window.end_s) / 2 == pytest.approx(0.5, abs=0.6 / fps)


@pytest.mark.parametrize("changes", [{}, {"seconds": 0.4, "frame_stride": None}])
def test_no_window_goes_across_a_gap_in_the_time_stamps(tmp_path, changes):
    recognizer, video = recognizer_of(**changes), noise(60, 32, 48)
    path = tmp_path / "gap.mkv"
    stamps = [*range(30), *range(155, 185)]  # 25 frames a second, 5 seconds are missing
    write_stamped(path, video, stamps)
    found = list(recognizer.stream(path, hop=1))
    assert {window.end_s < 1.2 or window.start_s >= 6.2 for window in found} == {True}
    assert [w.after_gap for w in found].count(True) == 2
    (anew,) = [w for w in found if w.after_gap and w.start_s > 1]
    same = next(iter(recognizer.stream(path, hop=1, start_s=6.2)))
    torch.testing.assert_close(anew.logits, same.logits, rtol=1e-5, atol=1e-5)
    assert len(found) > 10


def write_stamped(path, frames, stamps):
    """A video at 25 frames a second of which frames are missing."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for picture, stamp in zip(frames, stamps, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = stamp
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
