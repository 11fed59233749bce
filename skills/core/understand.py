"""Words become a typed intention, by rule. What no rule is sure of is said to be unclear, never guessed.

A decision is heard only as an exact command: no sentence, however friendly, approves anything.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import re2

from skills.core.all_symptoms import judge
from skills.core.commands import BECAUSE, LONGEST, REASON, Heard, Verb, command, flat
from skills.core.flows import readable
from skills.core.named import ENVIRONMENTS, find_environment, find_environments, find_workload
from skills.core.report import read_report
from skills.core.until import DAY, SPAN

_ALSO = re2.compile(r"(?i)^\s*(?:(?:and|please|oh)[,\s]+)*(?:also|plus|additionally)\b|\b(?:too|as well)\s*[.!?]*\s*$")

_REMOVE = re2.compile(r"(?i)\s*(?:please\s+)?(?:remove|revoke|take away|delete)\b")

_DRAFT = re2.compile(rf"(?is)(?:please\s+|(?:can|could) you\s+)*draft\s+(.+?)(?:\s*[,:]?\s*\b{BECAUSE}\s+(.+))?")
_WHY = re2.compile(r"(?i)(?:why|how come|who|since when|how long)\b.{0,200}\b(?:allow|open|permit|approv|reachable)")
_ALL_OF_IT = re2.compile(
    r"(?i)\s*(?:(?:what|where|which (?:hosts|destinations))(?: all)? (?:can|may|is|does|do|are)"
    r"\s+(?:the\s+)?([a-z0-9][a-z0-9/:._-]*)\s(?:.{0,60}\s)?(?:reach|access|allowed|talk to|connect to|open)(?: to)?"
    r"|(?:please )?(?:show|list)(?: me)?(?: all| the)* (?:rules|allowlist|egress(?: rules)?|destinations)"
    r"\s(?:for|of)\s+(?:the\s+)?([a-z0-9][a-z0-9/:._-]*))(?:\s+in\s+[a-z]+)?\s*[?.!]*"
)
_NOBODY = frozenset(("it", "we", "i", "this", "that", "they", "them", "there", "app", "my", "our", "us", "too"))
_REACHES = re2.compile(r"(?i)\b(?:reach|talk to|call|contact|access|connect to)\s+(?:the\s+)?([a-z][a-z0-9-]+)")
_UNTIL = re2.compile(
    rf"(?i)[\s,]+(?:only\s+|just\s+)?(?:until|till)\s+({DAY})\b|[\s,]+(?:only\s+|just\s+)?for\s+({SPAN})\s*[.!]*$"
)

# What only a thread can explain: `and 8443?`, `no, the other project`, `same for sendgrid`.
_PORT_FOLLOWS = re2.compile(
    r"(?i)(?:(?:and|what about|how about|or|no,?|actually,?|sorry,?)\s+)*"
    r"(?:(?:make (?:it|that)|use|try|i meant?|it'?s|it is|rather|on|for|to)\s+)*(?:port\s*)?:?(\d{2,5})"
    r"(?:\s+(?:too|as well|instead|please|then))*\s*[?.!]*"
)
_ONLY = re2.compile(rf"(?is)(?:please )?(?:draft (?:it )?)?(?:only|just)(?: for| in)? ([a-z]+){REASON}")
_BOTH = re2.compile(r"(?i)(?:please )?(?:draft (?:it )?)?(?:for |in )?both(?: environments| overlays)?[.!]?")
_OTHER = re2.compile(
    r"(?i)(?:no[,.]?\s+)?(?:i (?:meant?|mean)\s+)?(?:and\s+)?(?:what about\s+)?(?:(?:in|from|for|on)\s+)?"
    r"the other (?:one|project|app|workload|service|space|namespace|env(?:ironment)?|stage)[.!?]*"
)
_SAME = re2.compile(
    r"(?i)(?:and\s+)?(?:the\s+)?same (?:for|with|to|thing for)\s+([A-Za-z0-9][A-Za-z0-9-]{1,60})\s*[.!?]*"
)
_DROP = re2.compile(r"(?i)(?:please )?(?:drop|leave out|skip|without|not|omit|but not)\s+(\S+\.\S+?)[.!]?")
# "must reach data-platform/ingest on 8080": pods by the name of their workload.
_PEER = re2.compile(
    r"(?i)\b(reach|reaching|talk(?:ing)? to|call|calling|connect(?:ing)? to|access|contact)\s+(?:the\s+)?"
    r"[`'\"]?([a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9.-]*)[`'\"]?(?::|\s+(?:on|at)\s+(?:port\s+)?)(\d{1,5})\b"
)
_OWN = re2.compile(
    r"\b(?:workload://[A-Za-z0-9-]+/|cf-(?:service|route)://)[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?::\d{1,5}(?:-\d{1,5})?)?"
)
_BROKERED = re2.compile(
    r"(?i)\b(?:its|our|my|their|brokered) (?:own )?(?:database|db|postgres\w*|mysql|rds|redis|cache|elasticsearch"
    r"|opensearch|search index|s3|bucket)\b"
)
_BUCKET = re2.compile(r"\bs3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_LONGEST_ASK = 1500
_FAILS = re2.compile(r"(?i)\b(?:can'?t|cannot|could ?n[o']t|fail\w*|block\w*|broken|down|stuck|since|been|why)\b")
_PORTS_END = 65536
_FEW_WORDS = 6
_PORT_ALONE = re2.compile(r"(?i)\bport\s+(\d{1,5})\b")
_HOSTLIKE = re2.compile(r"[^\s.:/@]\.[^\s.]|::|[0-9a-f]:[0-9a-f]|@|://|\d+/\d+|[^\x00-\x7f]\S*[^\x00-\x7f]")


def hear(words: str, names: Sequence[str] = (), environments: Collection[str] = ()) -> Heard:
    """`names` are the workloads that the allowlist knows, `environments` those that it speaks of."""
    heard = _draft_at_once(words, names, environments) or _hear(words, names, environments)
    return replace(heard, also=heard.verb in ("check", "port") and bool(_ALSO.search(words)))


def _draft_at_once(words: str, names: Sequence[str], environments: Collection[str]) -> Heard | None:
    """`draft HOST for APP because WHY`: all that a draft needs, with nothing asked before it."""
    said = _DRAFT.fullmatch(words.strip()) if len(words) <= LONGEST else None
    heard = _hear(said[1], names, environments) if said else None
    return replace(heard, verb="draft", reason=flat(said[2])) if said and heard and heard.verb == "check" else None


def _hear(words: str, names: Sequence[str], environments: Collection[str]) -> Heard:
    said = words.strip()
    if not said:
        return Heard("empty")
    if len(said) < LONGEST and said[:1] in "*_`" and said[-1:] == said[:1]:
        said = said.strip("*_` ")
    exact = command(said)
    if exact is not None:
        return exact
    follow = _follow_up(said, names, environments)
    if follow is not None:
        return follow
    said = _with_peers(said, names)
    own = tuple(dict.fromkeys(_OWN.findall(said)))
    whole, said = said, _OWN.sub(" ", said)  # the words of `--to` for what is no host are no URLs of a host
    said, due = _due(said)
    judgement = judge(report := read_report(said))
    if judgement.symptom == "no_error" and len(said) <= _LONGEST_ASK:
        # Nobody pastes a program's output here: every host that is named is wanted, with the port said beside it.
        judgement = replace(judgement, destinations=read_report(said, asking=True).destinations)
    subject = find_workload(said, names)
    environment = find_environments(said, environments) or find_environment(said, environments)
    said = whole
    if environment and subject and subject.casefold() in (environment.casefold(), *ENVIRONMENTS.get(environment, ())):
        subject = None  # "and from staging?" names the environment, no workload
    # Which host a bucket means that is only asked for depends on where the app runs.
    implied = judgement.symptom == "no_error" and not any(seen.stated for seen in judgement.destinations)
    buckets = tuple(_BUCKET.findall(said)) if implied else ()
    destinations = (*own, *(buckets or _as_written(tuple(readable(judgement.destinations)), said)))
    if judgement.symptom != "no_error" or report.scanned < report.total:
        return Heard("diagnose", subject, environment, destinations, judgement=judgement)
    if destinations:
        wanted: Verb = "remove" if _REMOVE.match(said) else "why" if _WHY.match(said) else "check"
        return Heard(wanted, subject, environment, destinations, judgement=judgement, until=due)
    return _without_a_host(said, Heard("unclear", subject, environment, judgement=judgement))


def _without_a_host(said: str, heard: Heard) -> Heard:
    """What a sentence may still mean that names no destination."""
    port, listing = _PORT_ALONE.search(said), _ALL_OF_IT.fullmatch(said)
    if port and not _looks_like_a_host(said):
        return replace(heard, verb="port", port=port[1])
    if listing:
        word = listing[1] or listing[2]
        named = heard.workload or (None if word.casefold() in _NOBODY else word)
        return replace(heard, verb="why", workload=named, key="all")
    if heard.workload and _BROKERED.search(said):
        return replace(heard, verb="diagnose")
    named_only = (heard.workload or heard.environment) and _only_names(said)
    return replace(heard, verb="reply") if named_only else heard


def _with_peers(said: str, names: Sequence[str]) -> str:
    """Workloads that are to be reached, in the words of `--to`, so that they are not taken for who asks."""
    known = {name.casefold(): name for name in names}
    for match in _PEER.finditer(said[:_LONGEST_ASK]):
        name = known.get(match[2].casefold())
        said = said.replace(match[0], f"{match[1]} workload://{name}:{match[3]}") if name else said
    return said


def _due(said: str) -> tuple[str, str | None]:
    """A wish without its last day, for no workload is called two, and that day. How long something fails is none."""
    found = _UNTIL.search(said)
    if not found or not (found[1] or not _FAILS.search(said)):
        return said, None
    bare = said.replace(found[0], " ")
    return (bare, found[1] or found[2]) if judge(read_report(bare)).symptom == "no_error" else (said, None)


def _follow_up(said: str, names: Sequence[str], environments: Collection[str]) -> Heard | None:
    """A few words that stand on what the thread spoke of before."""
    only = _ONLY.fullmatch(said)
    if only and (environment := find_environment(only[1], environments)):
        return Heard("draft", environment=environment, reason=flat(only[2]))
    if _BOTH.fullmatch(said):
        return Heard("draft", environment="")
    if match := _PORT_FOLLOWS.fullmatch(said):
        return Heard("port", port=match[1])
    if _OTHER.fullmatch(said):
        return Heard("other")
    dropped = _DROP.fullmatch(said)
    if dropped and (given := readable(read_report(dropped[1], asking=True).destinations)):
        return Heard("without", find_workload(said, names), destinations=tuple(given))
    match = _SAME.fullmatch(said)
    if match and find_workload(match[1], names) is None:
        return Heard("same", key=match[1])
    return None


def _as_written(destinations: tuple[str, ...], said: str) -> tuple[str, ...]:
    """A port that no port can be stays as it was written, so that it is refused and not replaced by a guess."""
    out = []
    for item in destinations:
        host = item.rpartition("://")[2].partition(":")[0]
        bad = re2.search(rf"(?i)\b{re2.escape(host)}:(\d+)\b", said) if host else None
        out.append(f"{host}:{bad[1]}" if bad and not 0 < int(bad[1][:9]) < _PORTS_END else item)
    return tuple(out)


def _only_names(said: str) -> bool:
    """A few plain words: a name, an environment. Anything that could be a destination needs to be understood first."""
    wanted = _REACHES.search(said)
    if wanted and wanted[1].casefold() not in _NOBODY:
        return False
    return len(said.split()) <= _FEW_WORDS and not _looks_like_a_host(said)


def _looks_like_a_host(said: str) -> bool:
    return bool(_HOSTLIKE.search(said))
