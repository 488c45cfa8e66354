import threading

import pytest
import torch

from motionlens.serving.network_thread import NetworkThread


@pytest.fixture
def start():
    threads = []

    def make(forward, **options):
        options = {"max_batch": 4, "max_wait_s": 0.0, **options}
        threads.append(NetworkThread(forward, **options))
        return threads[-1]

    yield make
    for thread in threads:
        thread.close()


def total(clips):
    return clips.sum(1, keepdim=True)


def test_each_clip_gets_its_own_row(start):
    thread = start(total, max_wait_s=0.05)
    futures = [thread.submit(torch.full((3,), float(i))) for i in range(10)]
    assert [future.result().item() for future in futures] == [3.0 * i for i in range(10)]


def test_batches_are_full_and_calls_keep_their_turn(start):
    go, order = threading.Event(), []

    def forward(clips):
        order.append(len(clips))
        return total(clips)

    thread = start(forward)
    first = thread.call(lambda: go.wait(30))
    futures = [thread.submit(torch.zeros(2)) for _ in range(5)]
    call = thread.call(lambda: order.append("call"))
    futures += [thread.submit(torch.zeros(2)) for _ in range(2)]
    assert thread.num_waiting >= 8
    go.set()
    for future in (first, *futures, call):
        future.result()
    assert order == [4, 1, "call", 2]


def test_a_clip_waits_for_others_and_no_longer_than_is_allowed(start):
    sizes = []

    def forward(clips):
        sizes.append(len(clips))
        return total(clips)

    thread = start(forward, max_batch=2, max_wait_s=600.0)
    futures = [thread.submit(torch.zeros(2)) for _ in range(2)]  # full: nothing to wait for
    for future in futures:
        future.result(30)
    assert sizes == [2]
    last = thread.submit(torch.zeros(2))
    thread.close()  # nobody can come any more
    assert last.result(30).item() == 0
    assert sizes == [2, 1]
    assert start(total, max_wait_s=0.01).submit(torch.ones(2)).result(30).item() == 2


def test_an_error_goes_to_those_that_asked_and_to_nobody_else(start):
    thread = start(lambda clips: total(clips) / (1 if clips.min() >= 0 else clips.nothing))
    with pytest.raises(AttributeError, match="nothing"):
        thread.submit(torch.full((2,), -1.0)).result()
    with pytest.raises(KeyError):
        thread.call(lambda: {}["x"]).result()
    assert thread.submit(torch.ones(2)).result().item() == 2


def test_closing_finishes_what_waits_and_takes_nothing_more(start):
    thread = start(total)
    futures = [thread.submit(torch.ones(2)) for _ in range(9)]
    thread.close()
    assert all(future.done() for future in futures)
    with pytest.raises(RuntimeError, match="after shutdown"):
        thread.submit(torch.ones(2))
    thread.close()


def test_what_has_been_given_up_is_passed_over(start):
    go, sizes = threading.Event(), []

    def forward(clips):
        sizes.append(len(clips))
        return total(clips)

    thread = start(forward)
    thread.call(lambda: go.wait(30))
    given_up, kept = thread.submit(torch.ones(2)), thread.submit(torch.ones(2))
    assert given_up.cancel()
    go.set()
    assert kept.result().item() == 2
    assert sizes == [1]
