"""Models side by side as grids: motion, Kinetics, speed of the motion, scale of the offsets."""

from __future__ import annotations

from motionlens.reproduce.ablations import ACCURACY
from motionlens.reproduce.budgets import Budget
from motionlens.reproduce.grids import Cell, Grid, Look, Variant
from motionlens.reproduce.poster import KINETICS_COLUMNS, LARGE_COLUMN

# Beginning of a model's name: what tables call it.
FAMILIES = {
    "c2d": "C2D",
    "c3d": "C3D",
    "i3d": "I3D",
    "nl_c2d": "NL C2D",
    "artnet": "ARTNet",
    "trn": "TRN",
    "tsm": "TSM",
    "mfnet": "MFNet",
    "cpnet": "CPNet",
}
_ON_KINETICS = ("c2d", "c3d", "nl_c2d", "artnet", "cpnet")
# Frames and the step between them: all of a line span the same part of a video, 22 frames or,
# where videos are shorter, 8 (a step of 2 just 7).
LONG_SPEEDS = ((22, 1), (8, 3), (4, 7), (2, 21))
SHORT_SPEEDS = ((8, 1), (4, 2), (2, 7))
OFFSET_SCALES = (1, 4, 8, 16, 32)
_TEN_CROPS = Look(name="1x10", options={"views": "1x10"})
# The poster does not say how the large networks were tested.
_MANY_VIEWS = Look(name="10x3", options={"views": "10x3"})


def motion_grid(budget: Budget) -> Grid:
    """Every model, one view of each validation video."""
    # The full recipe is for ResNet-34, as in the poster's tables.
    backbone = "resnet34" if budget.name == "full" else budget.backbone
    variants = [
        Variant(name=family, choice=family, model=f"{family}_{backbone}") for family in FAMILIES
    ]
    labels = list(FAMILIES.values())
    variants += [
        Variant(name="mff", choice="mff", model=f"mff_{backbone}"),
        Variant(
            name="two_stream_trn",
            choice="two_stream_trn",
            model=f"two_stream_{backbone}",
            options={"stream": "trn"},
        ),
    ]
    labels += ["MFF", "Two-stream TRN"]
    if budget.name != "full":
        # Narrower, on the clips of the others.
        variants.append(
            Variant(
                name="something_3d",
                choice="something_3d",
                model="something_3d",
                options={"width": 0.25 if budget.name == "small" else 0.5},
            )
        )
        labels.append("Something-Something 3D")
    else:
        for family in ("c2d", "cpnet"):
            name = f"{family}_resnet18"
            variants.append(Variant(name=name, choice=name, model=name))
            labels.append(f"{FAMILIES[family]} Res18")
        variants.append(
            Variant(
                name="something_3d",
                choice="something_3d",
                model="something_3d",
                clip={"num_frames": 72, "frame_stride": 1, "size": 84, "short_side": 100},
            )
        )
        labels.append("Something-Something 3D")
    pairs = zip(labels, variants, strict=True)
    return Grid(tuple(variants), tuple(Cell(label, ACCURACY, v.name) for label, v in pairs))


def kinetics_grid(budget: Budget) -> Grid:
    """The poster's five models at two frame rates; the large ones with the full budget."""
    variants: list[Variant] = []
    cells: list[Cell] = []
    rates = {"slow": (8, 12), "fast": (8, 4)}
    if budget.name != "full":
        # Videos may be short; then clips are.
        frames, slow = (8, budget.stride) if budget.stride > 1 else (4, 2)
        rates = {"slow": (frames, slow), "fast": (frames, 1)}
    for family in _ON_KINETICS:
        for rate, (frames, stride) in rates.items():
            variants.append(
                Variant(
                    name=f"{family}_{rate}",
                    choice=family,
                    model=f"{family}_{budget.backbone}",
                    clip={"num_frames": frames, "frame_stride": stride},
                    looks=(Look(), _TEN_CROPS) if rate == "slow" else (Look(),),
                )
            )
        row, (one, ten, fast) = FAMILIES[family], KINETICS_COLUMNS
        cells += [Cell(row, one, f"{family}_slow"), Cell(row, ten, f"{family}_slow", "1x10")]
        cells.append(Cell(row, fast, f"{family}_fast"))
    if budget.name == "full":
        for family in ("nl_c2d", "cpnet"):
            name = f"{family}_resnet101"
            variants.append(Variant(name=name, choice=name, model=name, looks=(_MANY_VIEWS,)))
            cells.append(Cell(f"{FAMILIES[family]} Res101", LARGE_COLUMN, name, "10x3"))
    return Grid(tuple(variants), tuple(cells))


def speed_grid(budget: Budget) -> Grid:
    """Every model on clips that span the same time in more or fewer frames."""
    variants, cells = [], []
    for family, label in FAMILIES.items():
        for frames, stride in speeds_of(budget):
            name = f"{family}_{frames}x{stride}"
            clip = {"num_frames": frames, "frame_stride": stride}
            model = f"{family}_{budget.backbone}"
            variants.append(Variant(name=name, choice=family, model=model, clip=clip))
            cells.append(Cell(label, speed_column(frames, stride), name))
    return Grid(tuple(variants), tuple(cells))


def speeds_of(budget: Budget) -> tuple[tuple[int, int], ...]:
    """Frames and steps that fit the budget and the videos."""
    if budget.stride < LONG_SPEEDS[1][1]:
        return SHORT_SPEEDS
    return LONG_SPEEDS[1:] if budget.name == "small" else LONG_SPEEDS


def speed_column(frames: int, stride: int) -> str:
    """What the table calls a speed."""
    return f"{frames} frames, step {stride}"


def offset_scale_grid(budget: Budget) -> Grid:
    """CPNet with its offsets multiplied by more or less."""
    variants = tuple(
        Variant(
            name=f"scale{scale}",
            choice=f"scale{scale}",
            model=f"cpnet_{budget.backbone}",
            options={"offset_scale": float(scale)},
        )
        for scale in OFFSET_SCALES
    )
    cells = tuple(Cell(f"scale {scale}", ACCURACY, f"scale{scale}") for scale in OFFSET_SCALES)
    return Grid(variants, cells)
