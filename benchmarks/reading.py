"""How long facts and symptom of a paste take, against one pass of a regular expression over the same text.

`python -m benchmarks.reading` prints the ratio for 60 lines of several kinds, and the time that longer texts take.
Ratios of one run can be compared between machines; seconds can't.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import re2

from skills.core.all_symptoms import judge
from skills.core.report import read_report

_ROUNDS = 15
# What a person would write in ten minutes to find the error and its host: the floor that any reading stands on.
PASS = re2.compile(
    r"(?i)(?:timed? ?out|refused|reset by peer|could not resolve|certificate|handshake|forbidden|bad gateway"
    r"|service unavailable|unreachable|ECONN\w+|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|BlackHoleCluster)"
    r"|(?:[a-z0-9-]+\.)+(?:com|net|org|io|example|local|internal)(?::\d{2,5})?|\d{1,3}(?:\.\d{1,3}){3}(?::\d{2,5})?"
)
_FRAME = "\tat com.acme.billing.client.RatesClient$Retry.lambda$call${n}(RatesClient.java:{n}) ~[billing-3.2.jar:3.2]\n"
JAVA = (
    "2026-01-05 08:00:00.123 ERROR 7 --- [exec-3] c.a.b.RatesClient : could not fetch rates\n"
    "org.springframework.web.client.ResourceAccessException: I/O error on GET request for "
    '"https://api.rates.example/v1/latest": Connect to api.rates.example:443 failed: connect timed out\n'
    + "".join(_FRAME.replace("{n}", str(n)) for n in range(57))
    + "Caused by: java.net.SocketTimeoutException: connect timed out\n"
)
_LINE = (
    '{"ts":"2026-01-05T08:00:%02d.123Z","level":"info","logger":"http","msg":"request done","path":"/v1/orders/%d",'
    '"status":200,"ms":%d,"trace":"4bf92f3577b34da6a3ce929d0e0e4736"}\n'
)
JSON = "".join(_LINE % (n, n, n) for n in range(58)) + (
    '{"ts":"2026-01-05T08:00:59.000Z","level":"error","err":"Post \\"https://api.rates.example/v1\\": dial tcp '
    '198.51.100.9:443: i/o timeout"}\n'
)
CURL = (
    "$ curl -v https://api.rates.example/v1\n* Host api.rates.example:443 was resolved.\n"
    "*   Trying 198.51.100.9:443...\n"
    + "".join(
        f"  0     0    0     0    0     0      0      0 --:--:--  0:00:{n:02} --:--:--     0\n" for n in range(55)
    )
    + "* connect to 198.51.100.9 port 443 failed: Connection timed out\n"
    "curl: (28) Failed to connect to api.rates.example port 443 after 55001 ms: Timeout was reached\n"
)
KINDS = {"Java stack": JAVA, "JSON log": JSON, "curl -v": CURL}


def best(work: Callable[[], object], rounds: int = _ROUNDS) -> float:
    """Seconds of processor time of the quickest of several rounds."""
    taken = []
    for _ in range(rounds):
        start = time.thread_time()
        work()
        taken.append(time.thread_time() - start)
    return min(taken)


def one_pass(text: str) -> int:
    return sum(1 for _ in PASS.finditer(text))


def reading(text: str) -> object:
    return judge(read_report(text))


def main() -> None:
    for name, text in KINDS.items():
        lines = text.count("\n")
        floor, taken = best(lambda text=text: one_pass(text)), best(lambda text=text: reading(text))  # type: ignore[misc]
        print(f"{name:12} {lines:3} lines  {taken * 1000:7.2f} ms  {taken / floor:6.1f} times one pass")
    reading(JAVA)
    for size in (64, 128, 256, 1024, 10 * 1024):
        text = (JAVA * (size * 1024 // len(JAVA) + 1))[: size * 1024]
        print(f"{size:6} kB    {best(lambda text=text: reading(text), 2):6.3f} s")  # type: ignore[misc]


if __name__ == "__main__":
    main()
