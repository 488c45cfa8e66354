"""Generated videos whose classes only motion tells apart.

A task draws scenes, ``rendering`` makes frames of them, ``writing`` makes a prepared data set, and
``oracle`` tells the classes once more from where things were. How it is made sure that no single
frame gives a class away is said in ``motions`` and in every task's own file.
"""

from __future__ import annotations

from motionlens.synthetic.motion_suite.difficulty import DIFFICULTIES, Difficulty, find_difficulty
from motionlens.synthetic.motion_suite.suite import MotionSuite
from motionlens.synthetic.motion_suite.tasks import TASKS, Task, find_task
from motionlens.synthetic.motion_suite.writing import SuiteReport, write_task

__all__ = [
    "DIFFICULTIES",
    "TASKS",
    "Difficulty",
    "MotionSuite",
    "SuiteReport",
    "Task",
    "find_difficulty",
    "find_task",
    "write_task",
]
