"""The Dockerfile, read without an engine: its stages, its user, its health check, and that all it copies exists."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache

from tests.house.source import none_of
from tests.shared import ROOT

FLAGS = re.compile(r"--[\w-]+=\S+\s+")


@dataclass(frozen=True)
class Step:
    """One instruction; `stage` is the name of its stage, empty before the first FROM."""

    stage: str
    word: str
    rest: str


@cache
def steps() -> tuple[Step, ...]:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    joined = re.sub(r"\\\n\s*", "", re.sub(r"(?m)^#.*\n", "", text))
    found, stage = [], ""
    for line in filter(str.strip, joined.splitlines()):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            stage = rest.split(" AS ")[1]
        found.append(Step(stage, word, rest.strip()))
    return tuple(found)


def of(word: str, stage: str = "") -> list[str]:
    return [step.rest for step in steps() if step.word == word and stage in ("", step.stage)]


def last_stage() -> str:
    return steps()[-1].stage


def test_it_has_a_stage_to_build_and_one_to_run() -> None:
    assert len(of("FROM")) >= 2
    assert last_stage() == "runtime"


def test_images_are_pinned_to_a_version() -> None:
    arguments = dict(argument.split("=", 1) for argument in of("ARG"))
    for source in of("FROM"):
        image = re.sub(r"\$\{(\w+)\}", lambda hole: arguments[hole[1]], source.split(" AS ")[0])
        assert re.fullmatch(r"[\w./-]+:\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?", image), image


def test_it_runs_as_a_numbered_user_who_is_not_root() -> None:
    user = of("USER", last_stage())[-1]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user), user


def test_it_has_a_health_check_and_starts_the_server() -> None:
    check = of("HEALTHCHECK", last_stage())[0]
    assert json.loads(check.partition("CMD ")[2]) == ["postern", "doctor", "--quick"]
    assert json.loads(of("ENTRYPOINT", last_stage())[0]) == ["postern"]
    assert json.loads(of("CMD", last_stage())[0]) == ["serve", "--host", "0.0.0.0"]


def test_nothing_is_fetched_unseen() -> None:
    """No ADD (it unpacks and downloads), no pipe from the network, every package by its hash or without an index."""
    assert of("ADD") == []
    for command in of("RUN"):
        assert not re.search(r"\b(curl|wget)\b", command), command
        for install in re.findall(r"pip \S*[^&]*? ?install[^&]*", command):
            assert "--require-hashes" in install or "--no-index" in install, install


def test_no_secret_is_built_in() -> None:
    spoken = of("ENV") + of("ARG") + of("LABEL")
    none_of(each for each in spoken if re.search(r"(?i)token|secret|password|api_?key", each))


def test_everything_it_copies_is_there_and_reaches_the_builder() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = [line[1:] for line in ignored if line.startswith("!")]
    assert "*" in ignored
    for copied in of("COPY"):
        if "--from=" in copied:
            continue
        for source in FLAGS.sub("", copied).split()[:-1]:
            assert (ROOT / source).exists(), source
            assert any(fnmatch(source, pattern) for pattern in kept), f".dockerignore hides {source}"


def test_the_image_has_everything_that_the_wheel_is_built_from() -> None:
    copied = {source for each in of("COPY", "build") for source in each.split()[:-1]}
    assert {"bot", "skills", "templates", "prompts", "pyproject.toml", "README.md"} <= copied
