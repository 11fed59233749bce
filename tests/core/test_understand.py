"""Words to intentions: what people really type, with the near misses that must not fire."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skills.core.named import find_workload
from skills.core.understand import hear

NAMES = ["payment-gateway", "fincorp/retail-banking/ledger", "claims/claims-api", "claims/claims-worker"]
ENVIRONMENTS = ["production", "staging"]


@pytest.mark.parametrize(
    ("said", "verb", "reason", "key"),
    [
        ("more", "more", "", None),
        ("More.", "more", "", None),
        ("draft", "draft", "", None),
        ("please draft it", "draft", "", None),
        ("draft because we send SMS", "draft", "we send SMS", None),
        ("draft api.twilio.com for payment-gateway because we send SMS", "draft", "we send SMS", None),
        ("please draft api.twilio.com", "draft", "", None),
        ("the draft of api.twilio.com", "check", "", None),
        ("draft: curl: (28) Failed to connect to api.twilio.com port 443", "diagnose", "", None),
        ("open", "open", "", None),
        ("open because we send SMS", "open", "we send SMS", None),
        ("open, reason: we send\nSMS", "open", "we send SMS", None),
        ("approve", "approve", "", None),
        ("approve EG-ABCDEF2", "approve", "", "EG-ABCDEF2"),
        ("Approve eg-abcdef2.", "approve", "", "eg-abcdef2"),
        ("reject because use the relay", "reject", "use the relay", None),
        ("reject EG-ABCDEF2-2 because no", "reject", "no", "EG-ABCDEF2-2"),
        ("hold", "hold", "", None),
        ("resume EG-AAAAAAA", "decide", "", "EG-AAAAAAA"),
        ("unhold EG-AAAAAAA because the audit is over", "decide", "the audit is over", "EG-AAAAAAA"),
        ("Release.", "decide", "", None),
        ("take it off hold", "decide", "", None),
        ("works now EG-AAAAAAA", "works", "", "EG-AAAAAAA"),
        ("EG-AAAAAAA works", "works", "", "EG-AAAAAAA"),
        ("EG-AAAAAAA: it still fails", "fails", "", "EG-AAAAAAA"),
        ("it doesn't work yet", "fails", "", None),
        ("works now", "works", "", None),
        ("still fails", "fails", "", None),
        ("status", "status", "", None),
        ("status EG-ABCDEF2", "status", "", "EG-ABCDEF2"),
        ("?", "help", "", None),
        ("What can you do?", "help", "", None),
        ("", "empty", "", None),
        (" \n ", "empty", "", None),
    ],
)
def test_commands(said: str, verb: str, reason: str, key: str | None) -> None:
    heard = hear(said, NAMES, ENVIRONMENTS)
    assert (heard.verb, heard.reason, heard.key) == (verb, reason, key)


@pytest.mark.parametrize(
    "said",
    [
        "please approve",
        "approve this",
        "I approve",
        "yes, approved",
        "approve all",
        "approve EG-ABCDEF2 and EG-ABCDEF3",
        "approve EG-ABCDEF2 now",
        "> approve",
        "approve\nEG-ABCDEF2 merge",
        "approve everything because I say so",
        "the bot should approve because it is safe",
        "reject everything",
        "ok",
        "+1",
        "LGTM",
    ],
)
def test_a_sentence_is_never_a_decision(said: str) -> None:
    assert hear(said, NAMES, ENVIRONMENTS).verb not in ("approve", "reject", "hold")


@given(st.text(max_size=200))
def test_nothing_that_anybody_types_raises_or_decides_by_accident(said: str) -> None:
    heard = hear(said, NAMES, ENVIRONMENTS)
    if heard.verb in ("approve", "reject", "hold"):
        assert said.strip().casefold().startswith(heard.verb)


@pytest.mark.parametrize(
    ("said", "workload", "environment", "first"),
    [
        ("payment-gateway can't reach api.twilio.com", "payment-gateway", None, "api.twilio.com"),
        ("please allow api.twilio.com for ledger in prod", "ledger", "production", "api.twilio.com"),
        ("claims-api needs hooks.slack.com:8443", "claims-api", None, "hooks.slack.com:8443"),
        (
            "claims/claims-api on staging must reach https://x.example.com/a",
            "claims/claims-api",
            "staging",
            "x.example.com",
        ),
        ("is hooks.slack.com allowed for paymnt-gateway?", "paymnt-gateway", None, "hooks.slack.com"),
        ("api.twilio.com times out", None, None, "api.twilio.com"),
    ],
)
def test_who_where_and_what(said: str, workload: str | None, environment: str | None, first: str) -> None:
    heard = hear(said, NAMES, ENVIRONMENTS)
    assert (heard.workload, heard.environment) == (workload, environment)
    assert first in heard.destinations[0]


@pytest.mark.parametrize(
    ("said", "workload"),
    [
        ("cloudflared in vault-prod gets timeouts", "vault-prod/cloudflared"),  # unknown there: asked back, not guessed
        ("vault in the namespace vault-prod", "vault-prod/vault"),
        ("cloudflared needs api.twilio.com", "cloudflared"),
        ("timeouts in vault-prod", "vault-prod"),  # no workload is called so
        ("vault in staging is slow", "vault"),  # an environment
    ],
)
def test_a_workload_in_its_namespace(said: str, workload: str) -> None:
    names = ["vault-prod", "vault-prod/vault", "edge/cloudflared", "staging"]
    assert find_workload(said, names) == workload


def test_a_log_that_was_read_in_part_is_no_mere_question() -> None:
    log = "GET https://api.twilio.com/health fine\n" * 10_000
    assert hear(log, NAMES, ENVIRONMENTS).verb == "diagnose"
    assert hear(log[:400], NAMES, ENVIRONMENTS).verb == "check"


def test_an_environment_alone_is_a_reply() -> None:
    assert (hear("and in staging?", NAMES, ENVIRONMENTS).verb, hear("staging", NAMES, ENVIRONMENTS).environment) == (
        "reply",
        "staging",
    )


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("please allow treasury/dev to reach cf-service://rds", ("cf-service://rds",)),
        ("can treasury/dev reach cf-service://redis:6379?", ("cf-service://redis:6379",)),
        ("treasury/dev needs cf-route://reports:8080.", ("cf-route://reports:8080",)),
        ("treasury/dev needs cf-service://rds and api.stripe.com", ("cf-service://rds", "https://api.stripe.com:443")),
        ("treasury/dev needs https://rds.example.com", ("https://rds.example.com:443",)),
    ],
)
def test_what_is_no_host_is_asked_for_in_the_words_of_the_command(words: str, wanted: tuple[str, ...]) -> None:
    heard = hear(words, ["treasury/dev"])
    assert (heard.verb, heard.workload, heard.destinations) == ("check", "treasury/dev", wanted)


@pytest.mark.parametrize(
    ("said", "environment"),
    [
        ("staging ledger can't reach api.example.com, prod works", "staging"),
        ("works in staging but prod gets a timeout from api.example.com", "production"),
        ("prod is fine, staging times out on api.example.com", "staging"),
        ("it doesn't work in staging and it works in prod", "staging"),
        ("we moved from staging to prod, api.example.com", None),
        ("prod works with api.example.com", "production"),
    ],
)
def test_of_several_environments_the_one_that_fails_is_meant(said: str, environment: str | None) -> None:
    assert hear(said, NAMES, ENVIRONMENTS).environment == environment


@pytest.mark.parametrize(
    ("said", "workload", "environment"),
    [
        ("what can payment-gateway reach?", "payment-gateway", None),
        ("which hosts may payment-gateway talk to in staging?", "payment-gateway", "staging"),
        ("show me the rules for payment-gateway", "payment-gateway", None),
        ("what is billing allowed to reach", "billing", None),
        ("what can we reach?", None, None),
    ],
)
def test_all_that_an_app_may_reach_can_be_asked_for(said: str, workload: str | None, environment: str | None) -> None:
    heard = hear(said, ["payment-gateway", "ledger"], ["production", "staging"])
    assert (heard.verb, heard.key, heard.workload, heard.environment) == ("why", "all", workload, environment)


@pytest.mark.parametrize(
    ("said", "verb"),
    [
        ("what does that mean?", "more"), ("is it still blocked?", "reply"), ("why was it rejected?", "waits"),
        ("who approved hooks.slack.com?", "why"), ("when was it merged?", "waits"), ("open it again", "open"),
        ("why is this needed?", "unclear"), ("show my requests", "status"), ("what's open?", "status"),
        ("thanks, and payment-gateway needs api.example.com", "check"), ("what can you do?", "help"),
        ("can payment-gateway reach stripe?", "unclear"), ("can payment-gateway reach it?", "reply"),
    ],
)  # fmt: skip
def test_short_words_that_people_type(said: str, verb: str) -> None:
    assert hear(said, ["payment-gateway"]).verb == verb
