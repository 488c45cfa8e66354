import io

import pytest
from matplotlib.figure import Figure

from motionlens.report.plots.style import save


def figure():
    found = Figure(figsize=(1, 1))
    found.subplots().set_title("推 a name that the font lacks")
    return found


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_equal_figures_give_equal_files(tmp_path, suffix):
    for name in "ab":
        save(figure(), tmp_path / f"{name}.{suffix}")
    one, other = ((tmp_path / f"{name}.{suffix}").read_bytes() for name in "ab")
    assert one == other
    assert len(list(tmp_path.iterdir())) == 2


def test_into_an_open_file_goes_a_png():
    content = io.BytesIO()
    save(figure(), content)
    assert content.getvalue().startswith(b"\x89PNG")


def test_what_was_there_stays_when_drawing_fails(tmp_path):
    path = tmp_path / "a.nix"
    path.write_bytes(b"before")
    with pytest.raises(ValueError, match="nix"):
        save(figure(), path)
    assert path.read_bytes() == b"before"
