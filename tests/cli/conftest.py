"""Shared by the tests of commands."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cpnet.cli import main

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cpnet_command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command; returns exit status, standard output and standard error."""

    def call(*arguments: str | Path | int) -> tuple[int, str, str]:
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call
