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
    from motionlens.inference.event_evaluation import evaluate_events as evaluate_events
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

_NAMES = {
    "explain.explanation": ["Explanation"],
    "inference.evaluation": ["evaluate"],
    "inference.recognizer": ["Recognizer"],
    "inference.event_evaluation": ["evaluate_events"],
    "inference.streaming.events": ["EventDetector", "EventRules"],
    "models.capture": ["capture_proposals", "inject_proposals"],
    "models.correspondence": ["CorrespondenceProposal", "set_num_proposals"],
    "models.frame_stream": ["FrameStream"],
    "models.optimize": ["optimize"],
    "models.registry": ["create_model", "list_models"],
    "ops.proposals": ["Proposals"],
    "report.event": ["Event", "Window"],
    "report.prediction": ["Prediction"],
    "training.fit": ["fit"],
    "training.recipe": ["Recipe"],
    "training.recipe_files": ["load_recipe"],
}
_HOME = {name: f"motionlens.{file}" for file, names in _NAMES.items() for name in names}

__all__ = [*sorted(_HOME), "__version__"]


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
