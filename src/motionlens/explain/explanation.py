"""What a network saw and matched in one video, in pixels of that video."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motionlens._utils.checks import check_choice
from motionlens.explain.clear_match import clearest_position
from motionlens.explain.correspondences import (
    Correspondences,
    Match,
    Position,
    Region,
    Target,
    cell_region,
)
from motionlens.report.prediction import Prediction

# Of the JSON that `to_dict` gives; the version grows with each incompatible change.
FORMAT, FORMAT_VERSION = "motionlens.explain", 1


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Explanation:
    """What a network saw in a video and what its CP modules matched there.

    Attributes:
        path: of the video; ``"array"`` for a video given as an array.
        prediction: all labels, best first.
        frames: uint8 ``(T, H, W, 3)``, the frames of the clip, upright and in the video's own size.
        frame_numbers: positions of these frames in the video, counted from 0.
        times_s: their times, seconds since the video's first frame.
        region: top, left, height and width of the part of each frame that the network saw, pixels,
            not necessarily whole.
        modules: block name to what its module matched, without the axis B: ``proposals`` and
            ``wins`` are ``(T, S, K)``, ``change`` is ``(T, S)``, all on the CPU.
    """

    path: str
    prediction: Prediction
    frames: NDArray[np.uint8]
    frame_numbers: tuple[int, ...]
    times_s: tuple[float, ...]
    region: Region
    modules: dict[str, Correspondences]

    def module(self, name: str) -> Correspondences:
        """What a module matched.

        Raises:
            ValueError: If there is no module of that name.
        """
        check_choice("module", name, self.modules)
        return self.modules[name]

    def box(self, module: str, row: int, column: int) -> Region:
        """The part of the frames that a cell of a module's grid covers.

        The grid divides the region that the network saw into equal cells. The receptive field of
        the cell's feature is larger.

        Args:
            module: block name.
            row: on the module's grid.
            column: on the module's grid.

        Returns:
            Top, left, height and width, pixels of the frames.

        Raises:
            ValueError: If there is no such module.
        """
        return cell_region(self.module(module).grid, row, column, self.region)

    def ranked(self, module: str, n: int | None = None) -> list[Position]:
        """The n positions that a module changed most, all if None.

        Raises:
            ValueError: If there is no such module, or n is below 1.
        """
        return self.module(module).ranked(n)

    def best_matched(self, module: str) -> Position:
        """The position that a module matched best, as an eye sees it.

        See :func:`motionlens.explain.clear_match.clearest_position`.

        Raises:
            ValueError: If there is no such module.
        """
        return clearest_position(self.module(module), self.frames, self.region)

    def match(self, module: str, frame: int, row: int, column: int) -> Match:
        """A position and its proposals.

        Raises:
            ValueError: If there is no such module or position.
        """
        return self.module(module).match(frame, row, column)

    def position(self, module: str, frame: int, row: int, column: int) -> dict[str, Any]:
        """One position and its proposals as plain values, for JSON.

        Raises:
            ValueError: If there is no such module or position.
        """
        found = self.module(module)
        targets = found.match(frame, row, column).targets
        change = float(found.change[frame, row * found.grid[1] + column])
        return _plain(Position(frame, row, column, change), targets)

    def positions(self, module: str, n: int | None = None) -> Iterator[dict[str, Any]]:
        """The n positions that a module changed most, all if None, as :meth:`position` gives them.

        Made one after the other, so that as little as one of them is in memory.

        Raises:
            ValueError: If there is no such module, or n is below 1.
        """
        found = self.module(module)
        ranked = found.ranked(n)
        return map(_plain, ranked, found.targets(ranked))

    def to_dict(self, *, top: int | None = None) -> dict[str, Any]:
        """Everything but the frames as plain values, for JSON.

        Args:
            top: positions per module, those it changed most; None for all.

        Raises:
            ValueError: If ``top`` is below 1.
        """
        values = self.without_positions()
        for module in values["modules"]:
            module["positions"] = list(self.positions(module["name"], top))
        return values

    def without_positions(self) -> dict[str, Any]:
        """What :meth:`to_dict` returns, but for the positions of its modules."""
        T, H, W = self.frames.shape[:3]
        return {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            **self.prediction.to_dict(),
            "path": self.path,
            "frames": {
                "count": T,
                "height": H,
                "width": W,
                "numbers": list(self.frame_numbers),
                "times_s": list(self.times_s),
            },
            "region": dict(zip(("top", "left", "height", "width"), self.region, strict=True)),
            "modules": [
                {
                    "name": name,
                    "grid": {"rows": found.grid[0], "columns": found.grid[1]},
                    "k": found.k,
                    "channels": found.channels,
                    "best_matched": dict(
                        zip(("frame", "row", "column"), self.best_matched(name), strict=False)
                    ),
                }
                for name, found in self.modules.items()
            ],
        }


def _plain(at: Position, targets: Iterable[Target]) -> dict[str, Any]:
    proposals = [target._asdict() for target in targets]
    for proposal in proposals:
        if math.isnan(proposal["distance"]):  # an injected proposal has none
            proposal["distance"] = None
    return {**at._asdict(), "proposals": proposals}
