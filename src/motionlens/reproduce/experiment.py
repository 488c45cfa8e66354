"""What an experiment is: a table or figure of the poster, and how to come by one's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from motionlens.reproduce.outcomes import Outcome
from motionlens.reproduce.poster import PosterTable
from motionlens.reproduce.request import Request

# Of data: must be given, may be given, is not asked for.
Needs = Literal["data", "perhaps", "nothing"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Experiment:
    """A table or figure.

    Attributes:
        name: on the command line.
        shown_as: what of the poster it is; ``"ours"`` if it is not in it.
        measures: in a sentence without a full stop.
        needs: whether it asks for ``--data``.
        poster: what the poster printed.
        perform: does it; told what there is after every run.
        draw: draws the picture; None if it is drawn otherwise.
        one_seed: whether more seeds are never run.
        percent: whether what is measured are accuracies.
        notes: what is the same as on the poster, and what is not.
        pages: earlier results of the same, in docs/results.
    """

    name: str
    shown_as: tuple[str, ...]
    measures: str
    needs: Needs
    perform: Callable[[Request, Callable[[Outcome], None]], Outcome]
    draw: Callable[[Outcome, Path], None] | None = None
    poster: tuple[PosterTable, ...] = ()
    one_seed: bool = False
    percent: bool = True
    notes: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()
