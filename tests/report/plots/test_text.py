"""Names with any characters in pictures: another font, or stand-ins, never boxes."""

import warnings

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from matplotlib.figure import Figure

from motionlens.report.plots import text as plot_text
from motionlens.report.plots.confusion import draw_confusion
from motionlens.report.plots.style import new_figure, save
from motionlens.report.plots.text import families, readable, shortened, use_readable_text

NAMES = ["👋 swipe left", "左", "cost $5 and $6", "two\nlines"]


@pytest.fixture
def forget(monkeypatch):
    """Each test sees a machine without other fonts than matplotlib's, whatever this one has."""
    own = [each for each in font_manager.fontManager.ttflist if "matplotlib" in each.fname]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [])
    monkeypatch.setattr(plot_text, "_told", [])

    def clear():
        plot_text._family.cache_clear()
        plot_text._new_fonts.cache_clear()

    clear()
    yield clear
    clear()


@pytest.fixture
def one_character_font(tmp_path):
    """A font file with 左 and nothing else."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 500), (500, 500), (500, 0)):
        pen.lineTo(corner)
    pen.closePath()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "left"])
    builder.setupCharacterMap({ord("左"): "left"})
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "left": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (600, 0), "left": (600, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "One Character", "styleName": "Regular"})
    builder.setupOS2(usWeightClass=400)
    builder.setupPost()
    builder.save(tmp_path / "one.ttf")
    return str(tmp_path / "one.ttf")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("swipe left", "swipe left"),
        ("👋 swipe left", "[waving hand sign] swipe left"),
        ("👍🏽", "[thumbs up sign][type-4]"),
        ("👩‍💻", "[woman][personal computer]"),
        ("🇵🇱", "[p][l]"),
        ("向左", "[U+5411 U+5DE6]"),
        ("नमस्ते!", "[U+0928 U+092E U+0938 U+094D U+0924 U+0947]!"),
        ("e\u0301 ruch w górę", "é ruch w górę"),
        ("حركة", "حركة"),
        ("two\nlines\tand a tab", "two lines and a tab"),
        ("bell \a, lost \udc80", "bell [U+0007], lost [U+DC80]"),
    ],
)
def test_what_no_font_has_is_spelled_out(forget, name, expected):
    assert readable(name) == expected
    assert readable(readable(name)) == expected


def test_a_stand_in_is_told_of_once(forget):
    with pytest.warns(UserWarning, match=r"no font of this machine has 👋; .*Noto Emoji"):
        readable("👋 swipe left")
    with warnings.catch_warnings(action="error"):
        readable("左")


def test_a_font_that_cannot_be_read_is_passed_over(forget, monkeypatch, one_character_font):
    def fail(path):
        raise KeyError("a table that it lacks")

    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [one_character_font])
    monkeypatch.setattr(font_manager.fontManager, "addfont", fail)
    assert plot_text._new_fonts() == ()


def test_a_font_that_was_installed_since_is_used(forget, monkeypatch, one_character_font):
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [one_character_font])
    with warnings.catch_warnings(action="error"):
        assert readable("左 left") == "左 left"
        assert families("左 left") == ["DejaVu Sans", "One Character"]
        figure, (axes,) = new_figure(3, 2)
        axes.set_yticks([0, 1], ["左", "right"])
        axes.set_title("左 left")
        use_readable_text(figure)
        label = axes.get_yticklabels()[0]
        assert label.get_fontfamily() == axes.title.get_fontfamily() == families("左")
        figure.canvas.draw()
        width = axes.get_yticklabels()[0].get_window_extent().width
        # The glyph of the file, six tenths of the size: no box of another font.
        assert width == pytest.approx(0.6 * label.get_fontsize() * figure.dpi / 72, abs=2)


def test_all_text_of_a_figure_is_made_readable(forget, tmp_path):
    figure, (axes,) = new_figure(4, 3)
    for name in NAMES:
        axes.plot([1, 2], [1, 10], label=name)
    axes.set_xticks(range(4), NAMES)
    axes.set(yscale="log", ylabel=NAMES[0])
    axes.text(1, 1, NAMES[1])
    figure.suptitle("\n".join(NAMES[:2]))
    figure.legend()
    save(figure, tmp_path / "a.svg")
    expected = ["[waving hand sign] swipe left", "[U+5DE6]", "cost $5 and $6", "two lines"]
    assert [label.get_text() for label in axes.get_xticklabels()] == expected
    legend = [label.get_text() for label in figure.legends[0].get_texts()]
    assert legend == [*expected[:3], "two\nlines"]
    assert axes.get_ylabel() == expected[0]
    assert axes.texts[0].get_text() == expected[1]
    assert figure.get_suptitle() == "\n".join(expected[:2])
    # Powers of ten stay formulas.
    assert any("mathdefault" in label.get_text() for label in axes.get_yticklabels())
    assert all(label.get_parse_math() for label in axes.get_yticklabels())
    assert not any(label.get_parse_math() for label in axes.get_xticklabels())


def test_long_names_lose_their_middle():
    name = "ruch w lewo (bardzo długa nazwa klasy, numer 7)"
    assert shortened(name) == "ruch w lewo (bardzo …zwa klasy, numer 7)"
    assert len(shortened(name)) == len(shortened("x" * 90)) == 40
    assert shortened("a" * 40) == "a" * 40


def test_a_matrix_with_such_names_is_no_wider_than_with_plain_ones(forget, tmp_path, monkeypatch):
    sizes = []
    monkeypatch.setattr(
        "motionlens.report.plots.confusion.save",
        lambda figure, *_, **__: sizes.append(figure.get_size_inches()[0]),
    )
    for names in (["a" * 40, "b"], ["a" * 300, "b"]):
        draw_confusion(np.eye(2, dtype=np.int64), names, tmp_path / "a.png")
    assert sizes[0] == sizes[1]


def test_without_text_nothing_happens(forget):
    use_readable_text(Figure())
