from motionlens.report.plots.scaling import draw_scaling


def test_a_picture_is_written(tmp_path):
    path = tmp_path / "frames.png"
    draw_scaling({"ours": [(8, 10.0), (32, 150.0)], "plain": [(8, 30.0)]}, path, title="cost")
    assert path.read_bytes().startswith(b"\x89PNG")
