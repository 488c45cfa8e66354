import torch
from torch import nn
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy

from motionlens.training.process_state import process_state, restore_process_state


class Module(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.loss, self.accuracy = MeanMetric(), MulticlassAccuracy(3, average="micro")

    def see(self, seed):
        """A batch; gives what it drew."""
        values = torch.randn(5, 3, generator=torch.Generator().manual_seed(seed))
        self.loss.update(self.norm(values).mean())
        self.accuracy.update(values, torch.arange(5) % 3)
        return torch.rand(3)


def test_a_process_goes_on_as_if_it_had_not_stopped(tmp_path):
    first = Module()
    first.see(0)
    torch.save(process_state(first, None), tmp_path / "state")
    expected = first.see(1)

    second = Module()
    torch.manual_seed(7)
    state = torch.load(tmp_path / "state", weights_only=True)
    restore_process_state(state, second, None)
    assert torch.equal(second.see(1), expected)
    assert second.loss.compute() == first.loss.compute() != 0
    assert second.accuracy.compute() == first.accuracy.compute()
    assert second.accuracy.tp + second.accuracy.fn == 10
    for name, value in first.named_buffers():
        assert torch.equal(dict(second.named_buffers())[name], value), name
