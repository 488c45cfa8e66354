"""The non-local block: every position looks at all positions of all frames.

Wang, Girshick, Gupta, He: "Non-local Neural Networks", CVPR 2018, section 4.1 and figure 2.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from motionlens._utils.checks import check_number
from motionlens.models.family import Family


class NonLocal(nn.Module):
    """A non-local block: embedded Gaussian, half the channels, keys and values pooled 2x2.

    Runs through ``scaled_dot_product_attention``, which need not store the matrix of weights. The
    last norm's scale starts at zero, so that a fresh block is the identity.

    Args:
        channels: of the clips, at least 2.

    Shapes:
        Clips ``(B, C, T, H, W)`` in and out. Of an odd number of rows or columns the last one is
        pooled by itself.
    """

    socket = "after_block"
    # Of motionlens.models.optimize: names of a convolution and the norm right after it.
    conv_norms = (("out", "norm"),)

    def __init__(self, channels: int) -> None:
        super().__init__()
        check_number("channels", channels, least=2, hint="half of them are used")
        inner = channels // 2
        self.query = nn.Conv3d(channels, inner, 1)
        self.key = nn.Conv3d(channels, inner, 1)
        self.value = nn.Conv3d(channels, inner, 1)
        self.out = nn.Conv3d(inner, channels, 1)
        self.norm = nn.BatchNorm3d(channels)
        nn.init.zeros_(self.norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map clips ``(B, C, T, H, W)`` to the same shape; the identity until trained."""
        pooled = F.max_pool3d(x, (1, 2, 2), ceil_mode=True)
        query, key, value = (
            layer(of).flatten(2).mT[:, None]
            for layer, of in ((self.query, x), (self.key, pooled), (self.value, pooled))
        )
        seen = F.scaled_dot_product_attention(query, key, value, scale=1.0)[:, 0]
        out: Tensor = self.norm(self.out(seen.mT.reshape(*seen.mT.shape[:2], *x.shape[2:])))
        return x + out


NON_LOCAL_C2D = Family(
    name="nl_c2d",
    label="NL C2D",
    summary="non-local blocks",
    paper="Wang et al., Non-local Neural Networks, CVPR 2018",
    backbones=("nano", "resnet18", "resnet34", "resnet50", "resnet101"),
    plugin=NonLocal,
    options=lambda backbone: {"modules": backbone.modules},
    toy={},
    toy_name="nl",
)
