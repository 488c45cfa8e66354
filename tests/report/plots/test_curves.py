from PIL import Image

from motionlens.report.plots.curves import draw_curves


def test_picture_is_written(tmp_path):
    curves = {"one": [[0.2, 0.5], [0.3, 0.7]], "single epoch": [[0.25]]}
    draw_curves(curves, tmp_path / "a.png", title="title", chance=0.25)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (910, 520)
