import onnx
import pytest
from onnx import helper

from motionlens.inference.onnx_check import check_onnx
from motionlens.inference.onnx_network import OnnxNetwork


def test_an_export_holds_nothing_of_the_kind(exported):
    check_onnx(exported)


def test_nothing_is_taken_from_another_file(exported, tmp_path):
    def point(tensor):
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="beside.bin")

    def in_a_constant(proto):
        node = helper.make_node("Constant", [], ["c"], value=onnx.TensorProto(data_type=1))
        point(node.attribute[0].t)
        proto.graph.node.append(node)

    (tmp_path / "beside.bin").write_bytes(bytes(10**6))
    for change in (lambda proto: point(proto.graph.initializer[0]), in_a_constant):
        proto = onnx.load(exported)
        change(proto)
        (tmp_path / "a.onnx").write_bytes(proto.SerializeToString())
        with pytest.raises(ValueError, match="a.onnx holds weights in another file"):
            OnnxNetwork(tmp_path / "a.onnx")


@pytest.mark.parametrize("in_function", [False, True])
def test_no_loop_runs(in_function, exported, tmp_path):
    body = helper.make_graph([helper.make_node("Identity", ["c"], ["d"])], "body", [], [])
    node = helper.make_node("Loop", ["trips", "c"], ["e"], body=body)

    def change(proto):
        if in_function:
            opset = helper.make_opsetid("", 18)
            proto.functions.append(helper.make_function("f", "F", ["c"], ["e"], [node], [opset]))
        else:
            proto.graph.node.append(node)

    proto = onnx.load(exported)
    change(proto)
    (tmp_path / "loop.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(ValueError, match="holds a loop or a branch, no export does"):
        OnnxNetwork(tmp_path / "loop.onnx")


def test_what_is_no_protobuf(exported, tmp_path):
    path = tmp_path / "a.onnx"
    content = exported.read_bytes()
    for wrong in (b"\x0b", b"\x0a\x05abc", b"\x08" + 11 * b"\xff", content[:-1], b"\xff"):
        path.write_bytes(wrong)
        with pytest.raises(ValueError, match="a.onnx is no ONNX file or is damaged"):
            check_onnx(path)
