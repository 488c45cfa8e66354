"""What the user asks an experiment for."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from motionlens._utils.files import check_writable, write_atomically
from motionlens.reproduce.budgets import Budget, Source
from motionlens.training.recipe import Recipe

PLAN_FILE = "plan.json"
LOCK_FILE = ".lock"
RUNS = "runs"

# The same runs on another machine.
_FREE = ("out", "device", "devices", "num_nodes", "loader", "log", "seed")


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What is to be done.

    Attributes:
        out: folder of the reproduction.
        budget: how much it may cost.
        source: data and training; None where no data is given.
        models: choices of the experiment; empty for all.
        num_seeds: runs of each network.
        canvas: of the toy; None for one after the other.
        device: where to run.
        jobs: toy networks that are trained at the same time.
        say: takes one line on how far it is.
        held: lets go, when all is done, of what is held until then.
    """

    out: Path
    budget: Budget
    source: Source | None
    models: Sequence[str]
    num_seeds: int
    canvas: str | None
    device: str
    jobs: int
    say: Callable[[str], None]
    held: ExitStack

    @property
    def runs(self) -> Path:
        """Where the run folders lie."""
        return self.out / RUNS


def keep_plan(request: Request, experiment: str, recipe: Recipe | None = None) -> None:
    """Make the folder, or make sure that it holds the same experiment with the same recipe.

    Nobody else may work in it as long as the request is held.

    Seeds and models are free: more of them are added to what is there.

    Raises:
        ValueError: If the folder cannot be written, was begun with something else, or is worked in.
    """
    plan: dict[str, Any] = {"experiment": experiment, "budget": request.budget.name}
    if recipe is not None:
        values = {name: value for name, value in asdict(recipe).items() if name not in _FREE}
        plan["recipe"] = json.loads(json.dumps(values))
    check_writable(request.out)
    path = request.out / PLAN_FILE
    request.runs.mkdir(parents=True, exist_ok=True)
    try:
        request.held.enter_context(FileLock(request.out / LOCK_FILE, timeout=0))
    except Timeout:
        raise ValueError(
            f"{request.out} must not be worked in by two calls, and another one is under way; wait "
            "for it, or name another folder with --out"
        ) from None
    if not path.is_file():
        write_atomically(path, (json.dumps(plan, indent=1) + "\n").encode())
        return
    try:
        before, now = _flat(json.loads(path.read_text(encoding="utf-8"))), _flat(plan)
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}); name another folder with --out") from None
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            raise ValueError(
                f"{request.out} must hold the same reproduction, {name} was {before.get(name)}, is "
                f"{now.get(name)}; name another folder with --out"
            )


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        inner = _flat(value, f"{prefix}{name}.") if isinstance(value, dict) and value else None
        flat.update(inner if inner is not None else {f"{prefix}{name}": value})
    return flat
