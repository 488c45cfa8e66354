import threading

import torch

from motionlens.ops import workspace as module
from motionlens.ops.proposals import knn_proposals
from motionlens.ops.workspace import release, workspace


def test_a_buffer_is_left_to_the_next_call():
    release()
    first = workspace("a", (4, 5), torch.float32)
    again = workspace("a", (2, 5), torch.float64)
    assert (first.shape, again.shape) == ((4, 5), (2, 5))
    assert (first.dtype, again.dtype) == (torch.float32, torch.float64)
    assert first.data_ptr() == again.data_ptr()
    assert workspace("b", (4, 5), torch.float32).data_ptr() != first.data_ptr()


def test_threads_do_not_share():
    release()
    mine = workspace("a", (8,), torch.float32)
    found = []
    thread = threading.Thread(target=lambda: found.append(workspace("a", (8,), torch.float32)))
    thread.start()
    thread.join()
    assert found[0].data_ptr() != mine.data_ptr()


def test_large_buffers_are_not_kept(monkeypatch):
    release()
    monkeypatch.setattr(module, "MOST_KEPT", 100)
    workspace("a", (26,), torch.float32)
    assert not module._kept.__dict__
    workspace("a", (25,), torch.float32)
    assert list(module._kept.__dict__) == ["a"]
    release()
    assert not module._kept.__dict__


def test_what_inference_mode_made_can_be_written_to_outside():
    release()
    with torch.inference_mode():
        workspace("a", (8,), torch.float32).fill_(1)
    workspace("a", (8,), torch.float32).fill_(2)


def test_searching_keeps_memory_in_inference_only():
    release()
    features = torch.randn(1, 4, 100, 8)
    with torch.inference_mode():
        knn_proposals(features, 2)
    assert module._kept.__dict__
    knn_proposals(features, 2)
    assert not module._kept.__dict__
