"""Two processes are played by two threads that wait for each other's sums."""

import copy
import threading

import pytest
import torch
import torch.nn.functional as F

from motionlens.models.registry import create_model
from motionlens.ops.pair_norm import normalise, normalised_maximum
from motionlens.ops.sync_batchnorm import all_sum_of, convert_sync_batchnorm, sync_batch_norm


class TwoProcesses:
    """Runs a function in two threads, whose ``summed`` adds up what both hand in."""

    def __init__(self):
        self.barrier = threading.Barrier(2, timeout=20)
        self.given = [None, None]

    def summed(self, rank):
        def add_up(value):
            self.given[rank] = value.detach().clone()
            self.barrier.wait()
            total = self.given[0] + self.given[1]
            self.barrier.wait()
            return total

        return add_up

    def run(self, function):
        results = [None, None]

        def call(rank):
            results[rank] = function(rank, self.summed(rank))

        threads = [threading.Thread(target=call, args=(rank,)) for rank in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results


def whole_and_parts(rows=(5, 3), channels=4):
    x = torch.randn(sum(rows), channels, dtype=torch.float64)
    weight, bias = torch.rand(channels).double() + 0.5, torch.randn(channels).double()
    return x, list(x.split(rows)), weight, bias


def test_two_parts_are_normed_as_the_whole():
    x, parts, weight, bias = whole_and_parts()
    out_gradient = torch.randn_like(x)
    gradients = out_gradient.split([len(part) for part in parts])
    inputs = [t.clone().requires_grad_() for t in (x, weight, bias)]
    mean, var = torch.zeros(4).double(), torch.zeros(4).double()
    whole = F.batch_norm(inputs[0], mean, var, *inputs[1:], training=True, momentum=1.0, eps=1e-3)
    whole.backward(out_gradient)

    def part(rank, summed):
        own = [t.clone().requires_grad_() for t in (parts[rank], weight, bias)]
        normed, found_mean, found_var = sync_batch_norm(*own, 1e-3, summed)
        normed.backward(gradients[rank])
        return normed.detach(), found_mean, found_var, *(t.grad for t in own)

    first, second = TwoProcesses().run(part)
    torch.testing.assert_close(torch.cat([first[0], second[0]]), whole.detach())
    for found in (first, second):
        torch.testing.assert_close(found[1], mean)
        torch.testing.assert_close(found[2], var)
    torch.testing.assert_close(torch.cat([first[3], second[3]]), inputs[0].grad)
    torch.testing.assert_close(first[4] + second[4], inputs[1].grad)
    torch.testing.assert_close(first[5] + second[5], inputs[2].grad)


@pytest.mark.parametrize("marked", [False, True])
def test_two_parts_of_pairs_are_normed_as_the_whole(marked):
    K = 2
    x, parts, weight, bias = whole_and_parts(rows=(6, 4))
    exists = torch.tensor([1, 0, 1, 1, 1, 1, 0, 0, 1, 1]).bool() if marked else None
    marks = [None, None] if exists is None else exists.split([6, 4])
    out_gradient = torch.randn(5, 4, dtype=torch.float64)
    gradients = out_gradient.split([3, 2])

    def compute(pairs, mark, summed, gradient):
        norm = torch.nn.BatchNorm1d(4, eps=1e-3, dtype=torch.float64)
        norm.load_state_dict({"weight": weight, "bias": bias}, strict=False)
        if summed is not None:
            convert_sync_batchnorm(norm, summed)
        own = [pairs.clone().requires_grad_(), norm.weight, norm.bias]
        hidden, *first = normalise(own[0], mark, norm)
        strongest, *second = normalised_maximum(hidden, mark, norm, K)
        strongest.relu().backward(gradient)
        return strongest.detach(), torch.stack([*first, *second]).detach(), *(t.grad for t in own)

    whole = compute(x, exists, None, out_gradient)
    first, second = TwoProcesses().run(
        lambda rank, summed: compute(parts[rank], marks[rank], summed, gradients[rank])
    )
    torch.testing.assert_close(torch.cat([first[0], second[0]]), whole[0])
    for found in (first, second):
        torch.testing.assert_close(found[1], whole[1])
    torch.testing.assert_close(torch.cat([first[2], second[2]]), whole[2])
    torch.testing.assert_close(first[3] + second[3], whole[3])
    torch.testing.assert_close(first[4] + second[4], whole[4])


def test_half_precision_is_summed_in_single():
    x = torch.randn(64, 3).bfloat16() + 100
    normed, mean, variance = sync_batch_norm(
        x, torch.ones(3), torch.zeros(3), 1e-5, lambda value: value
    )
    assert normed.dtype == torch.bfloat16
    torch.testing.assert_close(mean, x.float().mean(0))
    torch.testing.assert_close(variance, x.float().var(0))


def test_one_value_a_channel_is_refused():
    with pytest.raises(ValueError, match="at least 2 values a channel in training, got 1"):
        sync_batch_norm(torch.ones(1, 2), torch.ones(2), torch.ones(2), 1e-5, lambda v: v)


@pytest.mark.parametrize("name", ["cpnet_nano", "c3d_nano"])
def test_a_process_alone_computes_as_ever(name):
    model = create_model(name, num_classes=3, widths=[4, 8, 8, 8], dropout=0.0).double()
    for parameter in model.parameters():  # CP modules begin as the identity
        torch.nn.init.normal_(parameter, std=0.3)
    shared = copy.deepcopy(model)
    convert_sync_batchnorm(shared, lambda value: value.clone())
    clip = torch.randn(2, 3, 4, 16, 16, dtype=torch.float64)
    for net in (model, shared):
        net.train()(clip).square().sum().backward()
    assert list(shared.state_dict()) == list(model.state_dict())
    for (key, expected), found in zip(
        model.state_dict().items(), shared.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(found, expected, msg=key)
    for expected, found in zip(model.parameters(), shared.parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad)
    torch.testing.assert_close(shared.eval()(clip), model.eval()(clip))


def test_norms_say_whether_they_share():
    norm = torch.nn.BatchNorm2d(2)
    assert all_sum_of(norm) is None
    convert_sync_batchnorm(norm, torch.clone)
    assert all_sum_of(norm) is torch.clone
    assert isinstance(norm, torch.nn.BatchNorm2d)


def test_a_plain_mean_of_all_batches():
    norm = torch.nn.BatchNorm1d(2, momentum=None)
    convert_sync_batchnorm(norm, torch.clone)
    batches = [torch.randn(5, 2) for _ in range(3)]
    for batch in batches:
        norm(batch)
    mean = torch.stack([batch.mean(0) for batch in batches]).mean(0)
    torch.testing.assert_close(norm.running_mean, mean)
