"""Video of any length and live video: windows one after another, and events made of them."""

from __future__ import annotations

from cpnet.streaming.events import Event, EventDetector, EventRules
from cpnet.streaming.windows import Window, WindowStream

__all__ = ["Event", "EventDetector", "EventRules", "Window", "WindowStream"]
