"""The poster's ablations as grids: number of modules, k, stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from motionlens.reproduce.budgets import Budget
from motionlens.reproduce.grids import Cell, Grid, Look, Variant
from motionlens.reproduce.poster import KS

ACCURACY = "here"

# The poster gives numbers alone; from res4 on, which its ablation (c) finds best.
_COUNTS: dict[int, Mapping[str, int]] = {
    1: {"res4": 1},
    2: {"res3": 1, "res4": 1},
    4: {"res3": 2, "res4": 2},
    6: {"res3": 2, "res4": 2, "res5": 2},
}
_STAGES = ("res3", "res4", "res5")


def count_grid(budget: Budget) -> Grid:
    """ResNet-18 with 0, 1, 2, 4 and 6 modules."""
    variants = [_plain(budget)]
    variants += [
        _with_modules(budget, f"cp{number}", {"modules": modules})
        for number, modules in _COUNTS.items()
    ]
    labels = ["C2D", *(f"{number} CP" for number in _COUNTS)]
    return _one_column(variants, labels)


def stage_grid(budget: Budget) -> Grid:
    """ResNet-18 with two modules in one stage, or none."""
    variants = [_plain(budget)]
    variants += [_with_modules(budget, stage, {"modules": {stage: 2}}) for stage in _STAGES]
    return _one_column(variants, ["none", *_STAGES])


def k_grid(budget: Budget) -> Grid:
    """ResNet-18 with modules trained with each k; each tested with every k."""
    looks = tuple(Look(name=f"k{k}", options={"k": k}) for k in KS)
    variants = tuple(_with_modules(budget, f"k{k}", {"k": k}, looks) for k in KS)
    cells = tuple(
        Cell(f"k = {trained} in training", f"k = {tested} in testing", f"k{trained}", f"k{tested}")
        for trained in KS
        for tested in KS
    )
    return Grid(variants, cells)


def _plain(budget: Budget) -> Variant:
    return Variant(name="c2d", choice="c2d", model="c2d_resnet18", options=budget.ablation_options)


def _with_modules(
    budget: Budget, name: str, options: Mapping[str, Any], looks: tuple[Look, ...] = (Look(),)
) -> Variant:
    return Variant(
        name=name,
        choice=name,
        model="cpnet_resnet18",
        options={**budget.ablation_options, **options},
        looks=looks,
    )


def _one_column(variants: list[Variant], labels: list[str]) -> Grid:
    pairs = zip(labels, variants, strict=True)
    return Grid(tuple(variants), tuple(Cell(label, ACCURACY, v.name) for label, v in pairs))
