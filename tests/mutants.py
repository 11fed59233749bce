"""Planted mutants: each one is a mistake that would make Postern lie or write too much; a test must turn red.

    python -m tests.mutants            all of them, each in a copy of the checkout
    python -m tests.mutants NAME ...   only these

Prints a line a mutant and exits 1 if one survived. The last figures stand in docs/MUTANTS.md.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".postern", "__pycache__", ".*_cache", ".hypothesis")


@dataclass(frozen=True)
class Mutant:
    """`old` in `path` becomes `new`; `tests` are what must notice."""

    name: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]


CASES = "tests/test_cases.py"
TALKS = "tests/test_conversations.py"
RIGHTS = "tests/core/test_rights.py"
POLICIES = "tests/test_policy_cases.py"
CLI = "tests/bot/test_cli.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "the deny list is only printed",
        "skills/core/permit.py",
        "    if policy.deny and not need.remove and not need.isolate:",
        "    if False:",
        (POLICIES,),
    ),
    Mutant(
        "a wildcard around a denied host passes",
        "skills/core/policy/far_ends.py",
        '    if "*" not in other:',
        "    if True:",
        (POLICIES,),
    ),
    Mutant(
        "a freeze with an unknown zone is open",
        "skills/core/policy/times.py",
        "    if zones is None or now.tzinfo is None:\n        return True\n    begins",
        "    if zones is None or now.tzinfo is None:\n        return False\n    begins",
        (POLICIES,),
    ),
    Mutant(
        "the highest of several levels counts",
        "skills/core/policy/levels.py",
        "    return min(found,",
        "    return max(found,",
        (POLICIES,),
    ),
    Mutant(
        "levels are not asked at the desk",
        "bot/desk.py",
        "        may_go_this_far(world.policy, card(name), answer, where.channel)\n",
        "",
        ("tests/bot/test_policy_levels.py",),
    ),
    Mutant(
        "requester may approve",
        "skills/core/rights.py",
        "    if _selves((person.id, *person.also), policy) & _selves(asked, policy):",
        "    if False:",
        (RIGHTS, TALKS),
    ),
    Mutant(
        "approver check skipped",
        "skills/core/rights.py",
        "    if not _names(person, policy) & may:",
        "    if False:",
        (RIGHTS, TALKS),
    ),
    Mutant(
        "requester's own approval counts",
        "skills/core/rights.py",
        " if not _selves((name,), policy) & asked}",
        "}",
        (RIGHTS,),
    ),
    Mutant(
        "digest of the decision not compared",
        "skills/decide/skill.py",
        "if ask.digest is not None and ask.digest != request.digest:",
        "if False:",
        (CLI,),
    ),
    Mutant(
        "digest of the draft not compared",
        "skills/propose/skill.py",
        "if ask.digest and ask.digest != drafted.change.digest:",
        "if False:",
        (CLI,),
    ),
    Mutant(
        "base left out of the digest",
        "skills/core/change.py",
        "json.dumps([base, rows]",
        "json.dumps([None, rows]",
        ("tests/core/test_change.py",),
    ),
    Mutant(
        "an unreadable file is skipped silently",
        "skills/core/allowlist.py",
        "        if blind and (_could_change(decision, layers)",
        "        if False and (_could_change(decision, layers)",
        (CASES,),
    ),
    Mutant(
        "one allowing layer is enough",
        "skills/core/joining.py",
        '    if "denied" in decisions:\n        return "denied"\n    if "undecided" in decisions or not decisions:',
        '    if "allowed" in decisions:\n        return "allowed"\n    if "undecided" in decisions or not decisions:',
        (CASES, "tests/core"),
    ),
    Mutant(
        "a sentence approves",
        "skills/core/commands.py",
        "if match := _DECIDE.fullmatch(said):",
        "if match := _DECIDE.search(said):",
        ("tests/core/test_understand.py", TALKS),
    ),
    Mutant(
        "stale approvals count",
        "skills/core/rights.py",
        "for past in request.decisions if past.digest == request.digest}",
        "for past in request.decisions}",
        ("tests/core/test_decide.py",),
    ),
    Mutant(
        "symptom of another layer is called a block",
        "skills/diagnose/skill.py",
        "    fitting = [layer for layer in layers if layer in judgement.best.fits]",
        "    fitting = layers",
        ("tests/core/test_diagnose.py", CASES),
    ),
    Mutant(
        "lost flows are not said",
        "skills/core/proof.py",
        '    denied += [f"{scope.source}',
        '    denied += [] and [f"{scope.source}',
        ("tests/core/test_change.py", "tests/core/platforms"),
    ),
    Mutant(
        "a wildcard covers its apex",
        "skills/core/platforms/infrastream/entries.py",
        "        if not parent_of(self.host, host):",
        "        if host != self.host and not parent_of(self.host, host):",
        (CASES, "tests/core/platforms/test_infrastream_decide.py"),
    ),
    Mutant(
        "a port of a NetworkPolicy is swallowed",
        "skills/core/enforce/kube_flow.py",
        "found.append((Match.YES, ((numbers.first, numbers.last),), None))",
        "found.append((Match.YES, ((1, 65535),), None))",
        (CASES, "tests/core/enforce"),
    ),
    Mutant(
        "a port of a UDS rule is swallowed",
        "skills/core/platforms/uds/meshed.py",
        "if ports.first <= entry.port <= ports.last and carries(",
        "if carries(",
        (CASES, "tests/core/platforms"),
    ),
    Mutant(
        "plain HTTP passes where TLS is registered",
        "skills/core/enforce/mesh.py",
        'return family == "tcp" or application is None or application == family',
        "return True",
        (CASES, "tests/core/enforce/test_mesh.py"),
    ),
    Mutant(
        "the edited text is not read again",
        "skills/core/yaml_text/page.py",
        "            or not all(same(known.data, wanted[known.index]) for known in documents)\n",
        "",
        ("tests/core/test_yaml_text.py", "tests/core/test_yaml_properties.py"),
    ),
    Mutant(
        "somebody else's form is gone on with",
        "bot/slack/parts.py",
        "return address(thread)[1] is not None or parts[2] == user",
        "return True",
        ("tests/bot/test_surfaces.py",),
    ),
    Mutant(
        "the bot's token goes to any host",
        "bot/slack/files.py",
        'if where.scheme == "https" and where.hostname in _HOSTS and where.port in (None, 443):',
        'if where.scheme == "https":',
        ("tests/bot/test_surfaces.py",),
    ),
    Mutant(
        "a decided card keeps its buttons",
        "skills/cards.py",
        "steps=_steps(request) if decides else (),",
        "steps=_steps(request),",
        ("tests/core/test_cards.py",),
    ),
    Mutant(
        "a private channel's text goes out unsaid",
        "bot/channels.py",
        'if not turn.where.private or turn.warned or turn.state.get("told_who_reads"):',
        "if turn.where.thread:",
        ("tests/bot/test_surfaces.py",),
    ),
)


def survives(mutant: Mutant, copy: Path) -> bool:
    file = copy / mutant.path
    text = file.read_text()
    if text.count(mutant.old) != 1:
        raise SystemExit(f"{mutant.name}: {mutant.path} holds the place {text.count(mutant.old)} times, not once")
    file.write_text(text.replace(mutant.old, mutant.new))
    alive = passes(copy, mutant.tests)
    file.write_text(text)
    return alive


def passes(copy: Path, tests: Sequence[str]) -> bool:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, cwd=copy, capture_output=True, check=False)
    if done.returncode != 0 and b" failed" not in done.stdout:
        raise SystemExit(f"the tests did not run: {done.stdout.decode()[-800:]}")
    return done.returncode == 0


def main(names: Sequence[str]) -> int:
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    survivors = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "checkout"
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT, symlinks=True)
        # Without a mutant everything must pass; otherwise a red test would prove nothing.
        control = sorted({test for mutant in chosen for test in mutant.tests})
        if not passes(copy, control):
            print("the tests fail without any mutant")
            return 1
        for mutant in chosen:
            started = time.monotonic()
            survived = survives(mutant, copy)
            survivors += survived
            print(
                f"{'SURVIVED' if survived else 'killed'}  {mutant.name}  ({time.monotonic() - started:.0f} s)",
                flush=True,
            )
    print(f"{len(chosen) - survivors} of {len(chosen)} mutants killed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
