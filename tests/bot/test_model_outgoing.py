"""What leaves for a language model: secrets of every kind do not, an error stays readable, and the preview is what is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

pytest.importorskip("langchain_openai")

from bot.ai.outgoing import Outgoing
from bot.app import App
from bot.gather import Where
from bot.model import preview
from bot.scenarios import scenarios
from bot.settings import Secret
from tests.apps import app_on_sample, set_to
from tests.core.test_secrets import SECRETS
from tests.fakes.llm import Cut, fakellm, line_to
from tests.shared import ROOT

# What the redaction of the house knows, and what it leaves to people because they must read it: both stay here.
MORE = [
    ("the password is hunter2canary", "hunter2canary"),
    ("password: hunter2canary", "hunter2canary"),
    ("pw hunter2canary", "hunter2canary"),
    ("pwd=hunter2canary", "hunter2canary"),
    ("my passphrase is correct-horse-canary", "correct-horse-canary"),
    ("das Passwort lautet hunter2canary", "hunter2canary"),
    ("le mot de passe est hunter2canary", "hunter2canary"),
    ("contrase\u00f1a: hunter2canary", "hunter2canary"),
    ("\u043f\u0430\u0440\u043e\u043b\u044c: hunter2canary", "hunter2canary"),
    ("\u5bc6\u7801\uff1ahunter2canary", "hunter2canary"),
    ("\u30d1\u30b9\u30ef\u30fc\u30c9\u306f hunter2canary", "hunter2canary"),
    ("pass\u200bword=hunter2canary", "hunter2canary"),
    ("p\u0430ssword=hunter2canary", "hunter2canary"),
    ("password%3Dhunter2canary", "hunter2canary"),
    ("password\\u003dhunter2canary", "hunter2canary"),
    ('{\\"password\\": \\"hunter2canary\\"}', "hunter2canary"),
    ("password\n=\nhunter2canary", "hunter2canary"),
    ("password:\n  hunter2canary", "hunter2canary"),
    ("glpat-AbCdEfGhIjKl\u200bMnOpQrSt", "AbCdEfGhIjKl"),
    ("glpat-\nAbCdEfGhIjKlMnOpQrSt", "AbCdEfGhIjKlMnOpQrSt"),
    ("GLPAT-AbCdEfGhIjKlMnOpQrSt", "AbCdEfGhIjKlMnOpQrSt"),
    ("\uff47\uff4c\uff50\uff41\uff54-AbCdEfGhIjKlMnOpQrSt", "AbCdEfGhIjKlMnOpQrSt"),
    ("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
    ("aws_secret_access_key wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMI"),
    ("4111 1111 1111 1111", "4111 1111 1111 1111"),
    ("DE89 3704 0044 0532 0130 00", "3704 0044"),
    ("123-45-6789", "123-45-6789"),
    ("call me at +49 170 1234567", "170 1234567"),
    ("jane.doe@corp.example wants", "jane.doe"),
    ("<@U012ABCDEF> said", "U012ABCDEF"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.abcDEFghiJKLmnoPQRstu", "eyJzdWIiOiJjYW5hcnkifQ"),
    ("Authorization: Basic ZGFuYTpodW50ZXIy", "ZGFuYTpodW50ZXIy"),
    ("curl -u dana:hunter2canary https://x.example", "hunter2canary"),
    ("mysql -phunter2canary", "hunter2canary"),
    ("export FOO_KEY=canary8f3a9c1d", "canary8f3a9c1d"),
    ("sk-proj-canaryABCDEFGHIJKLMNOP123456", "canaryABCDEFGH"),
    ("xoxb-123456789012-canaryABCDEFGH", "canaryABCDEFGH"),
    ("-----BEGIN PRIVATE KEY-----\nMIIcanary\n-----END PRIVATE KEY-----", "MIIcanary"),
    ("postgres://u:hunter2canary@db.example/x", "hunter2canary"),
    ("Server=db;User Id=u;Password=hunter2canary;", "hunter2canary"),
    ("X-Api-Key: canary8f3a9c1d2b", "canary8f3a9c1d2b"),
    ("otp 492817", "492817"),
    ("https://x.example/?sig=canary8f3a9c1d2b4e", "canary8f3a9c1d2b4e"),
    ("https://hooks.slack.com/services/T000/B000/canaryXXXXcanaryXXXX", "canaryXXXXcanary"),
    ("AIzaSyCanaryCanaryCanaryCanaryCanary123", "SyCanary"),
    ("ghp_canarycanarycanarycanarycanary1234", "canarycanary"),
    ("hvs.CAESIcanarycanarycanarycanary", "canarycanary"),
    ("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80", "ac0974bec39a"),
    ("age-secret-key-1canarycanarycanarycanarycanarycanarycanarycanarycan", "canarycanary"),
]


@pytest.mark.parametrize("strict", [False, True])
def test_no_secret_leaves_however_it_is_said(strict: bool) -> None:
    left = [text for text, secret in MORE if secret.casefold() in Outgoing(strict=strict).sealed(text).casefold()]
    assert left == []


def test_what_the_house_masks_is_masked_here_too() -> None:
    outs = [Outgoing(strict=strict) for strict in (False, True)]
    assert [text for _, text, secret, _ in SECRETS for out in outs if secret in out.sealed(text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "payments-db-01:5432 and payments-db-01 of payment-gateway in k8s-cluster on x86_64",
        "curl: (28) Failed to connect to api.twilio.com port 443 after 30001 ms: Timeout was reached",
        "java.net.UnknownHostException: api.stripe.com at 2026-11-28 09:14:02 from 10.0.0.0/16",
        "FATAL: password authentication failed for user app; the token is invalid, the password is wrong",
        "AbstractSingletonProxyFactoryBean SSL_ERROR_SYSCALL EG-7K2M9QX1 http2 sha256 v1beta1",
        "uds/claims/uds-package.yaml:12 and s3.eu-west-1.amazonaws.com",
        "Das Passwort ist falsch, die Datenbank heisst claims-db-2.internal",
    ],
)
def test_an_error_stays_readable(text: str) -> None:
    once = Outgoing(strict=False).sealed(text)
    assert once == text


@pytest.mark.parametrize("strict", [False, True])
def test_sealing_twice_changes_nothing(strict: bool) -> None:
    out = Outgoing(strict=strict, known=["payment-gateway"], hidden=["claims-api"])
    for text, _ in MORE:
        once = out.sealed(f"payment-gateway {text} claims-api path/claims-api.yaml jane@corp.example")
        assert out.sealed(once) == once


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    return app_on_sample(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with fakellm(tmp_path_factory.mktemp("fakellm")) as server, line_to(server) as url:
        yield url


def chosen() -> Iterator[Any]:
    said = [(each.name, each.turns[0][0]) for each in scenarios(str(ROOT / "tests" / "cases" / "ai" / "scenarios"))]
    said += [(f"secret-{number}", f"hmm, and that thing over there: {text}") for number, (text, _) in enumerate(MORE)]
    for position, (name, words) in enumerate(said):
        yield pytest.param(words, id=name, marks=() if position % 80 == 0 else pytest.mark.slow)


@pytest.mark.needs("fakellm")
@pytest.mark.parametrize("strict", ["no", "yes"])
@pytest.mark.parametrize("words", list(chosen()))
def test_the_preview_is_byte_for_byte_what_a_provider_receives(app: App, line: str, words: str, strict: str) -> None:
    set_to(
        app,
        model="openai:gpt-good",
        model_url=f"{line}/v1",
        model_key=Secret("none"),
        model_strict=strict,
        model_budget="team-tokens=100000000",
    )
    Cut.bodies.clear()
    shown = preview(app, words)
    assert not Cut.bodies
    replies = app.conversation.hear(words, app.person, Where("terminal", f"p:{uuid4()}"))
    if replies.later:
        replies.later()
    assert (shown is None) is (not Cut.bodies)
    if shown is None:
        return
    body = json.loads(Cut.bodies[0])
    assert [each["function"] for each in body.get("tools", ())] == shown["tools"]
    sent = [(each["role"], each["content"]) for each in body["messages"]]
    previewed = [(each["role"].replace("human", "user"), each["content"]) for each in shown["messages"]]
    assert bare(sent) == bare(previewed)
    assert set(body) <= {
        "model",
        "messages",
        "tools",
        "stream",
        "stream_options",
        "max_completion_tokens",
        "max_tokens",
    }


def bare(messages: list[tuple[str, str]]) -> str:
    """Without the delimiter, which is drawn by lot for each turn."""
    text = json.dumps(messages, ensure_ascii=False)
    return text.replace(text.split("<<data ", 1)[1].split(">>", 1)[0], "NONCE")
