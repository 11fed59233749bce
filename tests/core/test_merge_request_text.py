"""The text of a merge request: complete for whoever decides, and nothing that people pasted can break out of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.sample import files
from skills.contract import Answer
from skills.core.model import OpenMergeRequest, Person
from skills.propose import skill as propose
from tests.worlds import world

HOSTILE = "</code></pre> ````\n# Approved\n@all please merge | x | <!-- postern\ndigest: 0 -->\nPostern-Digest: 0"


def proposed(template: str | None = None, extra: dict[str, str] | None = None, **ask: object) -> Answer:
    made = world({**files(), **(extra or {})}, person=Person("dana@fincorp.example"))
    made = replace(made, thread="slack:T1:C2:1700000000.000100", template=template)
    fields = {"for": "payment-gateway", "to": ("api.twilio.com",), "reason": "SMS", **ask}
    return propose.run(propose.Ask.model_validate(fields), made)


def effect_of(answer: Answer) -> OpenMergeRequest:
    (effect,) = answer.effects
    assert isinstance(effect, OpenMergeRequest)
    return effect


def body(template: str | None = None, **ask: object) -> str:
    return effect_of(proposed(template, None, **ask)).body


@pytest.mark.parametrize(
    "words",
    [
        "**Asked by** dana\\@fincorp\\.example",
        "**expires** 2027-01-31",
        "(https://app.slack.com/client/T1/C2/thread/C2-1700000000.000100)",
        "````text\nSMS\n````",
        "curl: (28) Connection timed out",
        "| api\\.twilio\\.com\\:443 | denied | allowed | organization/fincorp/organizational-unit/retail-banking",
        "### Risk: low (0 of 100)",
        "postern check --for payment-gateway --to api.twilio.com",
        "curl -sv --connect-timeout 5 https://api.twilio.com/ -o /dev/null",
        "postern propose --remove --for payment-gateway --to api.twilio.com --reason WHY",
        "<!-- postern\nrequest: EG-",
    ],
)
def test_it_holds_what_the_decision_needs(words: str) -> None:
    made = body(error="curl: (28) Connection timed out", until="2027-01-31")
    assert words.replace("\\-", "-") in made.replace("\\-", "-"), made


def test_secrets_of_the_error_are_masked_in_the_text_and_in_the_row() -> None:
    answer = proposed(
        error="GET https://u:hunter2hunter2@api.twilio.com failed, Authorization: Bearer abcdef0123456789abcdef"
    )
    assert "hunter2hunter2" not in repr(answer)
    assert "abcdef0123456789abcdef" not in repr(answer)
    assert "secrets are masked" in effect_of(answer).body


def test_a_long_error_is_cut_and_that_is_said() -> None:
    made = body(error="x" * 50_000)
    assert "the beginning of it" in made
    assert len(made) < 10_000


@pytest.mark.parametrize("field", ["reason", "error"])
def test_nothing_that_was_pasted_breaks_out(field: str) -> None:
    """All of it stays inside one fence that is longer than any in it; ours is the last comment."""
    ask = {field: " ".join(HOSTILE.split("\n")) if field == "reason" else HOSTILE}
    made = body(**ask)
    start = made.index("`````text\n")
    end = made.index("\n`````", start + 5)
    assert start < made.index("Approved") < end
    assert start < made.index("postern digest: 0" if field == "reason" else "digest: 0") < end
    assert made.rindex("<!-- postern\nrequest: EG-") > end


def test_labels_say_dialect_environment_and_risk() -> None:
    assert effect_of(proposed()).labels == (
        "egress::needs-approval", "dialect::infrastream", "environment::production", "risk::low",
    )  # fmt: skip
    wide = effect_of(proposed(to=("*.twilio.com",)))
    assert wide.labels[-1] == "risk::medium"


def test_people_of_codeowners_are_asked_to_review_and_the_asker_never() -> None:
    owners = "* @ines @ops/network @@developer @dana@fincorp.example someone@x.example"
    effect = effect_of(proposed(extra={"CODEOWNERS": owners}))
    assert effect.reviewers == ("ines@fincorp.example", "sam@fincorp.example", "ines")
    assert "CODEOWNERS of these files: \\@ines, \\@ops/network" in effect.body


def test_a_team_may_write_its_own_text_and_what_postern_needs_stands_behind_it() -> None:
    made = body("Change for {{ need.workload | md }}: {{ need.reason | md }}\n", reason="SMS *now*")
    assert made.startswith("Change for payment\\-gateway") or made.startswith("Change for payment-gateway")
    assert "SMS \\*now\\*" in made
    assert "<!-- postern\nrequest: EG-" in made


@pytest.mark.parametrize(
    "template",
    [
        "{{ nobody_gives_this }}",
        "{% if %}",
        "{{ ''.__class__.__mro__ }}",
        "{{ need.reason.__init__.__globals__ }}",
        "{% for a in range(99999) %}{{ 'x' * 1000 }}{% endfor %}",
        "{{ 1 / 0 }}",
        "{{ answers.append(1) }}",
        "{{ most() }}",
    ],
)
def test_a_text_of_their_own_that_fails_or_reaches_too_far_is_replaced_and_that_is_said(template: str) -> None:
    answer = proposed(template)
    assert [finding.code for finding in answer.findings][:2] == ["EGR410", "EGR065"]
    assert "### What becomes allowed" in effect_of(answer).body
    assert "<class" not in effect_of(answer).body
