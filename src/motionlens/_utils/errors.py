"""Small parts of error messages: the nearest known word, and any message on one line."""

import json
import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

# Characters of a message, a little more where its middle is left out.
_LONGEST = 1000


def nearest(word: str, known: Iterable[str]) -> str:
    """``", did you mean 'x'?"`` for the known word nearest to ``word``, else an empty string.

    Example:
        >>> nearest("trian", ["train", "info"])
        ", did you mean 'train'?"
    """
    near = get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f", did you mean {near[0]!r}?" if near else ""


def first_three(names: Sequence[str]) -> str:
    """At most three of some names, and how many more there are."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def printable(text: object, *, keep: str = "") -> str:
    r"""Text that is safe to show: what no terminal shows as a character is written as an escape.

    Names of files and labels come from strangers. A line break in one would end the line, ESC
    begins commands to the terminal, and some characters turn the direction of what follows.

    Args:
        text: any; its ``str``.
        keep: characters that stay as they are.

    Example:
        >>> printable("a\nb\x1b[31m.mp4"), printable("caf\u00e9 \udcff")
        ('a\\nb\\x1b[31m.mp4', 'café \\xff')
    """
    text = str(text)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else _escaped(c) for c in text)


def shortened(text: str) -> str:
    """A message with its middle left out if it is long: it may quote what a file holds."""
    if len(text) <= _LONGEST:
        return text
    return f"{text[: _LONGEST - 200]} ... {text[-200:]}"


def _escaped(character: str) -> str:
    # Spaces such as the ideographic one, and joiners, which belong to words and to emojis.
    if unicodedata.category(character) == "Zs" or character in "\u200c\u200d":
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a name that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def json_line(value: object) -> str:
    r"""A value as JSON on one line, in the letters that it has, safe to show on a terminal.

    Example:
        >>> json_line({"path": "caf\u00e9\x9b.mp4"})
        '{"path": "café\\u009b.mp4"}'
    """
    text = json.dumps(value, ensure_ascii=False)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def one_line(error: BaseException) -> str:
    """The message of an error on one line; its type's name where it has no message.

    Of long messages the middle is left out.

    An ``OSError`` reads as file and reason, without its number.
    """
    if isinstance(error, OSError) and error.strerror:
        where = f"{printable(os.fsdecode(error.filename))}: " if error.filename else ""
        return shortened(f"{where}{error.strerror}")
    text = str(error)
    if "Original Traceback" in text:  # of a loader's process, which ends in its own error
        name, _, text = re.split(r"\n {2}.*\n(?! )", text)[-1].partition(": ")
        text = text or name
    return shortened(printable(" ".join(text.split()))) or type(error).__name__


def parser_message(error: BaseException) -> str:
    """What jsonargparse has to say, in the words of our own messages.

    Example:
        >>> parser_message(ValueError('Parser key "k": Expected a tuple. Got value: x'))
        'k must be a list in brackets such as [1, 2], got x'
    """
    text = one_line(error)
    # An option of options that is no mapping, which jsonargparse then takes for a file's name.
    mapping = re.search(
        r"""Parser key "([\w.]+)": Unable to load config ['"](.*?)['"](?: - |$)""", text
    )
    if mapping:
        key, value = mapping.groups()
        inner = re.match(r"\{(\w+):", value)
        alone = f"--{key}.{inner[1]}" if inner else f"--{key}.NAME"
        return f"{key} must be a mapping with a space after each colon, got {value}; or set {alone}"
    nested = re.search(r"""Parser key "(\w+)": .*NestedArg\(key='([\w.]+)'""", text)
    if nested:
        return f"unrecognized arguments: --{nested[1]}.{nested[2]}"
    # Of a union's members the first tells what is meant; the others are None and the like.
    text = re.sub(
        r"Does not validate against any of the Union subtypes.*?Errors: - (.*?)(?: - .*?)? "
        r"Given value type: .*? Given value: ",
        r"\1. Got value: ",
        text,
    )
    found = re.fullmatch(r'Parser key "([^"]+)": Expected (?:an? )?(.+?)\.? Got value: (.*)', text)
    if not found:
        return text
    key, wanted, value = found.groups()
    wanted = re.sub(r"typing\.Literal\[(.*)\]", r"one of \1", wanted)
    wanted = re.sub(r"<class '(\w+)'>", r"\1", wanted)
    words = {"int": "a whole number", "float": "a number", "str": "text", "bool": "true or false"}
    words["tuple"] = "a list in brackets such as [1, 2]"
    wanted = re.sub(r"tuple with (\d+) elements", r"a list of \1 values in brackets", wanted)
    words["dict"] = "a mapping such as {name: value}, with a space after the colon"
    return f"{key} must be {words.get(wanted, wanted)}, got {value}"
