"""The experiments as data: each file in ``grids`` is a table or figure, and what fills it.

A file holds blocks of four kinds: ``videos`` (trained on the user's data), ``suite`` (trained on
clips of the motion suite, which it draws), ``toy`` (trained on the toy) and ``runtime`` (timed). A
block is rows by columns: a row is a network, a column says how its
clips are cut and how it is evaluated. Cells with the same network and the same clips share a
training. Keys of a block, all optional:

budgets        budgets that it belongs to
min_frames     it needs videos of at least so many frames; max_frames likewise
canvas         of the toy; takes the place of columns
backbone       instead of the budget's; ``{backbone}`` in names of models stands for it
rows           label: {choice, model, options, clip, epochs, summary, resnet18}; --models takes the
               choice; resnet18 adds the budget's options of that network
models         pattern of registered models, each of which is a row
without        what the pattern's ``*`` must not stand for
named          what rows of the pattern are called, such as ``{}_sealed``
defaults       of all rows
summary        of rows that have none, such as ``{}, sealed``: ``{}`` stands for their family's
columns        label: {run, clip, listing, look, evaluate, suite}; run ends the names of runs,
               look names the evaluation, suite holds arguments of :func:`.writing.write_task`
suite          arguments of all columns
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import yaml  # type: ignore[import-untyped]

from motionlens._utils.errors import nearest
from motionlens.models.registry import FAMILIES, list_models, model_family
from motionlens.reproduce.budgets import Budget

ACCURACY = "here"
Block = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Experiment:
    """A table or figure, as its file says it.

    Attributes:
        name: on the command line.
        order: its place in ``--list``.
        shown_as: what of the poster it is; ``"ours"`` if it is not on it.
        measures: a sentence without a full stop.
        unit: of the cells; accuracies are stored in 0 to 1 and shown in %.
        one_seed: whether more seeds are never run.
        picture: title of the picture of the table; None for no picture.
        proposals: choices whose proposals are drawn.
        landing: whether the share of proposals that land on the toy's block is measured.
        notes: sentences below the table.
        row_notes: likewise, each shown with its row.
        poster: what the poster printed: ``columns``, and ``rows``: label to a text for each column,
            with blanks for what cannot be read.
        recipe: file of the package for the full budget; None for that of the data set.
        videos: blocks, see above.
        suite: likewise.
        toy: likewise.
        runtime: likewise.
    """

    name: str
    order: int
    shown_as: Sequence[str]
    measures: str
    unit: Literal["%", "videos per second"] = "%"
    one_seed: bool = False
    picture: str | None = None
    proposals: Sequence[str] = ()
    landing: bool = False
    notes: Sequence[str] = ()
    row_notes: Mapping[str, str] = field(default_factory=dict)
    poster: Mapping[str, Any] = field(default_factory=dict)
    recipe: str | None = None
    videos: Sequence[Block] = ()
    suite: Sequence[Block] = ()
    toy: Sequence[Block] = ()
    runtime: Sequence[Block] = ()

    @property
    def needs(self) -> Literal["data", "perhaps", "nothing"]:
        """Whether ``--data`` must be given, may be given, or is not asked for."""
        if not self.videos:
            return "nothing"
        return "perhaps" if self.toy or self.suite else "data"


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A network to be trained, or timed, once: one run folder.

    Attributes:
        name: of its folder.
        row: of the table.
        choice: what ``--models`` calls it.
        model: name for :func:`motionlens.create_model`.
        options: of the model.
        clip: fields of the recipe's clip.
        listing: fields of the recipe's listing.
        looks: column of the table to its evaluation: ``look``, the name of its folder (the
            evaluation itself if absent), and ``evaluate``, options of :func:`motionlens.evaluate`.
        seed: of the training.
        canvas: of the toy.
        epochs: of the toy's training.
        suite: arguments of the drawing of its clips; the name of their folder ``folder`` among
            them. Empty for other data.
        summary: what the row is, in a few words.
    """

    name: str
    row: str
    choice: str
    model: str
    options: Mapping[str, Any]
    clip: Mapping[str, Any]
    looks: Mapping[str, Mapping[str, Any]]
    listing: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    canvas: str = ""
    epochs: int = 0
    suite: Mapping[str, Any] = field(default_factory=dict)
    summary: str = ""

    @property
    def label(self) -> str:
        """What a line on it calls it."""
        return f"{self.name.removesuffix(f'_s{self.seed}')}, seed {self.seed}"


def find_experiment(name: str) -> Experiment:
    """An experiment by its name.

    Raises:
        ValueError: For an unknown one; the nearest is suggested.
    """
    if name not in EXPERIMENTS:
        raise ValueError(
            f"unknown experiment {name!r}{nearest(name, EXPERIMENTS)}; 'motionlens reproduce "
            "--list' shows all"
        )
    return EXPERIMENTS[name]


def planned_runs(
    blocks: Sequence[Block],
    budget: Budget,
    *,
    num_frames: int | None = None,
    canvas: str | None = None,
    models: Sequence[str] = (),
    seeds: int = 1,
) -> list[Run]:
    """The runs of an experiment, those of a seed side by side.

    Args:
        blocks: of the experiment.
        budget: chooses blocks, backbone and options.
        num_frames: of the usual video; None if there are no videos.
        canvas: of the toy; None for all.
        models: choices; all if empty.
        seeds: runs of each network.

    Raises:
        ValueError: For an unknown choice; the nearest is suggested.
    """
    runs: dict[str, Run] = {}
    for block in blocks:
        if _fits(block, budget, num_frames, canvas):
            for run in _expanded(block, budget):
                known = runs.get(run.name)
                looks = {**known.looks, **run.looks} if known else run.looks
                runs[run.name] = replace(run, looks=looks)
    choices = dict.fromkeys(run.choice for run in runs.values())
    for choice in models:
        if choice not in choices:
            raise ValueError(
                f"models must be among {', '.join(choices)}, got {choice!r}"
                f"{nearest(choice, choices)}"
            )
    return [
        replace(run, name=f"{run.name}_s{seed}", seed=seed)
        for seed in range(seeds)
        for run in runs.values()
        if not models or run.choice in models
    ]


def _fits(block: Block, budget: Budget, num_frames: int | None, canvas: str | None) -> bool:
    if budget.name not in block.get("budgets", (budget.name,)):
        return False
    if canvas is not None and block.get("canvas") != canvas:
        return False
    frames = num_frames or 0
    return bool(block.get("min_frames", 0) <= frames <= block.get("max_frames", frames))


def _expanded(block: Block, budget: Budget) -> Iterator[Run]:
    """A run for each cell of a block; the name of a run tells those that are the same."""
    backbone, canvas = block.get("backbone", budget.backbone), block.get("canvas", "")
    for label, row in _rows(block, backbone).items():
        choice = row.get("choice", label)
        narrow = budget.resnet18 if row.get("resnet18") else {}
        for column, cell in block.get("columns", {canvas or ACCURACY: {}}).items():
            clip = {**row.get("clip", {}), **cell.get("clip", {})}
            if clip.get("frame_stride") == "fitted":
                assert budget.recipe is not None  # of the full budget, rows name their stride
                clip["frame_stride"] = budget.recipe["clip"]["frame_stride"]
            yield Run(
                name="_".join(str(word) for word in (canvas, choice, cell.get("run")) if word),
                row=label,
                choice=choice,
                model=row["model"].format(backbone=backbone),
                options={**narrow, **row.get("options", {})},
                clip=clip,
                listing=cell.get("listing", {}),
                looks={column: {name: cell[name] for name in ("look", "evaluate") if name in cell}},
                canvas=canvas,
                epochs=row.get("epochs", 0) * budget.toy_epochs,
                suite=_suite_of(block, cell),
                summary=row.get("summary", ""),
            )


def _suite_of(block: Block, cell: Mapping[str, Any]) -> dict[str, Any]:
    """What a column's clips are drawn with."""
    if "suite" not in cell:
        return {}
    return {**block.get("suite", {}), **cell["suite"], "folder": cell["run"]}


def _rows(block: Block, backbone: str) -> dict[str, dict[str, Any]]:
    """The rows of a block: those that it names, then those of the pattern."""
    defaults = block.get("defaults", {})
    rows: dict[str, dict[str, Any]] = dict(block.get("rows", {}))
    if "models" in block:
        pattern, named = block["models"].format(backbone=backbone), block.get("named", "{}")
        before, _, after = pattern.partition("*")
        rows = {label: {"model": f"{before}{label}{after}", **row} for label, row in rows.items()}
        models = list_models(pattern)
        for model in sorted(models, key=lambda model: FAMILIES.index(model_family(model))):
            name = model.removeprefix(before).removesuffix(after)
            label = named.format(model_family(model).label if after else name)
            if name not in block.get("without", ()) and label not in rows:
                rows[label] = {"choice": named.format(name), "model": model}
        if "summary" in block:
            for row in rows.values():
                summary = block["summary"].format(model_family(row["model"]).summary)
                row.setdefault("summary", summary)
    return {
        label: {
            **defaults,
            **row,
            "options": {**defaults.get("options", {}), **row.get("options", {})},
        }
        for label, row in rows.items()
    }


def _load(path: Path) -> Experiment:
    return Experiment(name=path.stem, **yaml.safe_load(path.read_text(encoding="utf-8")))


EXPERIMENTS = {
    experiment.name: experiment
    for experiment in sorted(
        map(_load, (Path(__file__).parent / "grids").glob("*.yaml")),
        key=lambda experiment: experiment.order,
    )
}
