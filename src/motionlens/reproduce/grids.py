"""Words for what is to be trained: variants of a network, looks at them, cells of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from motionlens._utils.errors import nearest


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """One evaluation of a trained network.

    Attributes:
        name: of its folder inside the run's evaluation; empty for the evaluation itself.
        options: of :func:`motionlens.evaluate`, such as ``k`` and ``views``.
    """

    name: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


ONE_VIEW = Look()


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """A network that is trained, once for each seed.

    Attributes:
        name: begins the names of its run folders; no other variant of a grid has it.
        choice: what ``--models`` calls it; several variants may share one.
        model: name for :func:`motionlens.create_model`.
        options: of the model.
        clip: fields of the recipe's clip.
        looks: how it is evaluated.
    """

    name: str
    choice: str
    model: str
    options: Mapping[str, Any] = field(default_factory=dict)
    clip: Mapping[str, Any] = field(default_factory=dict)
    looks: tuple[Look, ...] = (ONE_VIEW,)


class Cell(NamedTuple):
    """A place in the table, and which look at which variant fills it."""

    row: str
    column: str
    variant: str
    look: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """What is trained, and the table that it fills.

    Attributes:
        variants: in the order in which they are trained.
        cells: in the order of the table.
    """

    variants: tuple[Variant, ...]
    cells: tuple[Cell, ...]

    def chosen(self, choices: Sequence[str]) -> Grid:
        """The part of a grid that is asked for; all of it if nothing is.

        Raises:
            ValueError: For an unknown choice; the nearest is suggested.
        """
        check_choices(choices, [variant.choice for variant in self.variants])
        kept = tuple(v for v in self.variants if not choices or v.choice in choices)
        names = {variant.name for variant in kept}
        return Grid(kept, tuple(cell for cell in self.cells if cell.variant in names))


def check_choices(choices: Sequence[str], known: Sequence[str]) -> None:
    """Refuse what an experiment does not have.

    Raises:
        ValueError: For an unknown choice; the nearest is suggested.
    """
    for choice in choices:
        if choice not in known:
            raise ValueError(
                f"models must be among {', '.join(dict.fromkeys(known))}, got {choice!r}"
                f"{nearest(choice, known)}"
            )
