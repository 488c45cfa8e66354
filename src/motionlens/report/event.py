"""What a stream shows: window by window, and as events."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """A label that a stream shows for some time.

    Attributes:
        label: name of the class.
        start_s: its beginning, seconds since the source's first frame.
        end_s: its end.
        confidence: mean of the label's smoothed probability over the windows of the event.
    """

    label: str
    start_s: float
    end_s: float
    confidence: float

    @property
    def duration_s(self) -> float:
        """Its length, seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True, eq=False, kw_only=True)
class Window:
    """The answer of a network to one clip of a stream.

    Attributes:
        start_s: time of the clip's first frame, seconds since the source's first frame.
        end_s: time of its last frame.
        logits: float32 ``(num_classes,)``, on the CPU.
        probabilities: float32 ``(num_classes,)``, from the logits as the model card says.
        after_gap: whether it is the first window, or the first one after dropped frames.
    """

    start_s: float
    end_s: float
    logits: Tensor
    probabilities: Tensor
    after_gap: bool = False
