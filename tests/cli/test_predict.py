import json

from PIL import Image


def test_a_sheet_shows_the_videos(make_video, motionlens_command, tmp_path):
    video = make_video("a.mp4")
    words = ["predict", "bundled", video, video, "--device", "cpu"]
    status, out, _ = motionlens_command(*words, "--sheet", tmp_path / "sheet.png")
    assert status == 0
    assert out.splitlines()[-1] == f"the picture is in {tmp_path / 'sheet.png'}"
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (510, 330)
    status, out, err = motionlens_command(*words, "--json", "--sheet", tmp_path / "other.png")
    assert [len(json.loads(line)["predictions"]) for line in out.splitlines()] == [5, 5]
    assert "the picture is in" in err
    assert (tmp_path / "other.png").read_bytes() == (tmp_path / "sheet.png").read_bytes()
