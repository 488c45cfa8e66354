from motionlens._utils.retries import ATTEMPTS, one_by_one, run_with_retries
from motionlens._utils.worker_process import Lost


class Attempts:
    """Squares numbers; a batch with one of ``fatal`` is lost, as often as is left for it."""

    def __init__(self, fatal):
        self.fatal = dict(fatal)
        self.batches = []

    def __call__(self, batches):
        for number, batch in enumerate(batches):
            self.batches.append(batch)
            killers = [task for task in batch if self.fatal.get(task)]
            for task in killers:
                self.fatal[task] -= 1
            yield number, Lost("crashed") if killers else [task * task for task in batch]


def test_those_of_a_lost_batch_are_tried_again_alone():
    attempts = Attempts({4: 1})
    found = dict(run_with_retries(attempts, range(8), 3))
    assert found == {number: number**2 for number in range(8)}
    assert attempts.batches == [[0, 1, 2], [3, 4, 5], [6, 7], [3], [4], [5]]


def test_a_task_is_given_up_in_the_end_and_no_other():
    attempts = Attempts({4: 99})
    found = dict(run_with_retries(attempts, range(8), 8))
    assert found.pop(4) == Lost("crashed")
    assert found == {number: number**2 for number in range(8) if number != 4}
    assert sum(4 in batch for batch in attempts.batches) == ATTEMPTS == 3


def test_tasks_are_taken_as_batches_are_asked_for():
    taken = []
    results = run_with_retries(Attempts({}), (taken.append(n) or n for n in range(100)), 5)
    next(results)
    assert len(taken) == 5


def test_no_task():
    assert list(run_with_retries(Attempts({}), [], 4)) == []


def test_a_function_of_one_task_is_work():
    assert one_by_one(abs, [-1, 2]) == [1, 2]
