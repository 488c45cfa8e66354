"""Train a recognizer from a recipe, with Lightning."""

import logging
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as pl
import torch
from lightning.fabric.utilities.warnings import PossibleUserWarning
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from rich.console import Console

from motionlens._utils.devices import resolve_device
from motionlens._utils.distributed import gather_objects
from motionlens._utils.launch import is_first_process, restored_environment
from motionlens._utils.progress import progress as progress_bar
from motionlens.inference.card import ModelCard
from motionlens.training.build import Loaders, make_loaders, make_start
from motionlens.training.checkpoint_io import AtomicCheckpointIO, check_checkpoint
from motionlens.training.checkpointer import EXIT_TERMINATED, Checkpointer
from motionlens.training.ddp import ddp_strategy, planned_processes
from motionlens.training.description import describe_start
from motionlens.training.ema import Ema
from motionlens.training.epoch_recorder import LOG_EVERY, EpochRecorder, kept_epoch
from motionlens.training.event_files import writing_events
from motionlens.training.head import fit_head, has_new_classes
from motionlens.training.loggers import logger_class, make_logger
from motionlens.training.module import TrainingModule
from motionlens.training.precision import has_bf16, usable_precision
from motionlens.training.recipe import Recipe
from motionlens.training.run_data import note_data
from motionlens.training.run_folder import (
    CHECKPOINT,
    LOGGER,
    TENSORBOARD,
    begun_run,
    can_resume,
    check_run,
    flattened,
    read_metrics,
    run_recipe,
    with_decisions,
)
from motionlens.training.skip_broken import leave_out_broken
from motionlens.training.step_progress import StepProgress
from motionlens.training.tensorboard_pictures import write_hyperparameters


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """The result of a training run.

    Attributes:
        run: the run folder, which :meth:`motionlens.Recognizer.from_pretrained` loads.
        metrics: of the epoch whose weights were kept: ``epoch`` (from 1), ``train_loss``,
            ``train_accuracy``, ``validation_loss``, ``validation_accuracy`` (0 to 1); where videos
            have several labels ``validation_map`` instead of accuracies.
        history: the same for every epoch; validation only where it was made.
    """

    run: Path
    metrics: dict[str, float]
    history: list[dict[str, float]]


def fit(
    recipe: Recipe,
    *,
    resume: bool | Literal["auto"] = False,
    overwrite: bool = False,
    progress: bool = True,
) -> FitResult:
    """Train what a recipe says, and leave a recognizer in its run folder.

    On the CPU, a run that was interrupted and resumed ends with the same weights as one that was
    not, also if it was killed in the middle of an epoch, see ``recipe.checkpoint_every_minutes``.

    Several processes, started by torchrun, srun or Lightning as ``recipe.devices`` says, train
    together; the first one writes and prints.

    Args:
        recipe: see :class:`motionlens.training.recipe.Recipe`.
        resume: go on with the run in ``recipe.out`` from its last checkpoint; ``"auto"`` starts
            anew where there is none.
        overwrite: remove a run that ``recipe.out`` holds.
        progress: print one line per epoch with the time left, and show every batch: as a bar on a
            terminal, else as a line every half minute.

    Returns:
        The run folder and what was measured.

    Raises:
        ValueError: If the run folder, the data, the model's options or the device cannot be used,
            the weights to start from do not fit, a video cannot be decoded, the logger cannot be
            made, or the loss stops being a number.
        KeyboardInterrupt: If interrupted; the run can be resumed from its last checkpoint.
        SystemExit: With status 143 after SIGTERM, which writes a checkpoint at the next step.
    """
    resume = can_resume(recipe.out) if resume == "auto" else resume
    if resume:
        recipe = with_decisions(recipe, run_recipe(recipe.out))
    if is_first_process():
        check_run(recipe, resume=resume, overwrite=overwrite)
    if recipe.log.named_logger is not None:
        logger_class(recipe.log.named_logger[0])  # mistakes are found before any work
    device = resolve_device(recipe.device)
    start = make_start(recipe, resume=resume)
    recipe = start.recipe
    quiet = not progress or not is_first_process()
    console = Console(highlight=False, markup=False, soft_wrap=True, quiet=quiet)
    begun: Any = nullcontext(Path(recipe.out))
    if is_first_process():
        begun = begun_run(recipe, resume=resume, overwrite=overwrite)
    with begun as run, _quiet_lightning(), restored_environment():
        for line in describe_start(start):
            console.print(line)
        console.print(f"the run lies in {run}")
        if is_first_process() and (change := note_data(run, start.train, start.validation)):
            warnings.warn(change, UserWarning, stacklevel=2)
        # Other processes get the first one's weights when training starts.
        fits_head = recipe.optim.fit_head and not resume and is_first_process()
        if fits_head and has_new_classes(start.model, start.report):
            line = fit_head(
                start.model,
                start.card,
                start.train,
                device=str(device),
                batch_size=recipe.optim.batch_size,
                num_workers=recipe.loader.num_workers,
                skip_broken=recipe.loader.skip_broken,
            )
            console.print(line)

        def open_loaders() -> Loaders:
            if len(set(gather_objects(resume))) > 1:
                raise ValueError(
                    f"all processes must find the checkpoint of {run} or none, some do; put the "
                    "folder where all machines see it, or start again in a minute"
                )
            found = start
            if recipe.loader.skip_broken:
                found = leave_out_broken(start, run, resume=resume, say=console.print)
            return make_loaders(recipe, found)

        module = TrainingModule(start.model, recipe, start.card, open_loaders)
        bar: Any = nullcontext(lambda *_: None) if quiet else progress_bar("batches")
        with bar as show:
            steps = StepProgress(show, console.print)
            trainer = _make_trainer(recipe, run, device, console, steps)
            with writing_events(run / TENSORBOARD):
                _write_hyperparameters(trainer, recipe, start.card)
                _run_trainer(trainer, module, run / CHECKPOINT if resume else None)
    history = read_metrics(run)
    return FitResult(run=run, metrics=kept_epoch(history, recipe.keep), history=history)


def _make_trainer(
    recipe: Recipe, run: Path, device: torch.device, console: Console, steps: StepProgress
) -> pl.Trainer:
    ema = None
    if recipe.optim.ema_decay:
        ema = Ema(recipe.optim.ema_decay, averages_norms=not recipe.optim.sync_batchnorm)
    callbacks: list[Callback] = [
        *([] if ema is None else [ema]),
        steps,
        EpochRecorder(run, recipe.keep, recipe.patience, console, ema),
        Checkpointer(
            run / CHECKPOINT,
            ema,
            every_minutes=recipe.checkpoint_every_minutes,
            every_steps=recipe.checkpoint_every_steps,
        ),
    ]
    note: str | None
    precision: Any
    precision, note = usable_precision(
        recipe.optim.precision, device.type, has_bf16=has_bf16(device)
    )
    if note is not None:
        console.print(note)
    devices, num_nodes = planned_processes(recipe)
    together: dict[str, Any] = {"devices": 1 if device.index is None else [device.index]}
    if devices * num_nodes > 1:
        together = {"devices": devices, "num_nodes": num_nodes, "strategy": ddp_strategy()}
    tensorboard = TensorBoardLogger(run, name=TENSORBOARD, version="", default_hp_metric=False)
    other = make_logger(recipe.log, run / LOGGER)
    trainer = pl.Trainer(
        accelerator={"cuda": "gpu"}.get(device.type, device.type),
        precision=precision,
        accumulate_grad_batches=recipe.optim.accumulate,
        gradient_clip_val=recipe.optim.grad_clip or None,
        plugins=[AtomicCheckpointIO()],
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        default_root_dir=run,
        max_epochs=recipe.optim.epochs,
        check_val_every_n_epoch=recipe.validate_every or 1,
        logger=[tensorboard, *([] if other is None else [other])],
        callbacks=callbacks,
        enable_progress_bar=False,
        log_every_n_steps=LOG_EVERY,
        **together,
    )
    # Lightning's handler of SIGTERM talks to the other processes from whatever they are at, and
    # that of Slurm's signals writes a checkpoint that nothing here reads; see Checkpointer.
    setattr(trainer._signal_connector, "register_signal_handlers", lambda: None)  # noqa: B010
    return trainer


def _write_hyperparameters(trainer: pl.Trainer, recipe: Recipe, card: ModelCard) -> None:
    if trainer.is_global_zero:
        tensorboard: Any
        tensorboard, *others = trainer.loggers
        metric = "validation_map" if card.multi_label else "validation_accuracy"
        fields = flattened(asdict(recipe))
        write_hyperparameters(tensorboard.experiment, fields, metric)
        for logger in others:
            logger.log_hyperparams(fields)


def _run_trainer(trainer: pl.Trainer, module: TrainingModule, checkpoint: Path | None) -> None:
    """Train; an interrupt comes out as KeyboardInterrupt, as everywhere else in Python."""
    if checkpoint is not None:
        check_checkpoint(checkpoint)
    handler = signal.getsignal(signal.SIGINT)
    try:
        trainer.fit(module, ckpt_path=checkpoint, weights_only=True)
    except SystemExit as leave:
        if leave.code == EXIT_TERMINATED:
            _end_others(trainer)
            raise
        # Lightning turns an interrupt into an exit, and ignores all later ones.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from None
    except BaseException:
        _end_others(trainer)
        raise


def _end_others(trainer: pl.Trainer) -> None:
    """End the processes that Lightning has started; they would wait for this one."""
    for process in getattr(trainer.strategy.launcher, "procs", None) or []:
        process.terminate()


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Silence Lightning's notices on devices, loggers and workers; errors and ours still pass."""
    with warnings.catch_warnings(), ExitStack() as stack:
        for name in ("lightning.pytorch", "lightning.fabric"):
            logger = logging.getLogger(name)
            stack.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.ERROR)
        warnings.filterwarnings("ignore", category=PossibleUserWarning)
        warnings.filterwarnings("ignore", module=r"(lightning|torch|torchmetrics)\b")
        yield
