"""What wrk prints, read back."""

import pytest

from bench import wrk
from bench.load import Load

_OUTPUT = """\
Running 1s test @ http://127.0.0.1:8080
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     3.51ms    2.60ms  31.51ms   93.11%
    Req/Sec    19.72k     2.71k   23.02k    80.00%
  Latency Distribution
     99%   15.20ms
  19613 requests in 1.00s, 8.42MB read
Requests/sec:  19609.41
Transfer/sec:      8.42MB
"""
_LINE = (
    '{"requests":19613,"bytes":8826000,"seconds":1.000182,"p50_us":2870,"p99_us":15201,"max_us":31510,'
    '"connect":0,"read":%d,"write":0,"timeout":0,"status":%d}\n'
)


def test_a_good_round() -> None:
    assert wrk.parse(_OUTPUT + _LINE % (0, 0)) == Load(19613, 1.000182, 2.87, 15.201, {})


def test_errors_are_named_and_counted() -> None:
    assert wrk.parse(_LINE % (3, 7) + _OUTPUT) == Load(
        19613, 1.000182, 2.87, 15.201, {"read": 3, "status": 7}
    )


def test_without_a_result_its_own_words_are_passed_on() -> None:
    with pytest.raises(ValueError, match=r"unable to connect to 127\.0\.0\.1"):
        wrk.parse("unable to connect to 127.0.0.1:9 Connection refused\n")
