from motionlens.models.profile import describe
from motionlens.models.registry import create_model


def test_counts_of_a_toy_network():
    options = {"num_frames": 4, "size": 32, "num_classes": 4}
    plain = describe("toy_c2d", **options)
    # Two 3x3 convolutions on a 16x16 grid of 4 frames, and the linear layer.
    convolutions = 4 * 16 * 16 * (3 * 16 + 16 * 32) * 9
    assert plain.multiply_adds == convolutions + 32 * 4
    assert plain.input_shape == (1, 3, 4, 32, 32)
    assert plain.modules == []
    model = create_model("toy_cpnet", num_classes=4)
    ours = describe("toy_cpnet", **options)
    assert ours.parameters == sum(value.numel() for value in model.parameters())
    N, S, C = 1024, 256, 32
    search = N * (N - S) * C
    # Query, neighbour and place once a position; the second layer for 4 pairs; the projection.
    embedding = N * (2 * C * 8 + 3 * 8) + 4 * N * 8 * 16 + N * 16 * C
    assert ours.multiply_adds - plain.multiply_adds == search + embedding


def test_sites():
    found = describe("cpnet_resnet18", num_classes=2, num_frames=8, size=224)
    assert [(s.block, s.grid, s.k, s.positions) for s in found.modules] == [
        (f"layer{layer}.{block}", (14, 14), 8, 1568) for layer in (2, 3) for block in (0, 1)
    ]
