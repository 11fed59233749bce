"""No fault of the network: an application's own error, or nothing failed at all."""

from __future__ import annotations

from collections.abc import Sequence

from skills.core.patterns import sifted
from skills.core.report import Report
from skills.core.report.prose import sentences, wonders
from skills.core.symptom_base import STRENGTH, Clues, Sighting, clue, matches, sighting

NAMES: tuple[str, ...] = ("app_error", "no_error")

_APP = "app_error"
_NONE = "no_error"
_CLUES = Clues(
    # waiting for something of one's own that looks like waiting for the network
    clue(
        _APP,
        STRENGTH.LOGGED,
        "unclear",
        r"QueuePool limit|timed out waiting for the condition|Unable to acquire JDBC Connection",
        r"Connection is not available, request timed out|HikariPool-\d+ - Connection is not available",
        r"TimeoutError: ResourceRequest timed out|PoolTimeout|pool exhausted",
        r"Connection pool (?:is full|exhausted)|remaining connection slots|too many (?:connections|clients)",
        r"Timeout waiting for (?:idle object|connection from pool)|Lock wait timeout|deadlock",
        r"statement timeout|canceling statement|progress deadline|context deadline exceeded waiting for",
    ),
    clue(
        _APP,
        STRENGTH.LOGGED,
        "unclear",
        r"RequestTimeTooSkewed|SignatureDoesNotMatch|InvalidAccessKeyId|<Code>AccessDenied</Code>",
        r"\(AccessDenied\)|ExpiredToken|NoSuchBucket|\(InvalidClientTokenId\)|UnrecognizedClientException",
        r"StatusCode: 404, request to EC2 IMDS failed|NoCredentialProviders: no valid providers in chain",
        r"AuthorizationHeaderMalformed|Error Code: AccessDenied|\bAccessDeniedException|is not authorized to perform",
    ),
    clue(
        _APP,
        STRENGTH.LOGGED - 1,
        "unclear",
        r"Module not found: |relation \"[^\"\n]+\" does not exist|UndefinedTable|no such table|Unknown database",
        r"database \"[^\"\n]+\" does not exist|password authentication failed|Access denied for user",
        r"no pg_hba\.conf entry|duplicate key value|syntax error at or near|WRONGTYPE Operation|NOAUTH",
        r"WRONGPASS|Login failed for user|ORA-0[01]\d{3}",
        # Oracle's client knows no such name, its listener no such service
        r"ORA-12(?:154|505|514|516|519|520)\b",
    ),
    clue(
        _APP,
        STRENGTH.STATUS,
        "unclear",
        r"OutOfMemory|OOMKilled|No space left on device|NullPointerException|ModuleNotFoundError|ImportError",
        r"SyntaxError|cannot find module|permission denied \(publickey\)|exec format error",
        r"CrashLoopBackOff|ClassNotFoundException|segmentation fault",
        r"address already in use|EADDRINUSE|read-only file system|quota exceeded|manifest unknown",
        r"repository does not exist|admission webhook \"[^\"\n]+\" denied",
        r"\(Forbidden\): [^\n]{0,80}is forbidden: User",
    ),
    # often only the wrapping of a network fault: JavaScript's `TypeError: fetch failed` has its cause below
    clue(_APP, STRENGTH.PLAIN - 4, "unclear", r"\b(?:KeyError|TypeError|ValueError)\b"),
    clue(
        _APP,
        STRENGTH.PLAIN - 5,
        "unclear",
        (
            r"HTTP/\d(?:\.\d)?\"? (?:400|404|405|409|410|415|422|500|501)\b|\b(?:404|400|500"
            r"|422)\b[^\n]{0,10}(?:not found|bad request|internal server error|client error|server error)"
            r"|Internal Server Error"
        ),
    ),
    clue(
        _APP,
        STRENGTH.SPOKEN - 10,
        "unclear",
        r"\b\w*(?:error|exception)\b|\bfatal\b|\bfailed\b|\bpanic\b|\btraceback\b",
    ),
)
_FAULT_TOLD = sifted(
    r"(?i)\b(?:fail(?:s|ed|ing)?|error|refused|times? out|timed out|timing out|blocked|can't"
    r"|cannot|unable|broken|down|reset|502|503|504|403)\b"
)


def look(report: Report) -> Sequence[Sighting]:
    seen = [
        sighting(_APP, "EGR250", report, words, strength=item.strength, block="no", origin="client")
        for item, words in matches(report, _CLUES)
    ]
    return [*seen, sighting(_NONE, "EGR251", report, strength=_silence(report), block="no")]


def _silence(report: Report) -> int:
    """How sure it is that nothing failed. A request outweighs a loose word, never what a program printed."""
    if wonders(report.text):
        return STRENGTH.LOGGED + 2
    if report.asks:
        return STRENGTH.SPOKEN + 2
    return STRENGTH.SPOKEN - 5 if not _FAULT_TOLD.search(report.text) and sentences(report.text) else 20
