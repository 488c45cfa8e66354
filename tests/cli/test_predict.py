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


def test_a_sheet_takes_the_place_of_no_input(
    make_video, frame_folder, motionlens_command, tmp_path
):
    picture = frame_folder / "3.png"
    before = picture.read_bytes()
    for sheet, message in {
        picture: "sheet must be another file than what is read",
        tmp_path / "a.exe": "sheet must end in one of .png, .svg, .pdf, got",
        "": "sheet must end in one of .png, .svg, .pdf, got ''",
        tmp_path / "no" / "a.png": "sheet must be in a folder that exists",
    }.items():
        words = ["predict", "bundled", frame_folder, "--sheet", sheet, "--device", "cpu"]
        status, out, err = motionlens_command(*words)
        assert (status, out) == (2, "")
        assert message in err
    assert picture.read_bytes() == before
