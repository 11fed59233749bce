"""Turns of one thread: what was said, what is still open. Serves Slack, page and terminal alike.

A turn hears words, asks the desk, and remembers as little as the next turn needs: which workload and
destinations are spoken of, the last draft's digest, the open request, the open question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot import which
from bot.additions import Additions
from bot.after_merge import meant, since_merge, still_fails, the_merged, works
from bot.asides import changed_mind, is_talk, made_plain, means_a_host, not_understood, unless_a_host
from bot.channels import before_others_read_it, by_the_channel, decided_before, note_asked, of_the_card, of_the_channel
from bot.desk import Door, attempt
from bot.followups import (
    answer_to_question,
    ask_what_it_was,
    decision,
    keep,
    on_a_day,
    only_one_waiting,
    says_nothing,
    spoken_of,
    take_environment,
    take_space,
    take_until,
    typed,
    which_name,
    which_phase,
)
from bot.gather import Where
from bot.together import Together
from bot.turns import (
    Also,
    Pressed,
    Replies,
    Turn,
    addresses_in,
    ask_for,
    flow_of,
    hosts_on,
    instead,
    is_about,
    kept,
    mark_of,
    need_of,
    new_subject,
    note_workload,
    of_the_thread,
    opening,
    other_one,
    remember,
    why,
)
from bot.world.memory import Memory
from skills.core.commands import Heard
from skills.core.errors import Outdated
from skills.core.model import ISOLATION, STANDING_STATES, Finding, Person, Request
from skills.replies import Reply, choosing, problem, reply

_KEPT_TEXT, _DIFF_KEPT = 20_000, 60_000


class Conversation:
    def __init__(
        self,
        desk: Door,
        memory: Memory,
        names: Callable[[], tuple[list[str], list[str]]],
        clock: Callable[[], datetime],
        additions: Additions | None = None,
        of_team: Callable[[str, str], Mapping[str, str]] = lambda _channel, _team: {},
        together: Together | None = None,
    ) -> None:
        """`names` gives the workloads and environments that the allowlist knows now, `of_team` the one workload of the
        team whose channel it is, and `together` knows of several repositories, where there are."""
        self.desk = desk
        self._memory = memory
        self._names = names
        self._clock = clock
        self._additions = additions
        self.of_team = of_team
        self._together, self.repositories = together, together.names if together else ()
        self.called: Mapping[str, str] = together.called if together else {}

    def hear(
        self, words: str, who: Person, where: Where, above: str | None = None, also: Also | None = None
    ) -> Replies:
        """Answers one message. `above` is what others posted before it, for a message that says nothing by itself."""
        return self._turn(Turn(words, who, where, above=above, also=also))

    def press(self, pressed: Pressed, who: Person, where: Where, also: Also | None = None) -> Replies:
        """A button says what could be typed, bound to what was shown beside it."""
        said, exact = pressed.words, pressed.heard
        return self._turn(Turn(said, who, where, digest=pressed.digest, warned=pressed.warned, also=also, heard=exact))

    def choose(self, mark: str, number: int, who: Person, where: Where, also: Also | None = None) -> Replies:
        """A choice says its number, to the question that it stood below and to no other (turns.mark_of)."""
        return self._turn(Turn(str(number), who, where, mark=mark, also=also))

    def ask(
        self, skill: str, fields: Mapping[str, Any], who: Person, where: Where, said: str = "", also: Also | None = None
    ) -> Replies:
        """What a form or flags say exactly; the thread then speaks of it. `said` is kept as what was said."""
        return self._turn(Turn(said or skill, who, where, asked=(skill, fields), also=also))

    def names(self) -> tuple[list[str], list[str]]:
        """Workloads and environments that can be named now."""
        return self._names()

    def canon(self, who: Person) -> Callable[[str], str]:
        """Gives the one name of somebody who has several, as a policy that can be read says; else each is its own."""
        places = [Where("home", repository=each) for each in self.repositories or ("",)]
        seen = [self.desk.handle("status", ask_for("status", {}), who, each, on_target=True).world for each in places]
        known = [world.policy.canon for world in seen if world]
        return lambda name: next((one for of in known if (one := of(name)) != name.casefold()), name.casefold())

    def state(self, where: Where) -> Mapping[str, Any]:
        """What the thread remembers."""
        return self._memory.thread(where.thread).state

    def _turn(self, turn: Turn) -> Replies:
        """Whatever happens is an answer."""
        replies, fault = attempt(lambda: self._heard(turn))
        if fault is not None:
            return Replies([problem(fault.finding)])
        return replies if replies is not None else Replies()

    def _heard(self, turn: Turn) -> Replies:
        seen = self._memory.thread(turn.where.thread)
        turn.state = dict(seen.state)
        of_the_channel(turn, self._memory, self.of_team)
        of_the_card(turn, self._memory)
        which.note_repository(turn, self.repositories)
        answered = self._answer(turn)
        replies = self._additions.offered(turn, answered) if self._additions and answered else Replies(answered)
        turn.state |= {} if answered and answered[0].private else {"spoke": turn.who.id if answered else ""}
        try:
            self._save(turn, seen.version, replies)
        except Outdated:
            # Another turn of this thread ended meanwhile. What this one did is done; its state is the newer one.
            self._save(turn, self._memory.thread(turn.where.thread).version, replies)
        return replies

    def _save(self, turn: Turn, version: int, replies: list[Reply]) -> None:
        now, masked = self._clock(), turn.masked
        with self._memory.transaction() as tx:
            turn.version = tx.save_thread(turn.where.thread, turn.state, version, now)
            if replies:  # what people say to one another is not ours to keep
                tx.add_turn(turn.where.thread, turn.who.id, masked, kept(replies), now)
            if turn.also:
                turn.also(tx, replies, turn.state)

    def _answer(self, turn: Turn) -> list[Reply]:
        if turn.asked:
            skill, fields = turn.asked
            return self._run(turn, skill, note_asked(turn, skill, fields))
        if turn.mark is not None and turn.mark != (mark_of(turn.state) or None):
            return [replace(problem(Finding("EGR1434")), private=True)]
        workloads, environments = turn.names = self._names()
        if which.is_only_a_name(turn, self.repositories):
            return self._again(turn, Heard("reply"))
        heard = turn.heard or answer_to_question(turn, workloads, environments)
        heard, turn.verb = on_a_day(made_plain(turn, heard), self._clock().date()), heard.verb
        together = self._together.take(turn, heard, self._dispatch) if self._together else None
        return self._dispatch(turn, heard) if together is None else together

    def _dispatch(self, turn: Turn, heard: Heard) -> list[Reply]:
        handlers: Mapping[str, Callable[[Turn, Heard], list[Reply]]] = {
            "more": self._more,
            "draft": self._draft,
            "open": self._open,
            **dict.fromkeys(("approve", "reject", "hold", "decide"), self._decide),
            **dict.fromkeys(("respond", "redraw", "diagram", "withdraw", "renew"), self._typed),
            "works": self._works,
            "fails": self._fails,
            "status": lambda turn, heard: self._run(turn, "status", {"key": heard.key}),
            "help": lambda *_: [Reply(tuple(problem(Finding("EGR656")).lines))],
            "diagnose": self._diagnose,
            "check": self._check,
            "remove": self._remove,
            "port": self._port,
            "isolate": self._isolate,
            "reply": self._again,
            "other": self._other,
            "same": lambda _, heard: [problem(Finding("EGR675", {"word": heard.key or ""}))],
            "why": self._why,
            "wrong": lambda turn, _: [ask_what_it_was(turn)],
            "kept": lambda turn, heard: [keep(turn, heard.reason, self._memory, self._clock)],
            "answer": self._answered,
            "until": self._until,
            "nevermind": lambda turn, _: [problem(changed_mind(turn))],
            "waits": lambda *_: [problem(Finding("EGR690"))],
        }
        return handlers.get(heard.verb, self._unclear)(turn, heard)

    # --- the main job

    def _diagnose(self, turn: Turn, heard: Heard) -> list[Reply]:
        heard = unless_a_host(turn, heard, self.desk)
        named = heard.destinations or heard.verb == "unclear"  # a question by a word: nobody says that anything fails
        spoken_of, lead = (None, []) if named else meant(turn, self._row(turn.state.get("key")))
        new_subject(turn.state, heard)
        turn.state["text"] = turn.masked[:_KEPT_TEXT]
        ask = {"text": turn.words, "for": turn.state.get("for"), "to": spoken_of or heard.destinations}
        return [*lead, *self._run(turn, "diagnose", ask)]

    def _check(self, turn: Turn, heard: Heard) -> list[Reply]:
        before, widens = spoken_of(turn, heard, self._memory)
        new_subject(turn.state, heard)
        turn.state |= {"to": [*before, *heard.destinations], **widens}
        if not turn.state.get("for"):
            return self._which_workload(turn)
        return self._run(turn, "check", {"for": turn.state["for"], "to": heard.destinations})

    def _typed(self, turn: Turn, heard: Heard) -> list[Reply]:
        """What is said of a request in exact words."""
        skill, fields = typed(turn, heard, self.desk)
        return self._run(turn, skill, fields) if fields else [problem(Finding("EGR653", {"verb": heard.verb}))]

    def _remove(self, turn: Turn, heard: Heard) -> list[Reply]:
        new_subject(turn.state, heard)
        turn.state |= {"to": list(heard.destinations), "remove": True}
        if not turn.state.get("for"):
            return self._which_workload(turn)
        return self._draft(turn, heard)

    def _isolate(self, turn: Turn, heard: Heard) -> list[Reply]:
        """A namespace that shall be denied by default. It is drafted at once, for there is nothing to check first."""
        new_subject(turn.state, replace(heard, workload=None))
        turn.state["default_deny"] = heard.workload
        return self._draft(turn, heard)

    def _port(self, turn: Turn, heard: Heard) -> list[Reply]:
        """The same hosts on another port."""
        note_workload(turn.state, heard)
        there = hosts_on(turn.state, heard.port)
        if not there or not turn.state.get("for"):
            return self._unclear(turn, heard)
        return self._check(turn, replace(heard, destinations=there))

    def _again(self, turn: Turn, heard: Heard) -> list[Reply]:
        """A workload or environment alone: the last question once more, for that one."""
        if (asked := which_phase(turn, heard)) is not None:
            return [asked]
        note_workload(turn.state, heard)
        if turn.state.get("text"):
            return self._run(turn, "diagnose", of_the_thread(turn.state))
        if turn.state.get("to") and turn.state.get("for"):
            return self._run(turn, "check", {"for": turn.state["for"], "to": turn.state["to"]})
        return self._unclear(turn, heard)

    def _draft(self, turn: Turn, heard: Heard) -> list[Reply]:
        if heard.destinations and heard.verb == "draft":  # all in one message: nobody has to ask first
            new_subject(turn.state, heard)
            turn.state["to"] = list(heard.destinations)
            if not turn.state.get("for"):
                return self._which_workload(turn)
        if not turn.state.get("default_deny") and not (turn.state.get("for") and turn.state.get("to")):
            return [problem(Finding("EGR650"))]
        if heard.environment is not None:
            note_workload(turn.state, heard)
        turn.state["reason"] = heard.reason or turn.state.get("reason", "")
        turn.state["drafted_by"] = turn.who.id
        return self._run(turn, "draft", {**need_of(turn.state), "reason": turn.state["reason"]})

    def _until(self, turn: Turn, heard: Heard) -> list[Reply]:
        """Another last day: the draft is drawn anew with it, and what one has asked for is changed by it."""
        said = take_until(turn, str(heard.until), self._row(turn.state.get("key")))
        return [problem(said)] if said else self._draft(turn, heard)

    def _answered(self, turn: Turn, heard: Heard) -> list[Reply]:
        """A draft's question: a destination stands for the one that was asked about, any other choice is noted."""
        bare = replace(heard, reason="")
        if heard.key == "repository":
            return self._run(turn, *which.chosen(turn, heard.reason))
        if heard.key == "phase":
            return self._again(turn, bare) if take_space(turn, heard) else [problem(Finding("EGR680"))]
        if heard.key == "environment":
            return (self._draft if take_environment(turn, heard.reason) else self._again)(turn, bare)
        if (asked := which_name(turn, heard)) is not None:
            return [asked]
        if "://" in heard.reason:
            turn.state["to"] = instead(turn.state, heard)
        if given := addresses_in(heard.reason):
            turn.state |= {"ip": given, "on": self._clock().date().isoformat()}
        else:
            turn.state["answer"] = [*turn.state.get("answer", ()), f"{heard.key}={heard.reason}"]
        return self._run(turn, "draft", {**need_of(turn.state), "reason": turn.state.get("reason", "")})

    def _open(self, turn: Turn, heard: Heard) -> list[Reply]:
        """As it was drafted: a reason that comes only now stands in the merge request, not in the file."""
        if not turn.state.get("digest"):
            return [problem(Finding("EGR667" if turn.state.get("nothing") else "EGR651"))]
        if turn.digest and turn.digest != turn.state["digest"]:
            return [problem(Finding("EGR406", {"shown": turn.digest[:12], "now": turn.state["digest"][:12]}))]
        noted = str(turn.state.get("reason", ""))
        reason = heard.reason or turn.state.get("reason_given") or noted
        if not reason:
            turn.state["asking"] = {"id": "reason", "choices": [], "who": turn.who.id}
            hint = turn.state.get("hint", "")
            return [problem(Finding("EGR652" if hint else "EGR306", {"hint": hint}))]
        if (warning := before_others_read_it(turn, reason)) is not None:
            return [warning]
        return self._run(turn, "propose", {**need_of(turn.state), **opening(turn.state), "reason": reason})

    def _decide(self, turn: Turn, heard: Heard) -> list[Reply]:
        key = heard.key or only_one_waiting(turn, self.desk)
        if not key:
            return [problem(Finding("EGR653", {"verb": heard.decision}))]
        ask = decision(turn, heard, key)
        replies = self._run(turn, "decide", ask)
        if ask["digest"] is None and self._row(key):
            replies += self._run(turn, "status", {"key": key})  # so that the next one is about what was seen
        return replies + self._after_merge(turn, key)

    def started(self, where: Where) -> bool:
        """Whether this thread was spoken in before, or begins with a card."""
        return self._memory.thread(where.thread).version > 0 or self._memory.card_shown(where.thread) is not None

    def _after_merge(self, turn: Turn, key: str) -> list[Reply]:
        """The check once more on the new target branch: said with its commit, never assumed."""
        request = self._row(key)
        if request is None or request.state not in STANDING_STATES or turn.state.get("told") == key:
            return []
        turn.state["told"] = key
        turn.state["key"] = key
        return [since_merge(request, turn, self.desk, self._memory, self._clock)]

    def _works(self, turn: Turn, heard: Heard) -> list[Reply]:
        return [works(the_merged(turn, heard.key, self.desk, self._memory), turn, self._memory, self._clock)]

    def _fails(self, turn: Turn, heard: Heard) -> list[Reply]:
        """Diagnose further, with the merge request as context."""
        request = the_merged(turn, heard.key, self.desk, self._memory)
        lead = still_fails(request, turn, self._memory, self._clock)
        if request.destinations == ISOLATION and not turn.state.get("text"):
            return lead
        if not turn.state.get("text") or not is_about(turn, request):
            turn.state |= flow_of(request)
            return [*lead, *self._run(turn, "check", flow_of(request))]
        return [*lead, *self._run(turn, "diagnose", of_the_thread(turn.state))]

    # --- follow-ups

    def wants_what_is_above(self, words: str) -> bool:
        """Whether a message says nothing by itself, so that what stands above it is meant."""
        return says_nothing(words, *self._names())

    def _other(self, turn: Turn, heard: Heard) -> list[Reply]:
        name, choices = other_one(turn.state, self._names()[0])
        if name is not None:
            return self._again(turn, replace(heard, workload=name))
        turn.state["asking"] = {"id": "workload", "choices": choices}
        return [choosing(Finding("EGR105"), choices)]

    def _more(self, turn: Turn, _heard: Heard) -> list[Reply]:
        folded = turn.state.get("folded") or []
        if not folded:
            return [problem(Finding("EGR655"))]
        return [Reply(tuple(line for section in folded for line in section.splitlines()))]

    def _why(self, turn: Turn, heard: Heard) -> list[Reply]:
        """The rules behind an allowed host, with their history; a bare "why?" after a denial shows its evidence."""
        asked = why(turn.state, heard)
        return self._run(turn, "why", asked) if asked else self._more(turn, heard)

    def _unclear(self, turn: Turn, heard: Heard) -> list[Reply]:
        if means_a_host(turn, heard, self.desk):
            return self._diagnose(turn, heard)
        return [] if is_talk(turn) else [problem(not_understood(turn, heard))]

    def _which_workload(self, turn: Turn) -> list[Reply]:
        turn.state["asking"] = {"id": "workload", "choices": []}
        return [problem(Finding("EGR105"))]

    def _run(self, turn: Turn, skill: str, fields: Mapping[str, Any]) -> list[Reply]:
        ask = ask_for(skill, fields)
        which.stands_for(turn, fields)
        handled = self.desk.handle(skill, ask, turn.who, turn.where, on_target=True)
        if handled.answer is None:
            assert handled.problem is not None
            return [replace(problem(handled.problem.finding), private=True)]
        turn.state.pop("asking", None)
        turn.answers.append((skill, handled.answer))
        remember(turn, skill, handled.answer)
        which.keep(turn, skill, fields, handled.answer)
        made = reply(skill, handled.answer)
        turn.state["folded"] = [section.body for section in made.folded]
        turn.state |= {"diff": made.whole[:_DIFF_KEPT]} if made.whole else {}
        return [*by_the_channel(turn, skill), made, *decided_before(turn, skill, handled.world)]

    def _row(self, key: str | None) -> Request | None:
        return self._memory.asked_for(key) if key else None
