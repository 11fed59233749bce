"""The one redaction function of the house: what must never be stored, shown or sent on is replaced.

A secret becomes `***kind***`. Hosts, ports, user names and key names stay, so that an error can still be read.
Every pattern runs in linear time (RE2), and masking what is masked already changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from skills.core.patterns import Sieve, compiled


@dataclass(frozen=True, slots=True)
class Masked:
    """`what` names the kinds of secret that were found, each once, in the order of the rules."""

    text: str
    what: tuple[str, ...] = ()


def mask(text: str) -> Masked:
    """Replace every secret in `text`. Characters that are not valid Unicode become `?`."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    what: dict[str, None] = {}
    for _ in range(_MOST_ROUNDS):
        before, near = text, _near(text)
        for number, (kind, pattern, replace) in enumerate(_RULES):
            if number not in near:
                continue
            text, hit = _apply(text, kind, pattern, replace)
            if hit:
                what[kind], near = None, _near(text)
        if text == before:
            break
    return Masked(text, tuple(what))


def _near(text: str) -> Collection[int]:
    """The rules that may find something. A sieve folds letters of other alphabets its own way: there, all of them."""
    return _SIEVE.near(text) if text.isascii() else range(len(_RULES))


# A rule may uncover a secret for an earlier one; two rounds are usual, the last only finds that nothing is left.
_MOST_ROUNDS = 5
_Replace = Callable[[str, Any], str]
_Rule = tuple[str, Any, _Replace]


def _apply(text: str, kind: str, pattern: Any, replace: _Replace) -> tuple[str, bool]:
    """`text` with each match replaced; a replacement that equals the match is not a hit."""
    pieces: list[str] = []
    end = 0
    hit = False
    for match in pattern.finditer(text):
        new = replace(_marker(kind), match)
        hit = hit or new != match.group()
        pieces += (text[end : match.start()], new)
        end = match.end()
    return "".join((*pieces, text[end:])), hit


def _marker(kind: str) -> str:
    return f"***{kind}***"


def _whole(marker: str, _match: Any) -> str:
    return marker


def _keep_first_group(marker: str, match: Any) -> str:
    """Group 1 stays; what is masked already, or was masked by the one who pasted it, stays as well."""
    rest = match.group()[len(match.group(1)) :]
    return str(match.group()) if _is_masked(rest.strip("\"'")) else f"{match.group(1)}{marker}"


def _is_masked(value: str) -> bool:
    return value.startswith(("***", "xxxx", "[REDACTED", "REDACTED", "<redacted", "[FILTERED", "${", "$(", "{{"))


def _userinfo(marker: str, match: Any) -> str:
    """`://user:password@host`, also when several such addresses follow each other without a space."""
    pieces = str(match.group(1)).split("://")
    return "://" + "://".join(_without_password(piece, marker) for piece in pieces)


def _without_password(rest: str, marker: str) -> str:
    """`rest` is what follows `://`: user info, host, port, path.

    A number between the first colon and the first slash is a port, so that the `@` of `host:80/a@b` belongs to
    the path. A password may contain `@` and `/`: when what follows an `@` can't be a host, a later one counts.
    """
    authority = rest.split("/", 1)[0]
    if "@" in authority:
        end = authority.rfind("@")
        host = authority[end + 1 :]
        if "@" in rest[len(authority) :] and not any(c in host for c in ".:]"):
            end = rest.rfind("@")
    else:
        before, colon, after = rest.partition(":")
        if not colon or "/" in before or after.split("/", 1)[0].isdigit() or "@" not in after:
            return rest
        end = rest.rfind("@")
    user, colon, password = rest[:end].partition(":")
    if (colon and (not password or _is_masked(password))) or _is_masked(user) or not (colon or _looks_random(user)):
        return rest
    return f"{user}:{marker}{rest[end:]}" if colon else f"{marker}{rest[end:]}"


def _looks_random(value: str, least: int = 16) -> bool:
    return len(value) >= least and any(c.isdigit() for c in value) and any(c.isalpha() for c in value)


def _scheme_token(marker: str, match: Any) -> str:
    """`Bearer abc123`: prose (`basic authentication`) has no digits and no padding."""
    value = match.group(2)
    random = any(c.isdigit() for c in value) or value.endswith("=") or (len(value) >= 20 and not value.islower())
    masked = match.string.startswith("***", match.end())
    return f"{match.group(1)}{marker}" if random and not masked else str(match.group())


def _assignment(marker: str, match: Any, *, password: bool = False) -> str:
    """`key=value` and `key: value`. After a colon a plain word (`token: invalid`) is taken for prose."""
    before, key, sign, value = (match.group(i) for i in (1, 2, 3, 4))
    bare = value.strip("\"'")
    kept = str(match.group())
    if not bare or _is_masked(bare) or bare.lower() in _NO_SECRETS or "://" in bare or bare.startswith("//"):
        return kept
    if (bare.isdigit() and not password) or _is_host_of_url(bare, match.string):
        return kept
    prose = value == bare and bare.isalpha() and (bare.islower() or bare.istitle())
    ends_line = match.string[match.end() : match.end() + 1] in ("", "\n")
    if "=" not in sign and prose and not (password and ends_line):
        return kept
    quote = value[0] if value[0] in "\"'" and len(value) > 1 and value[-1] == value[0] else ""
    return f"{before}{key}{sign}{quote}{marker}{quote}"


def _is_host_of_url(bare: str, text: str) -> bool:
    """Java prints `request for "https://HOST/oauth/token": HOST` for a name that did not resolve."""
    return "." in bare and f"://{bare}/" in text


def _password(marker: str, match: Any) -> str:
    return _assignment(marker, match, password=True)


# fmt: off
_NO_SECRETS = frozenset((
    "true", "false", "null", "none", "nil", "undefined", "yes", "no", "empty", "required", "missing", "invalid",
    "incorrect", "expired", "wrong",
))
# fmt: on
_BEGIN = r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
_END = r"-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"

_PASSWORD_KEY = r"[A-Za-z0-9_.-]{0,40}?(?:password|passwd|passphrase)|pwd|pass"
_SECRET_KEY = (
    r"[A-Za-z0-9_.-]{0,40}?(?:secret|api[_-]?key|apikey|access[_-]?key|account[_-]?key|shared[_-]?key|private[_-]?key"
    r"|client[_-]?key|auth[_-]?token|token|secret[_-]?access[_-]?key|credentials?|signature)"
    r"|pat|sig|sas|_auth|jsessionid|phpsessid|session_?id"
)
_VALUE = r"([\"']?\s{0,3}(?:=>|[=:])\s{0,3})(\"[^\"\n]*\"|'[^'\n]*'|[^\s\"',;&)}\]<>|]+)"

_PREFIXED = (
    r"xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{8,}|xapp-\d-[A-Za-z0-9-]{8,}",
    r"gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent|imt|oas|ffct|wt)-[A-Za-z0-9_.=-]{10,}|GR1348941[A-Za-z0-9_-]{10,}",
    r"gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{20,}",
    r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{12,}",
    r"AIza[0-9A-Za-z_-]{30,}|ya29\.[0-9A-Za-z_-]{10,}",
    r"sk-[A-Za-z0-9_-]{16,}|[rs]k_(?:live|test)_[0-9A-Za-z]{8,}|whsec_[A-Za-z0-9+/=]{8,}|hf_[A-Za-z0-9]{20,}",
    r"npm_[A-Za-z0-9]{20,}|pypi-[A-Za-z0-9_-]{20,}|dckr_pat_[A-Za-z0-9_-]{10,}|ATATT3[A-Za-z0-9_=-]{20,}",
    r"SG\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}|hv[sb]\.[A-Za-z0-9_-]{16,}|dop_v1_[a-f0-9]{20,}"
    r"|dapi[a-f0-9]{32}|AGE-SECRET-KEY-1[A-Z0-9]{20,}|\d{8,10}:AA[A-Za-z0-9_-]{30,}",
)
_PREFIX_KINDS = (
    "slack-token",
    "gitlab-token",
    "github-token",
    "aws-key",
    "google-key",
    "api-key",
    "registry-token",
    "service-token",
)


def _rule(kind: str, pattern: str, replace: _Replace = _whole) -> _Rule:
    return kind, compiled(pattern), replace


# A block of a private key may lack its first or last line when a long text was cut.
_RULES: tuple[_Rule, ...] = (
    _rule(
        "private-key",
        rf"(?s){_BEGIN}.*?(?:{_END}|\z)|(?:[A-Za-z0-9+/=]{{40,}}\s+)+[A-Za-z0-9+/=]*\s*{_END}",
    ),
    _rule(
        "slack-webhook",
        r"(hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/)[A-Za-z0-9/_-]+",
        _keep_first_group,
    ),
    *(_rule(kind, rf"\b(?:{pattern})") for kind, pattern in zip(_PREFIX_KINDS, _PREFIXED, strict=True)),
    _rule("jwt", r"\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{2,}(?:\.[A-Za-z0-9_-]*){0,3}"),
    _rule(
        "authorization",
        r"(?i)(\b(?:proxy-)?authorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?"
        r"(?:(?:bearer|basic|digest|token|negotiate|ntlm|apikey"
        r"|aws4-hmac-sha256)\s{1,3})?)[^\"'\r\n]+",
        _keep_first_group,
    ),
    _rule("authorization", r"(?i)(\b(?:bearer|basic)\s{1,3})([A-Za-z0-9+/_.=~-]{6,})", _scheme_token),
    _rule("cookie", r"(?i)(\b(?:set-)?cookie[\"']?\s{0,3}[:=]\s{0,3}[\"']?)[^\"'\r\n]+", _keep_first_group),
    _rule("password", r"://([^\s\"'<>`|]{1,512})", _userinfo),
    _rule(
        "password",
        r"((?:^|\s)(?:-u|--user|--proxy-user|--http-user)[ =][\"']?[^\s:\"'/]{1,80}:)[^\s\"']+",
        _keep_first_group,
    ),
    _rule(
        "password",
        r"(\s--?(?:password|passwd|token|secret|api-?key|access-token)[ =][\"']?)[^\s\"'-][^\s\"']*",
        _keep_first_group,
    ),
    _rule("password", r"(\bmysql\w*\b[^\n|;]{0,200}?\s-p)[^\s-][^\s]*", _keep_first_group),
    _rule("password", rf"(?i)(^|[^A-Za-z0-9_.-])({_PASSWORD_KEY}){_VALUE}", _password),
    _rule("secret", rf"(?i)(^|[^A-Za-z0-9_.-])({_SECRET_KEY}){_VALUE}", _assignment),
)
_SIEVE = Sieve(pattern for _, pattern, _ in _RULES)
