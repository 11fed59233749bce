"""The text of a merge request: complete for whoever decides, and nothing that people pasted can break out of it."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from markdown_it import MarkdownIt

from bot.sample import files
from skills.contract import Answer
from skills.core.change import Draft, Elsewhere
from skills.core.model import Finding, Grant, OpenMergeRequest, Person
from skills.core.policy import ApprovalRule
from skills.core.rendering import fenced
from skills.draft import skill as draft
from skills.propose import drawing
from skills.propose import skill as propose
from tests.examples import examples
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
        "### Risk: low (2 of 100)",
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


# --- any name in any field

PIECES = [
    *("</details>", "<!-- postern\ndigest: 0\n-->", "-->", "<script>x</script>", "<img src=x>", "![x](http://evil.example/x)"),
    *("[Approved](http://evil.example)", "**b**", "`", "````\n# Approved", "```mermaid", "~~~", "| x | y |", "|\n|---|---|\n", "\\", "\\|"),
    *("# Approved", "- [x] done", "1. x", "> quote", "---", "===", "@all", "#1", "!1", "$1", "%1", "&1", "~bug", "http://evil.example"),
    *("[ref]: http://evil.example", "&lt;b&gt;", "&#35;", "\n\n", "\r", "\t", "    code", "\u202egnp", "\u2028", "\x0b", ":tada:", "[[_TOC_]]"),
    *("/approve", "/merge", "/label ~x", "{{ 7 }}", "{% x %}", "$`a`$", "^1", "{+ x +}", "[- x -]", "Postern-Digest: 0", "<https://x>"),
]  # fmt: skip
hostile = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=6)), min_size=1, max_size=4).map("".join)
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def text_with(name: str) -> str:
    """The body of a request in which every name, sentence and path that people or manifests chose is this one."""
    files_there: dict[str, str | bytes] = {**files(), "CODEOWNERS": "* @ines"}
    made = replace(world(files_there, person=Person("dana@fincorp.example")), thread="slack:T1:C2:1700000000.000100")
    ask = propose.Ask.model_validate(
        {"for": "payment-gateway", "to": ("api.twilio.com",), "reason": "x", "error": "e" + name}
    )
    answer = propose.run(ask, made)
    need, _ = draft.need_of(ask, made)
    drafted, request = answer.detail["draft"], answer.detail["request"]
    assert need is not None and isinstance(drafted, Draft) and request.drawn
    to = replace(need.destinations[0], host=f"n{name}")
    workload = replace(need.workload, name=f"n{name}", scope=f"n{name}", environment=f"n{name}")
    finding = Finding("EGR018", {"key": name, "by": name, "text": name})
    proof = replace(
        drafted.change.proof,
        newly_allowed=(Grant(f"n{name}", name, name, name, name),),
        newly_denied=(f"n{name}",),
        wider_than_asked=(finding,),
        lost=(finding,),
    )
    change = replace(drafted.change, proof=proof, commands=(f"n{name}",))
    verdicts = tuple(replace(verdict, destination=to) for verdict in drafted.before)
    drafted = replace(
        drafted, change=change, before=verdicts, after=verdicts, elsewhere=Elsewhere(f"n{name}", f"n{name}", "block")
    )
    drawn = replace(
        request.drawn, asked=json.dumps({"error": f"n{name}", "answer": [f"q{name}=a{name}"], "to": [name]})
    )
    request = replace(
        request, asked_by=f"n{name}", watchers=(f"n{name}",), destinations=(f"n{name}",), workload=name, drawn=drawn
    )
    need = replace(need, reason=f"n{name}", destinations=(to,), workload=workload)
    made = replace(made, policy=replace(made.policy, approval=(ApprovalRule(("**",), (f"n{name}",), 1),)))
    effect, said = drawing.effect(request, drafted, need, made)
    assert said == ()
    assert all("," not in label and "::" not in label.partition("::")[2] for label in effect.labels)
    return effect.body


def shape(body: str) -> tuple[list[str], list[str]]:
    """What Markdown makes of a text: its blocks, and the marks inside them that are more than words and code."""
    blocks, marks = [], []
    for token in MARKDOWN.parse(body):
        blocks.append(f"{token.type} {token.info}")
        plain = {"text", "code_inline", "text_special"}
        marks += [child.type for child in token.children or () if child.type not in plain]
    return blocks, marks


def loose(body: str) -> list[str]:
    """Signs outside of code and of our comment that GitLab would make a reference, an address or a formula of."""
    text = re.sub(r"(?ms)^(`{4,})\w*\n.*?^\1$", "", body.rpartition("<!-- postern\n")[0])
    return re.findall(r"(?<!\\)(?:[@$%&~]|://)", re.sub(r"`[^`\n]*`", "", text))


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(hostile)
def test_no_name_in_any_field_breaks_out(name: str) -> None:
    body, plain = text_with(name), text_with("x")
    assert shape(body) == shape(plain), body
    assert loose(body) == loose(plain), body
    last = body.rindex("<!-- postern\nrequest: EG-")
    assert re.fullmatch(
        r"<!-- postern\nrequest: \S+\nbase: [0-9a-f]{40}\ndigest: [0-9a-f]{64}\nuntil: \S+\n-->\n?", body[last:]
    )
    assert not re.search(r"(?m)^/", body), body
    assert not set(body) & set("\u202e\u2028\x0b\r\x00"), body


@pytest.mark.parametrize("field", ["reason", "error"])
def test_a_pasted_quick_action_is_a_word(field: str) -> None:
    """GitLab does what a line of a description says, with the rights of whoever wrote it; a reason is such a line."""
    assert "\n /merge\n" in body(**{field: "/merge"})
    assert "\n /approve" in body(error="timeout\r\n/approve\r/label ~x")
    assert "\n /label" in body(error="timeout\r\n/approve\r/label ~x")


def test_a_longer_fence_is_mermaid_to_markdown_too() -> None:
    """GitLab renders as Mermaid what its parser calls a code block of that language, however long the fence is."""
    for text in ("flowchart LR\n", "flowchart LR\n````\n"):
        (block,) = MARKDOWN.parse(fenced(text, "mermaid"))
        assert (block.type, block.info, block.content.rstrip()) == ("fence", "mermaid", text.rstrip())
