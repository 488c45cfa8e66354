"""The comparators as graphs: traced with any batch, and the same answers."""

import pytest
import torch

from export_cards import small_recognizer
from motionlens.export.graph import prepare, trace
from motionlens.models.registry import list_models

NAMES = [name for name in list_models("*_nano") if not name.startswith(("c", "two_stream"))]
TOYS = [name for name in list_models("toy_*") if not name.startswith("toy_c")]


def options(name):
    if name == "something_3d":
        return {"width": 0.1}
    if name == "two_stream_nano":
        return {"stream_options": {"widths": [4, 8, 8, 8]}}
    return {"widths": [8, 8] if name.startswith("toy") else [8, 8, 8, 16]}


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NAMES, *TOYS, "two_stream_nano", "something_3d"])
def test_traced_with_any_batch(name):
    recognizer = small_recognizer(name, options(name))
    model = prepare(recognizer.model, "reference")
    program = trace(model, recognizer.card).program.module()
    for batch in (1, 3):
        clips = torch.randn(batch, recognizer.card.clip_shape[0], 4, 16, 16)
        logits, features = program(clips)
        torch.testing.assert_close(logits, model(clips), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(features, model.forward_features(clips), rtol=1e-4, atol=1e-5)
