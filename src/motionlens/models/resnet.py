"""VideoResNet: one residual network for video; everything else is plugged into its blocks."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from motionlens._utils.checks import check_choice
from motionlens.models.backbones import Backbone
from motionlens.models.blocks import BLOCKS, SOCKETS, ResidualBlock
from motionlens.models.conventions import Form, LayerFactory, LayerMaker, find_conventions
from motionlens.models.network import VideoNetwork

# The field's names of the stages, and the parameter names of their layers.
STAGES = {"res2": "layer1", "res3": "layer2", "res4": "layer3", "res5": "layer4"}


class VideoResNet(VideoNetwork):
    """A ResNet for clips, frame by frame (``"c2d"``) or with 3D kernels (``"c3d"``).

    Parameter names are torchvision's; a 2D form takes an ImageNet ResNet's weights as they are.

    Args:
        backbone: blocks, stem, channels and dropout.
        num_classes: logits.
        form: see :class:`motionlens.models.conventions.LayerFactory`.
        stem_stride: of the stem's convolution.
        conventions: a key of :data:`motionlens.models.conventions.CONVENTIONS`.
        layers: builds the layers of a form that differs from both in places.

    Without a consensus, frames are averaged.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        num_classes: int,
        form: Form = "c2d",
        stem_stride: int = 2,
        conventions: str = "torchvision",
        layers: LayerMaker = LayerFactory,
    ) -> None:
        super().__init__()
        make = layers(form, find_conventions(conventions))
        block_class, is_large = BLOCKS[backbone.block], backbone.stem == "imagenet"
        self.form: Form = form
        channels = backbone.widths[0]
        self.conv1 = make.conv(self.inputs, channels, 7 if is_large else 3, stem_stride, "stem")
        self.bn1 = make.norm(channels)
        self.relu = nn.ReLU(inplace=True)
        self.fewest_channels = channels
        self.maxpool = make.max_pool() if is_large else nn.Identity()
        num_blocks = 0
        stages = zip(STAGES.values(), backbone.depths, backbone.widths, strict=True)
        for layer, depth, width in stages:
            blocks = nn.ModuleList()
            outputs = width * block_class.expansion
            for position in range(depth):
                stride = 2 if num_blocks > 0 and position == 0 else 1
                blocks.append(block_class(channels, outputs, stride, make, num_blocks))
                channels = outputs
                num_blocks += 1
            self.add_module(layer, blocks)
        self.register_module("consensus", None)
        self.num_features = channels
        self.dropout = nn.Dropout(backbone.dropout)
        self.fc = nn.Linear(channels, num_classes)
        self.apply(make.initialise)

    def forward_features(self, clip: Tensor) -> Tensor:
        """The pooled embedding ``(B, num_features)``: mean over T, H and W after res5."""
        self.check(clip)
        T = clip.shape[2]
        x = clip.transpose(1, 2).flatten(0, 1) if self.form == "c2d" else clip
        x = self.stem(x)
        for _, block in self.blocks():
            x = block(x, T)
        return self.pool(x, T)

    def stem(self, x: Tensor) -> Tensor:
        """What comes before the blocks, of frames ``(B*T, inputs, H, W)`` or clips."""
        # Weights may be of half precision where clips are not.
        x = _channels_last(x.to(self.fc.weight.dtype), self.fewest_channels)
        return self.maxpool(self.relu(self.bn1(self.conv1(x))))  # type: ignore[no-any-return]

    def pool(self, x: Tensor, num_frames: int) -> Tensor:
        """The embedding ``(B, num_features)`` of what the last block makes of frames or clips."""
        if self.form == "c2d":
            x = x.view(-1, num_frames, *x.shape[1:]).transpose(1, 2)
        if self.consensus is None:
            return x.mean((2, 3, 4))
        return self.agree(x.mean((3, 4)).transpose(1, 2))

    def change_inputs(self, inputs: int) -> None:
        """Let the network, its weights fresh, take clips of another number of channels.

        Args:
            inputs: channels of a clip, at least 1.
        """
        for conv in self.conv1.modules():  # one, or those of a block in its place
            if isinstance(conv, nn.Conv2d | nn.Conv3d) and conv.in_channels == self.inputs:
                conv.in_channels = inputs
                shape = conv.out_channels, inputs, *conv.kernel_size
                conv.weight = nn.Parameter(conv.weight.new_empty(shape))
                conv.reset_parameters()
                nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
                if conv.bias is not None:
                    nn.init.zeros_(conv.bias)
        self.inputs = inputs

    def agree(self, features: Tensor) -> Tensor:
        """The embedding ``(B, num_features)`` of frames' features ``(B, T, C)``."""
        if self.consensus is None:
            return features.mean(1)
        return self.consensus(features)  # type: ignore[no-any-return]

    def blocks(self) -> list[tuple[str, ResidualBlock]]:
        """All residual blocks by name (``"layer2.0"``), in the order of the data."""
        return [
            (name, module)
            for name, module in self.named_modules()
            if isinstance(module, ResidualBlock)
        ]

    def recompute_blocks(self) -> None:
        """From now on compute blocks twice in training instead of storing what is in them."""
        for _, block in self.blocks():
            block.recompute = True

    def block(self, name: str) -> ResidualBlock:
        """Return one block.

        Raises:
            ValueError: For a name that is not a block's; it lists those that are.
        """
        blocks = dict(self.blocks())
        check_choice("block", name, blocks)
        return blocks[name]

    def block_names(self, modules: Mapping[str, int] | Sequence[str]) -> list[str]:
        """Names of blocks that plug-ins are meant for.

        Args:
            modules: stage (``"res2"`` to ``"res5"``) to the number of blocks from its end; or the
                names themselves.

        Raises:
            ValueError: For an unknown stage or more blocks than it has.
        """
        if not isinstance(modules, Mapping):
            return list(modules)
        names = []
        for stage, count in modules.items():
            check_choice("stage", stage, STAGES)
            depth = len(getattr(self, STAGES[stage]))
            if not 0 <= count <= depth:
                raise ValueError(f"{stage} has {depth} blocks, got {count} modules for it")
            names += [f"{STAGES[stage]}.{position}" for position in range(depth - count, depth)]
        return sorted(names)

    def attach(self, name: str, plugin: nn.Module) -> None:
        """Put a plug-in into the socket that it names, of one block.

        Args:
            name: of the block, such as ``"layer2.1"``.
            plugin: maps clips ``(B, C, T, H, W)`` to the same shape; has an attribute ``socket``.

        Raises:
            ValueError: For an unknown block or socket, or a socket that is taken.
        """
        block, socket = self.block(name), str(getattr(plugin, "socket", None))
        check_choice("plugin.socket", socket, SOCKETS)
        if getattr(block, socket) is not None:
            raise ValueError(f"socket {socket} of block {name} is taken; attach one plug-in each")
        setattr(block, socket, plugin)


def _channels_last(x: Tensor, channels: int) -> Tensor:
    """Frames or clips in the order in memory that convolutions on CPUs are fastest in.

    Args:
        x: any float dtype.
        channels: the fewest that a block of the network takes. With 4, oneDNN of torch 2.13
            overruns memory in the backward pass of a strided 1x1 convolution.
    """
    if x.device.type != "cpu" or torch.compiler.is_compiling() or channels < 8:
        return x
    if x.dim() == 4:
        return x.contiguous(memory_format=torch.channels_last)
    # Of clips only gradients are faster so.
    return x.contiguous(memory_format=torch.channels_last_3d) if torch.is_grad_enabled() else x
