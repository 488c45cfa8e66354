"""What all networks share: clips to a pooled embedding to logits."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn


class VideoNetwork(nn.Module, ABC):
    """A network with a linear layer on a pooled embedding.

    Attributes:
        inputs: channels of a clip; 3, unless optical flow goes with the colours.
        num_features: of the embedding.
        consensus: None for pooling over frames; else a module from features of frames
            ``(B, T, C)`` to those of the clip, ``(B, num_features)``.
        dropout: before the linear layer.
        fc: the linear layer.

    Shapes:
        Clips float ``(B, inputs, T, H, W)`` of any T, H, W; logits ``(B, num_classes)``.
    """

    inputs = 3
    num_features: int
    consensus: nn.Module | None
    dropout: nn.Module
    fc: nn.Linear

    def forward(self, clip: Tensor) -> Tensor:
        """Logits ``(B, num_classes)`` of clips ``(B, inputs, T, H, W)``."""
        return self.forward_head(self.forward_features(clip))

    @abstractmethod
    def forward_features(self, clip: Tensor) -> Tensor:
        """The pooled embedding ``(B, num_features)`` of clips ``(B, inputs, T, H, W)``."""

    def forward_head(self, features: Tensor) -> Tensor:
        """Logits ``(B, num_classes)`` of pooled embeddings ``(B, num_features)``."""
        return self.fc(self.dropout(features))  # type: ignore[no-any-return]

    def check(self, clip: Tensor) -> None:
        """Check the shape of clips.

        Raises:
            ValueError: If it is another than ``(B, inputs, T, H, W)``.
        """
        if clip.dim() != 5 or clip.shape[1] != self.inputs:
            raise ValueError(
                f"clip must have shape (B, {self.inputs}, T, H, W), got {tuple(clip.shape)}"
            )

    def set_consensus(self, consensus: Any) -> None:
        """Let a module put frames together, instead of pooling; the linear layer begins anew.

        Args:
            consensus: from features of frames ``(B, T, C)`` to ``(B, consensus.num_features)``.
        """
        self.consensus, self.num_features = consensus, consensus.num_features
        self.fc = nn.Linear(self.num_features, self.fc.out_features)
