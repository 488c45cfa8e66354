"""Checks of arguments: whole numbers, ranges of numbers, names of choices."""

from collections.abc import Iterable
from numbers import Integral
from operator import ge, gt, le, lt
from typing import Any

from motionlens._utils.errors import nearest

_HOLDS = {"at least": ge, "above": gt, "at most": le, "below": lt}


def check_number(
    name: str,
    value: float,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
    hint: str = "",
) -> None:
    """Check that a number lies within the given bounds; NaN lies in none.

    Args:
        name: of the argument, for the message.
        value: of the argument.
        least: lower bound, included.
        above: lower bound, excluded.
        most: upper bound, included.
        below: upper bound, excluded.
        hint: what to do otherwise.

    Raises:
        ValueError: If it does not.
    """
    limits = {"at least": least, "above": above, "at most": most, "below": below}
    given = {words: limit for words, limit in limits.items() if limit is not None}
    if not all(_HOLDS[words](value, limit) for words, limit in given.items()):
        wanted = " and ".join(f"{words} {limit}" for words, limit in given.items())
        raise ValueError(f"{name} must be {wanted}, got {value}" + (f"; {hint}" if hint else ""))


def check_fields(config: object, prefix: str, *names: str, **bounds: Any) -> None:
    """Check that fields of a dataclass are None or lie within bounds, see :func:`check_number`.

    Args:
        config: an instance.
        prefix: what stands before the fields' names in messages, such as ``"clip."``.
        names: of the fields.
        bounds: as of :func:`check_number`.

    Raises:
        ValueError: If one does not.
    """
    for name in names:
        if (value := getattr(config, name)) is not None:
            check_number(f"{prefix}{name}", value, **bounds)


def check_at_least(least: int, **values: object) -> None:
    """Check that values, by the names of their arguments, are whole numbers of at least ``least``.

    Raises:
        ValueError: If one is not.
    """
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
            raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")


def check_choice(name: str, value: str, choices: Iterable[str]) -> None:
    """Check that a name is one of the choices.

    Args:
        name: of the argument, for the message.
        value: of the argument.
        choices: all that there are.

    Raises:
        ValueError: If it is not; the nearest choice is suggested.
    """
    choices = list(choices)
    if value not in choices:
        raise ValueError(
            f"{name} must be one of {', '.join(choices)}, got {value!r}"
            f"{nearest(str(value), choices)}"
        )
