"""motionlens: recognition of motion in video, learned from correspondence proposals.

Names are imported when they are first used: ``motionlens.CorrespondenceProposal`` needs only torch,
``motionlens.fit`` brings in Lightning.
"""

import importlib
from typing import TYPE_CHECKING, Any

from motionlens._utils.version import __version__ as __version__

if TYPE_CHECKING:
    from motionlens.explain.explanation import Explanation as Explanation
    from motionlens.inference.evaluation import evaluate as evaluate
    from motionlens.inference.recognizer import Recognizer as Recognizer
    from motionlens.inference.streaming.events import EventDetector as EventDetector
    from motionlens.inference.streaming.events import EventRules as EventRules
    from motionlens.models.capture import capture_proposals as capture_proposals
    from motionlens.models.capture import inject_proposals as inject_proposals
    from motionlens.models.correspondence import CorrespondenceProposal as CorrespondenceProposal
    from motionlens.models.correspondence import set_num_proposals as set_num_proposals
    from motionlens.models.frame_stream import FrameStream as FrameStream
    from motionlens.models.optimize import optimize as optimize
    from motionlens.models.registry import create_model as create_model
    from motionlens.models.registry import list_models as list_models
    from motionlens.ops.proposals import Proposals as Proposals
    from motionlens.report.event import Event as Event
    from motionlens.report.event import Window as Window
    from motionlens.report.prediction import Prediction as Prediction
    from motionlens.training.fit import fit as fit
    from motionlens.training.recipe import Recipe as Recipe
    from motionlens.training.recipe_files import load_recipe as load_recipe

_HOME = {
    "CorrespondenceProposal": "motionlens.models.correspondence",
    "Event": "motionlens.report.event",
    "EventDetector": "motionlens.inference.streaming.events",
    "EventRules": "motionlens.inference.streaming.events",
    "Explanation": "motionlens.explain.explanation",
    "FrameStream": "motionlens.models.frame_stream",
    "Prediction": "motionlens.report.prediction",
    "Proposals": "motionlens.ops.proposals",
    "Recipe": "motionlens.training.recipe",
    "Recognizer": "motionlens.inference.recognizer",
    "Window": "motionlens.report.event",
    "capture_proposals": "motionlens.models.capture",
    "create_model": "motionlens.models.registry",
    "evaluate": "motionlens.inference.evaluation",
    "fit": "motionlens.training.fit",
    "inject_proposals": "motionlens.models.capture",
    "list_models": "motionlens.models.registry",
    "load_recipe": "motionlens.training.recipe_files",
    "optimize": "motionlens.models.optimize",
    "set_num_proposals": "motionlens.models.correspondence",
}

__all__ = [*_HOME, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    try:
        return importlib.import_module(f"motionlens.{name}")  # a room, such as motionlens.ops
    except ModuleNotFoundError as error:
        if error.name != f"motionlens.{name}":
            raise
        raise AttributeError(f"module 'motionlens' has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return list(__all__)
