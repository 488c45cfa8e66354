import pytest

from motionlens.training.precision import usable_precision


@pytest.mark.parametrize(
    ("precision", "device", "has_bf16", "taken", "words"),
    [
        ("32-true", "cpu", False, "32-true", ()),
        ("32-true", "cuda", True, "32-true", ()),
        ("32-true", "mps", False, "32-true", ()),
        ("bf16-mixed", "cpu", True, "bf16-mixed", ()),
        ("bf16-mixed", "cpu", False, "bf16-mixed", ("no bf16 instructions", "32-true")),
        ("16-mixed", "cpu", True, "bf16-mixed", ("16-mixed", "trains in bf16-mixed instead")),
        ("16-mixed", "cpu", False, "bf16-mixed", ("bf16-mixed instead", "32-true may be")),
        ("bf16-mixed", "cuda", True, "bf16-mixed", ()),
        ("bf16-mixed", "cuda", False, "bf16-mixed", ("emulates bf16", "16-mixed")),
        ("16-mixed", "cuda", False, "16-mixed", ()),
        ("16-mixed", "mps", False, "16-mixed", ("not been tried on mps",)),
        ("bf16-mixed", "mps", False, "bf16-mixed", ("not been tried on mps",)),
    ],
)
def test_every_precision_on_every_device(precision, device, has_bf16, taken, words):
    found, line = usable_precision(precision, device, has_bf16=has_bf16)
    assert found == taken
    assert (line is not None) == bool(words)
    assert all(word in (line or "") for word in words)
