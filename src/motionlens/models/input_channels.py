"""Networks for clips of more channels than three colours."""

from __future__ import annotations

from torch import nn

from motionlens.models.resnet import VideoResNet


def change_inputs(model: VideoResNet, inputs: int) -> None:
    """Let a network with fresh weights take clips of another number of channels.

    Args:
        model: its first convolution is replaced, or, where a block sits in its place, those of
            the block that take the clip.
        inputs: channels of a clip, at least 1.
    """
    if inputs < 1:
        raise ValueError(f"inputs must be at least 1, got {inputs}")
    for owner in (model, *model.conv1.modules()):
        for name, conv in owner.named_children():
            if isinstance(conv, nn.Conv2d | nn.Conv3d) and conv.in_channels == model.inputs:
                setattr(owner, name, _widened(conv, inputs))
    model.inputs = inputs


def _widened(conv: nn.Conv2d | nn.Conv3d, inputs: int) -> nn.Module:
    bias = conv.bias is not None
    kind: type[nn.Module] = type(conv)
    wider = kind(inputs, conv.out_channels, conv.kernel_size, conv.stride, conv.padding, bias=bias)
    assert isinstance(wider, nn.Conv2d | nn.Conv3d)
    nn.init.kaiming_normal_(wider.weight, mode="fan_out", nonlinearity="relu")
    if wider.bias is not None:
        nn.init.zeros_(wider.bias)
    return wider
