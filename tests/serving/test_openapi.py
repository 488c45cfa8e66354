"""The server answers as its own OpenAPI description says, whatever is asked for."""

import os

import pytest
from hypothesis import HealthCheck, given, settings

from motionlens.serving.app import create_app

pytestmark = pytest.mark.slow

if os.environ.get("MOTIONLENS_REQUIRE_SCHEMATHESIS") != "1":
    pytest.importorskip("schemathesis", reason="pip install '.[dev]'")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_answers_are_those_of_the_description(recognizer):
    import schemathesis
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    app = create_app(recognizer)
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    seen = []

    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(max_examples=40, deadline=None, derandomize=True, database=None,
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        @given(case=operation.as_strategy())
        def check(case):
            # The description cannot say that a file must be a video.
            case.call_and_validate(excluded_checks=[positive_data_acceptance])
            seen.append(case.path)

        check()
    assert set(seen) == {
        "/predict",
        "/predict/pictures",
        "/explain",
        "/model",
        "/healthz",
        "/metrics",
    }
