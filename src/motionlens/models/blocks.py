"""Residual blocks with sockets: places where a plug-in may sit.

A plug-in maps clips ``(B, C, T, H, W)`` to clips of the same shape and names its own place in the
class attribute ``socket``. Parameter names are torchvision's.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from motionlens.models.conventions import LayerFactory

SOCKETS = ("before_conv1", "before_relu", "after_block")


class ResidualBlock(nn.Module, ABC):
    """What basic and bottleneck blocks share: the shortcut, the sum, and the sockets.

    Args:
        inputs: channels in.
        outputs: channels out.
        stride: in space.
        make: builds the layers.
        number: of the block, counted from 0 through the network.
    """

    expansion: int
    before_conv1: nn.Module | None
    before_relu: nn.Module | None
    after_block: nn.Module | None

    def __init__(
        self, inputs: int, outputs: int, stride: int, make: LayerFactory, number: int
    ) -> None:
        super().__init__()
        self.inputs, self.outputs = inputs, outputs
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                make.conv(inputs, outputs, 1, stride), make.norm(outputs)
            )
        for socket in SOCKETS:
            self.register_module(socket, None)
        # Whether training computes the block twice up to its sum, instead of storing its insides.
        # The plug-ins behind the sum take care of their own memory.
        self.recompute = False
        self.add_branch(stride, make, number)

    def forward(self, x: Tensor, num_frames: int) -> Tensor:
        """Run frames ``(B*T, C, H, W)`` with T = `num_frames`, or clips ``(B, C, T, H, W)``."""
        if self.recompute and self.training and torch.is_grad_enabled():
            summed: Tensor = checkpoint(
                self.summed,
                x,
                num_frames,
                use_reentrant=False,
                preserve_rng_state=False,
                context_fn=lambda: (nullcontext(), self._norms_unrecorded()),
            )
        else:
            summed = self.summed(x, num_frames)
        return self.finish(summed, num_frames)

    def summed(self, x: Tensor, num_frames: int) -> Tensor:
        """The block up to the sum of branch and shortcut."""
        shortcut = x if self.downsample is None else self.downsample(x)
        return self.residual(plug(self.before_conv1, x, num_frames)) + shortcut

    def finish(self, out: Tensor, num_frames: int) -> Tensor:
        """The block from the sum on."""
        out = self.relu(plug(self.before_relu, out, num_frames))
        return plug(self.after_block, out, num_frames)

    @property
    def mixes_frames(self) -> bool:
        """Whether a plug-in sits anywhere in the block."""
        return any(getattr(self, socket) is not None for socket in SOCKETS)

    @abstractmethod
    def add_branch(self, stride: int, make: LayerFactory, number: int) -> None:
        """Add the layers of the branch beside the shortcut; arguments as of the class."""

    @abstractmethod
    def residual(self, x: Tensor) -> Tensor:
        """The branch beside the shortcut; it draws no random numbers."""

    @contextmanager
    def _norms_unrecorded(self) -> Iterator[None]:
        """Norms use a batch's statistics and leave the running ones as they are."""
        norms = [module for module in self.modules() if isinstance(module, _BatchNorm)]
        # Not by switching the running statistics off: a norm would then store other tensors than
        # the first time.
        before = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
        try:
            for norm in norms:
                norm.momentum, norm.num_batches_tracked = 0.0, None
            yield
        finally:
            for norm, recorded in zip(norms, before, strict=True):
                norm.momentum, norm.num_batches_tracked = recorded


class BasicBlock(ResidualBlock):
    """Two 3x3 convolutions (ResNet-18 and -34); arguments as for :class:`ResidualBlock`."""

    expansion = 1

    def add_branch(self, stride: int, make: LayerFactory, number: int) -> None:
        """Add the layers of the branch."""
        self.conv1 = make.conv(self.inputs, self.outputs, 3, stride, "first", number)
        self.bn1 = make.norm(self.outputs)
        self.conv2 = make.conv(self.outputs, self.outputs, 3, 1, "second", number)
        self.bn2 = make.norm(self.outputs)

    def residual(self, x: Tensor) -> Tensor:
        """The branch beside the shortcut."""
        x = self.relu(self.bn1(self.conv1(x)))
        return self.bn2(self.conv2(x))  # type: ignore[no-any-return]


class BottleneckBlock(ResidualBlock):
    """1x1, 3x3, 1x1 (ResNet-50 and -101); arguments as for :class:`ResidualBlock`."""

    expansion = 4

    def add_branch(self, stride: int, make: LayerFactory, number: int) -> None:
        """Add the layers of the branch."""
        width = self.outputs // self.expansion
        first, second = (stride, 1) if make.conventions.stride_on_first else (1, stride)
        self.conv1 = make.conv(self.inputs, width, 1, first, "first", number)
        self.bn1 = make.norm(width)
        self.conv2 = make.conv(width, width, 3, second, "second", number)
        self.bn2 = make.norm(width)
        self.conv3 = make.conv(width, self.outputs, 1)
        self.bn3 = make.norm(self.outputs)

    def residual(self, x: Tensor) -> Tensor:
        """The branch beside the shortcut."""
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        return self.bn3(self.conv3(x))  # type: ignore[no-any-return]


BLOCKS: dict[str, type[ResidualBlock]] = {"basic": BasicBlock, "bottleneck": BottleneckBlock}


def plug(plugin: nn.Module | None, x: Tensor, num_frames: int) -> Tensor:
    """Run a plug-in on clips, whether x holds clips or frames."""
    if plugin is None:
        return x
    if x.dim() == 5:
        return plugin(x)  # type: ignore[no-any-return]
    out = plugin(x.view(-1, num_frames, *x.shape[1:]).transpose(1, 2))
    return out.transpose(1, 2).flatten(0, 1)  # type: ignore[no-any-return]
