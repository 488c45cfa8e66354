"""From a recipe to a trained recognizer; the only package that knows Lightning."""

from cpnet.training.trainer import FitResult, fit

__all__ = ["FitResult", "fit"]
