"""Commands are heard in exact words, each with nothing before it and nothing after it: what no pattern fits is none.

A decision is heard only so: no sentence, however friendly, approves anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import re2

from skills.core.all_symptoms import Judgement
from skills.core.secrets import mask
from skills.core.until import DAY, SPAN

Verb = Literal[
    "more", "draft", "open", "approve", "reject", "hold", "decide", "respond", "works", "fails", "status", "help",
    "diagnose", "check", "remove", "port", "isolate", "answer", "reply", "empty", "unclear", "other", "same", "wrong",
    "kept", "why", "redraw", "diagram", "withdraw", "renew", "until", "nevermind", "waits", "without",
]  # fmt: skip

_COMMANDS: tuple[tuple[str, Verb], ...] = (
    (
        r"(?:tell me |show me )?more|details|evidence|(?:please )?explain(?: (?:it|that|this))?"
        r"|what does (?:it|that|this) mean\??",
        "more",
    ),
    (r"(?:so )?(?:is|was) (?:it|that|this) (?:still |now )?(?:allowed|blocked|denied|open)(?: now)?\??", "reply"),
    (r"why\??|why not\??|how come\??|who approved (?:it|that|this)\??|since when\??", "why"),
    (r"(?:that'?s |that is |this is )?(?:not right|wrong)", "wrong"),
    (r"(?:it'?s |it is )?merged[^\n.]{0,40}\bstill (?:fails|failing|broken)", "fails"),
    (
        r"(?:ok(?:ay)?,? |oh,? |no,? )?(?:never ?mind|cancel|forget (?:it|that|about it)|start over|undo"
        r"|scrap (?:it|that))",
        "nevermind",
    ),
    (
        r"who (?:approves|decides|(?:has to|must|can|will|should) (?:approve|decide))(?: (?:it|this|that))?\??"
        r"|how long (?:will|does) (?:it|this|that|(?:the )?approval) take\??"
        r"|(?:why|who|when) (?:was|is|has|did) [^\n.:/]{0,40}\b(?:reject\w*|approv\w*|held|on hold|merged?|closed?)\b"
        r"[^\n.:/]{0,20}",
        "waits",
    ),
    (r"help(?: me)?|\?|commands|what can (?:you|i) do(?: here)?\??|how do(?:es)? (?:you|this|it) work\??", "help"),
)
_EXACT = tuple((re2.compile(rf"(?i)(?:{pattern})[.!]?"), verb) for pattern, verb in _COMMANDS)
BECAUSE = r"(?:because(?: of)?|reason:?)"
REASON, _REASON_OR_FOR, _REASON_OR_ASKED = (
    rf"(?:\s*[,:]?\s*{before}\s+(.+)|[{ends}]?)"
    for before, ends in ((BECAUSE, ".!"), (f"(?:{BECAUSE}|for)", ".!"), (BECAUSE, ".!?"))
)
"""How a reason follows a command, to the end of what was said; or nothing follows."""
KEY = r"EG-[A-Z2-7]{7}(?:-\d+)?"
_OF_THE_MERGED: tuple[tuple[str, Verb], ...] = (
    (r"(?:it )?works(?: now| again)?|(?:it'?s |it is )?working(?: now| again)?|fixed", "works"),
    (r"(?:it )?still (?:fails|failing|broken|not working)|(?:it )?(?:doesn'?t|does not) work(?: yet)?", "fails"),
)
_AFTER = tuple(
    (re2.compile(rf"(?i)(?:({KEY})[,:]?\s+)?(?:{said})(?:\s+({KEY}))?[.!]?"), verb) for said, verb in _OF_THE_MERGED
)
"""What is said of a merged request, with its key before or behind it where its thread is not the one."""
_STATUS = re2.compile(
    r"(?i)(?:status|(?:(?:show|list|what are)\s+)?(?:my\s+|all\s+|the\s+|open\s+)*requests"
    r"|(?:is|are) there (?:already |still )?(?:an?|any) (?:open |pending )?requests?(?: for [^\n]{1,80})?"
    r"|what(?:'s| is) (?:still )?(?:open|pending|waiting))(?:\s+(?:of\s+)?(EG-\S{1,40}))?[.!?]?"
)
_DIAGRAM = re2.compile(rf"(?i)diagram done(?:\s+({KEY}))?[.!]?")
_REDRAW = re2.compile(rf"(?i)redraw(?:\s+({KEY}))?[.!]?")
_WITHDRAW = re2.compile(rf"(?is)(?:withdraw(?: it| the request| my request)?(?:\s+({KEY}))?|cancel\s+({KEY})){REASON}")
_RENEW = re2.compile(rf"(?is)renew(?:\s+({KEY}))?\s+until\s+(\d{{4}}-\d{{2}}-\d{{2}}){REASON}")
_LAST_DAY = re2.compile(
    r"(?i)(?:(?:please|only|just|but|and|make it|make that|keep it|draft it|needed|i need it|we need it)[,\s]+)*"
    rf"(?:(?:until|till|up to)\s+({DAY})|for\s+({SPAN}))(?:\s+only)?[.!]?"
)
_SOME_DAY = re2.compile(r"(?i)(?:(?:please|only|just|but|make it|keep it)[,\s]+)*(?:until|till)\s+(\S+(?:\s+\S+){0,3})")
_ASKS = r"(?is)(?:please |pls |(?:can|could) you (?:please )?)*"
_DRAFT = re2.compile(rf"{_ASKS}draft(?: it| that| the change)?{_REASON_OR_FOR}")
_ISOLATE = re2.compile(
    r"(?is)(?:please\s+)?(?:can you\s+|could you\s+)?"
    r"(?:(?:(?:set\s?up|add|create|enable|turn on|draft|make|start)\s+)?(?:an?\s+|the\s+)?default[- ]den(?:y|ial)"
    r"(?:[- ]egress)?(?:\s+(?:policy|policies|rule|rules))?\s+(?:egress\s+)?(?:for|in|on|of)|isolate|lock\s?down)\s+"
    r"(?:the\s+)?(?:(?:new\s+)?namespace\s+)?[`'\"]?([a-z0-9][-a-z0-9]{0,62})[`'\"]?(?:\s+namespace)?"
    rf"{_REASON_OR_ASKED}"
)
_OPEN = re2.compile(rf"{_ASKS}(?:open|propose)(?: it| the merge request)?(?: again)?{_REASON_OR_FOR}")
_OPEN_UNTIL = re2.compile(
    rf"{_ASKS}(?:open|propose|draft)(?: it| the merge request)?,? (?:only )?(?:(?:until|till)\s+({DAY})|for\s+({SPAN}))"
    rf"{_REASON_OR_ASKED}"
)
_OFF_HOLD = "resume|un-?hold|release(?: the hold)?|(?:take (?:it )?)?off hold"
_HELD = re2.compile(f"(?i){_OFF_HOLD}")
_DECIDE = re2.compile(
    rf"(?is)(approve|reject|hold|{_OFF_HOLD}|(?:request )?changes|veto|review|break[- ]glass)(?:\s+({KEY}))?"
    rf"(\s+confirmed)?{REASON}"
)
_PART = re2.compile(
    rf"(?is)approve\s+({KEY})(?:\s+only)?(?:\s+for\s+([a-z0-9_., -]+?))?"
    r"(?:\s+(?:only\s+)?to\s+(\S+(?:[ ,]+\S+)*?))?(?:\s+(?:only\s+)?until\s+(\d{4}-\d{2}-\d{2}))?"
    rf"{REASON}"
)
_ASK = re2.compile(rf"(?is)ask\s+({KEY})\s*[,:]?\s+(.+)")
_ANSWER = re2.compile(rf"(?is)answer\s+({KEY})\s*[,:]?\s+(.+)")
_COURTESIES = {
    "thanks": re2.compile(
        r"(?i)(?:ok(?:ay)?[,!. ]+|great[,!. ]+)?(?:(?:many )?thanks?|thank you|thx|ty|cheers)\b[^\n]{0,40}"
    ),
    "hello": re2.compile(
        r"(?i)(?:hi|hello|hey|good (?:morning|afternoon|evening))(?: (?:there|all|everybody|postern))?[!. ]*"
    ),
    "nod": re2.compile(
        r"(?i)(?:(?:ok(?:ay)?|yes|yep|no|nope|sure|great|perfect|nice|cool|good|got it|will do|done|right|sorry|hm+)"
        r"\b[,.! ]*){1,4}|[^\w\n]{1,20}|:[a-z0-9_+-]{1,40}:"
    ),
}
LONGEST = 2400


@dataclass(frozen=True, slots=True)
class Heard:
    """What a message means. `workload` and `environment` only as far as it says so; an empty environment is all."""

    verb: Verb
    workload: str | None = None
    environment: str | None = None
    destinations: tuple[str, ...] = ()
    reason: str = ""
    key: str | None = None
    judgement: Judgement | None = None
    until: str | None = None
    port: str | None = None
    decision: str = ""
    """The verb of `decide`."""
    confirmed: bool = False
    also: bool = False
    """Beside what the thread speaks of, not instead of it."""


def command(said: str) -> Heard | None:
    if len(said) > LONGEST:
        return None
    for pattern, verb in _EXACT:
        if pattern.fullmatch(said):
            return Heard(verb)
    for pattern, after in _AFTER:
        if match := pattern.fullmatch(said):
            return Heard(after, key=match[1] or match[2])
    if match := _STATUS.fullmatch(said):
        return Heard("status", key=match[1])
    if match := _REDRAW.fullmatch(said):
        return Heard("redraw", key=match[1])
    if match := _DIAGRAM.fullmatch(said):
        return Heard("diagram", key=match[1])
    if match := _WITHDRAW.fullmatch(said):
        return Heard("withdraw", key=match[1] or match[2], reason=flat(match[3]))
    if match := _RENEW.fullmatch(said):
        return Heard("renew", key=match[1], until=match[2], reason=flat(match[3]))
    if match := _LAST_DAY.fullmatch(said):
        return Heard("until", until=match[1] or match[2])
    if match := _OPEN_UNTIL.fullmatch(said):  # what is opened was shown, so the draft comes first with its last day
        return Heard("until", until=match[1] or match[2], reason=flat(match[3]))
    if match := _SOME_DAY.fullmatch(said):
        return Heard("until", until=match[1])  # refused with how a day is written
    if decided := _decision(said):
        return decided
    if match := _ISOLATE.fullmatch(said):
        return Heard("isolate", workload=match[1].lower(), reason=flat(match[2]))
    if match := _DRAFT.fullmatch(said):
        return Heard("draft", reason=flat(match[1]))
    if match := _OPEN.fullmatch(said):
        return Heard("open", reason=flat(match[1]))
    return None


def _decision(said: str) -> Heard | None:
    """Exact commands only, each with nothing before it and nothing between its words that they don't have."""
    if match := _DECIDE.fullmatch(said):
        name = match[1].lower().removeprefix("request ").replace(" ", "-")
        if match[3] and name != "break-glass":
            return None
        verb: Verb = name if name in ("approve", "reject", "hold") else "decide"
        decision = "resume" if _HELD.fullmatch(match[1]) else name
        return Heard(verb, key=match[2], reason=flat(match[4]), decision=decision, confirmed=bool(match[3]))
    if match := _ASK.fullmatch(said):
        return Heard("decide", key=match[1], reason=flat(match[2]), decision="ask")
    if match := _ANSWER.fullmatch(said):
        return Heard("respond", key=match[1], reason=flat(match[2]))
    if match := _PART.fullmatch(said):
        key, environments, to, until, reason = match.groups()
        split = [re2.split(r"(?:\s|,|\band\b)+", words) if words else [] for words in (environments, to)]
        chosen, far = ([word for word in words if word and word != "and"] for words in split)
        return Heard(
            "decide",
            environment=",".join(chosen) or None,
            destinations=tuple(far),
            reason=flat(reason),
            key=key,
            until=until,
            decision="part",
        )
    return None


def courtesy(said: str) -> str:
    """`thanks`, `hello` or `nod`: words that ask nothing. Empty for all others."""
    return next((name for name, pattern in _COURTESIES.items() if pattern.fullmatch(said.strip())), "")


def flat(text: str | None) -> str:
    """On one line, and without what must never be kept."""
    return mask(" ".join(text.split())).text if text else ""
