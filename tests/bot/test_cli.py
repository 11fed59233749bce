"""The command line as a user runs it: real processes where the exit status matters, the sample as its repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bot.cli import main
from bot.sample import files
from bot.scenes import SCENES
from tests.apps import allowlist

ROOT = Path(__file__).parents[2]
TIMEOUT = "curl: (28) Failed to connect to api.twilio.com port 443 after 30001 ms: Timeout was reached"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "allowlist.git"
    allowlist(path, files())
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "files"
    for name, text in files().items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(text)
    return path


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTERN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("POSTERN_PERSON", "dana@fincorp.example")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any, str]:
    """Exit status, standard output (parsed when it is one JSON object), standard error."""
    try:
        status = main([*words])
    except SystemExit as stop:
        status = int(stop.code or 0)
    out, err = capsys.readouterr()
    try:
        data = json.loads(out)
    except ValueError:
        return status, out, err
    if "--json" in words:
        name = "error" if "error" in data else words[0]
        jsonschema.validate(data, json.loads((ROOT / "docs" / "schema" / f"{name}.json").read_text()))
    return status, data, err


def test_check_allowed_denied_undecided(capsys: pytest.CaptureFixture[str], repository: Path) -> None:
    def asked(for_: str, to: str) -> tuple[int, str]:
        status, data, _ = run(capsys, "check", "--config", str(repository), "--for", for_, "--to", to, "--json")
        return status, data["decision"]

    assert asked("payment-gateway", "hooks.slack.com") == (0, "allowed")
    assert asked("payment-gateway", "api.twilio.com") == (3, "denied")
    assert asked("no-such-app", "api.twilio.com") == (4, "undecided")


def test_check_does_not_make_any_state(capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path) -> None:
    status, _, _ = run(capsys, "check", "--config", str(folder), "--for", "payment-gateway", "--to", "hooks.slack.com")
    assert status == 0
    assert not (tmp_path / "home").exists()


def test_a_folder_outside_git_has_no_commit(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    status, data, _ = run(
        capsys, "check", "--config", str(folder), "--for", "payment-gateway", "--to", "hooks.slack.com", "--json"
    )
    assert (status, data["commit"], data["dirty"]) == (0, None, None)


def test_several_destinations_give_the_worst(capsys: pytest.CaptureFixture[str], repository: Path) -> None:
    words = ["--to", "hooks.slack.com", "--to", "api.twilio.com", "--json"]
    status, data, _ = run(capsys, "check", "--config", str(repository), "--for", "payment-gateway", *words)
    assert status == 3
    assert data["decision"] == "denied"
    assert [result["decision"] for result in data["results"]] == ["allowed", "denied"]


def test_draft_diff_applies_with_git(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    words = ["draft", "--config", str(folder), "--for", "payment-gateway", "--to", "api.twilio.com", "--diff"]
    status, diff, _ = run(capsys, *words)
    assert status == 0
    applied = subprocess.run(["git", "apply", "-"], input=diff.encode(), cwd=folder, capture_output=True, check=False)
    assert applied.returncode == 0, applied.stderr
    status, data, _ = run(
        capsys, "check", "--config", str(folder), "--for", "payment-gateway", "--to", "api.twilio.com", "--json"
    )
    assert (status, data["decision"]) == (0, "allowed")


def test_draft_write_changes_one_manifest_and_its_diagram(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    words = ["--for", "payment-gateway", "--to", "api.twilio.com", "--reason", "SMS", "--write"]
    status, _, _ = run(capsys, "draft", "--config", str(folder), *words)
    assert status == 0
    changed = [name for name, text in files().items() if (folder / name).read_bytes() != text]
    assert [Path(name).name for name in changed] == ["retail-banking.md", "payment-gateway.yaml"]


def test_write_needs_a_folder(capsys: pytest.CaptureFixture[str], repository: Path) -> None:
    words = ["--for", "payment-gateway", "--to", "api.twilio.com", "--write"]
    status, _, err = run(capsys, "draft", "--config", str(repository), *words)
    assert status == 2
    assert len(err.strip().splitlines()) == 1


def test_propose_decide_status(capsys: pytest.CaptureFixture[str], repository: Path) -> None:
    at = ["--config", str(repository), "--json"]
    need = ["--for", "payment-gateway", "--to", "api.twilio.com", "--reason", "SMS"]
    status, opened, _ = run(capsys, "propose", *at, *need)
    assert (status, opened["state"], opened["created"]) == (0, "waiting", True)
    status, again, _ = run(capsys, "propose", *at, *need)
    assert (status, again["key"], again["created"]) == (0, opened["key"], False)
    status, listed, _ = run(capsys, "status", *at)
    assert [row["key"] for row in listed["requests"]] == [opened["key"]]
    assert listed["requests"][0]["waits_for"] == ["ines@fincorp.example", "sam@fincorp.example"]
    status, refused, _ = run(capsys, "decide", opened["key"], "approve", *at)
    assert (status, refused["error"]["code"]) == (5, "EGR402")
    sam = ["--as", "sam@fincorp.example"]
    status, stale, _ = run(capsys, "decide", opened["key"], "approve", *at, *sam, "--digest", "0" * 64)
    assert (status, stale["error"]["code"]) == (6, "EGR407")
    status, decided, _ = run(capsys, "decide", opened["key"], "approve", *at, *sam)
    assert (status, decided["state"], decided["by"]) == (0, "merged", "sam@fincorp.example")
    status, data, _ = run(capsys, "check", *at, "--for", "payment-gateway", "--to", "api.twilio.com")
    assert (status, data["decision"]) == (0, "allowed")


def test_a_stale_digest_is_refused(capsys: pytest.CaptureFixture[str], repository: Path) -> None:
    need = ["--for", "payment-gateway", "--to", "api.twilio.com", "--reason", "SMS", "--digest", "0" * 64]
    status, data, _ = run(capsys, "propose", "--config", str(repository), "--json", *need)
    assert (status, data["error"]["code"]) == (6, "EGR406")


def test_propose_without_git_is_bad_input(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    need = ["--for", "payment-gateway", "--to", "api.twilio.com", "--reason", "SMS"]
    status, _, err = run(capsys, "propose", "--config", str(folder), *need)
    assert status == 2
    assert "not a Git repository" in err


@pytest.mark.parametrize(
    "words",
    [
        ["check", "--for", "payment-gateway", "--to", "api.twilio.com:0"],
        ["check", "--for", "payment-gateway", "--to", "api.twilio.com:70000"],
        ["check", "--for", "payment-gateway", "--to", "0x7f.1"],
        ["check", "--for", "payment-gateway", "--to", ""],
        ["check", "--for", "", "--to", "api.twilio.com"],
        ["check", "--for", "payment-gateway", "--to", "[fe80::1%eth0]:443"],
        ["check", "--for", "payment-gateway", "--to", "a" * 20_000],
        ["draft", "--for", "payment-gateway", "--to", "api.twilio.com", "--until", "soon"],
        ["draft", "--for", "payment-gateway", "--to", "api.twilio.com", "--until", "2001-01-01"],
        ["propose", "--for", "payment-gateway", "--to", "api.twilio.com"],
        ["decide", "EG-AAAAAAA", "approve"],
        ["diagnose", "/no/such/file"],
    ],
    ids=lambda words: " ".join(words)[:60],
)
def test_bad_input_is_one_clear_line(capsys: pytest.CaptureFixture[str], repository: Path, words: list[str]) -> None:
    status, out, err = run(capsys, *words, "--config", str(repository))
    assert status == 2
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    assert "Traceback" not in err
    status, data, _ = run(capsys, *words, "--config", str(repository), "--json")
    assert status == 2
    assert set(data["error"]) == {"code", "says", "do", "facts", "reference"}


def test_userinfo_in_a_url_is_never_echoed(capsys: pytest.CaptureFixture[str], repository: Path) -> None:
    to = "https://user:hunter2@hooks.slack.com/services/T0/B0/verysecret"
    status, data, err = run(
        capsys, "check", "--config", str(repository), "--for", "payment-gateway", "--to", to, "--json"
    )
    assert status == 0
    assert data["destination"]["host"] == "hooks.slack.com"
    assert "hunter2" not in json.dumps(data) + err


@pytest.mark.parametrize("name", ["empty", "bare_without_commit", "no_such_place"])
def test_repositories_that_cannot_be_read(capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str) -> None:
    where = tmp_path / name
    if name == "empty":
        where.mkdir()
    if name == "bare_without_commit":
        subprocess.run(["git", "init", "--quiet", "--bare", str(where)], check=True)
    status, _, err = run(capsys, "check", "--config", str(where), "--for", "app", "--to", "api.twilio.com")
    assert status in (2, 4, 7)
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) <= 1


def test_batch_answers_every_line_in_order(
    capsys: pytest.CaptureFixture[str], repository: Path, tmp_path: Path
) -> None:
    lines = [
        '{"id": "a", "for": "payment-gateway", "to": "hooks.slack.com"}',
        "",
        "not json",
        '{"id": "b", "for": "payment-gateway", "to": "api.twilio.com:0"}',
        '{"id": "c", "for": "payment-gateway", "to": "api.twilio.com", "ip": ["192.0.2.1"]}',
        '{"id": "d", "for": "payment-gateway"}',
        "[1]",
        '{"id": "e", "for": "payment-gateway", "to": "x.example.com", "shell": "rm"}',
    ]
    file = tmp_path / "lines"
    file.write_text("\n".join(lines))
    status, out, _ = run(capsys, "check", "--config", str(repository), "--batch", str(file))
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == 2
    assert [row["id"] for row in rows] == ["a", None, "b", "c", "d", None, "e"]
    assert [row.get("decision") for row in rows] == ["allowed", None, None, "denied", None, None, None]
    assert [row.get("line") for row in rows] == [None, 3, 4, None, 6, 7, 8]


def test_diagnose_reads_a_file_and_a_batch(
    capsys: pytest.CaptureFixture[str], repository: Path, tmp_path: Path
) -> None:
    paste = tmp_path / "error.txt"
    paste.write_text(TIMEOUT)
    status, data, _ = run(
        capsys, "diagnose", str(paste), "--for", "payment-gateway", "--config", str(repository), "--json"
    )
    assert (status, data["symptom"], data["egress_block"]) == (0, "connect_timeout", "yes")
    batch = tmp_path / "batch"
    batch.write_text(json.dumps({"id": 1, "text": TIMEOUT}) + "\n")
    status, row, _ = run(capsys, "diagnose", "--batch", str(batch), "--config", str(repository))
    assert (status, row["id"], row["check"]) == (0, 1, None)
    batch.write_text(json.dumps({"text": "timed out", "for": "payment-gateway", "to": "api.other.example"}) + "\n")
    status, row, _ = run(capsys, "diagnose", "--batch", str(batch), "--config", str(repository))
    assert (status, row["cause"], row["check"]["decision"]) == (0, "EGR294", "denied")


def test_doctor(capsys: pytest.CaptureFixture[str], repository: Path, tmp_path: Path) -> None:
    status, data, _ = run(capsys, "doctor", "--config", str(repository), "--json")
    faults = {
        (finding["code"], finding["facts"].get("policy")) for finding in data["findings"] if finding["level"] == "error"
    }
    assert (status, len(faults)) == (3, 1), (
        "the sample holds one trap on purpose: namespaceSelector {} for the internet"
    )
    sound = tmp_path / "sound.git"
    kept = {path: text for path, text in files().items() if not path.startswith("k8s/")}
    allowlist(sound, kept)
    status, out, _ = run(capsys, "doctor", "--config", str(sound))
    assert "FAULT" not in out
    assert status == 0
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    status, data, _ = run(capsys, "doctor", "--config", str(nothing), "--json")
    assert status == 3
    assert data["ok"] is False
    assert {finding["code"] for finding in data["findings"]} >= {"EGR482", "EGR401"}


def test_a_diff_that_is_empty_says_why_beside_it(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    ask = ("draft", "--config", str(folder), "--for", "payment-gateway", "--diff")
    status, out, err = run(capsys, *ask, "--to", "api.stripe.com")
    assert (status, out) == (0, "")
    assert "already" in err
    status, out, err = run(capsys, *ask, "--to", "api.twilio.com")
    assert (status, err) == (0, "")
    assert out.startswith("--- a/")


def test_demo_plays_the_whole_job_without_a_terminal(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    for _ in range(2):  # the second start finds what the first left
        done = subprocess.run(
            [sys.executable, "-m", "bot", "demo"], cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, capture_output=True
        )
        text = done.stdout.decode()
        assert done.returncode == 0, text + done.stderr.decode()
        assert "since commit" in text
        assert "closed as working" in text
        assert all(f"== {number}. {scene.title}" in text for number, scene in enumerate(SCENES, 1))
        assert "Traceback" not in text


def test_demo_on_another_repository_leaves_it_alone(tmp_path: Path, folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    env = {**os.environ, "PYTHONPATH": str(ROOT), "DEMO_CONFIG": str(folder)}
    done = subprocess.run(
        [sys.executable, "-m", "bot", "demo"], cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, capture_output=True
    )
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_word_may_stand_behind_the_options(capsys: pytest.CaptureFixture[str], repository: Path) -> None:
    asked = ["policy", "test", "--config", str(repository), "nothing.yaml"]
    assert main(asked) == 2
    assert "nothing.yaml can't be read" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*asked, "more.yaml"])
    assert "unrecognized arguments: nothing.yaml more.yaml" in capsys.readouterr().err


def test_a_preview_without_langchain_says_what_to_install(
    capsys: pytest.CaptureFixture[str], repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "bot.ai.recorder", raising=False)
    monkeypatch.setitem(sys.modules, "langchain_core", None)
    monkeypatch.setitem(sys.modules, "langchain_core.language_models", None)
    assert main(["ai", "preview", "--config", str(repository), "our payment thing needs twilio"]) == 2
    assert "is not installed. Install Postern with the extra" in capsys.readouterr().err
