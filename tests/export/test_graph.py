import pytest
import torch

from export_cards import small_recognizer
from motionlens.export.graph import prepare, trace
from motionlens.inference.onnx_network import OnnxNetwork


def test_the_given_model_is_left_as_it_was():
    model = small_recognizer().model
    before = {name: value.clone() for name, value in model.state_dict().items()}
    copy = prepare(model.train(), "reference")
    assert (model.core.search.impl, copy.core.search.impl) == ("auto", "reference")
    assert model.training
    assert not copy.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("model", "options", "size", "fewest"),
    [
        # 4 positions a frame: 9 neighbours are in 3 other frames.
        ("toy_cpnet", {"k": 9}, 4, 4),
        ("toy_c2d", {}, 8, 1),
    ],
)
def test_fewest_frames(model, options, size, fewest):
    recognizer = small_recognizer(model, options, size)
    reference = prepare(recognizer.model, "reference")
    assert trace(reference, recognizer.card).min_frames == 4
    traced = trace(reference, recognizer.card, dynamic_frames=True)
    assert traced.min_frames == fewest
    run = traced.program.module()
    clips = torch.randn(1, 3, fewest, size, size)
    torch.testing.assert_close(run(clips)[0], reference(clips))


def test_an_exported_file_is_not_exported_again(exported):
    with pytest.raises(ValueError, match="is an exported file; give the run"):
        prepare(OnnxNetwork(exported), "reference")


def test_what_cannot_be_traced_is_one_line():
    class Fickle(torch.nn.Module):
        def forward_features(self, clips):
            return clips.mean((2, 3, 4)) if clips.sum() > 0 else clips.sum((2, 3, 4))

        def forward_head(self, features):
            return features

    with pytest.raises(ValueError, match="toy_cpnet cannot be exported: ") as caught:
        trace(Fickle(), small_recognizer().card)
    assert "\n" not in str(caught.value)
