"""Facts beside host and symptom: when it happened, which bucket was meant, which address was tried."""

from __future__ import annotations

import pytest

from skills.core.all_symptoms import judge
from skills.core.flows import addresses
from skills.core.report import read_report
from skills.core.report.times import latest


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-03-01T10:00:00Z started\n2026-03-01T10:00:05.120Z dial tcp: i/o timeout", "2026-03-01T10:00:05.120Z"),
        ("2026/03/01 10:00:05 [error] 7#7: *1 upstream timed out", "2026/03/01 10:00:05"),
        ('10.0.0.9 - - [01/Mar/2026:10:00:05 +0100] "GET / HTTP/1.1" 502', "01/Mar/2026:10:00:05 +0100"),
        ("2026-03-01 10:00:05,120 ERROR refused\n" + "\tat tills.Stock.load(Stock.java:4)\n" * 90, "2026-03-01 10:00:05,120"),
        ("10:00:05 ERROR refused", None),
        ("2026-02-31 10:00:05 ERROR refused", None),
        ("version 2026-03-01 of the chart", None),
    ],
)  # fmt: skip
def test_the_last_time_with_a_date_is_when_it_happened(text: str, words: str | None) -> None:
    found = latest(text)
    assert (found.words if found else None) == words


def test_a_time_without_a_zone_is_earlier_only_beyond_doubt() -> None:
    local, utc = latest("2026-03-01 10:00:05 x"), latest("2026-03-01T10:00:05Z x")
    assert local is not None
    assert utc is not None
    assert utc.before("2026-03-01T12:00:00+01:00")
    assert not local.before("2026-03-01T12:00:00+01:00")
    assert local.before("2026-03-02T12:00:00+01:00")
    assert not utc.before("2026-03-01T10:00:00+01:00")


def test_a_bucket_stands_for_a_host_that_is_only_implied() -> None:
    report = read_report("fatal error: Connect timeout while copying s3://till-exports/a.csv, region: eu-west-1")
    assert [(seen.host, seen.port, seen.stated) for seen in report.destinations] == [
        ("till-exports.s3.eu-west-1.amazonaws.com", 443, False)
    ]
    assert [seen.host for seen in read_report("timed out: gs://till-exports/a.csv").destinations] == [
        "storage.googleapis.com"
    ]


def test_a_host_that_is_named_counts_more_than_a_bucket() -> None:
    text = 'copy s3://till-exports/a failed: Could not connect to the endpoint URL: "https://s3.tills.example/till-exports"'
    assert [seen.host for seen in read_report(text).destinations] == ["s3.tills.example"]


@pytest.mark.parametrize(
    "text",
    [
        "*   Trying 203.0.113.9:443...\ncurl: (28) Failed to connect to rates.example port 443 after 9 ms: Timeout was reached",
        "Connecting to rates.example (rates.example)|203.0.113.9|:443... failed: Connection timed out.",
        "Connect to rates.example:443 [rates.example/203.0.113.9] failed: connect timed out",
        'could not connect to server: Connection timed out\n\tIs the server running on host "rates.example" (203.0.113.9)'
        " and accepting\n\tTCP/IP connections on port 5432?",
        'connection to server at "rates.example" (203.0.113.9), port 5432 failed: Connection timed out',
    ],
)
def test_the_address_that_was_tried_stands_beside_its_host(text: str) -> None:
    report = read_report(text)
    assert [(seen.host, seen.resolved) for seen in report.destinations] == [("rates.example", "203.0.113.9")]
    assert list(addresses(report.destinations).values()) == ["203.0.113.9"]


@pytest.mark.parametrize("address", ["127.0.0.1", "240.240.0.7", "169.254.20.10"])
def test_an_address_that_only_stands_in_is_no_evidence(address: str) -> None:
    text = f"*   Trying {address}:443...\ncurl: (28) Failed to connect to rates.example port 443: Timeout was reached"
    assert addresses(read_report(text).destinations) == {}


def test_the_address_of_a_proxy_is_not_that_of_the_host() -> None:
    text = (
        "$ curl -x http://proxy.corp.example:3128 -v https://rates.example\n*   Trying 203.0.113.9:3128...\n"
        "* connect to 203.0.113.9 port 3128 failed: Connection timed out"
    )
    assert addresses(read_report(text).destinations) == {}


def test_who_says_unreachable_without_an_error_is_not_told_of_dropped_packets() -> None:
    told = judge(read_report("our app can't reach rates.example"))
    shown = judge(read_report("our app can't reach rates.example: connect ETIMEDOUT 203.0.113.9:443"))
    assert told.best.finding.code == "EGR217"
    assert told.certainty < 0.5
    assert told.egress_block == "unclear"
    assert shown.best.finding.code == "EGR210"


def test_the_end_of_a_long_log_is_read_for_its_host() -> None:
    line = "2026-03-01T10:00:00Z INFO done path=/v1/orders status=200\n"
    text = line * 200_000 + 'ERROR Post "https://rates.example/v1": dial tcp 203.0.113.9:443: i/o timeout\n'
    report = read_report(text)
    assert report.scanned < report.total
    assert [seen.host for seen in report.destinations] == ["rates.example"]
