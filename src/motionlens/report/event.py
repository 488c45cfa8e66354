"""An event of a stream: a label, from when to when."""

from dataclasses import dataclass


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
