import numpy as np
import pytest

from motionlens.models.weights.tensorflow import read_tensorflow, read_tensorpack

VALUES = {
    "conv0/weights": np.arange(6, dtype=np.float32).reshape(1, 1, 1, 2, 3),
    "conv0/weights/Momentum": np.ones((1, 1, 1, 2, 3), np.float32),
    "global_step": np.int64(7),
}


def test_a_genuine_checkpoint(tmp_path, write_tensorflow):
    prefix = write_tensorflow(tmp_path / "model-0.ckpt", VALUES)
    for name in (prefix, f"{prefix}.index", f"{prefix}.data-00000-of-00001", tmp_path):
        found = read_tensorflow(name)
        assert found.keys() == VALUES.keys()
        for key, value in VALUES.items():
            np.testing.assert_array_equal(found[key], value)


@pytest.mark.parametrize("ending", [".index", ".data-00000-of-00001"])
def test_a_truncated_checkpoint(tmp_path, write_tensorflow, ending):
    prefix = write_tensorflow(tmp_path / "model-0.ckpt", VALUES)
    path = tmp_path / f"model-0.ckpt{ending}"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match="model-0.ckpt is damaged or no TensorFlow checkpoint"):
        read_tensorflow(prefix)


def test_a_text_file_is_no_checkpoint(tmp_path, write_tensorflow):
    (tmp_path / "a.index").write_text("text")
    with pytest.raises(ValueError, match="a is damaged or no TensorFlow checkpoint"):
        read_tensorflow(tmp_path / "a")


def test_a_folder_without_checkpoint(tmp_path, write_tensorflow):
    with pytest.raises(ValueError, match="holds no TensorFlow checkpoint; name its files"):
        read_tensorflow(tmp_path)


def test_missing_checkpoint(tmp_path):
    with pytest.raises(ValueError, match="x.ckpt.index does not exist; give the beginning that"):
        read_tensorflow(tmp_path / "x.ckpt")


def test_without_tensorflow_the_extra_is_named(tmp_path, monkeypatch):
    (tmp_path / "x.ckpt.index").touch()
    monkeypatch.setitem(__import__("sys").modules, "tensorflow", None)
    with pytest.raises(
        ImportError, match=r"tensorflow is needed here.*pip install '\.\[tensorflow\]'"
    ):
        read_tensorflow(tmp_path / "x.ckpt")


def test_names_of_tensorpack(tmp_path):
    np.savez(tmp_path / "w.npz", **{"group0/block1/convshortcut/W": np.ones((1, 1, 2, 3))})
    assert list(read_tensorpack(tmp_path / "w.npz")) == ["group0/block1/convshortcut/weights"]
