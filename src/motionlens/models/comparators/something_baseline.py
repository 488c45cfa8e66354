"""The 3D network that came with the Something-Something data set.

Goyal et al.: "The 'something something' video database for learning and evaluating visual common
sense", ICCV 2017, and the baseline that its authors published with the second version.
"""

from torch import Tensor, nn

from motionlens._utils.checks import check_number
from motionlens.models.backbones import ClipDefaults
from motionlens.models.conventions import CONVENTIONS, LayerFactory
from motionlens.models.family import Family
from motionlens.models.network import VideoNetwork

# Channels out and stride in space of each convolution, group by group.
LAYERS = (
    ((32, 2),),
    ((64, 1), (128, 2)),
    ((128, 1), (128, 1), (256, 2)),
    ((256, 1), (256, 1), (512, 2)),
    ((512, 1), (512, 2)),
)


class SomethingBaseline(VideoNetwork):
    """Eleven 3D convolutions with norm and ReLU, the mean over all, one linear layer.

    Kernels are 3x3x3, the first one 3x5x5; none strides in time. Whole channels are dropped
    behind each group but the last.

    Args:
        num_classes: logits.
        width: factor on all numbers of channels.
        channel_dropout: share of the channels that are dropped, 0 to 1.
        dropout: before the linear layer, 0 to 1.

    Shapes:
        Clips float ``(B, 3, T, H, W)`` of any T, H, W, made for 72 frames of 84x84; logits
        ``(B, num_classes)``.
    """

    def __init__(
        self, *, num_classes: int, width: float, channel_dropout: float, dropout: float
    ) -> None:
        super().__init__()
        check_number("width", width, above=0)
        make = LayerFactory("c3d", CONVENTIONS["torchvision"])
        channels, kernel = 3, 5
        groups: list[nn.Module] = []
        for number, group in enumerate(LAYERS):
            for outputs, stride in group:
                outputs = max(1, round(outputs * width))
                conv = make.conv(channels, outputs, kernel, stride)
                make.initialise(conv)
                groups.append(nn.Sequential(conv, make.norm(outputs), nn.ReLU(inplace=True)))
                channels, kernel = outputs, 3
            if number < len(LAYERS) - 1:
                groups.append(nn.Dropout3d(channel_dropout))
        self.features = nn.Sequential(*groups)
        self.num_features = channels
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels, num_classes)

    def forward_features(self, clip: Tensor) -> Tensor:
        """The pooled embedding ``(B, num_features)``."""
        self.check(clip)
        # Weights may be of half precision where clips are not.
        pooled: Tensor = self.features(clip.to(self.fc.weight.dtype)).mean((2, 3, 4))
        return pooled


SOMETHING_3D = Family(
    name="something_3d",
    label="Something-Something 3D",
    summary="eleven 3D convolutions",
    paper="Goyal et al., The 'something something' video database, ICCV 2017",
    backbones=(),
    clip=ClipDefaults(num_frames=72, frame_stride=1, size=84),
    options={"width": 1.0, "channel_dropout": 0.2, "dropout": 0.0},
    build=lambda create, **options: SomethingBaseline(**options),
)
