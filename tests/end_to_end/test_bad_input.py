"""Bad input gets one clear sentence and an honest exit status, never a traceback, and nothing is half written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.sample import files
from tests.fakes.git_repos import git
from tests.shared import ROOT

TIMEOUT = "curl: (28) Failed to connect to api.twilio.com port 443 after 30001 ms: Timeout was reached"
PROJECT = """apiVersion: lowops.manifests.v1
kind: Project
metadata: {name: shop, environment: production, organizational-unit: web, organization: acme}
spec:
  allowedEgress: [api.stripe.com]
"""


def postern(*words: str, at: Path, feed: bytes = b"") -> tuple[int, str, str]:
    """One real process, as a user runs it; its state goes below `at`."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "POSTERN_HOME": str(at / "home"), "POSTERN_PERSON": "dana@x.example"}
    command = [sys.executable, "-m", "bot", *words]
    done = subprocess.run(command, cwd=at, env=env, input=feed, capture_output=True, timeout=60, check=False)
    out, err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    assert "Traceback" not in out + err
    assert "our side" not in out + err
    return done.returncode, out, err


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "shop.yaml").write_text(PROJECT)
    return folder


@pytest.mark.parametrize(
    ("to", "status"),
    [
        ("API.Stripe.com.", 0),  # upper case and a trailing dot are the same host
        ("https://API.STRIPE.COM./v1/charges?x=1", 0),
        ("https://user:hunter2@api.stripe.com", 0),
        ("xn--bcher-kva.example", 3),
        ("bücher.example", 3),
        ("\u0430pi.stripe.com", 3),  # a Cyrillic letter: another host, however it looks
        ("0x7f.1", 2),
        ("017700000001", 2),
        ("[fe80::1%eth0]:443", 2),
        ("api.stripe.com:0", 2),
        ("api.stripe.com:70000", 2),
        ("api.stripe.com:443:443", 2),
        ("a b", 2),
        ("-", 2),
        ("", 2),
        ("\x00", 2),
    ],
)
def test_destinations(shop: Path, tmp_path: Path, to: str, status: int) -> None:
    if "\x00" in to:
        to = to.replace("\x00", "\x01")  # no process can be given a NUL
    got, out, err = postern("check", "--config", str(shop), "--for", "shop", f"--to={to}", at=tmp_path)
    assert got == status, out + err
    assert "hunter2" not in out + err
    assert len(err.strip().splitlines()) == (1 if status == 2 else 0)


def test_a_look_alike_is_said(shop: Path, tmp_path: Path) -> None:
    _, out, _ = postern(
        "check", "--config", str(shop), "--for", "shop", "--to", "\u0430pi.stripe.com", "--more", at=tmp_path
    )
    assert "xn--" in out
    assert "api.stripe.com" in out


@pytest.mark.parametrize(
    ("feed", "status"), [(b"", 2), (b" \n\t", 2), (bytes(range(256)) * 40, 0), (b"\xff\xfe\x00", 0)]
)
def test_empty_and_binary_pastes(shop: Path, tmp_path: Path, feed: bytes, status: int) -> None:
    got, out, err = postern("diagnose", "--config", str(shop), "--for", "shop", at=tmp_path, feed=feed)
    assert got == status
    assert bool(err) == (status == 2)
    assert "\x1b" not in out


def test_ten_megabytes_are_answered_and_what_was_read_is_said(shop: Path, tmp_path: Path) -> None:
    feed = TIMEOUT.encode() + b"\n" + b"2026-11-21T09:00:00Z INFO nothing to see\n" * 250_000
    got, out, _ = postern("diagnose", "--config", str(shop), "--for", "shop", "--more", at=tmp_path, feed=feed)
    assert got == 0
    assert "No: shop (production) can't reach api.twilio.com:443" in out
    assert f"of {len(feed)} characters" in out


def repository(tmp_path: Path, kind: str) -> Path:
    where = tmp_path / kind
    where.mkdir()
    if kind == "bare without a commit":
        git(where, "init", "--quiet", "--bare", ".")
    if kind == "without a default branch":
        git(where, "init", "--quiet", "--bare", "--initial-branch=gone", ".")
        tree = git(where, "hash-object", "-w", "-t", "tree", "--stdin")
        commit = git(where, "commit-tree", "-m", "x", tree)
        git(where, "update-ref", "refs/heads/one", commit)
        git(where, "update-ref", "refs/heads/two", commit)
    if kind == "a file":
        where.rmdir()
        where.write_text("not a repository")
    if kind == "broken git":
        (where / ".git").write_text("gitdir: /nowhere/at/all\n")
        (where / "shop.yaml").write_text(PROJECT)
    return where


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("empty folder", 4),
        ("bare without a commit", 2),
        ("without a default branch", 2),
        ("a file", 2),
        ("broken git", 3),
    ],
)
def test_repositories(tmp_path: Path, kind: str, status: int) -> None:
    where = repository(tmp_path, kind)
    got, out, err = postern("check", "--config", str(where), "--for", "shop", "--to", "api.twilio.com", at=tmp_path)
    assert got == status, out + err
    assert len(err.strip().splitlines()) == (1 if status == 2 else 0)


def test_a_shallow_clone_is_read_like_any_other(tmp_path: Path, shop: Path) -> None:
    origin, shallow = tmp_path / "origin", tmp_path / "shallow"
    origin.mkdir()
    git(origin, "init", "--quiet", "--initial-branch=main", ".")
    for number in range(3):
        (origin / "shop.yaml").write_text(PROJECT + f"# {number}\n")
        git(origin, "add", ".")
        git(origin, "commit", "--quiet", "-m", str(number))
    git(tmp_path, "clone", "--quiet", "--depth=1", origin.as_uri(), str(shallow))
    got, _, _ = postern("check", "--config", str(shallow), "--for", "shop", "--to", "api.stripe.com", at=tmp_path)
    assert got == 0


def test_a_broken_file_and_a_link_that_leaves_are_named(shop: Path, tmp_path: Path) -> None:
    secret = tmp_path / "outside.yaml"
    secret.write_text(PROJECT.replace("api.stripe.com", "api.twilio.com"))
    (shop / "link.yaml").symlink_to(secret)
    (shop / "broken.yaml").write_text("kind: Project\nspec:\n  allowedEgress: [\n  - *.shop.example\n")
    got, out, _ = postern(
        "check", "--config", str(shop), "--for", "shop", "--to", "api.twilio.com", "--more", at=tmp_path
    )
    assert got == 4, "what was not read could allow it"
    assert "link.yaml" in out
    assert "broken.yaml:" in out


def test_nothing_is_half_written(shop: Path, tmp_path: Path) -> None:
    before = (shop / "shop.yaml").read_bytes()
    words = ["--config", str(shop), "--for", "shop", "--to", "api.twilio.com"]
    for wrong in (["--until", "never"], ["--reason", "x" * 10_000, "--until", "2001-01-01"]):
        got, _, _ = postern("draft", *words, "--write", *wrong, at=tmp_path)
        assert got == 2
    got, _, err = postern("propose", *words, "--reason", "SMS", at=tmp_path)
    assert (got, (shop / "shop.yaml").read_bytes()) == (2, before)
    assert len(err.strip().splitlines()) == 1


def test_a_conversation_goes_on_where_it_ended(tmp_path: Path) -> None:
    config = tmp_path / "allowlist"
    for name, text in files().items():
        (config / name).parent.mkdir(parents=True, exist_ok=True)
        (config / name).write_bytes(text)
    git(config, "init", "--quiet", "--initial-branch=main", ".")
    git(config, "add", ".")
    git(config, "commit", "--quiet", "-m", "The allowlist")
    first = f"payment-gateway gets {TIMEOUT}\n".encode()
    got, out, _ = postern("chat", "--config", str(config), at=tmp_path, feed=first)
    assert (got, "can't reach api.twilio.com:443" in out) == (0, True)
    second = b"draft\nopen because of SMS\nas sam\napprove\nstatus\nquit\n"
    got, out, _ = postern("chat", "--config", str(config), at=tmp_path, feed=second)
    assert got == 0
    assert "Going on where we stopped" in out
    assert "since commit" in out
    assert "git -C" in out and "pull" in out, "a folder's own files are not touched; the command to run is said"
    assert not git(config, "status", "--porcelain")
