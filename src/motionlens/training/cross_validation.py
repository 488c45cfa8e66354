"""Train once per fold, each time validating on the fold: the honest figure of a small data set."""

import json
import math
import shutil
import statistics
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from motionlens._utils.checks import check_number
from motionlens._utils.files import check_writable, write_atomically
from motionlens._utils.folder_lock import locked_folder
from motionlens._utils.numbers import percent
from motionlens._utils.tables import markdown_table
from motionlens.datasets.parts import open_parts
from motionlens.datasets.source import RECIPE_FILE
from motionlens.training.build import make_start
from motionlens.training.fit import fit
from motionlens.training.recipe import Recipe
from motionlens.training.recipe_files import save_recipe, with_absolute_paths
from motionlens.training.run_folder import CHECKPOINT, FOLDS_FILE, begun_folds
from motionlens.video.frames import VideoWarning

PAGE_FILE = "folds.md"
MAX_FOLDS = 20
# 97.5 % of Student's distributions with 1, 2, ... degrees of freedom.
_STUDENT = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class FoldsResult:
    """What cross-validation measured.

    Attributes:
        out: folder of the folds' runs.
        metric: ``validation_accuracy``, or ``validation_map`` where videos have several labels.
        values: of each fold, in 0 to 1.
        num_validated: validation videos of each fold.
        group: what kept videos together; None for nothing.
        is_best: whether each fold kept its best epoch, which makes its value optimistic.
    """

    out: Path
    metric: str
    values: tuple[float, ...]
    num_validated: tuple[int, ...]
    group: str | None
    is_best: bool

    @property
    def mean(self) -> float:
        """Of the folds' values."""
        return statistics.fmean(self.values)

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the mean by Student's distribution, within 0 to 1.

        The folds share training videos, so that it is a little too narrow.
        """
        n = len(self.values)
        half = _STUDENT[n - 2] * statistics.stdev(self.values) / math.sqrt(n)
        return max(self.mean - half, 0.0), min(self.mean + half, 1.0)

    def to_json(self) -> str:
        """All numbers as JSON."""
        more = {"folds": len(self.values), "mean": self.mean, "interval": self.interval}
        return json.dumps({**asdict(self), "out": str(self.out), **more}, indent=1) + "\n"

    def to_markdown(self) -> str:
        """A table of the folds and a sentence on their mean."""
        rows = [
            [f"fold{number}", f"{videos:,}", percent(value)]
            for number, (videos, value) in enumerate(
                zip(self.num_validated, self.values, strict=True), start=1
            )
        ]
        low, high = self.interval
        kept = f"kept together by {self.group}" if self.group else "drawn at random"
        words = {"validation_map": "mAP"}.get(self.metric, "accuracy")
        best = " Each fold kept its best epoch, which is optimistic." if self.is_best else ""
        return (
            f"{markdown_table(['fold', 'validation videos', words], rows)}\n"
            f"Mean {words} {percent(self.mean)}, 95 % interval {100 * low:.1f} to "
            f"{100 * high:.1f} %, over {len(rows)} folds of videos {kept}.{best}\n"
        )


def cross_validate(
    recipe: Recipe,
    folds: int,
    *,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool = True,
    say: Callable[[str], None] = print,
) -> FoldsResult:
    """Train once per fold and summarise; the runs are in ``fold1``, ``fold2``, ... of the folder.

    Args:
        recipe: of each run; ``out`` is the folder of them all, and ``listing.group`` keeps a
            person or scene in one fold. Parts that the data have are joined first.
        folds: their number, 2 to 20.
        resume: go on with the folds in ``recipe.out``: finished ones are kept.
        overwrite: remove what ``recipe.out`` holds.
        progress: print one line an epoch.
        say: called with a line before each fold.

    Returns:
        Each fold's metric, which is also in ``folds.json`` and ``folds.md``.

    Raises:
        ValueError: If the folder or the recipe cannot be used, as for :func:`fit`.
    """
    recipe, out = with_absolute_paths(recipe), Path(recipe.out)
    check_folds(recipe, folds, resume=resume, overwrite=overwrite)
    runs = [
        recipe.with_(out=out / f"fold{number}", **{"listing.folds": folds, "listing.fold": number})
        for number in range(1, folds + 1)
    ]
    if not resume:
        _check_start(runs[0])
    out.mkdir(parents=True, exist_ok=True)
    with locked_folder(out):
        check_folds(recipe, folds, resume=resume, overwrite=overwrite)
        return _train_folds(recipe, runs, overwrite=overwrite, progress=progress, say=say)


def _train_folds(
    recipe: Recipe,
    runs: Sequence[Recipe],
    *,
    overwrite: bool,
    progress: bool,
    say: Callable[[str], None],
) -> FoldsResult:
    """Train once per fold in a folder that nobody else writes; see :func:`cross_validate`."""
    out, folds = Path(recipe.out), len(runs)
    if overwrite:
        for old in out.glob("fold[0-9]*"):
            shutil.rmtree(old)
    save_recipe(recipe, out / RECIPE_FILE)
    write_atomically(out / FOLDS_FILE, json.dumps({"folds": folds, "values": []}).encode())
    metrics: list[dict[str, float]] = []
    num_validated = []
    for number, one in enumerate(runs, start=1):
        say(f"fold {number} of {folds}: {one.out}")
        is_begun = Path(one.out, CHECKPOINT).exists()
        # A run that was killed before its first checkpoint starts anew.
        found = fit(one, resume=is_begun, overwrite=not is_begun, progress=progress)
        metrics.append(found.metrics)
        num_validated.append(_num_validated(one))
    metric = next(m for m in ("validation_accuracy", "validation_map") if m in metrics[0])
    result = FoldsResult(
        out=out,
        metric=metric,
        values=tuple(values[metric] for values in metrics),
        num_validated=tuple(num_validated),
        group=recipe.listing.group,
        is_best=recipe.keep == "best",
    )
    write_atomically(out / FOLDS_FILE, result.to_json().encode())
    write_atomically(out / PAGE_FILE, result.to_markdown().encode())
    return result


def check_folds(
    recipe: Recipe, folds: int, *, resume: bool = False, overwrite: bool = False
) -> None:
    """Find out before any work that folds can be trained as asked.

    Raises:
        ValueError: If the folder holds other runs, or the number of folds or processes is out of
            range.
    """
    out = Path(recipe.out)
    check_number("folds", folds, least=2, most=MAX_FOLDS, hint="5 is usual")
    if recipe.devices * recipe.num_nodes > 1:
        raise ValueError("folds are trained in one process; set devices and num_nodes to 1")
    if resume and overwrite:
        raise ValueError("resume and overwrite exclude each other; give one")
    begun = begun_folds(out)
    if resume and begun != folds:
        raise ValueError(
            f"{out} must hold {folds} folds to resume, it holds {begun or 'none'}; leave --folds "
            "out, or name another folder"
        )
    if (out / CHECKPOINT).exists() or (begun and not resume and not overwrite):
        raise ValueError(
            f"out must not hold a run yet, {out} does; name another folder"
            + (
                ", or add --resume to go on with its folds or --overwrite to start anew"
                if begun
                else ""
            )
        )
    check_writable(out)


def _check_start(recipe: Recipe) -> None:
    """Refuse data, groups or weights that cannot be used before anything is written."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # training says so
        make_start(recipe)


def _num_validated(recipe: Recipe) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VideoWarning)  # training has said so
        return len(open_parts(recipe.source)[1])
