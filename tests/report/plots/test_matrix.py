from motionlens.report.plots.matrix import draw_matrix


def test_matrix_leaves_out_what_is_missing(tmp_path, drawn):
    values = [[50.0, None], [60.0, 70.0]]
    draw_matrix(values, ["1", "2"], ["1", "2"], tmp_path / "m.png", title="t")
    assert [text.get_text() for text in drawn[0].axes[0].texts] == ["50.0", "60.0", "70.0"]
