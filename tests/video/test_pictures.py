import numpy as np
import pytest
import torch
from PIL import Image

from motionlens.video.file import open_video
from motionlens.video.frames import VideoError


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

    def test_other_files_are_passed_over(self, frame_folder):
        (frame_folder / "notes.txt").write_text("x")
        (frame_folder / "._1.png").write_bytes(b"not a picture")
        assert open_video(frame_folder).num_frames == 12

    def test_without_pictures(self, tmp_path):
        with pytest.raises(VideoError, match=r"holds no pictures \(.jpg, .jpeg, .png\)"):
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
