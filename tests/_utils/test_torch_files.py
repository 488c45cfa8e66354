import collections
import io
import pickle
import zipfile

import pytest
import torch

from motionlens._utils.torch_files import check_pickle, load_tensors


def of_torch(value, path, *, is_archive=True):
    torch.save(value, path, _use_new_zipfile_serialization=is_archive)
    return path


def with_pickle(path, content):
    """A file of torch without an archive that holds this pickle."""
    of_torch({}, path, is_archive=False)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(pickle.dumps({}, protocol=2), content, 1))
    return path


@pytest.mark.parametrize("is_archive", [True, False])
@pytest.mark.parametrize("mmap", [True, False])
def test_gives_what_was_saved(tmp_path, is_archive, mmap):
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    optimizer = torch.optim.AdamW(
        [{"params": [weight]} for weight in model.parameters()], betas=(0.8, 0.9)
    )
    model(torch.rand(5, 3)).sum().backward()
    optimizer.step()
    shared = torch.rand(7)
    whole = {"state_dict": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3,
             "views": [shared, shared[2:5], shared], "buffer": bytearray(b"abc"),
             "parameter": model[0].weight, "types": {torch.float16, torch.int8},
             "nested": collections.OrderedDict(a=[1, 2.5, None, "text", (2**70,)])}  # fmt: skip
    found = load_tensors(of_torch(whole, tmp_path / "a.pt", is_archive=is_archive), mmap=mmap)
    assert list(found) == list(whole)
    assert found["nested"] == whole["nested"]
    assert found["types"] == whole["types"]
    assert found["optimizer"]["param_groups"] == whole["optimizer"]["param_groups"]
    assert found["views"][0].data_ptr() == found["views"][2].data_ptr()
    for name, weight in whole["state_dict"].items():
        assert torch.equal(found["state_dict"][name], weight)


def test_a_long_name_is_not_searched(tmp_path):
    # Torch looks for words in its own message, in a time that grows by the square of the name.
    content = b"\x80\x02cmodule\n" + b"x" * 10**6 + b"\n."
    with pytest.raises(pickle.UnpicklingError, match="names a function too long"):
        load_tensors(with_pickle(tmp_path / "a.pt", content))


def test_values_that_hold_each_other_again_and_again_are_not_made(tmp_path):
    # A tuple of two tuples of two tuples ...: its hash is computed of all of them.
    content = b"\x80\x02}(K\x01q\x00" + b"".join(
        b"0h%ch%c\x86q%c" % (level, level, level + 1) for level in range(60)
    )
    content += b"K\x02u."
    with pytest.raises(pickle.UnpicklingError, match="hold each other too many times"):
        load_tensors(with_pickle(tmp_path / "a.pt", content))


def test_a_value_in_use_does_not_grow():
    # Filled from the outermost one on, lists of lists would look small.
    content = b"]q\x00]q\x01h\x00(h\x01h\x01e."
    with pytest.raises(pickle.UnpicklingError, match="is used already"):
        check_pickle(io.BytesIO(content))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x80\x02" + pickle.dumps("x" * 10**5, 2)[2:-1] + b")R.", "calls what is no function"),
        (pickle.dumps(2**90, 2), "number too large"),
        (b"\x80\x02R.", "values that are not there"),
    ],
)
def test_refuses_what_no_network_needs(content, message):
    with pytest.raises(pickle.UnpicklingError, match=message):
        check_pickle(io.BytesIO(content))


def test_an_archive_that_expands_is_not_unpacked(tmp_path):
    path = of_torch({"a": torch.ones(3)}, tmp_path / "a.pt")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "b.pt", "w") as new:
        for entry in old.infolist():
            is_pickle = entry.filename.endswith(".pkl")
            content = bytes(10**7) if is_pickle else old.read(entry)
            new.writestr(entry.filename, content, compress_type=zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="it expands to 10,00"):
        load_tensors(tmp_path / "b.pt")
