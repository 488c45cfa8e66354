"""A network made ready for inference: norms folded, channels-last, in any float dtype."""

import copy
from typing import TypeVar

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

Network = TypeVar("Network", bound=nn.Module)

# Names of a convolution and the norm right after it, in ResNets and in sequences. A module with
# other names says so in its class attribute `conv_norms`.
_CONV_NORMS = (("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3"), ("0", "1"))


def optimize(model: Network, *, dtype: torch.dtype | None = None) -> Network:
    """A copy of a network for inference: the same answers, faster.

    Every batch norm is folded into the linear map or convolution before it, and weights are laid
    out channels-last, which the modules' search reads without a copy. A module of another
    structure has a method ``fold`` that changes it in place.

    Args:
        model: any network of this package; it is left as it is.
        dtype: of the weights, ``torch.bfloat16`` for processors that have it; the model's own if
            None. Clips may be float32 all the same; logits are of this dtype. Searches run in
            float32.

    Returns:
        The copy, in inference mode, its parameters without gradients. Its ``state_dict`` is
        another one: keep the original for saving and training.
    """
    model = copy.deepcopy(model).eval().requires_grad_(False)
    for module in model.modules():
        if (fold := getattr(module, "fold", None)) is not None:
            fold()
        children = dict(module.named_children())
        for first, second in getattr(module, "conv_norms", _CONV_NORMS):
            owner, conv, norm = module, children.get(first), children.get(second)
            if (last := getattr(conv, "last_conv", None)) is not None:
                assert conv is not None  # a block in a convolution's place, that ends in one
                owner, first, conv = conv, last, getattr(conv, last)
            if isinstance(conv, nn.Conv2d | nn.Conv3d) and isinstance(norm, _BatchNorm):
                setattr(owner, first, fuse_conv_bn_eval(conv, norm))
                setattr(module, second, nn.Identity())
    return to_channels_last(model.to(dtype))


def to_channels_last(model: Network) -> Network:
    """Lay a network's convolutions out channels-last, in place, and with them all that they make.

    Matrix units read that layout without a copy.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            layout = torch.channels_last if module.weight.dim() == 4 else torch.channels_last_3d
            module.to(memory_format=layout)  # type: ignore[call-overload]
    return model
