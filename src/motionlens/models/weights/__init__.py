"""State dicts in and out: the authors' variables, and starts from other weights."""

from motionlens.models.weights.official import load_official as load_official
