"""Overlapping windows of one stream: what frames give by themselves is computed once.

Everything below a network's first plug-in works frame by frame, so windows that share frames share
it. Exact: the logits are those of the windows taken one by one.
"""

from typing import TypeGuard

import torch
from torch import Tensor, nn

from motionlens._utils.checks import check_at_least
from motionlens.models.resnet import VideoResNet


def shares_frames(model: nn.Module) -> TypeGuard[VideoResNet]:
    """Whether windows of a stream can share the features of single frames."""
    return isinstance(model, VideoResNet) and model.form == "c2d" and model.inputs == 3


class FrameStream:
    """Runs a network on the overlapping windows of a stream of frames.

    Keeps ``num_frames`` frames' features, however long the stream is.

    Args:
        model: a 2D network in inference mode; its weights must not change while the stream lasts.
        num_frames: T, frames of a window.
        hop: frames from one window to the next, at least 1.

    Raises:
        ValueError: If the model is of another kind, in training mode, or an argument is out of
            range.

    Example:
        >>> from motionlens.models.registry import create_model
        >>> model = create_model("cpnet_nano", num_classes=7).eval()
        >>> stream = FrameStream(model, num_frames=4)
        >>> frames = torch.randn(6, 3, 64, 64)
        >>> stream.push(frames).shape  # windows 0..3, 1..4 and 2..5
        torch.Size([3, 7])
    """

    def __init__(self, model: nn.Module, num_frames: int, *, hop: int = 1) -> None:
        if not shares_frames(model):
            raise ValueError(
                "model must be a VideoResNet that works frame by frame on colours alone, got "
                f"{type(model).__name__} of form {getattr(model, 'form', None)} with "
                f"{getattr(model, 'inputs', 3)} channels; run the windows one by one"
            )
        _check_mode(model)
        check_at_least(1, num_frames=num_frames, hop=hop)
        self.model = model
        self.num_frames = num_frames
        self.hop = hop
        blocks = [block for _, block in model.blocks()]
        seam = next((i for i, block in enumerate(blocks) if block.mixes_frames), len(blocks))
        # The first of the later blocks mixes frames, perhaps not before its sum.
        self._early, self._late = blocks[:seam], blocks[seam:]
        self._sums_alone = bool(self._late) and self._late[0].before_conv1 is None
        self.reset()

    def reset(self) -> None:
        """Forget all frames: the next one begins another stream."""
        self._size: tuple[int, int] | None = None
        self._kept: Tensor | None = None
        # Frames that may pass before the next window's first one.
        self._skip = 0

    @torch.inference_mode()
    def push(self, frames: Tensor) -> Tensor:
        """Take the next frames of the stream; after an error it stands where it did before.

        Args:
            frames: float ``(n, 3, H, W)``, prepared as the model's clips are; n of any size, H and
                W as before.

        Returns:
            Logits ``(m, num_classes)`` of the m windows that these frames complete, in order;
            m may be 0.

        Raises:
            ValueError: For another shape, another size than before, or a value that is no finite
                number.
        """
        self._check(frames)
        passed = min(self._skip, frames.shape[0])
        new = self._each_frame(frames[passed:])
        kept = new if self._kept is None else torch.cat([self._kept, new])
        starts = range(0, kept.shape[0] - self.num_frames + 1, self.hop)
        logits = [self._window(kept[i : i + self.num_frames]) for i in starts]
        start = len(starts) * self.hop
        beyond = max(0, start - kept.shape[0])
        # Nothing has been changed so far, for anything above may fail.
        self._size = frames.shape[2], frames.shape[3]
        self._skip += beyond - passed
        self._kept = kept[start - beyond :].clone()
        classes = self.model.fc.out_features
        return torch.cat(logits) if logits else new.new_empty(0, classes)

    def _check(self, frames: Tensor) -> None:
        if frames.dim() != 4 or frames.shape[1] != 3:
            raise ValueError(f"frames must have shape (n, 3, H, W), got {tuple(frames.shape)}")
        _check_mode(self.model)
        rows, columns = frames.shape[2:]
        if not bool(frames.isfinite().all()):
            raise ValueError("frames must be finite numbers, got others; leave that frame out")
        if self._size not in (None, (rows, columns)):
            raise ValueError(
                f"frames must keep the size that the stream began with, "
                f"{'x'.join(map(str, self._size[::-1]))}, got {columns}x{rows}"
            )

    def _each_frame(self, frames: Tensor) -> Tensor:
        """What frames give by themselves: up to where they are mixed; pooled if they never are."""
        # Convolutions of one frame alone round otherwise than those of several. Positions that look
        # the same, such as those of a black border, would then have other proposals than in a clip.
        number = len(frames)
        x = self.model.stem(frames if number > 1 else frames.repeat(2, 1, 1, 1))
        for block in self._early:
            x = block(x, 1)
        if not self._late:
            x = x.mean((2, 3))
        elif self._sums_alone:
            x = self._late[0].summed(x, 1)
        return x[:number]

    def _window(self, x: Tensor) -> Tensor:
        """Logits ``(1, num_classes)`` of what its frames gave."""
        T = self.num_frames
        if not self._late:
            return self.model.forward_head(self.model.agree(x[None]))
        seam, *rest = self._late
        # The block's last ReLU works in place, on frames that other windows need too.
        x = seam.finish(x.clone(), T) if self._sums_alone else seam(x, T)
        for block in rest:
            x = block(x, T)
        return self.model.forward_head(self.model.pool(x, T))


def _check_mode(model: nn.Module) -> None:
    if model.training:
        raise ValueError("model must be in inference mode, got training; call model.eval()")
