import torch

from motionlens.training.metrics import WeightedMean


def test_values_count_as_often_as_they_weigh():
    mean = WeightedMean()
    mean.update(torch.tensor(1.0), weight=3)
    mean.update(torch.tensor(5.0), weight=torch.tensor(1.0))
    assert mean.compute() == 2
    mean.update(torch.tensor(float("nan")), weight=1)
    assert mean.compute().isnan()
    mean.reset()
    mean.update(torch.tensor(1.0), weight=1)
    assert mean.compute() == 1
