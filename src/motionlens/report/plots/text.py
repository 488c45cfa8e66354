"""Text in pictures: any name is readable, whatever characters it has and however long it is."""

import re
import unicodedata
import warnings
from collections.abc import Iterator
from functools import cache
from itertools import groupby

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.font_manager import FontEntry, fontManager, get_font
from matplotlib.text import Text

FONT = "DejaVu Sans"  # comes with matplotlib: text is the same everywhere
# Fonts with a box or nothing for every character, and of formulas, which number them otherwise.
_NO_FONTS = re.compile(r"Last ?Resort|Blank|cm[a-z]+10$|STIX(NonUnicode|Size)")
# In labels of logarithmic axes.
_FORMULA = r"\mathdefault"
_REGULAR = ("normal", "regular", "book", 400)
# Shows or hides a picture of the character before, or joins two; nothing by itself.
_INVISIBLE = {"\u200d", "\ufe0e", "\ufe0f"}
# Of letters of flags, and of the colours of hands.
_WORDY = re.compile("^(regional indicator symbol letter|emoji modifier fitzpatrick) ")
_MAX_NAME = 40


def shortened(name: str, most: int = _MAX_NAME) -> str:
    """A name without its middle if it is longer than so many characters.

    Example:
        >>> shortened("swipe left with two fingers", 15)
        'swipe l…fingers'
    """
    half = (most - 1) // 2
    return name if len(name) <= most else f"{name[: most - 1 - half]}…{name[-half:]}"


def readable(text: str) -> str:
    """Text with stand-ins for what no font of this machine has, in one line.

    Symbols become their names, other characters their code points.

    Warns:
        UserWarning: The first time that there is a stand-in.
    """
    text = unicodedata.normalize("NFC", " ".join(text.splitlines()).replace("\t", " "))
    if all(map(_family, text)):
        return text
    kinds = groupby((c for c in text if c not in _INVISIBLE), _kind)
    found = "".join(_stand_in(kind, list(characters)) for kind, characters in kinds)
    _warn_once(text, found)
    return found


def families(text: str) -> list[str]:
    """The fonts that a text needs: the usual one, and others for what it lacks."""
    found = [_family(character) for character in text]
    return list(dict.fromkeys([FONT, *(name for name in found if name is not None)]))


def use_readable_text(figure: Figure) -> None:
    """Give all text of a figure a font that has it, or stand-ins, and take ``$`` literally.

    Warns:
        UserWarning: As :func:`readable`.
    """
    ticks: set[Text] = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            labels = axis.get_ticklabels()
            ticks.update(labels)
            names = [label.get_text() for label in labels]
            if any(_FORMULA in name for name in names):
                continue
            if (drawn := list(map(readable, names))) != names:
                axis.set_ticks(axis.get_ticklocs(), drawn)
            for label in labels:
                label.set(parse_math=False, fontfamily=families("".join(drawn)))
    for text in figure.findobj(Text):
        if isinstance(text, Text) and text not in ticks:
            lines = [readable(line) for line in text.get_text().split("\n")]
            text.set(parse_math=False, text="\n".join(lines), fontfamily=families("".join(lines)))


def _kind(character: str) -> str:
    """Empty if the character can be drawn, else how it is written."""
    if _family(character) is not None:
        return ""
    return "name" if unicodedata.category(character).startswith("S") else "code"


def _stand_in(kind: str, characters: list[str]) -> str:
    if not kind:
        return "".join(characters)
    if kind == "name":
        names = (unicodedata.name(character).lower() for character in characters)
        return "".join(f"[{_WORDY.sub('', name)}]" for name in names)
    return f"[{' '.join(f'U+{ord(character):04X}' for character in characters)}]"


_told: list[str] = []


def _warn_once(text: str, written: str) -> None:
    if not _told:
        _told.append(text)
        lacking = " ".join(sorted({character for character in text if _kind(character)}))
        warnings.warn(
            f"no font of this machine has {lacking}; pictures write {written!r} for {text!r}: "
            "install a font that has such characters, as Noto Sans CJK or Noto Emoji",
            stacklevel=3,
        )


@cache
def _family(character: str) -> str | None:
    """The font for a character; None if there is none."""
    if unicodedata.category(character) in ("Cc", "Cs", "Co", "Cn"):
        return None
    if character in _INVISIBLE:
        return FONT
    return next((entry.name for entry in _fonts() if ord(character) in _charmap(entry)), None)


def _fonts() -> Iterator[FontEntry]:
    """The fonts that matplotlib knows, the usual one first, then those installed since."""
    known = [entry for entry in fontManager.ttflist if _is_plain(entry)]
    yield from sorted(known, key=lambda entry: (entry.name != FONT, entry.name))
    yield from _new_fonts()


@cache
def _new_fonts() -> tuple[FontEntry, ...]:
    """Fonts that are not in matplotlib's list, which it keeps from one run to the next."""
    number = len(fontManager.ttflist)
    known = {entry.fname for entry in fontManager.ttflist}
    for path in sorted(set(font_manager.findSystemFonts()) - known):
        try:
            fontManager.addfont(path)
        except Exception:  # as matplotlib does: a damaged file may raise anything
            continue  # such as a font of coloured pictures, which cannot be drawn
    return tuple(entry for entry in fontManager.ttflist[number:] if _is_plain(entry))


def _is_plain(entry: FontEntry) -> bool:
    is_regular = entry.style == "normal" and entry.weight in _REGULAR
    return is_regular and not _NO_FONTS.search(entry.name)


@cache
def _charmap(entry: FontEntry) -> frozenset[int]:
    try:
        return frozenset(get_font(entry.fname).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()
