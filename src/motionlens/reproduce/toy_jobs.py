"""One run of the toy example: trained with one seed, stored, and read again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from motionlens._utils.files import write_atomically
from motionlens._utils.machine import machine, versions
from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.inference.card import ModelCard
from motionlens.inference.checkpoint import save_checkpoint
from motionlens.models.registry import model_options
from motionlens.reproduce.toy import SYSTEMS, ToyRun, num_epochs, system_options, train_system
from motionlens.reproduce.training import failure
from motionlens.reproduce.workers import worker_pool
from motionlens.synthetic.toy import CLASS_NAMES, NUM_FRAMES, Canvas
from motionlens.training.run_folder import REPRODUCED_FILE


@dataclass(frozen=True, kw_only=True, slots=True)
class ToyPlan:
    """One system on one canvas, to be trained with each seed.

    Attributes:
        row: of the table.
        system: key of :data:`motionlens.reproduce.toy.SYSTEMS`.
        canvas: on which it is trained.
        options: of its CP module.
    """

    row: str
    system: str
    canvas: Canvas
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class ToyJob:
    """A plan with one seed.

    Attributes:
        plan: what is trained.
        seed: of the run.
        folder: of the run.
        epochs: of the training.
    """

    plan: ToyPlan
    seed: int
    folder: Path
    epochs: int

    @classmethod
    def of(cls, plan: ToyPlan, seed: int, runs: Path, epochs_factor: int = 1) -> ToyJob:
        """The job whose folder lies among others.

        Args:
            plan: what is trained.
            seed: of the run.
            runs: where the folders of all runs lie.
            epochs_factor: on the system's own number of epochs.
        """
        folder = runs / f"{plan.canvas}_{_slug(plan.row)}_s{seed}"
        epochs = num_epochs(plan.system, plan.canvas, None) * epochs_factor
        return cls(plan=plan, seed=seed, folder=folder, epochs=epochs)

    @property
    def is_done(self) -> bool:
        """Whether it has been trained."""
        return (self.folder / REPRODUCED_FILE).is_file()

    @property
    def label(self) -> str:
        """What a line on it calls it."""
        return f"{self.plan.row}, {self.plan.canvas} canvas, seed {self.seed}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ToyResult:
    """What came of a job.

    Attributes:
        entry: of the file of results.
        run: what was measured; None if it failed.
    """

    entry: dict[str, Any]
    run: ToyRun | None = None


def train_jobs(jobs: Sequence[ToyJob], processes: int) -> Iterator[tuple[ToyJob, str | None]]:
    """Train each, and tell as soon as one has ended what went wrong, if anything did.

    Args:
        jobs: to be trained.
        processes: that train at the same time, each on one thread; with 1 they are trained in
            this process, one after the other.
    """
    if processes == 1 or len(jobs) < 2:
        yield from ((job, train_and_store(job)) for job in jobs)
        return
    waiting = list(jobs)
    while waiting:
        with worker_pool(min(processes, len(waiting))) as pool:
            futures = {pool.submit(train_and_store, job): job for job in waiting}
            for future in as_completed(futures):
                try:
                    error = future.result()
                except BrokenProcessPool:
                    continue  # a process that is ended takes all with it that is not done
                waiting.remove(futures[future])
                yield futures[future], error
        if waiting and processes == 1:
            yield waiting.pop(0), "its process was ended from outside, for its memory perhaps"
        # One after the other it shows who it is, and there is more memory for each.
        processes = 1


def train_and_store(job: ToyJob) -> str | None:
    """Train, and write the run's folder; returns what went wrong, if anything did."""
    plan = job.plan
    try:
        run, model = train_system(
            plan.system,
            canvas=plan.canvas,
            seed=job.seed,
            epochs=job.epochs,
            cp_options=plan.options,
        )
        _store(job, run, model)
    except Exception as error:
        return failure(error)
    return None


def read_result(job: ToyJob, error: str | None = None) -> ToyResult:
    """What a stored run measured, or why there is none.

    Args:
        job: that has come to its end.
        error: what went wrong.
    """
    model = SYSTEMS[job.plan.system].model
    entry = {"name": job.folder.name, "model": model, "canvas": job.plan.canvas}
    if error is None:
        try:
            note = json.loads((job.folder / REPRODUCED_FILE).read_text(encoding="utf-8"))
            run = ToyRun.from_dict(note.pop("run"))
            return ToyResult(
                entry={**entry, "epochs": job.epochs, **run.to_dict(), **note}, run=run
            )
        except Exception as damage:
            error = failure(damage)
    return ToyResult(entry={**entry, "seed": job.seed, "error": error})


def _store(job: ToyJob, run: ToyRun, model: nn.Module) -> None:
    """Write the run and its network."""
    plan = job.plan
    name = SYSTEMS[plan.system].model
    size = 64 if plan.canvas == "wide" else 32
    card = ModelCard(
        model=name,
        options=model_options(name, **system_options(plan.system, plan.canvas, plan.options)),
        class_names=CLASS_NAMES,
        sampling=Sampling(NUM_FRAMES),
        preprocessing=Preprocessing(size, size, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
    )
    save_checkpoint(job.folder, model, card)
    about = {"versions": versions(), "machine": machine(torch.device("cpu"))}
    # Written last: its presence says that the run is whole.
    content = json.dumps({"run": run.to_dict(), **about}, indent=1) + "\n"
    write_atomically(job.folder / REPRODUCED_FILE, content.encode())


def _slug(row: str) -> str:
    """A row's name as part of a folder's."""
    return row.replace(" ", "").replace(",", "_")
