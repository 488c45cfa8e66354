"""Which classes swap when a clip is mirrored, according to their names."""

from __future__ import annotations

import re
from collections.abc import Sequence


def swap_words(class_names: Sequence[str], swaps: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Pairs of classes whose names become each other when words are exchanged.

    A name whose counterpart is no class is left out: in "pulling it right out" nothing moves to
    the right. Only whole words count, in any letter case.

    Args:
        class_names: all classes.
        swaps: the words that are exchanged, all at once.

    Returns:
        Each pair once, from the name that comes first to the other.

    Example:
        >>> names = ["From right to left", "From left to right", "Pulling it right out"]
        >>> swap_words(names, [("left", "right")])
        {'From right to left': 'From left to right'}
    """
    partner = {word: other for pair in swaps for word, other in (pair, pair[::-1])}
    pattern = re.compile(rf"(?<![A-Za-z])({'|'.join(partner)})(?![A-Za-z])", re.IGNORECASE)

    def exchange(found: re.Match[str]) -> str:
        word = found.group()
        other = partner[word.lower()]
        return other.capitalize() if word[0].isupper() else other

    known, pairs = set(class_names), dict[str, str]()
    for name in class_names:
        other = pattern.sub(exchange, name)
        if other != name and other in known and other not in pairs:
            pairs[name] = other
    return pairs
