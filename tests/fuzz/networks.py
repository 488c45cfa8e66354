"""Model cards, checkpoints, weights to start from, and exported networks."""

import hashlib
import io
import json
import warnings
import zipfile
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch

from fuzz.mutation import encoded, json_text, mutated, mutated_text, mutated_value
from fuzz.target import Target, contents
from fuzz.videos import moving
from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.inference.card import ModelCard
from motionlens.inference.checkpoint import CARD_FILE, WEIGHTS_FILE, load_checkpoint
from motionlens.inference.onnx_network import DIGEST_KEY, NO_DIGEST, digest
from motionlens.inference.recognizer import Recognizer
from motionlens.inference.weight_sources import read_weights
from motionlens.training.checkpoint_io import AtomicCheckpointIO, check_checkpoint

_OPERATORS = (
    "Add MatMul Loop If Tile Expand Range ConstantOfShape Pad Resize TopK Gather Scan Where "
    "Identity"
).split()
_OPTIONS = {"widths": [4, 8], "k": 2}


def small_recognizer(**about: Any) -> Recognizer:
    """A toy network with weights from chance."""
    given: dict[str, Any] = {
        "model": "toy_cpnet", "options": _OPTIONS, "class_names": ("left", "right", "still"),
        "sampling": Sampling(4, 2), "preprocessing": Preprocessing(16, 16),
    }  # fmt: skip
    card = ModelCard(**given | about)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Recognizer(card.build(), card)


def seed_cards(folder: Path) -> None:
    """Recognizers of several kinds."""
    small_recognizer().save_pretrained(folder / "0")
    whole = small_recognizer(
        sampling=Sampling(4, seconds=0.5), multi_label=True, thresholds=(0.5, 0.1, 1.0),
        license="CC-BY-4.0", about="It knows nothing.", background="still",
    )  # fmt: skip
    whole.save_pretrained(folder / "1")
    small_recognizer(model="toy_c3d", options={"widths": [4, 8]}).save_pretrained(folder / "2")


@lru_cache(maxsize=4)
def _cards(folder: Path) -> list[tuple[str, bytes]]:
    return [
        ((one / CARD_FILE).read_text(), (one / WEIGHTS_FILE).read_bytes())
        for one in sorted(folder.iterdir())
    ]


def make_card(rng: Random, seeds: Path, where: Path) -> None:
    """A changed card beside the weights of the one that it was."""
    text, weights = rng.choice(_cards(seeds))
    if rng.random() < 0.75:
        values = json.loads(text)
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            values = mutated_value(rng, values)
        text = json_text(rng, values)
    else:
        text = mutated_text(rng, text)
    (where / CARD_FILE).write_bytes(encoded(rng, text))
    (where / WEIGHTS_FILE).write_bytes(weights)


def use_card(_: Random, where: Path) -> None:
    """Recognize a video by it."""
    recognizer = Recognizer.from_pretrained(where, device="cpu")
    card = recognizer.card
    assert ModelCard.from_json(card.to_json()) == card
    check_prediction(recognizer)


def check_prediction(recognizer: Recognizer) -> None:
    """Labels are those of the card, each once, and probabilities are such."""
    found = recognizer.predict(moving(6), top=10**6)
    assert sorted(found.labels) == sorted(recognizer.class_names)
    assert all(0 <= p <= 1 for p in found.probabilities) or not _is_finite(recognizer)


def _is_finite(recognizer: Recognizer) -> bool:
    return all(bool(value.isfinite().all()) for value in recognizer.model.state_dict().values())


def seed_checkpoints(folder: Path) -> None:
    """One of each file that weights are read from."""
    recognizer = small_recognizer()
    recognizer.save_pretrained(folder)
    (folder / "README.md").unlink()
    state = recognizer.model.state_dict()
    from safetensors.torch import save_file

    save_file(state, folder / "plain.safetensors")
    torch.save(state, folder / "state.pth")
    torch.save({"state_dict": state, "epoch": 3}, folder / "old.ckpt",
               _use_new_zipfile_serialization=False)  # fmt: skip
    full = {"state_dict": state, "epoch": 3, "optimizer_states": [{"state": {0: torch.ones(3)}}]}
    AtomicCheckpointIO().save_checkpoint(full, folder / "last.ckpt")
    np.savez(folder / "tensorpack.npz", **{"conv0/W:0": np.zeros((3, 3, 3, 4), np.float32),
             "linear/b:0": np.zeros(3, np.float32)})  # fmt: skip


@lru_cache(maxsize=4)
def _files(folder: Path) -> tuple[list[str], list[bytes]]:
    files = [path for path in sorted(folder.iterdir()) if path.name != CARD_FILE]
    return [path.name for path in files], [path.read_bytes() for path in files]


def make_checkpoint(rng: Random, seeds: Path, where: Path) -> None:
    """One of them changed; sums and sizes are right again, at times."""
    names, good = _files(seeds)
    number = rng.randrange(len(good))
    name, data = names[number], good[number]
    if name.endswith(".safetensors") and rng.random() < 0.6:
        data = _other_header(rng, data)
    elif data.startswith(b"PK") and rng.random() < 0.5:
        data = _other_member(rng, data, good)
    elif rng.random() < 0.02:
        data = _program(where)
    else:
        data = mutated(rng, data, good)
    if name == "last.ckpt" and rng.random() < 0.7:
        data += b"motionlens sha256 " + hashlib.sha256(data).digest()
    (where / name).write_bytes(data)
    if name == WEIGHTS_FILE:
        (where / CARD_FILE).write_bytes((seeds / CARD_FILE).read_bytes())


class _Program:
    def __init__(self, path: str) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (self._path, "w"))


def _program(where: Path) -> bytes:
    """A pickle that writes a file where it is believed."""
    data = io.BytesIO()
    torch.save({"state_dict": _Program(str(where.parent / ".was_run"))}, data)
    return data.getvalue()


def _other_header(rng: Random, data: bytes) -> bytes:
    size = int.from_bytes(data[:8], "little")
    header = mutated_value(rng, json.loads(data[8 : 8 + size]))
    if rng.random() < 0.5 and isinstance(header, dict):
        header.pop("__metadata__", None)
    text = json.dumps(header).encode("utf-8", "surrogatepass")
    body = data[8 + size :]
    if rng.random() < 0.2:
        body = mutated(rng, body, [body])
    return len(text).to_bytes(8, "little") + text + body


def _other_member(rng: Random, data: bytes, others: list[bytes]) -> bytes:
    """An archive with one of its members changed, left out, or said to be another size."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        entries = old.infolist()
        chosen = rng.choice(entries).filename
        compression = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
        for entry in entries:
            content = old.read(entry)
            if entry.filename == chosen:
                if rng.random() < 0.1:
                    continue
                is_bomb = compression == zipfile.ZIP_DEFLATED and rng.random() < 0.2
                content = bytes(10**7) if is_bomb else mutated(rng, content, [content])
            new.writestr(entry.filename, content, compress_type=compression)
    return out.getvalue()


def use_checkpoint(_: Random, where: Path) -> None:
    """Read it as what it is called; weights with a sum are those that were written."""
    (path,) = (one for one in where.iterdir() if one.name != CARD_FILE)
    if path.name == "last.ckpt":
        check_checkpoint(path)
        return
    if path.name == WEIGHTS_FILE:
        load_checkpoint(where)
        check_prediction(Recognizer.from_pretrained(where, device="cpu"))
        return
    weights, _card = read_weights(path)
    found = weights.state or weights.variables
    assert found
    assert all(isinstance(name, str) for name in found)


def seed_onnx(folder: Path) -> None:
    """Exported networks, with and without a fixed number of frames."""
    from motionlens.export.exporting import export_recognizer

    with warnings.catch_warnings(action="ignore"):
        for number, is_dynamic in enumerate((False, True)):
            path = folder / f"{number}.onnx"
            export_recognizer(small_recognizer(), path, dynamic_frames=is_dynamic)


@lru_cache(maxsize=4)
def _exported(folder: Path) -> list[bytes]:
    return contents(folder)


def make_onnx(rng: Random, seeds: Path, where: Path) -> None:
    """A file with other bytes, or another graph whose digest is right."""
    good = _exported(seeds)
    data = rng.choice(good)
    data = mutated(rng, data, good) if rng.random() < 0.5 else _other_graph(rng, data)
    if rng.random() < 0.5:
        data = _with_digest(data)
    (where / "net.onnx").write_bytes(data)


def _with_digest(data: bytes) -> bytes:
    key = data.find(DIGEST_KEY.encode())
    first = key + len(DIGEST_KEY) + 2
    stated = data[first : first + 64]
    if key < 0 or len(stated) < 64:
        return data
    blank = data.replace(stated, NO_DIGEST.encode(), 1)
    return blank.replace(NO_DIGEST.encode(), digest(blank).encode(), 1)


def _other_graph(rng: Random, data: bytes) -> bytes:
    import onnx

    model = onnx.load_from_string(data)
    graph = model.graph
    for _ in range(rng.choice((1, 1, 2))):
        way = rng.randrange(10)
        node = rng.choice(graph.node)
        tensor = rng.choice(graph.initializer)
        if way == 0:  # weights that lie in another file
            tensor.ClearField("raw_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
            place = rng.choice(("../canary.mp4", "@CANARY@", "/etc/passwd", "net.onnx", "x.bin"))
            tensor.external_data.add(key="location", value=place)
        elif way == 1 and tensor.dims:
            tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice((0, -1, 1, 10**6, 2**40))
        elif way == 2:
            node.op_type = rng.choice(_OPERATORS)
        elif way == 3:
            graph.node.remove(node)
        elif way == 4 and node.input:
            every = [name for one in graph.node for name in (*one.output, *one.input)]
            node.input[rng.randrange(len(node.input))] = rng.choice(every)
        elif way == 5 and node.attribute:
            attribute = rng.choice(node.attribute)
            attribute.i = rng.choice((0, -1, 10**6, 2**62))
            if attribute.ints:
                attribute.ints[0] = rng.choice((0, -1, 10**6, 2**62))
        elif way == 6:
            shape = rng.choice((*graph.input, *graph.output)).type.tensor_type.shape
            if shape.dim:
                rng.choice(shape.dim).dim_value = rng.choice((0, -1, 1, 7, 10**9))
        elif way == 7 and model.metadata_props:
            entry = rng.choice(model.metadata_props)
            entry.value = rng.choice(("", "x", "1e9", "-1", "{}", mutated_text(rng, entry.value)))
        elif way == 8 and tensor.data_type == onnx.TensorProto.INT64 and tensor.raw_data:
            edges = [
                rng.choice((0, -1, 1, 10**5, 10**9, 2**62))
                for _ in range(len(tensor.raw_data) // 8)
            ]
            tensor.raw_data = np.array(edges, np.int64).tobytes()
        else:  # a constant that takes all memory
            graph.initializer.add(name="huge", data_type=7, dims=[1],
                                  raw_data=np.array([10**11], np.int64).tobytes())  # fmt: skip
            huge = onnx.helper.make_node("ConstantOfShape", ["huge"], ["filled"])
            graph.node.insert(0, huge)
            target = rng.choice(graph.node)
            if target.input and target.op_type != "ConstantOfShape":
                target.input[0] = "filled"
    text: bytes = model.SerializeToString()
    return text


def use_onnx(_: Random, where: Path) -> None:
    """Recognize a video by it."""
    check_prediction(Recognizer.from_pretrained(where / "net.onnx", device="cpu"))


# A network says what it cannot do with a clip as it runs.
_OF_CLIPS = ("a clip must ", "clips ", "k must ", "features must ")
CARDS = Target(seed_cards, make_card, use_card, about=_OF_CLIPS)
CHECKPOINTS = Target(seed_checkpoints, make_checkpoint, use_checkpoint, about=_OF_CLIPS)
ONNX = Target(seed_onnx, make_onnx, use_onnx, about=_OF_CLIPS)
