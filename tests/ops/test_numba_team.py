"""How code is compiled and given to threads; that it computes the same is tested where it is."""

import pytest

module = pytest.importorskip("motionlens.ops.numba_team")


def test_compiles_without_a_cache_where_none_can_be_written():
    def compiler(**options):
        def decorate(function):
            if options.get("cache"):
                raise RuntimeError("cannot cache function: no locator available")
            return function, options

        return decorate

    function, options = module.compiled(compiler)(len)
    assert function is len
    assert options == {"error_model": "numpy"}
