import os
import struct

import av
import numpy as np
import pytest
import torch
from PIL import EpsImagePlugin, Image

from motionlens.datasets.decode_check import Job, check_video
from motionlens.datasets.listing import index_list
from motionlens.datasets.source import ListingConfig
from motionlens.video.file import open_video
from motionlens.video.find import find_videos, is_video
from motionlens.video.frames import VideoError
from motionlens.video.pictures import find_pictures
from motionlens.video.source import open_source


class TestFolder:
    def test_natural_order(self, frame_folder, numbers_of):
        with open_video(frame_folder) as reader:
            assert (reader.num_frames, reader.height, reader.width) == (12, 32, 48)
            assert reader.fps == 12.0
            assert numbers_of(reader.read(range(12)).data) == list(range(12))

    def test_rate_and_window(self, frame_folder, numbers_of):
        with open_video(frame_folder, fps=4.0, start_s=1.0, end_s=2.0) as reader:
            frames = reader.read([0, 3])
        assert numbers_of(frames.data) == [4, 7]
        assert frames.times_s.tolist() == [1.0, 1.75]

    def test_grey_and_transparent_pictures_become_colour(self, tmp_path):
        Image.new("L", (8, 6), 100).save(tmp_path / "1.png")
        Image.new("RGBA", (8, 6), (100, 100, 100, 255)).save(tmp_path / "2.png")
        Image.new("RGB", (8, 6), (100, 100, 100)).save(tmp_path / "3.JPEG")
        data = open_video(tmp_path).read([0, 1, 2]).data
        assert data.shape == (3, 3, 6, 8)
        assert (data == 100).all()

    def test_orientation_of_photographs(self, tmp_path):
        picture = Image.new("RGB", (8, 4))
        exif = picture.getexif()
        exif[0x0112] = 6  # to be turned by a quarter to the right
        picture.save(tmp_path / "1.jpg", exif=exif)
        reader = open_video(tmp_path)
        assert (reader.height, reader.width) == (8, 4)

    def test_a_jpeg_of_many_scans_is_refused_before_it_is_decoded(self, tmp_path):
        picture = Image.effect_noise((64, 48), 50)
        picture.save(tmp_path / "1.jpg", progressive=True)
        assert open_video(tmp_path).num_frames == 1
        content = (tmp_path / "1.jpg").read_bytes()
        last = content.rindex(b"\xff\xda")
        (tmp_path / "1.jpg").write_bytes(content[:last] + 200 * content[last:-2] + content[-2:])
        with pytest.raises(
            VideoError, match=r"1.jpg: a JPEG may have 100 scans here, this one has"
        ):
            open_video(tmp_path)

    def test_a_tiff_whose_strips_lie_at_one_place_is_refused_before_it_is_decoded(self, tmp_path):
        rows, data, at = 500, 1000, 8
        offsets = at + data
        ifd = offsets + 8 * rows
        entries = [
            *((256, 4, 1, 200), (257, 4, 1, rows), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)),
            *((273, 4, rows, offsets), (277, 3, 1, 1), (278, 4, 1, 1)),
            (279, 4, rows, offsets + 4 * rows),
        ]

        def content(size):
            return (
                struct.pack("<2sHI", b"II", 42, ifd)
                + bytes(data)
                + struct.pack(f"<{2 * rows}I", *[at] * rows, *[size] * rows)
                + struct.pack("<H", len(entries))
                + b"".join(struct.pack("<HHII", *entry) for entry in entries)
                + bytes(4)
            )

        (tmp_path / "1.tif").write_bytes(content(200))
        assert open_video(tmp_path).num_frames == 1
        (tmp_path / "1.tif").write_bytes(content(data * 2))
        with pytest.raises(VideoError, match=r"1.tif: the tiles of a TIFF must lie side by side"):
            open_video(tmp_path)

    def test_other_files_are_passed_over(self, frame_folder):
        (frame_folder / "notes.txt").write_text("x")
        (frame_folder / "._1.png").write_bytes(b"not a picture")
        assert open_video(frame_folder).num_frames == 12

    def test_without_pictures(self, tmp_path):
        with pytest.raises(VideoError, match=r"holds no pictures \(.bmp, .jpeg, .jpg, .png, "):
            open_video(tmp_path)

    def test_sizes_must_agree(self, frame_folder):
        Image.new("RGB", (40, 32)).save(frame_folder / "7.png")
        reader = open_video(frame_folder)
        reader.read([0, 1])
        with pytest.raises(VideoError, match=r"7\.png: pictures of one folder must have one size"):
            reader.read([5, 6])

    @pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n cut"])
    def test_broken_picture(self, frame_folder, content):
        (frame_folder / "7.png").write_bytes(content)
        with pytest.raises(VideoError, match=r"7\.png: cannot be read as a picture") as caught:
            open_video(frame_folder).read([6])
        assert "\n" not in str(caught.value)

    def test_picture_cut_short(self, frame_folder):
        noise = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
        path = frame_folder / "7.png"
        Image.fromarray(noise).save(path)
        path.write_bytes(path.read_bytes()[:1000])
        with pytest.raises(VideoError, match=r"7\.png: cannot be read as a picture"):
            open_video(frame_folder).read([6])

    @pytest.mark.parametrize("suffix", ["bmp", "tif", "tiff", "webp", "png"])
    def test_formats(self, tmp_path, suffix):
        for level in (20, 40, 60):
            Image.new("RGB", (8, 6), (level,) * 3).save(tmp_path / f"{level}.{suffix}")
        assert is_video(tmp_path)
        data = open_video(tmp_path).read([0, 1, 2]).data
        assert data.float().mean(dim=(1, 2, 3)).tolist() == pytest.approx([20, 40, 60], abs=2)

    def test_transparent_pixels_keep_their_colour(self, tmp_path):
        Image.new("RGBA", (8, 6), (10, 200, 30, 0)).save(tmp_path / "1.png")
        assert open_video(tmp_path).read([0]).data[0, :, 0, 0].tolist() == [10, 200, 30]

    @pytest.mark.parametrize(
        ("name", "array", "bits"),
        [
            ("1.png", np.full((6, 8), 2500, np.uint16), 16),
            ("1.tif", np.full((6, 8), 2500, np.uint16), 16),
            ("1.tif", np.full((6, 8), 2500, np.int32), 32),
            ("1.tif", np.full((6, 8), 0.5, np.float32), 32),
        ],
    )
    def test_more_than_8_bits_are_refused(self, tmp_path, name, array, bits):
        Image.fromarray(array).save(tmp_path / name)
        with pytest.raises(VideoError, match=f"holds {bits} bits per pixel, of which a network"):
            open_video(tmp_path)

    @pytest.mark.parametrize("content", [b"%!PS-Adobe-3.0 EPSF-3.0\n", b"GIF89a" + bytes(20)])
    def test_only_promised_formats_are_opened(self, tmp_path, monkeypatch, content):
        monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_: pytest.fail("started"))
        (tmp_path / "0.png").write_bytes(content + b"%%BoundingBox: 0 0 10 10\n%%EndComments\n")
        with pytest.raises(VideoError, match=r"0\.png: cannot be read as a picture"):
            open_video(tmp_path)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
    @pytest.mark.parametrize("name", ["0.png", "0.webp", "0.tif"])
    def test_pipes_are_refused_at_once(self, tmp_path, name):
        os.mkfifo(tmp_path / name)
        with pytest.raises(VideoError, match="must be a file, it is a folder, a pipe or a device"):
            open_video(tmp_path)


class TestSeries:
    @staticmethod
    def fill(folder, *names):
        for name in names:
            Image.new("RGB", (8, 6)).save(folder / name)

    def test_one_prefix_is_chosen_by_a_pattern(self, tmp_path):
        self.fill(tmp_path, *(f"{kind}_{n}.png" for kind in ("img", "depth") for n in range(3)))
        with pytest.raises(VideoError, match=r"2 series of pictures \(3 of depth_#, 3 of img_#\)"):
            open_video(tmp_path)
        assert open_video(tmp_path / "img_*").num_frames == 3
        assert len(list(open_source(tmp_path / "img_?.png"))) == 3
        with pytest.raises(VideoError, match=r"holds no pictures nothing_\*"):
            open_video(tmp_path / "nothing_*")

    def test_the_advice_works(self, tmp_path):
        self.fill(tmp_path, "1.png", "2.png", "cover.png")
        with pytest.raises(VideoError, match="2 series") as caught:
            open_video(tmp_path)
        assert open_video(str(caught.value).split("'")[1]).num_frames == 2

    def test_the_same_frame_in_two_formats(self, tmp_path):
        self.fill(tmp_path, "1.jpg", "1.png", "2.jpg", "2.png")
        with pytest.raises(VideoError, match=r"1\.\w+ and 1\.\w+ are the same frame twice"):
            open_video(tmp_path)
        assert open_video(tmp_path / "*.png").num_frames == 2

    @pytest.mark.parametrize(
        ("names", "number"),
        [
            (("0_rgb.png", "0_depth.png", "1_rgb.png", "1_depth.png"), 2),
            (("f1.jpg", "f2.jpg", "f2.png", "f3.jpg"), 3),
            (("01.png", "02.png", "01_mask.png", "02_mask.png"), 2),
            (("a[1.png", "a[2.png", "b1.png", "b2.png", "b3.jpg"), 2),
            (("a1.jpg", "a1.png", "b1.jpg", "b1.png", "a2.png", "b2.png"), 2),
        ],
    )
    def test_every_hint_works_when_followed(self, tmp_path, names, number):
        self.fill(tmp_path, *names)
        with pytest.raises(VideoError, match="such as") as caught:
            open_video(tmp_path)
        assert open_video(str(caught.value).split("'")[1]).num_frames == number

    @pytest.mark.parametrize(
        "names",
        [
            ("a.png", "b.png", "c.png"),
            ("10-01-59_9.png", "10-02-00_1.png"),
            ("f1.png", "f2.jpg"),
            ("f1.png", "f2.png", "f².png", "f③.png", "f٣.png"),
            ("s1_1.png", "s1_2.png", "s2_1.png"),
        ],
    )
    def test_one_series(self, tmp_path, names):
        self.fill(tmp_path, *names)
        assert open_video(tmp_path).num_frames == len(names)

    def test_in_lists(self, tmp_path):
        (tmp_path / "clip").mkdir()
        self.fill(tmp_path / "clip", *(f"{kind}_{n}.png" for kind in "ab" for n in range(3)))
        (tmp_path / "list.csv").write_text("path,label\nclip,x\n")
        index = index_list(tmp_path / "list.csv", ListingConfig(pattern="{}/b_*"))
        assert index.open(0).num_frames == 3
        assert check_video(Job(str(index.path(0)), decode=True)).num_frames == 3


class TestWebp:
    @pytest.fixture
    def animation(self, tmp_path):
        first, *others = (Image.new("RGB", (8, 6), (20 + 5 * i,) * 3) for i in range(6))
        path = tmp_path / "a.webp"
        durations = [40, 80, 40, 80, 40, 80]
        options = {"save_all": True, "append_images": others, "lossless": True}
        first.save(path, duration=durations, **options)
        return path

    def test_frames_and_times(self, animation, numbers_of):
        with open_video(animation) as reader:
            assert numbers_of(reader.read([5, 0, 3]).data) == [5, 0, 3]
            assert reader.times_s.tolist() == pytest.approx([0, 0.04, 0.12, 0.16, 0.24, 0.28])
            assert reader.fps == pytest.approx(1 / 0.06)

    def test_as_a_stream(self, animation):
        source = open_source(animation)
        assert [round(frame.time_s, 2) for frame in source] == [0, 0.04, 0.12, 0.16, 0.24, 0.28]

    def test_a_folder_of_animations_is_a_folder_of_videos(self, animation):
        assert find_videos(animation.parent) == [animation]
        assert not is_video(animation.parent)

    def test_cut_short(self, animation):
        animation.write_bytes(animation.read_bytes()[:-40])
        with pytest.raises(VideoError, match=r"a\.webp: "):
            with open_video(animation) as reader:
                reader.read(range(reader.num_frames))

    def test_still(self, tmp_path):
        Image.new("RGB", (8, 6), (50,) * 3).save(tmp_path / "a.webp")
        assert open_video(tmp_path / "a.webp").num_frames == 1


class TestArray:
    @pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
    def test_either_order_of_axes(self, kind):
        video = np.random.default_rng(0).integers(0, 256, (5, 6, 8, 3), dtype=np.uint8)
        wanted = torch.from_numpy(video).permute(0, 3, 1, 2)
        for array in (video, np.ascontiguousarray(video.transpose(0, 3, 1, 2))):
            assert torch.equal(open_video(kind(array)).read(range(5)).data, wanted)

    def test_three_rows_of_three_pixels_go_by_the_library(self):
        video = np.arange(2 * 27, dtype=np.uint8).reshape(2, 3, 3, 3)
        tensor = torch.from_numpy(video)
        assert torch.equal(open_video(video).read([0, 1]).data, tensor.permute(0, 3, 1, 2))
        assert torch.equal(open_video(tensor).read([0, 1]).data, tensor)

    def test_reversed_and_read_only_arrays(self):
        video = np.arange(4 * 4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 4, 3)
        video.setflags(write=False)
        backwards = open_video(video[::-1]).read([0]).data
        assert torch.equal(backwards, open_video(video).read([3]).data)

    @pytest.mark.parametrize(
        "array",
        [
            np.zeros((2, 4, 4, 3), np.float32),
            np.zeros((2, 4, 4, 4), np.uint8),
            np.zeros((4, 4, 3), np.uint8),
            np.zeros((0, 4, 4, 3), np.uint8),
            np.zeros((2, 4, 4, 3), np.uint16),
            torch.zeros(2, 3, 4, 4),
        ],
    )
    def test_refuses_others(self, array):
        with pytest.raises(VideoError, match=r"array: must be uint8 \(T, H, W, 3\) or"):
            open_video(array)


def test_grey_of_16_bits_with_transparency_is_refused(tmp_path):
    frame = av.VideoFrame.from_ndarray(np.full((6, 8), 2500, np.uint16), "gray16le")
    with av.open(str(tmp_path / "1.png"), "w", format="image2") as container:
        stream = container.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = 8, 6, "ya16be"
        container.mux(stream.encode(frame.reformat(format="ya16be")))
        container.mux(stream.encode())
    with pytest.raises(VideoError, match="holds 16 bits per pixel"):
        open_video(tmp_path)


@pytest.mark.parametrize(("pattern", "count"), [("a**.png", 1), ("**", 2), ("[0-9]*", 1)])
def test_patterns_stay_in_the_folder(tmp_path, pattern, count):
    (tmp_path / "below").mkdir()
    for name in ("a1.png", "1.png", "below/a1.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    assert len(find_pictures(tmp_path, pattern)) == count


def test_a_broken_tiff_prints_nothing_of_its_own(tmp_path, capfd):
    path = tmp_path / "0.tif"
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    Image.fromarray(noise).save(path, compression="tiff_lzw")
    content = bytearray(path.read_bytes())
    content[100:3000] = np.random.default_rng(1).bytes(2900)
    path.write_bytes(content)
    with pytest.raises(VideoError, match="cannot be read as a picture"):
        open_video(tmp_path)
    samples = struct.pack("<HHI", 277, 3, 1)
    Image.fromarray(noise).save(path)
    content = path.read_bytes()
    path.write_bytes(content.replace(samples + b"\3\0", samples + b"\0\x7f"))
    assert path.read_bytes() != content
    with pytest.raises(VideoError, match="cannot be read as a picture"):
        open_video(tmp_path)
    assert capfd.readouterr() == ("", "")
