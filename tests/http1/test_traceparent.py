"""What names a trace, held against the propagator of the OpenTelemetry API."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.context import Context
from opentelemetry.trace import format_trace_id, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from corsproxy.http1.traceparent import trace_id

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"

WELL_FORMED = {
    "sampled": f"00-{TRACE}-{SPAN}-01",
    "not sampled": f"00-{TRACE}-{SPAN}-00",
    "unknown flags": f"00-{TRACE}-{SPAN}-ff",
    "a later version": f"01-{TRACE}-{SPAN}-01",
    "a later version with more": f"cc-{TRACE}-{SPAN}-01-what-the-future-brings",
}
MALFORMED = {
    "empty": "",
    "version ff": f"ff-{TRACE}-{SPAN}-01",
    "version 00 with more": f"00-{TRACE}-{SPAN}-01-more",
    "version 00 with a dash": f"00-{TRACE}-{SPAN}-01-",
    "a later version with more but no dash": f"01-{TRACE}-{SPAN}-01.more",
    "upper case": f"00-{TRACE.upper()}-{SPAN}-01",
    "no trace": f"00-{'0' * 32}-{SPAN}-01",
    "no parent": f"00-{TRACE}-{'0' * 16}-01",
    "a short trace": f"00-{TRACE[1:]}-{SPAN}-01",
    "no flags": f"00-{TRACE}-{SPAN}",
    "a digit that is none": f"00-{TRACE[:-1]}g-{SPAN}-01",
    "two values": f"00-{TRACE}-{SPAN}-01,00-{TRACE}-{SPAN}-01",
    "bytes": "\x80\xff",
}


def judged(value: str) -> str:
    """Return the trace that the API's own propagator finds in a traceparent."""
    context = TraceContextTextMapPropagator().extract({"traceparent": value}, Context())
    span = get_current_span(context).get_span_context()
    return format_trace_id(span.trace_id) if span.is_valid else ""


@pytest.mark.parametrize("value", WELL_FORMED.values(), ids=WELL_FORMED)
def test_a_trace_is_named(value: str) -> None:
    assert (trace_id(value.encode()), judged(value)) == (TRACE, TRACE)


@pytest.mark.parametrize("value", MALFORMED.values(), ids=MALFORMED)
def test_nothing_else_names_one(value: str) -> None:
    assert (trace_id(value.encode("latin-1")), judged(value)) == ("", "")


@given(
    st.lists(
        st.sampled_from(["00", "01", "ff", "0", TRACE, SPAN, "0" * 32, "0" * 16, "-", "--", "F"]), max_size=9
    )
)
def test_agrees_with_the_propagator(parts: list[str]) -> None:
    value = "".join(parts)
    assert trace_id(value.encode()) == judged(value)
