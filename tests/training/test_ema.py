import copy

import lightning.pytorch as pl
import torch
from torch import nn

from motionlens.training.ema import Ema


class Network(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))


def change(model):
    with torch.no_grad():
        for value in [*model.parameters(), *model.buffers()]:
            if value.is_floating_point():
                value.normal_()
            else:
                value += 1


def averaging(model, decay):
    ema = Ema(decay, averages_norms=False)
    ema.setup(None, model, "fit")
    return ema, ema._average_model


def test_the_average_follows_the_weights_with_its_decay():
    model = Network()
    _, average = averaging(model, 0.15)
    change(model)
    average.update_parameters(model)
    expected = model.net[0].weight.detach().clone()
    for number in range(1, 4):
        change(model)
        average.update_parameters(model)
        decay = min(0.15, (1 + number) / (10 + number))
        expected = decay * expected + (1 - decay) * model.net[0].weight.detach()
        torch.testing.assert_close(average.module.net[0].weight, expected)
    assert average.module.net[1].num_batches_tracked == 4


def test_swapping_in_changes_nothing_afterwards():
    model = Network()
    ema, average = averaging(model, 0.9)
    change(model)
    average.update_parameters(model)
    change(model)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    kept = {name: value.clone() for name, value in average.module.state_dict().items()}
    with ema.swapped_in(model):
        for name, value in model.state_dict().items():
            assert torch.equal(value, kept[name])
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
        assert torch.equal(average.module.state_dict()[name], kept[name])


def test_a_stored_average_goes_on():
    model = Network()
    ema, average = averaging(model, 0.9)
    change(model)
    average.update_parameters(model)
    checkpoint = {"state_dict": model.state_dict()}
    ema.on_save_checkpoint(None, model, checkpoint)
    other, restored = averaging(Network(), 0.9)
    other.on_load_checkpoint(None, Network(), checkpoint)
    for one in (average, restored):
        torch.manual_seed(1)
        later = copy.deepcopy(model)
        change(later)
        one.update_parameters(later)
    for name, value in restored.module.state_dict().items():
        assert torch.equal(average.module.state_dict()[name], value)
