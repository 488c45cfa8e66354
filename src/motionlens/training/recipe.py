"""Typed recipes: all settings of a training run, as one tree of dataclasses.

A recipe is written as YAML with the same names; on the command line ``--optim.lr 0.005`` sets a
field. No torch in here, so that ``motionlens train --help`` answers at once.
"""

from dataclasses import dataclass, field
from typing import Any, Literal, Self

from motionlens._utils.checks import check_fields
from motionlens.datasets.source import DataSource, ListingConfig
from motionlens.training.clip_configs import AugmentConfig, ClipConfig
from motionlens.training.typed_fields import with_changes

Device = Literal["auto", "cpu", "cuda", "mps"]
# What options may be whose types only their reader knows. It is not Any: jsonargparse imports the
# classes that mappings of an Any name, and a recipe may be a stranger's.
Plain = bool | int | float | str | list | dict | None  # type: ignore[type-arg]
# As ``init``: random weights.
RANDOM = "none"

# None of these has slots: jsonargparse reads default instances through `vars`.


@dataclass(frozen=True, kw_only=True)
class OptimConfig:
    """How the weights are learned.

    Attributes:
        optimizer: adamw, or sgd with momentum 0.9.
        nesterov: Whether the momentum of sgd is Nesterov's.
        epochs: Passes over the training clips; by default 20, and so many more that small data
            make enough steps.
        steps: Steps of the whole training instead of epochs, rounded up to whole epochs.
        batch_size: Clips per batch of each process.
        accumulate: Batches whose gradients are added up for one step; each clip of the step
            weighs the same.
        lr: The greatest learning rate.
        schedule: What the rate does after its warm-up. onecycle and cosine fall to nothing, step
            falls to a tenth after 60 and 85 % of all steps, or every step_epochs.
        step_epochs: Epochs after which schedule step falls and norm_momentum halving halves.
        min_lr: The rate falls no lower.
        warmup: Share of all steps during which the rate rises (onecycle: from 1/25, along a
            cosine; others: linearly from nothing).
        weight_decay: Not applied to norms and biases.
        label_smoothing: Share of the target that is spread over all classes.
        class_weights: balanced weighs the losses so that every class counts the same, however few
            clips it has; null for each clip the same. loader.balanced draws instead; take one.
        focal_gamma: Focal loss: a class that is rightly given the probability p counts with
            (1 - p) to this power, so that hard clips count more; 2 is usual, 0 for cross-entropy.
        grad_clip: Greatest norm of a step's gradient; 0 for no limit.
        precision: 32-true, or bf16-mixed or 16-mixed for faster steps on devices that have them.
        norm_momentum: Weight of a batch's statistics in the running ones of batch norms.
            falling is PyTorch's tenth and falls with the learning rate, down to a hundredth, so
            that in the end no single batch counts; constant is a tenth throughout; halving begins
            with a half and halves every step_epochs, down to a hundredth, as the authors' networks
            do.
        fit_head: Where training starts from weights that know other classes, first fit the head to
            the features that these weights give, by logistic regression on at most 512 clips; a
            random head spoils them before it is of use.
        ema_decay: Keep a moving average of the weights with this decay, from fewer steps at first,
            and validate and keep the average; 0 for none.
        sync_batchnorm: Take the statistics of batch norms from the batches of all processes.
        compile: Compile the network with torch.compile; the first steps take minutes.
        checkpoint_activations: Compute the blocks of the backbone twice instead of storing what
            is in them: less memory, more time, the same gradients.
    """

    optimizer: Literal["adamw", "sgd"] = "adamw"
    nesterov: bool = True
    epochs: int | None = None
    steps: int | None = None
    batch_size: int = 16
    accumulate: int = 1
    lr: float = 0.003
    schedule: Literal["onecycle", "cosine", "step", "constant"] = "onecycle"
    step_epochs: int | None = None
    min_lr: float = 0.0
    warmup: float = 0.25
    weight_decay: float = 0.01
    label_smoothing: float = 0.0
    class_weights: Literal["balanced"] | None = None
    focal_gamma: float = 0.0
    grad_clip: float = 5.0
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    norm_momentum: Literal["falling", "constant", "halving"] = "falling"
    fit_head: bool = True
    ema_decay: float = 0.0
    sync_batchnorm: bool = False
    compile: bool = False
    checkpoint_activations: bool = False

    def __post_init__(self) -> None:
        if self.compile and self.checkpoint_activations:
            raise ValueError(
                "optim.compile and optim.checkpoint_activations exclude each other; set one to "
                "false"
            )
        if self.epochs is not None and self.steps is not None:
            raise ValueError("optim.epochs and optim.steps exclude each other; leave out one")
        counts = ("epochs", "steps", "accumulate", "step_epochs")
        check_fields(self, "optim.", *counts, least=1)
        check_fields(self, "optim.", *counts, most=10**9)
        check_fields(self, "optim.", "batch_size", least=1)
        check_fields(self, "optim.", "batch_size", most=10**6)
        check_fields(self, "optim.", "weight_decay", "grad_clip", least=0)
        check_fields(self, "optim.", "focal_gamma", least=0, most=10)
        check_fields(self, "optim.", "lr", above=0)
        check_fields(self, "optim.", "min_lr", least=0, most=self.lr)
        check_fields(self, "optim.", "ema_decay", "warmup", "label_smoothing", least=0, below=1)
        if self.norm_momentum == "halving" and self.step_epochs is None:
            raise ValueError(
                "optim.norm_momentum halving needs optim.step_epochs, got none; say every how "
                "many epochs it halves"
            )


@dataclass(frozen=True, kw_only=True)
class LoaderConfig:
    """How clips reach the model.

    Attributes:
        num_workers: Processes that decode; 0 decodes in the training process. By default one per
            free CPU core, at most 8.
        cache: Keep the decoded videos in memory, resized to a little above the crop; by default
            where they take no more than 1 GB, and have no more than 1000 frames for each epoch.
        balanced: Draw equally many training clips of each class: an epoch keeps its length, holds
            clips of small classes several times, cut anew, and leaves out some of large ones.
        skip_broken: Open every video before training, list those that cannot be read in
            broken.csv of the run folder, and train and validate without them.
    """

    num_workers: int | None = None
    cache: bool | None = None
    balanced: bool = False
    skip_broken: bool = False

    def __post_init__(self) -> None:
        check_fields(self, "loader.", "num_workers", least=0)
        check_fields(self, "loader.", "num_workers", most=1024)


@dataclass(frozen=True, kw_only=True)
class LogConfig:
    """What TensorBoard shows besides curves, after each validation; another tracker beside it.

    Attributes:
        confusion: A picture of the confusion matrix: rows are true classes, columns predicted ones.
        clips: Number of validation clips that are shown as strips of frames, framed in green where
            the prediction is right and in red where it is wrong.
        logger: Class path of a Lightning logger that gets the curves and the recipe too, such as
            lightning.pytorch.loggers.WandbLogger, with its arguments as --log.logger.init_args.NAME
            or as {class_path: ..., init_args: {...}}. Only training imports it.
    """

    confusion: bool = True
    clips: int = 2
    logger: str | dict[str, Plain] | None = None

    def __post_init__(self) -> None:
        check_fields(self, "log.", "clips", least=0)
        _ = self.named_logger

    @property
    def named_logger(self) -> tuple[str, dict[str, Any]] | None:
        """Class path and arguments of the logger; None if there is none.

        Raises:
            ValueError: If the mapping lacks the class, or its arguments are no mapping.
        """
        if self.logger is None:
            return None
        # Of --log.logger.init_args.NAME jsonargparse leaves NAME beside class_path.
        values: dict[str, Any] = {"class_path": self.logger}
        if isinstance(self.logger, dict):
            values = dict(self.logger)
        path, arguments = values.pop("class_path", None), values.pop("init_args", None) or {}
        if not (isinstance(path, str) and path) or not isinstance(arguments, dict):
            raise ValueError(
                "log.logger must be the path of a class, or {class_path: ..., init_args: {...}}, "
                f"got {self.logger!r}"
            )
        return path, {**arguments, **values}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What to train, on what, and how.

    Attributes:
        data: Folder with one folder of videos per class (perhaps inside train/ and val/), or a list
            file (CSV or JSON lines).
        out: The run folder; made if absent. The command's default is runs/NAME, after the data.
        validation: Folder or list file with the validation videos, if they are not in data.
        model: Name of a model; `motionlens info` lists them.
        k: Proposals per position; the model's own if not given.
        init: Weights to start from: a folder of motionlens, a torchvision or timm state dict
            (.pth, .safetensors), a tensorpack .npz, or hub:owner/name; bundled_paths or bundled for
            those that come with the package, none for random ones. By default bundled_paths for
            the network that they are of, cpnet_nano, and none for others.
        model_options: Further options of the model, such as {offset_scale: 8}.
        keep: Which weights are kept: those of the last epoch, or those with the best validation
            accuracy (mean average precision where videos have several labels). best makes that
            metric optimistic, because the epoch is chosen by it.
        validate_every: Epochs between validations; by default as many as make 50 validations at
            most. The last epoch is always validated.
        patience: Stop after this many validations in a row with neither a better figure nor a
            lower loss; null for never.
        checkpoint_every_minutes: Minutes after which the state of training is written within an
            epoch too, for --resume; it is always written after an epoch. null for never.
        checkpoint_every_steps: Steps after which it is written as well.
        seed: Seed of all random choices.
        device: Where to run; auto takes an accelerator if there is one.
        devices: Processes on each machine, one per device; torchrun and srun set it themselves.
        num_nodes: Machines that train together; the command is started on each of them.
        listing: How videos and labels are found.
        clip: What a clip is.
        augment: Random changes of training clips.
        optim: How the weights are learned.
        loader: How clips reach the model.
        log: What TensorBoard shows besides curves, and another tracker.
    """

    data: str
    out: str
    validation: str | None = None
    model: str = "cpnet_nano"
    k: int | None = None
    init: str | None = None
    model_options: dict[str, Plain] = field(default_factory=dict)
    keep: Literal["last", "best"] = "last"
    validate_every: int | None = None
    patience: int | None = None
    checkpoint_every_minutes: float | None = 10.0
    checkpoint_every_steps: int | None = None
    seed: int = 0
    device: Device = "auto"
    devices: int = 1
    num_nodes: int = 1
    listing: ListingConfig = field(default_factory=ListingConfig)
    clip: ClipConfig = field(default_factory=ClipConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    loader: LoaderConfig = field(default_factory=LoaderConfig)
    log: LogConfig = field(default_factory=LogConfig)

    def __post_init__(self) -> None:
        for name in ("data", "out", "model"):
            if not getattr(self, name):
                raise ValueError(f"{name} must not be empty")
        counts = ("k", "validate_every", "patience", "checkpoint_every_steps")
        check_fields(self, "", *counts, least=1)
        check_fields(self, "", *counts, most=10**9)
        check_fields(self, "", "checkpoint_every_minutes", above=0)
        check_fields(self, "", "devices", "num_nodes", least=1)
        check_fields(self, "", "devices", "num_nodes", most=10**5)
        check_fields(self, "", "seed", least=0)
        check_fields(self, "", "seed", most=2**63 - 1)
        if self.loader.balanced and self.optim.class_weights is not None:
            raise ValueError(
                "loader.balanced and optim.class_weights both make up for rare classes; set one"
            )
        if self.k is not None and "k" in self.model_options:
            raise ValueError("k must be given once, got it in model_options too; remove one")

    @property
    def source(self) -> DataSource:
        """Which videos the run is about."""
        return DataSource(
            data=self.data,
            validation=self.validation,
            listing=self.listing,
            horizontal_flip=self.augment.horizontal_flip,
        )

    def with_(self, **changes: Any) -> Self:
        """The same recipe with some fields changed, each by its name as on the command line.

        Args:
            **changes: such as ``**{"optim.epochs": 5, "clip.size": 64}``, or ``seed=1``.

        Raises:
            ValueError: If a field is unknown (the nearest is suggested), or a value has a wrong
                type or is out of range.

        Example:
            >>> recipe = Recipe(data="clips", out="runs/a")
            >>> recipe.with_(**{"optim.epochs": 5}).optim.epochs
            5
        """
        return with_changes(self, changes)

    def resolved_model_options(self) -> dict[str, Any]:
        """The model's options with ``k`` among them if it was given."""
        return {**self.model_options, **({} if self.k is None else {"k": self.k})}
