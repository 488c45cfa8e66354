"""cpnet: recognition of motion in video, learned from correspondence proposals.

Names are imported when they are first used: ``cpnet.CorrespondenceProposal`` needs torch alone,
``cpnet.fit`` brings in Lightning.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from cpnet.config import Recipe
    from cpnet.evaluation import evaluate
    from cpnet.explanation import Explanation
    from cpnet.labels import Prediction
    from cpnet.models.capture import capture_proposals, inject_proposals
    from cpnet.models.correspondence import CorrespondenceProposal, set_num_proposals
    from cpnet.models.optimize import optimize
    from cpnet.models.registry import create_model, list_models
    from cpnet.models.streaming import FrameStream
    from cpnet.ops import Proposals
    from cpnet.prediction import Recognizer
    from cpnet.recipe_files import load_recipe
    from cpnet.streaming import Event, EventDetector, EventRules, Window
    from cpnet.training import fit

_HOME = {
    "CorrespondenceProposal": "cpnet.models.correspondence",
    "Event": "cpnet.streaming",
    "EventDetector": "cpnet.streaming",
    "EventRules": "cpnet.streaming",
    "Explanation": "cpnet.explanation",
    "FrameStream": "cpnet.models.streaming",
    "Prediction": "cpnet.labels",
    "Proposals": "cpnet.ops",
    "Recipe": "cpnet.config",
    "Recognizer": "cpnet.prediction",
    "Window": "cpnet.streaming",
    "capture_proposals": "cpnet.models.capture",
    "create_model": "cpnet.models.registry",
    "evaluate": "cpnet.evaluation",
    "fit": "cpnet.training",
    "inject_proposals": "cpnet.models.capture",
    "list_models": "cpnet.models.registry",
    "load_recipe": "cpnet.recipe_files",
    "optimize": "cpnet.models.optimize",
    "set_num_proposals": "cpnet.models.correspondence",
}

__all__ = [
    "CorrespondenceProposal",
    "Event",
    "EventDetector",
    "EventRules",
    "Explanation",
    "FrameStream",
    "Prediction",
    "Proposals",
    "Recipe",
    "Recognizer",
    "Window",
    "__version__",
    "capture_proposals",
    "create_model",
    "evaluate",
    "fit",
    "inject_proposals",
    "list_models",
    "load_recipe",
    "optimize",
    "set_num_proposals",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    try:
        return importlib.import_module(f"cpnet.{name}")  # cpnet.ops without importing it first
    except ModuleNotFoundError as error:
        if error.name != f"cpnet.{name}":
            raise
        raise AttributeError(f"module 'cpnet' has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return __all__
