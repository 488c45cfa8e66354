"""Tasks in batches, and those of a batch that was lost again one by one."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import TypeVar

from motionlens._utils.worker_process import Lost

T = TypeVar("T")
R = TypeVar("R")
# Work on several tasks, one result for each.
Work = Callable[[Sequence[T]], Sequence[R]]

# How often a task may end its process: once among others, then alone.
ATTEMPTS = 3


def one_by_one(function: Callable[[T], R], tasks: Sequence[T]) -> list[R]:
    """As :data:`Work`, what a function of one task gives for each."""
    return [function(task) for task in tasks]


def run_with_retries(
    attempt: Callable[[Iterable[Sequence[T]]], Generator[tuple[int, Sequence[R] | Lost]]],
    tasks: Iterable[T],
    batch_size: int,
) -> Generator[tuple[int, R | Lost]]:
    """Run tasks in batches, those of lost batches again one by one, :data:`ATTEMPTS` times in all.

    Args:
        attempt: runs batches; yields number and results of each, or that it is lost.
        tasks: taken as batches are asked for.
        batch_size: tasks of a batch.

    Yields:
        Number of the task and its result, or why the last attempt has none.
    """
    batches: Iterable[Sequence[tuple[int, T]]] = _batches(enumerate(tasks), batch_size)
    for attempts_left in reversed(range(ATTEMPTS)):
        lost: list[tuple[int, T]] = []
        under_way: dict[int, Sequence[tuple[int, T]]] = {}
        with closing(attempt(_remembered(batches, under_way))) as found:
            for number, results in found:
                batch = under_way.pop(number)
                if not isinstance(results, Lost):
                    yield from zip((i for i, _ in batch), results, strict=True)
                elif attempts_left:
                    lost += batch
                else:
                    yield from ((i, results) for i, _ in batch)
        if not lost:
            return
        batches = [[each] for each in lost]


def _batches(items: Iterator[tuple[int, T]], size: int) -> Iterator[list[tuple[int, T]]]:
    while batch := list(islice(items, size)):
        yield batch


def _remembered(
    batches: Iterable[Sequence[tuple[int, T]]], under_way: dict[int, Sequence[tuple[int, T]]]
) -> Iterator[Sequence[T]]:
    """The tasks of batches that are handed out, and note which ones they are."""
    for number, batch in enumerate(batches):
        under_way[number] = batch
        yield [task for _, task in batch]
