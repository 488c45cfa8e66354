"""Every example in a docstring does what it says."""

import doctest
import importlib
import pkgutil

import pytest

import motionlens

# Cannot be imported without what is not among the dependencies.
OPTIONAL = {"motionlens.ops.proposals_triton"}
MODULES = sorted(
    {found.name for found in pkgutil.walk_packages(motionlens.__path__, "motionlens.")} - OPTIONAL
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    torch = importlib.import_module("torch")
    result = doctest.testmod(module, extraglobs={"torch": torch})
    assert result.failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [
        t for name in MODULES for t in finder.find(importlib.import_module(name)) if t.examples
    ]
    assert len(found) >= 10
