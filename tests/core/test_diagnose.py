"""diagnose: a symptom and a verdict joined; each pair with its twin that must not be called a block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.sample import files
from skills.contract import Answer
from skills.core.errors import AskUnclear
from skills.core.model import Origin, Place
from skills.diagnose import skill as diagnose
from tests.worlds import world

WORLD = world(files())


def diagnosed(text: str, for_: str | None, origin: Callable[[Place], Origin | None] = lambda _: None) -> Answer:
    return diagnose.run(diagnose.Ask.model_validate({"text": text, "for": for_}), replace(WORLD, origin=origin))


def cause(text: str, for_: str | None = None) -> tuple[str, str]:
    answer = diagnosed(text, for_)
    return answer.data["cause"], answer.data["egress_block"]


def notes(answer: Answer) -> list[str]:
    return [finding.code for finding in answer.detail["notes"]]


@pytest.mark.parametrize(
    ("for_", "text", "wanted"),
    [
        # a firewall drops: timeout fits, refused and a certificate do not
        ("payment-gateway", "curl: (28) Failed to connect to api.twilio.com port 443 after 30001 ms: Timeout was reached", ("EGR287", "yes")),
        ("payment-gateway", "curl: (7) Failed to connect to api.twilio.com port 443 after 3 ms: Connection refused", ("EGR288", "unclear")),
        ("payment-gateway", "curl: (60) SSL certificate problem: certificate has expired\nhttps://api.twilio.com/", ("EGR288", "no")),
        # a sidecar cuts the handshake
        ("claims/claims-api", "curl: (35) OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to api.twilio.com:443", ("EGR287", "yes")),
        # allowed: the same faces come from elsewhere
        ("payment-gateway", "curl: (28) Failed to connect to hooks.slack.com port 443 after 30001 ms: Timeout was reached", ("EGR285", "no")),
        ("claims/claims-api", "curl: (35) OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to api.stripe.com:443", ("EGR285", "no")),
        # not the network at all
        ("payment-gateway", "requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: https://api.twilio.com/v1", ("EGR281", "no")),
        ("payment-gateway", "429 Too Many Requests from https://api.twilio.com/", ("EGR281", "no")),
    ],
)  # fmt: skip
def test_symptom_and_verdict(for_: str, text: str, wanted: tuple[str, str]) -> None:
    assert cause(text, for_) == wanted


def test_what_is_missing_is_asked() -> None:
    timeout = "curl: (28) Failed to connect to api.twilio.com port 443 after 30001 ms: Timeout was reached"
    assert cause(timeout)[0] == "EGR283"
    assert cause("connection timed out", "payment-gateway")[0] == "EGR282"
    with pytest.raises(AskUnclear):
        cause("  \n ")


def test_ten_megabytes_are_read_in_part_and_that_is_said() -> None:
    text = "curl: (28) Failed to connect to api.twilio.com port 443: Timeout was reached\n" + "x" * 10_000_000
    answer = diagnose.run(diagnose.Ask.model_validate({"text": text, "for": "payment-gateway"}), WORLD)
    assert answer.data["cause"] == "EGR287"
    assert "EGR290" in {finding["code"] for finding in answer.data["findings"]}


def test_a_long_log_without_a_fault_at_its_ends_is_no_firm_answer() -> None:
    """The middle was not read: the error may stand there."""
    quiet = "INFO all is well\n"
    answer = diagnosed(quiet * 30_000, "payment-gateway")
    assert (answer.data["cause"], answer.data["egress_block"]) == ("EGR219", "unclear")
    assert answer.data["certainty"] < 0.5
    assert notes(answer) == ["EGR290"]
    assert "EGR219" not in str(diagnosed(quiet * 30, "payment-gateway").findings)


def test_a_long_log_is_less_sure_than_a_short_one() -> None:
    fault = "curl: (28) Failed to connect to api.twilio.com port 443 after 30001 ms: Timeout was reached\n"
    short, long = diagnosed(fault, "payment-gateway"), diagnosed(fault + "INFO well\n" * 30_000, "payment-gateway")
    assert short.data["cause"] == long.data["cause"] == "EGR287"
    assert long.data["certainty"] < short.data["certainty"]


def test_binary_is_no_fault_of_ours() -> None:
    noise = bytes(range(256)).decode("latin-1") * 50
    assert cause(noise, "payment-gateway")[0] in ("EGR282", "EGR286", "EGR295")


def test_secrets_are_masked_and_that_is_said() -> None:
    text = "payment failed: postgres://app:hunter2secret@db.example.com:5432/x connection timed out"
    answer = diagnose.run(diagnose.Ask.model_validate({"text": text, "for": "payment-gateway"}), WORLD)
    assert "hunter2secret" not in str(answer)
    assert "EGR291" in {finding["code"] for finding in answer.data["findings"]}


TIMEOUT = "{when} curl: (28) Failed to connect to hooks.slack.com port 443 after 30001 ms: Timeout was reached"


def since_march(_place: Place) -> Origin:
    return Origin("0123456789abcdef", "Ada", "2026-03-02T12:00:00+00:00", "Slack for payments")


@pytest.mark.parametrize(
    ("when", "wanted"),
    [
        ("2026-03-02T11:00:00Z", ["EGR298"]),
        ("2026-03-01 11:00:00", ["EGR298"]),
        ("2026-03-02T13:00:00Z", []),
        ("2026-03-02 11:00:00", []),  # no zone: it may have been later
        ("11:00:00", []),
    ],
)
def test_an_error_older_than_the_rule_may_be_over(when: str, wanted: list[str]) -> None:
    assert notes(diagnosed(TIMEOUT.format(when=when), "payment-gateway", since_march)) == wanted


def test_an_old_error_of_what_is_still_denied_is_not_over() -> None:
    text = TIMEOUT.format(when="2026-03-02T11:00:00Z").replace("hooks.slack.com", "api.twilio.com")
    assert notes(diagnosed(text, "payment-gateway", since_march)) == []


def test_a_further_bad_gateway_follows_the_same_rules() -> None:
    far = "requests.exceptions.HTTPError: 502 Server Error: Bad Gateway for url: https://far.example.com/feed"
    near = "curl: (35) OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to api.twilio.com:443"
    alone = diagnosed(far, "claims/claims-api").detail["cause"]
    further = diagnosed(f"{near}\n\n{far}", "claims/claims-api").detail["also"]
    assert alone.code == "EGR294"
    assert [(finding.code, finding.facts["layer"]) for finding in further] == [("EGR294", alone.facts["layer"])]


def test_the_same_host_by_address_is_no_further_error() -> None:
    text = (
        "*   Trying 203.0.113.9:443...\n* connect to 203.0.113.9 port 443 failed: Connection timed out\n"
        "curl: (28) Failed to connect to api.twilio.com port 443 after 9 ms: Timeout was reached"
    )
    assert diagnosed(text, "payment-gateway").detail["also"] == ()
