"""Workloads and environments in the words of a person."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import re2

_WORD = re2.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*(?:\{[^}\n]{1,200}\})?")
_KIND = re2.compile(r"(?i)^(?:deploy(?:ment)?s?|sts|statefulsets?|daemonsets?|ds|cronjobs?|jobs?|pods?|po)(?:\.apps)?/")
_NAME = r"[`'\"]?([a-z0-9][a-z0-9-]*(?:/[a-z0-9-]+)*)[`'\"]?"
_SUBJECT = re2.compile(
    rf"(?i)^\s*[`'\"]?([a-z0-9][a-z0-9-]*(?:/[a-z0-9-]+)+)[`'\"]?:\s"
    rf"|(?:^|\s)(?:for|from|app|project|service|workload)\s+{_NAME}"
    rf"|(?:^|\s)(?:allow|let|permit)\s+{_NAME}\s+(?:to|reach|access)\b|^\s*{_NAME}\s+(?:to|->|→)\s"
    rf"|(?:^|\s){_NAME}\s+(?:gets?|can'?t|cannot|could not|times? out|needs?|must|fails?|has|is)\b"
)
_IN_A_HOST = re2.compile(r"\.[A-Za-z0-9]")
_IN_SPACE = re2.compile(
    r"(?i)[`'\"]?\b([a-z0-9][a-z0-9.-]*)[`'\"]?\s+(?:(?:pods?|app|service|deployment|jobs?)\s+)?(?:running\s+)?"
    r"(?:in|inside|within|of)\s+(?:(?:the|our|my)\s+)?(?:(?:namespace|ns|project|space)\s+)?[`'\"]?([a-z0-9][a-z0-9-]*)\b"
)
ENVIRONMENTS = {
    "production": ("production", "prod", "prd", "live"),
    "staging": ("staging", "stage", "stg"),
    "development": ("development", "dev"),
    "test": ("test", "testing"),
}
_STAGES = frozenset(word for words in ENVIRONMENTS.values() for word in words)
_NOT_A_WORKLOAD = frozenset({
    "a", "an", "the", "it", "this", "that", "we", "i", "you", "they", "he", "she", "there", "what", "which", "who",
    "app", "service", "my", "our", "your", "everything", "something", "someone", "nobody", "please", "and", "or",
    "but", "not", "if", "when", "while", "error", "curl", "python", "java", "node", "request", "connection",
    "host", "why", "how", "where", "whether", "so", "then", "here", "now", "still", "also", "yes", "no",
})  # fmt: skip
_LONGEST_ASK = 1500
_CLAUSE = re2.compile(r"(?i)[,;!?\n]|\.\s|\b(?:but|while|whereas|though|although|and)\b")
_WELL = re2.compile(r"(?i)\b(?:works?|worked|working|fine|ok|okay|healthy|good|reach(?:es|ed) it|succeed(?:s|ed)?)\b")
_FAILS = re2.compile(
    r"(?i)\b(?:can'?t|cannot|not|never|no longer|\w+n[^\w\s]t|fail\w*|error|block\w*|broken|refused|time\w*|down)\b"
)


def find_workload(said: str, names: Sequence[str]) -> str | None:
    """A known name in the text, the longest first; else a word that stands where a workload stands."""
    known: dict[str, str] = {}
    for name in names:
        known.setdefault(name.casefold(), name)
        known.setdefault(name.rsplit("/", 1)[-1].casefold(), name.rsplit("/", 1)[-1])
    words = [_KIND.sub("", word.rstrip(".,:;/-")) for word in _WORD.findall(said[:4000])]
    hits = [known[word.casefold()] for word in words if word.casefold() in known]
    # An app of a known space or namespace: `org/space/app`.
    hits += [word for word in words if word.count("/") > 1 and word.rpartition("/")[0].casefold() in known]
    # Pods by their labels: `namespace{label=value}`.
    hits += [word for word in words if word.endswith("}") and word.partition("{")[0].casefold() in known]
    # "vault in vault-prod": a workload beside its own namespace or project.
    hits += [known[whole] for one in hits for two in hits if (whole := f"{two}/{one}".casefold()) in known]
    inside = _in_space(said, names, known)
    if inside:
        return inside
    if hits:
        return max([hit for hit in hits if hit.casefold() not in _STAGES] or hits, key=len)
    for match in _SUBJECT.finditer(said[:1000]):
        word: str = next(filter(None, match.groups()))
        if _IN_A_HOST.match(said[match.end() :]):
            continue
        if word.casefold() not in _NOT_A_WORKLOAD and not word.isdigit():
            return word
    return None


def find_workloads(said: str, names: Sequence[str]) -> list[str]:
    """All known names in the text, in the order in which they stand there; a namespace beside its own workload is no
    other one."""
    known = {short.casefold(): name for name in names for short in (name.rsplit("/", 1)[-1], name)}
    words = [_KIND.sub("", word.rstrip(".,:;/-")).casefold() for word in _WORD.findall(said[:_LONGEST_ASK])]
    found = list(dict.fromkeys(known[word] for word in words if word in known and word not in _STAGES))
    return [name for name in found if not any(other.startswith(f"{name}/") for other in found)]


def _in_space(said: str, names: Sequence[str], known: Mapping[str, str]) -> str | None:
    """`cloudflared in vault-prod` means that namespace, whether or not such a workload is known there."""
    spaces = {name.rpartition("/")[0].casefold() for name in names} | {name.casefold() for name in names}
    for match in _IN_SPACE.finditer(said[:4000]):
        one, two = match[1].casefold(), match[2].casefold()
        there = known.get(f"{two}/{one}")
        fits = one in known and two in spaces and "/" not in known[one] and one != two and two not in _STAGES
        if there or fits:
            return there or f"{known.get(two, match[2])}/{known[one]}"
    return None


def find_environments(said: str, environments: Collection[str]) -> str | None:
    """Environments that are named side by side, joined as `--for` takes them: "in staging and production".

    Named apart they are no list: "works in staging, fails in production" speaks of one.
    """
    known = {word: name for name in environments for word in (name.casefold(), *ENVIRONMENTS.get(name.casefold(), ()))}
    words = "|".join(re2.escape(word) for word in sorted(known, key=len, reverse=True))
    joint = r"(?:\s*[,&+]\s*|\s+)(?:(?:and|as well as)\s+)?(?:(?:in|for|from)\s+)?"
    listed = re2.search(rf"(?i)\b(?:{words})(?:{joint}(?:{words}))+\b", said[:_LONGEST_ASK]) if known else None
    named = [known[word.casefold()] for word in _WORD.findall(listed[0]) if word.casefold() in known] if listed else []
    return ",".join(dict.fromkeys(named)) if len(set(named)) > 1 else None


def find_environment(said: str, environments: Collection[str]) -> str | None:
    """An environment that the allowlist knows, by its name or the short forms that people use.

    Of several it is the one of which nobody says that it works: "staging can't reach it, prod works". None where that
    leaves more than one.
    """
    clauses = [clause for clause in _CLAUSE.split(said[:4000]) if clause]
    found = _environments_in(clauses, environments)
    if len(found) > 1:
        found = _environments_in(
            [each for each in clauses if _FAILS.search(each) or not _WELL.search(each)], environments
        )
    return found[0] if len(found) == 1 else None


def _environments_in(clauses: Sequence[str], environments: Collection[str]) -> list[str]:
    words = {word.casefold() for clause in clauses for word in _WORD.findall(clause)}
    return [name for name in environments if words & {name.casefold(), *ENVIRONMENTS.get(name.casefold(), ())}]
