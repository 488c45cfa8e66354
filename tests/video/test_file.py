import gc
import os
import re
import warnings
import weakref
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from motionlens.video import orientation
from motionlens.video.file import open_video
from motionlens.video.frames import VideoError, VideoWarning
from motionlens.video.source import open_source

# name: frames that can be shown, height, width, frames per second
REAL_CLIPS = {
    "mmaction2_6fps_h264.mp4": (57, 256, 340, 6.0),
    "mmaction2_demo_h264.mp4": (280, 256, 340, 28.0),
    "mmaction2_test_h264.mp4": (300, 256, 340, 30.0),
    "mmaction2_test_xvid.avi": (164, 240, 320, 25.0),
    "torchcodec_animated.gif": (4, 48, 64, 10.0),
    "torchcodec_av1_video.mkv": (125, 360, 640, 25.0),
    "torchcodec_bt601_full_range.mp4": (60, 240, 320, 30.0),
    "torchcodec_bt601_limited_range.mp4": (60, 240, 320, 30.0),
    "torchcodec_discard_first_keyframe.mp4": (25, 64, 64, 25.0),  # announces 30
    "torchcodec_h264_10bits.mp4": (30, 200, 200, 30.0),
    "torchcodec_h265_video.mp4": (10, 128, 128, 10.0),
    "torchcodec_nasa_13013.mp4": (325, 180, 320, 25.0),
    "torchcodec_nasa_13013_rotated.mp4": (17, 480, 270, 29.97),
    "torchcodec_sine_stereo_mp2.mpg": (100, 128, 128, 25.0),
    "torchcodec_test_non_zero_start.mp4": (12, 112, 200, 30.0),
    "torchcodec_testsrc2_mpeg4.avi": (30, 720, 1280, 30.0),
    "torchcodec_testsrc2_mpeg4.mp4": (1, 64, 64, 25.0),
    "torchcodec_testsrc2_odd_height_and_width_mpeg2.mp4": (10, 81, 121, 25.0),
    "torchcodec_testsrc2_odd_height_and_width_vp9.mp4": (25, 241, 321, 25.0),
    "torchcodec_testsrc2_vp8.webm": (30, 720, 1280, 30.0),
    "torchcodec_testsrc2_vp9.webm": (30, 720, 1280, 30.0),
}

BROKEN_CLIPS = {
    "audio_only_named.mp4": "has no video stream",
    "lfs_pointer.mp4": "is a Git LFS pointer, not the video; run `git lfs pull`",
    "no_header.mp4": "cannot be read as a video",
    "text.mp4": "cannot be read as a video",
    "truncated.mp4": "cannot be read as a video",
    "zero_bytes.mp4": r"is empty \(0 bytes\)",
}


def decode_all(path: Path) -> list[np.ndarray]:
    """Oracle: every frame that comes out, in order, from the beginning, without seeking."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def channels_last(data: torch.Tensor) -> np.ndarray:
    return data.permute(0, 2, 3, 1).numpy()


class TestRealClips:
    def test_none_is_left_out(self, clips):
        files = {path.name for path in clips.iterdir() if path.is_file()}
        assert files == set(REAL_CLIPS)
        assert {path.name for path in (clips / "broken").iterdir()} == {
            *BROKEN_CLIPS,
            "truncated.avi",
        }

    @pytest.mark.parametrize("name", REAL_CLIPS)
    def test_facts(self, clips, name):
        with open_video(clips / name) as reader:
            facts = (reader.num_frames, reader.height, reader.width, round(reader.fps, 2))
            assert facts == REAL_CLIPS[name]
            assert reader.times_s[0] == 0
            assert (np.diff(reader.times_s) > 0).all()
            # All of these have a constant rate, up to the container's rounding.
            wanted = np.arange(reader.num_frames) / reader.fps
            assert reader.times_s == pytest.approx(wanted, abs=0.002)

    @pytest.mark.parametrize("name", REAL_CLIPS)
    def test_any_frame_by_seeking_is_the_frame_decoded_in_turn(self, clips, name):
        wanted = decode_all(clips / name)
        assert len(wanted) == REAL_CLIPS[name][0]
        if "rotated" in name:
            wanted = [np.rot90(picture) for picture in wanted]
        rng = np.random.default_rng(0)
        n = len(wanted)
        choices: list[Sequence[int]] = [[n - 1], [n // 2], rng.integers(0, n, 4), [0, n - 1]]
        with open_video(clips / name) as reader:
            for indices in choices:
                data = channels_last(reader.read(indices).data)
                for picture, index in zip(data, indices, strict=True):
                    np.testing.assert_array_equal(picture, wanted[index])

    def test_frames_of_the_reordered_avi_are_in_order_of_motion(self, clips):
        # Its packets' times are a wrong guess; sorted by them, frames jump back and forth.
        with open_video(clips / "mmaction2_test_xvid.avi") as reader:
            data = reader.read(range(60)).data.float()
        one_apart = (data[1:] - data[:-1]).abs().mean()
        two_apart = (data[2:] - data[:-2]).abs().mean()
        assert one_apart < 0.8 * two_apart

    def test_rotation(self, clips):
        # The stored picture is upright, the display matrix turns it a quarter to the left.
        with open_video(clips / "torchcodec_nasa_13013_rotated.mp4") as reader:
            assert reader.read([0]).data.shape == (1, 3, 480, 270)

    def test_ten_bits_become_eight(self, clips):
        with open_video(clips / "torchcodec_h264_10bits.mp4") as reader:
            picture = channels_last(reader.read([0]).data)[0]
        assert picture[100, 15] == pytest.approx([255, 0, 0], abs=4)  # the test picture's red bar
        assert picture[100, 50] == pytest.approx([0, 255, 0], abs=4)

    def test_silence(self, clips, capfd):
        for name in BROKEN_CLIPS:
            with pytest.raises(VideoError):
                open_video(clips / "broken" / name)
        assert capfd.readouterr().err == ""


class TestColours:
    @staticmethod
    def by_hand(frame: av.VideoFrame, red: float, blue: float, full: bool) -> np.ndarray:
        """RGB of a 4:2:0 frame by the standard's equations, colour repeated over 2x2 pixels."""
        h, w = frame.height, frame.width
        planes = frame.to_ndarray().astype(float).ravel()
        luma = planes[: h * w].reshape(h, w)
        u, v = planes[h * w :].reshape(2, h // 2, w // 2).repeat(2, axis=1).repeat(2, axis=2) - 128
        y, u, v = (luma / 255, u / 255, v / 255) if full else ((luma - 16) / 219, u / 224, v / 224)
        r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
        g = (y - red * r - blue * b) / (1 - red - blue)
        return (np.stack([r, g, b], axis=-1) * 255).clip(0, 255)

    @pytest.mark.parametrize(
        ("name", "red", "blue", "full"),
        [
            ("torchcodec_bt601_full_range.mp4", 0.299, 0.114, True),
            ("torchcodec_bt601_limited_range.mp4", 0.299, 0.114, False),
            ("torchcodec_av1_video.mkv", 0.2126, 0.0722, False),  # declares bt709
            ("torchcodec_testsrc2_vp8.webm", 0.299, 0.114, False),
        ],
    )
    def test_matrix_and_range_are_those_declared(self, clips, name, red, blue, full):
        with av.open(str(clips / name)) as container:
            wanted = self.by_hand(next(container.decode(video=0)), red, blue, full)
        with open_video(clips / name) as reader:
            picture = channels_last(reader.read([0]).data)[0].astype(float)
        assert np.abs(picture - wanted).mean() < 1  # the other matrix or range: 5 and more

    def test_full_and_limited_range_look_alike(self, clips):
        pictures = []
        for kind in ("full", "limited"):
            with open_video(clips / f"torchcodec_bt601_{kind}_range.mp4") as reader:
                pictures.append(reader.read([10]).data.float())
        # The full-range file is paler: it declares a range that its encoder did not use.
        for one, other in ((0, 1), (1, 0)):
            assert np.corrcoef(pictures[one].ravel(), pictures[other].ravel())[0, 1] > 0.98
        assert (pictures[0].mean() - pictures[1].mean()).abs() < 4


class TestBroken:
    @pytest.mark.parametrize(("name", "message"), BROKEN_CLIPS.items())
    def test_says_what_is_wrong(self, clips, name, message):
        with pytest.raises(VideoError, match=message) as caught:
            open_video(clips / "broken" / name)
        assert str(caught.value).startswith(str(clips / "broken" / name))
        assert "\n" not in str(caught.value)

    def test_file_cut_short_is_read_with_a_warning(self, clips):
        path = clips / "broken" / "truncated.avi"
        with pytest.warns(VideoWarning, match=r"announces 164 frames but holds 50, which are used"):
            reader = open_video(path)
        with reader:
            assert len(reader.read(range(reader.num_frames))) == 50

    def test_mp4_cut_short_behind_its_head(self, make_video):
        noise = np.random.default_rng(0).integers(0, 256, (40, 32, 48, 3), dtype=np.uint8)
        path = make_video(frames=noise, container={"movflags": "faststart"}, bf=0)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.warns(VideoWarning, match=r"announces 40 frames but holds (1\d|20), which"):
            reader = open_video(path)
        with reader:
            frames = reader.read(range(reader.num_frames))
        assert frames.times_s[-1] == pytest.approx((reader.num_frames - 1) / 10)

    def test_damage_in_the_middle_repeats_the_frame_before(self, make_video, numbers_of):
        path = make_video("a.avi", codec="mjpeg", pix_fmt="yuvj420p", num_frames=6)
        with av.open(str(path)) as container:
            sizes = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
        content = bytearray(path.read_bytes())
        position, size = sizes[3]
        content[position : position + size] = bytes(size)
        path.write_bytes(content)
        with open_video(path) as reader:
            with pytest.warns(VideoWarning, match="1 of 3 frames asked for cannot be decoded"):
                frames = reader.read([2, 3, 4])
            assert numbers_of(frames.data) == [2, 2, 4]
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # said once, not at every read
                assert numbers_of(reader.read([3]).data) == [2]

    def test_only_damage(self, make_video):
        path = make_video("a.avi", codec="mjpeg", pix_fmt="yuvj420p", num_frames=2)
        with av.open(str(path)) as container:
            sizes = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
        content = bytearray(path.read_bytes())
        for position, size in sizes:
            content[position : position + size] = bytes(size)
        path.write_bytes(content)
        with pytest.raises(VideoError, match="holds no frame that can be decoded"):
            open_video(path)

    def test_stream_without_packets(self, tmp_path):
        path = tmp_path / "none.mkv"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=10)
            stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
            container.start_encoding()
        with pytest.raises(VideoError, match=r"none\.mkv: (holds no frame|cannot be read)"):
            open_video(path)

    def test_missing(self, tmp_path):
        with pytest.raises(VideoError, match=r"gone\.mp4: must be a video .* nothing is there"):
            open_video(tmp_path / "gone.mp4")

    def test_neither_file_nor_folder(self):
        with pytest.raises(VideoError, match="must be a file or a folder, it is neither"):
            open_video("/dev/null")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_not_allowed(self, make_video):
        path = make_video()
        path.chmod(0)
        with pytest.raises(VideoError, match="cannot be read"):
            open_video(path)


class TestGenerated:
    @pytest.mark.parametrize(
        ("name", "options"),
        [
            ("a.mp4", {"bf": 3, "g": 5}),
            ("a.mp4", {"bf": 0, "g": 1}),
            ("a.mkv", {"bf": 2, "g": 6, "x264-params": "open-gop=1:scenecut=0"}),
            ("a.ts", {"bf": 2, "g": 6}),
            ("a.avi", {"codec": "mpeg4", "bf": 2, "g": 6, "b": "4M", "qmax": 2}),
            ("a.avi", {"codec": "mjpeg", "pix_fmt": "yuvj420p"}),
            ("a.webm", {"codec": "libvpx", "auto-alt-ref": 1, "lag-in-frames": 10, "g": 20}),
            ("a.mp4", {"container": {"movflags": "frag_keyframe+empty_moov"}, "g": 5}),
            ("a.gif", {"codec": "gif", "pix_fmt": "rgb8"}),
        ],
    )
    def test_every_frame_in_any_order(self, make_video, numbers_of, name, options):
        n = 30
        with open_video(make_video(name, num_frames=n, **options)) as reader:
            assert reader.num_frames == n
            if "gif" in name:
                return  # its palette of 256 colours does not tell the greys apart
            assert numbers_of(reader.read(range(n)).data) == list(range(n))
            for indices in ([n - 1], [17], [16, 18], [3, 29, 3, 11], [0], [12, 13]):
                assert numbers_of(reader.read(indices).data) == indices

    def test_window(self, make_video, numbers_of):
        path = make_video(num_frames=30, g=5)
        with open_video(path, start_s=1.0, end_s=2.0) as reader:
            assert reader.num_frames == 10
            frames = reader.read([0, 9])
        assert numbers_of(frames.data) == [10, 19]
        assert frames.times_s.tolist() == pytest.approx([1.0, 1.9])

    def test_reading_on_does_not_start_over(self, make_video, numbers_of, monkeypatch):
        with open_video(make_video(num_frames=30, g=30)) as reader:
            monkeypatch.setattr(reader, "_rewind", lambda: pytest.fail("started over"))
            for first in range(0, 30, 6):
                wanted = list(range(first, first + 6))
                assert numbers_of(reader.read(wanted).data) == wanted

    def test_leaves_neither_threads_nor_garbage_that_a_forked_worker_would_inherit(
        self, make_video
    ):
        path = make_video(height=240, width=320)
        threads = Path("/proc/self/task")
        before = len(list(threads.iterdir())) if threads.exists() else 0
        gc.disable()
        try:
            reader = open_video(path)
            reader.read([0, 11])
            if threads.exists():
                assert len(list(threads.iterdir())) == before
            freed = weakref.ref(reader)
            del reader
            assert freed() is None
        finally:
            gc.enable()

    @pytest.mark.parametrize("name", ["a:b.mp4", "a b %d.mp4", "é.mp4", "-x.mp4", "noextension"])
    def test_odd_names(self, make_video, name, tmp_path, monkeypatch):
        target = tmp_path / name
        make_video().rename(target)
        assert open_video(target).num_frames == 12
        monkeypatch.chdir(tmp_path)
        assert open_video(name).num_frames == 12

    def test_music_with_a_cover_picture_is_no_video(self, tmp_path):
        path = tmp_path / "song.mp4"
        with av.open(str(path), "w") as container:
            audio = container.add_stream("aac", rate=44100)
            cover = container.add_stream("mjpeg", rate=1)
            cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
            cover.disposition = av.stream.Disposition.attached_pic
            picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            container.mux(cover.encode(picture))
            container.mux(cover.encode())
            sound = av.AudioFrame.from_ndarray(
                np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
            )
            sound.sample_rate = 44100
            container.mux(audio.encode(sound))
            container.mux(audio.encode())
        with pytest.raises(VideoError, match="has no video stream"):
            open_video(path)


def still(path, tag=1):
    """A picture that is held as the EXIF tag says: uint8 ``(H, W, 3)``, upright."""
    picture = np.zeros((8, 16, 3), np.uint8)
    picture[:4, :8], picture[:4, 8:] = 200, 100
    image = Image.fromarray(picture)
    exif = image.getexif()
    exif[0x0112] = tag
    image.save(path, exif=exif)
    with Image.open(path) as stored:
        return np.asarray(ImageOps.exif_transpose(stored).convert("RGB"))


@pytest.mark.parametrize("suffix", ["tif", "jpg", "png", "bmp"])
@pytest.mark.parametrize("tag", [1, 3, 6, 8])
def test_a_picture_alone_is_one_upright_frame(tmp_path, suffix, tag):
    path = tmp_path / f"a.{suffix}"
    upright = still(path, tag).astype(int)
    with open_video(path) as reader:
        data = reader.read([0]).data[0].permute(1, 2, 0).numpy()
        assert reader.num_frames == 1
    source = open_source(path)
    streamed = next(iter(source)).load().permute(1, 2, 0).numpy()
    source.close()
    for picture in (data, streamed):
        assert picture.shape == upright.shape
        assert abs(picture - upright).max() < 12


@pytest.mark.parametrize("error", [ValueError("31 is odd"), TypeError("odd"), RuntimeError()])
def test_whatever_the_decoders_library_raises_names_the_file(make_video, monkeypatch, error):
    def fail(*_):
        raise error

    path = make_video()
    reader, source = open_video(path), open_source(path)
    monkeypatch.setattr(orientation, "read_orientation", fail)
    with pytest.raises(VideoError, match=rf"^{re.escape(str(path))}: cannot be decoded \("):
        open_video(path)
    with pytest.raises(VideoError, match="cannot be decoded"):
        next(iter(source))
    monkeypatch.setattr(orientation.Orientation, "apply", fail)
    with pytest.raises(VideoError, match=r"cannot be decoded \((31 is odd|odd|RuntimeError)\)"):
        reader.read([3])
