"""What the poster printed. None is a figure that cannot be read for certain: it stays blank.

Accuracies are in percent: top-1 and top-5, or the validation and the test part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# One or two figures, printed as "56.9 / 79.5".
Figures = tuple[float | None, ...]

KS = (1, 2, 4, 8, 16, 32)


@dataclass(frozen=True, kw_only=True, slots=True)
class PosterTable:
    """A table of the poster.

    Attributes:
        title: what the poster calls it.
        columns: headings.
        rows: row to its figures, one a column.
        parameters: row to millions of them.
        decimals: that figures are printed with.
    """

    title: str
    columns: tuple[str, ...]
    rows: Mapping[str, tuple[Figures, ...]]
    parameters: Mapping[str, float] | None = None
    decimals: int = 1


COUNT = PosterTable(
    title="(a) number of CP modules",
    columns=("Kinetics top-1 / top-5",),
    rows={
        "C2D": ((56.9, 79.5),),
        "1 CP": ((60.3, 82.4),),
        "2 CP": ((60.4, 82.4),),
        "4 CP": ((61.0, 83.1),),
        "6 CP": ((61.1, 83.1),),
    },
)

# The cells are scrambled and repeat, so that none can be given a place.
K = PosterTable(
    title="(b) k in training and in testing",
    columns=tuple(f"k = {k} in testing" for k in KS),
    rows={f"k = {k} in training": ((None, None),) * len(KS) for k in KS},
)

STAGE = PosterTable(
    title="(c) CP module positions",
    columns=("Kinetics top-1 / top-5",),
    rows={
        "none": ((56.9, 79.5),),
        "res3": ((60.4, 82.4),),
        "res4": ((60.8, 82.8),),
        "res5": ((59.2, 81.6),),
    },
)

_NOTHING: Figures = ()
MOTION = PosterTable(
    title="Motion-centric Dataset Results",
    decimals=2,
    columns=("Jester val / test", "Something-Something top-1 / top-5"),
    rows={
        "C2D": ((84.73, None), (39.64, 69.61)),
        "CPNet": ((96.70, 96.56), (None, 83.95)),
        "TRN": ((95.31, 94.78), (48.80, 77.64)),
        "MFNet": ((96.68, 96.22), _NOTHING),
        "Something-Something 3D": (_NOTHING, (51.33, 80.46)),
        "C2D Res18": (_NOTHING, (35.24, 64.49)),
        "CPNet Res18": (_NOTHING, (54.08, 82.10)),
        "BesNet": ((None, 94.23), _NOTHING),
        "TPRN": ((95.40, 95.34), _NOTHING),
        "MFF": ((96.33, 96.28), _NOTHING),
        "Two-stream TRN": (_NOTHING, (55.52, 83.06)),
    },
    parameters={
        "C2D": 20.3,
        "CPNet": 21.0,
        "TRN": 22.8,
        "MFNet": 41.1,
        "Something-Something 3D": 22.2,
        "C2D Res18": 10.7,
        "CPNet Res18": 11.3,
        "BesNet": 37.8,
        "TPRN": 22.0,
        "MFF": 43.4,
        "Two-stream TRN": 46.4,
    },
)

KINETICS_COLUMNS = (
    "1/12 of the rate, 1 crop",
    "1/12 of the rate, 10 crops",
    "1/4 of the rate, 1 crop",
)
KINETICS = PosterTable(
    title="Kinetics-400 Results, ResNet-18",
    columns=KINETICS_COLUMNS,
    rows={
        "C2D": ((56.9, 79.5), (61.3, 83.6), (54.1, 77.4)),
        "C3D": ((58.3, 80.7), (64.4, 85.8), (55.0, 78.5)),
        "NL C2D": ((58.6, 81.3), (63.3, 85.1), (55.3, 78.6)),
        "ARTNet": ((59.1, 81.1), (65.1, 86.1), (56.1, 78.7)),
        "CPNet": ((61.1, 83.1), (66.3, 87.1), (57.2, 80.8)),
    },
)

LARGE_COLUMN = "val"
KINETICS_LARGE = PosterTable(
    title="Kinetics-400 Results, large networks",
    columns=(LARGE_COLUMN,),
    rows={
        "NL C2D Res101": ((75.1, 91.7),),
        "CPNet Res101": ((75.3, 92.4),),
        "I3D Inception": ((72.1, 90.3),),
        "Inception-ResNet-v2": ((73.0, 90.9),),
    },
    parameters={
        "NL C2D Res101": 48.2,
        "CPNet Res101": 42.1,
        "I3D Inception": 25.0,
        "Inception-ResNet-v2": 50.9,
    },
)

RUNTIME_COLUMNS = ("8 frames", "32 frames")
RUNTIME = PosterTable(
    title="Model Run Time, videos a second on a GTX 1080 Ti",
    columns=RUNTIME_COLUMNS,
    rows={"CPNet": ((10.1,), (3.9,))},
)
