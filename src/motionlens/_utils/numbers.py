"""Numbers as text: the one way to write a share in percent, a figure, a count, a time left."""

import math


def percent(share: float, digits: int = 1) -> str:
    """A share in 0 to 1 in percent; a dash for nan.

    Only 0 and 1 themselves are written as such: what lies between reads as ``< 0.1 %`` or
    ``> 99.9 %`` where rounding would make it 0 or 100.

    Example:
        >>> [percent(share) for share in (0.0, 0.0002, 0.4567, 0.9998, 1.0)]
        ['0.0 %', '< 0.1 %', '45.7 %', '> 99.9 %', '100.0 %']
    """
    if math.isnan(share):
        return "-"
    text, least = f"{100 * share:.{digits}f}", 10.0**-digits
    if share > 0 and float(text) == 0:
        return f"< {least:.{digits}f} %"
    if share < 1 and float(text) == 100:
        return f"> {100 - least:.{digits}f} %"
    return f"{text} %"


def figure(value: float, digits: int = 3) -> str:
    """A number with so many significant digits; from 1,000 on all whole digits, with separators.

    Example:
        >>> [figure(value) for value in (0.0314159, 31.4159, 999.6, 4649.7)]
        ['0.0314', '31.4', '1,000', '4,650']
    """
    text = f"{value:.{digits}g}"
    return f"{value:,.0f}" if abs(float(text)) >= 1000 else text


def counted(number: int, one: str, several: str = "") -> str:
    """A count and what is counted, which is one or several.

    Example:
        >>> counted(1, "frame is"), counted(2500, "frame is", "frames are"), counted(0, "batch")
        ('1 frame is', '2,500 frames are', '0 batches')
    """
    if number == 1:
        return f"1 {one}"
    ending = "es" if one.endswith(("s", "x", "ch", "sh")) else "s"
    return f"{number:,} {several or one + ending}"


def duration(seconds: float) -> str:
    """A time that something takes, as roughly as one wants to know it.

    Example:
        >>> [duration(seconds) for seconds in (0.4, 42.3, 200, 5430, 200_000)]
        ['1 s', '42 s', '3 min', '1 h 30 min', '2 d 7 h']
    """
    if seconds < 59.5:
        return f"{max(round(seconds), 1)} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"
