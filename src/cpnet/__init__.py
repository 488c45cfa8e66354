"""cpnet: recognition of motion in video, learned from correspondence proposals."""

__version__ = "0.1.0"
