from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skills.core.secrets import mask
from tests.examples import examples
from tests.work import calls

RANDOM = "a1B2c3D4e5F6g7H8i9J0k1L2"

# (kind, text, what must not survive, what must)
SECRETS = [
    ("slack-token", f"token is xoxb-123456789012-{RANDOM}", RANDOM, "token is"),
    ("slack-token", f"xapp-1-A01-{RANDOM}", RANDOM, ""),
    ("slack-webhook", f"POST https://hooks.slack.com/services/T01/B02/{RANDOM} failed", RANDOM, "hooks.slack.com"),
    ("gitlab-token", f"git clone https://oauth2:glpat-{RANDOM}@git.example/a.git", RANDOM, "git.example/a.git"),
    ("gitlab-token", f"glrt-{RANDOM}", RANDOM, ""),
    ("github-token", f"remote: ghp_{RANDOM}{RANDOM} rejected", RANDOM, "rejected"),
    ("github-token", f"github_pat_{RANDOM}_{RANDOM}", RANDOM, ""),
    ("aws-key", "AKIAIOSFODNN7EXAMPLE is no use", "IOSFODNN7", "is no use"),
    ("secret", "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "bPxRfiCY", "AWS_SECRET_ACCESS_KEY="),
    ("jwt", f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.{RANDOM}", RANDOM, ""),
    ("authorization", "> Authorization: Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNz", "Authorization: Basic"),
    ("authorization", f'headers: {{"authorization": "Bearer {RANDOM}"}}', RANDOM, "headers"),
    ("authorization", f"curl -H 'X-Auth: Bearer {RANDOM}' https://api.example", RANDOM, "https://api.example"),
    ("cookie", f"< Set-Cookie: session={RANDOM}; Path=/", RANDOM, "Set-Cookie:"),
    ("password", "postgres://svc:hunter2@db.example.net:6432/main", "hunter2", "db.example.net:6432/main"),
    ("password", "amqps://u:one1@a.example:5671,amqps://u:two2@b.example:5671", "two2", "b.example:5671"),
    ("password", "redis://:s3cr3t@cache.example:6380/0", "s3cr3t", "cache.example:6380/0"),
    ("password", "mysql://app:p@ss/w0rd@db.example:3306/x", "w0rd", "db.example:3306/x"),
    ("password", "Server=tcp:sql.example,1433;Uid=app;Password=Pa55 word;", "Pa55", "sql.example,1433"),
    ("password", '{"db_password": "correct horse"}', "correct horse", "db_password"),
    ("password", "PGPASSWORD=hunter2 psql -h db.example", "hunter2", "db.example"),
    ("password", "curl -u alice:wonder1and https://api.example", "wonder1and", "alice"),
    ("password", "mysql -h db.example -u app -pT0psecret shop", "T0psecret", "db.example"),
    ("password", "helm login --password hunter2 registry.example", "hunter2", "registry.example"),
    ("secret", f"//npm.example/:_authToken={RANDOM}", RANDOM, "npm.example"),
    ("secret", f"GET https://maps.example/api?api_key={RANDOM}&q=x", RANDOM, "maps.example"),
    ("private-key", "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----\nafter", "MIIEow", "after"),
    ("private-key", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk", "b3BlbnNzaC1rZXk", ""),
    ("private-key", f"{RANDOM * 3}\n{RANDOM}\n-----END PRIVATE KEY-----", RANDOM, ""),
]

HARMLESS = [
    "commit 5f3d1b9e8a7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e",
    "image app@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "x-request-id: 0f7e2f34-5f0c-4f43-9a6b-1f2b7f7c9c55",
    "basic authentication failed",
    "password: incorrect",
    "token: unexpected end of file",
    "authority=localhost:443 tokens=5 max_token_count: 4096",
    "secretName: my-tls",
    "http://host.example:80/path?mail=a@b.example",
    "https://git.example/team/repo.git",
    "postgresql://report_ro:********@ledger-db.example:5433/ledger",
    "password=<redacted> token=${TOKEN}",
    "Connect to api.example.com:443 [api.example.com/203.0.113.7] failed: connect timed out",
]


@pytest.mark.parametrize(("kind", "text", "gone", "stays"), SECRETS)
def test_a_secret_goes_and_its_surroundings_stay(kind: str, text: str, gone: str, stays: str) -> None:
    masked = mask(text)
    assert gone not in masked.text
    assert stays in masked.text
    assert kind in masked.what
    assert f"***{kind}***" in masked.text


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(text: str) -> None:
    assert mask(text).text == text
    assert mask(text).what == ()


@pytest.mark.parametrize("text", [text for _, text, _, _ in SECRETS])
def test_masking_twice_is_masking_once(text: str) -> None:
    once = mask(text)
    assert mask(once.text).text == once.text


def test_a_host_after_a_quoted_path_is_no_secret() -> None:
    printed = 'I/O error on POST request for "https://login.tills.example/oauth/token": login.tills.example'
    assert mask(printed).text == printed
    assert "hunter2.x" not in mask('"https://login.tills.example/oauth/token": hunter2.x').text


def test_kinds_are_named_once_each() -> None:
    assert mask(f"password=a1 password=b2 glpat-{RANDOM}").what == ("gitlab-token", "password")


# Pieces of which secrets are made, in any order.
# fmt: off
PIECES = [
    "password", "token", "=", ":", " ", '"', "'", "://", "u:", "p@", "/", "h.example", "***", "Bearer ", "-u ", "\n",
    "Cookie: ", "xoxb-123456789012", "a1b2c3d4e5f6g7h8", "eyJhbGciOi.x", "é", ";", "&", "mysql -p", "Authorization=",
]
# fmt: on


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=14).map("".join)))
@settings(max_examples=examples(400))
def test_never_crashes_and_is_stable(text: str) -> None:
    once = mask(text).text
    assert mask(once).text == once


def test_lone_surrogates_are_replaced() -> None:
    assert mask("a\ud800b").text == "a?b"


@pytest.mark.parametrize(
    "piece",
    ["://", "password=", "-----BEGIN PRIVATE KEY-----", "eyJ", "bearer ", "mysql -p", "Cookie: ", "@:/"],
)
def test_work_is_linear(piece: str) -> None:
    few, many = (calls(lambda size=size: mask(piece * size)) for size in (500, 4000))  # type: ignore[misc]
    assert many < 9 * few
