"""Golden cases, each with what must not be seen in its twin."""

from __future__ import annotations

import pytest

from skills.core.all_symptoms import ALL, Judgement, judge
from skills.core.messages import catalogue, say
from skills.core.model import LAYERS
from skills.core.report import read_report
from skills.core.symptom_base import Sighting
from tests.core.symptom_cases import CASES, Case


def judged(text: str) -> Judgement:
    return judge(read_report(text))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_golden_case(case: Case) -> None:
    judgement = judged(case.text)
    first = judgement.destinations[0].host if judgement.destinations else None
    seen = (judgement.symptom, first, judgement.egress_block, judgement.client)
    assert seen == (case.symptom, case.host, case.block, case.client)


# What looks the same at a glance, and must not be judged the same: (text, symptom, block).
TWINS = [
    ("Error response: Connect to h.example.com:443 failed: connect timed out", "connect_timeout", "yes"),
    ("error: timed out waiting for the condition on deployments/web", "app_error", "no"),
    ("curl: (28) Resolving timed out after 5000 milliseconds", "dns_failure", "yes"),
    ("curl: (28) Operation timed out after 5000 milliseconds with 0 bytes received", "read_timeout", "unclear"),
    ("connect ECONNREFUSED 127.0.0.1:5432", "connection_refused", "no"),
    ("connect ECONNREFUSED 198.51.100.7:5432", "connection_refused", "unclear"),
    ('Get "https://h.example.com/": remote error: tls: handshake failure', "tls_handshake", "no"),
    ('Get "https://h.example.com/": net/http: TLS handshake timeout', "tls_handshake", "yes"),
    ('Get "https://h.example.com/": Forbidden', "forbidden_403", "yes"),
    ("403 Client Error: Forbidden for url: https://h.example.com/", "forbidden_403", "unclear"),
    ("<Error><Code>RequestTimeTooSkewed</Code></Error> 403 Forbidden", "app_error", "no"),
    ("curl: (56) Received HTTP code 407 from proxy after CONNECT", "proxy_error_407", "no"),
    ("fatal: unable to access 'https://10.1.2.3:8443/': SSL certificate problem: self-signed", "tls_certificate", "no"),
    ("upstream connect error or disconnect/reset before headers. reset reason: connection termination\n"
     "server: envoy", "service_unavailable_503", "no"),
    ("ModuleNotFoundError: No module named 'requests'", "app_error", "no"),
    ("httpcore.RemoteProtocolError: Server disconnected without sending a response.", "connection_reset", "unclear"),
    ("Is h.example.com allowed for billing? The DSN has connect_timeout=10.", "no_error", "no"),
    ("jdbc:postgresql://h.example.com/dwh?connectTimeout=10 - can someone whitelist that?", "no_error", "no"),
    ("What does a blocked call look like here, a timeout or a 502?", "no_error", "no"),
    ("please remove ftp://h.example.org again, the timeouts we had in spring are long gone", "no_error", "no"),
    ("we thought it works now, but h.example.com:443 still times out", "connect_timeout", "yes"),
    ("hi all, it works now on my laptop.\nnot in the cluster though.\ncurl: (28) Connection timed out after 10001 ms",
     "connect_timeout", "yes"),
    ("thanks, works now!", "no_error", "no"),
    ("HTTP/2 200\nserver: nginx\ncontent-length: 2", "no_error", "no"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "symptom", "block"), TWINS)
def test_twins_are_told_apart(text: str, symptom: str, block: str) -> None:
    judgement = judged(text)
    assert (judgement.symptom, judgement.egress_block) == (symptom, block)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("curl: (56) CONNECT tunnel failed, response 403", "proxy"),
        ("HTTP/1.1 502 Bad Gateway\nserver: envoy\ncontent-length: 0", "sidecar"),
        ("HTTP/1.1 502 Bad Gateway\nserver: nginx", "remote"),
        ('HTTP/1.1 503 Service Unavailable\nserver: envoy\nistio-egressgateway-7f: "GET /"', "egress gateway"),
        ("connect ETIMEDOUT 198.51.100.7:443", "client"),
    ],
)
def test_who_said_it(text: str, origin: str) -> None:
    assert judged(text).origin == origin


def test_a_success_beside_a_failure_is_no_finding() -> None:
    text = (
        '[2024-05-01T10:00:00.000Z] "- - -" 0 - - - "-" 6238 6291 84 - "-" "-" "-" "-" "198.51.100.4:1521" '
        "PassthroughCluster 10.42.0.9:50844 198.51.100.4:1521 10.42.0.9:50842 - -\n"
        '[2024-05-01T10:00:01.000Z] "- - -" 0 UF,URX - - "-" 0 0 2285 - "-" "-" "-" "-" "127.0.0.1:12950" '
        "inbound|12950|| - 10.42.0.9:12950 10.42.0.1:11504 - -"
    )
    judgement = judged(text)
    assert (judgement.symptom, judgement.egress_block) == ("connection_refused", "no")
    assert judgement.destinations == ()
    assert judgement.envoy_flags == ("UF", "URX")


def test_the_evidence_is_words_of_the_report() -> None:
    text = "something before\ncurl: (6) Could not resolve host: h.example.com\nsomething after"
    assert judged(text).best.quotes == ("curl: (6) Could not resolve host: h.example.com",)


def test_certainty_falls_with_a_rival() -> None:
    clear = judged("curl: (28) Failed to connect to h.example.com port 443: Timeout was reached")
    torn = judged("connect ECONNREFUSED 198.51.100.7:443\nread ECONNRESET")
    assert 0 < torn.certainty < clear.certainty <= 0.98


def test_every_symptom_has_one_home() -> None:
    names = [name for symptom in ALL for name in symptom.NAMES]
    assert len(names) == len(set(names)) == 20


def test_every_sighting_can_be_said() -> None:
    sightings: list[Sighting] = [seen for case in CASES for seen in judged(case.text).sightings]
    sightings += [seen for text, _, _ in TWINS for seen in judged(text).sightings]
    for seen in sightings:
        assert seen.finding.code in catalogue()
        assert "?)" not in say(seen.finding).says
        assert set(seen.fits) <= set(LAYERS)
        assert 0 <= seen.strength <= 100
