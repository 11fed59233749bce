"""Pasted text -> facts: what was wanted and what came back; what only looks like a destination is none."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skills.core.all_symptoms import judge
from skills.core.report import read_report
from skills.core.report.names import host_alone, host_at, ports_of
from skills.core.report.normal import HEAD, TAIL
from tests.core.test_secrets import SECRETS
from tests.examples import examples
from tests.work import calls


def hosts(text: str) -> list[str]:
    return [str(seen) for seen in read_report(text).destinations]


# Text, and exactly the remotes that were wanted.
WANTED = [
    ("curl: (7) Failed to connect to a.example.com port 8443: Connection refused", ["a.example.com:8443"]),
    ("HTTPSConnectionPool(host='a.example.com', port=443): Max retries exceeded", ["a.example.com:443"]),
    ("dial tcp [2001:db8::17]:8883: i/o timeout", ["[2001:db8::17]:8883"]),
    ("dial tcp: lookup a.example.com on 10.96.0.10:53: no such host", ["a.example.com"]),
    ('Get "https://a.example.com/x": dial tcp 198.51.100.7:443: i/o timeout', ["a.example.com:443"]),
    ("Error: getaddrinfo ENOTFOUND a.example.com a.example.com:8080", ["a.example.com:8080"]),
    ("curl: (6) Could not resolve host: a.example.com", ["a.example.com"]),
    ("could not translate host name \"db\" to address: Name or service not known", ["db"]),
    ('Is the server running on host "db.example" (10.0.0.3) and accepting\n\tTCP/IP connections on port 5439?',
     ["db.example:5439"]),
    ("ERROR 2003 (HY000): Can't connect to MySQL server on 'db.example:3307' (110)", ["db.example:3307"]),
    ("jdbc:oracle:thin:@//ora.example:1521/HRPRD", ["ora.example:1521"]),
    ("jdbc:oracle:thin:@ora.example:1521:ORCL", ["ora.example:1521"]),
    ("(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=ora.example)(PORT=1522)))", ["ora.example:1522"]),
    ("failed: mongodb://u:p@a.example:27017,b.example:27018/db", ["a.example:27017", "b.example:27018"]),
    ("amqps://u:p@mq.example/vhost: timed out", ["mq.example:5671"]),
    ("Error 111 connecting to cache.example:6380. Connection refused.", ["cache.example:6380"]),
    ("[thrd:sasl_ssl://k.example:9093/bootstrap]: Connection setup timed out", ["k.example:9093"]),
    ("fatal: unable to access 'https://code.example/a/': Could not resolve proxy: proxy.example",
     ["code.example:443"]),
    ("git@code.example:team/repo.git: Connection timed out", ["code.example:22"]),
    ("ssh: connect to host code.example port 2222: No route to host", ["code.example:2222"]),
    ("$ openssl s_client -connect a.example:8443 -showcerts\nwrite:errno=104", ["a.example:8443"]),
    ("$ curl -x localhost:5901 -i service-a/health\nHTTP/1.1 502 Bad Gateway", ["service-a:80"]),
    ("$ nc -vz a.example 6379\nnc: timed out", ["a.example:6379"]),
    ("* Connected to proxy.example (10.0.0.1) port 3128\n> CONNECT a.example:443 HTTP/1.1\n< HTTP/1.1 403",
     ["a.example:443"]),
    ("Hostname/IP does not match certificate's altnames: Host: a.example. is not in the cert's altnames: DNS:b.example",
     ["a.example:443"]),
    ("x509: certificate is valid for b.example, c.example, not a.example", ["a.example:443"]),
    ("Connection to node 2 (a.example/10.0.0.2:9092) could not be established", ["a.example:9092"]),
    ("Connect to a.example:443 [a.example/198.51.100.7] failed: Connection timed out", ["a.example:443"]),
    ("connect to a.example[198.51.100.7]:25: Connection timed out", ["a.example:25"]),
    ("No such host is known. (a.example:443)", ["a.example:443"]),
    ("please allow a.example and b.example:8443", ["a.example:443", "b.example:8443"]),
    ("We need sftp.example.com, ports 22, 990 and the passive range 50000-50100",
     ["sftp.example.com:22", "sftp.example.com:990", "sftp.example.com:50000-50100"]),
    ("pls add api.github.con 443 to the allow list", ["api.github.con:443"]),
    ("please open 198.51.100.0/24 port 443", ["198.51.100.0/24:443"]),
    ("gRPC config stream to istiod.istio-system.svc:15012 closed: 14\nconnect to a.example:443: timed out",
     ["a.example:443"]),
    ("plugin/errors: 2 svc-a.cluster.local. A: i/o timeout\nplugin/errors: 2 svc-a. A: i/o timeout", ["svc-a"]),
]  # fmt: skip

# Nothing in these is a remote that somebody wanted.
NO_REMOTE = [
    "java.net.SocketTimeoutException: connect timed out\n\tat org.apache.http.impl.conn.X.connect(X.java:373)",
    '  File "/usr/lib/python3.11/site-packages/urllib3/connection.py", line 85, in create_connection\nTimeoutError',
    "com.microsoft.aad.adal4j.AuthenticationException: 407 Proxy Authentication Required",
    "Failed: see https://curl.se/docs/sslcerts.html or https://aka.ms/help and https://docs.example.com/x",
    "QueuePool limit reached, connection timed out (Background on this error at: https://sqlalche.me/e/20/3o7r)",
    "client 10.2.3.4:51000 from 10.9.9.9:4000: connection reset",
    "e.g. version 2.1.4.RELEASE of spring-boot-2.1.4.jar failed, i.e. error in main.py and foo.java",
    "npm ERR! 407 Proxy Authentication Required: multer@latest",
    "HTTP_PROXY=http://proxy.example:3128 connection refused",
    '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0//EN" "http://www.w3.org/TR/xhtml1/DTD/x.dtd"> 504 Gateway Time-out',
    "networking.k8s.io/v1 NetworkPolicy error",
    "mail to someone@example.com failed",
]


@pytest.mark.parametrize(("text", "wanted"), WANTED)
def test_exactly_the_wanted_remotes(text: str, wanted: list[str]) -> None:
    assert hosts(text) == wanted


@pytest.mark.parametrize("text", NO_REMOTE)
def test_nothing_else_is_a_remote(text: str) -> None:
    assert hosts(text) == []


def test_a_remote_carries_its_line_scheme_and_address() -> None:
    text = "first\nConnect to a.example:443 [a.example/198.51.100.7] failed: Connection timed out\nlast"
    (seen,) = read_report(text).destinations
    assert seen.quote == "Connect to a.example:443 [a.example/198.51.100.7] failed: Connection timed out"
    assert (seen.scheme, seen.resolved, seen.port_stated, seen.stated) == ("https", "198.51.100.7", True, True)


def test_a_literal_address_stands_in_host_and_ip() -> None:
    (seen,) = read_report("connect ETIMEDOUT 198.51.100.7:443").destinations
    assert (seen.host, seen.ip, seen.port) == ("198.51.100.7", "198.51.100.7", 443)


def test_an_implied_port_is_not_stated() -> None:
    (seen,) = read_report("Is a.example.com allowed for billing?").destinations
    assert (seen.port, seen.port_stated) == (443, False)


def test_the_proxy_that_was_tried_instead() -> None:
    report = read_report("unable to access 'https://a.example/': Failed to connect to 10.0.0.5 port 3128: timed out")
    assert report.proxies == ("10.0.0.5",)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("<https://a.example/x|https://a.example/x> &amp; more", "https://a.example/x & more"),
        ("<http://a.example|a.example>", "a.example"),
        ("hi <@U123|bob> in <#C1|ops> <!here>", "hi @bob in @ops @here"),
        ("\x1b[31mred\x1b[0m and [31mresidue[0m", "red and residue"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("a\u200b.exam\u00adple\ufeff", "a.example"),
        ("\u201chost\u201d \u2018x\u2019 a\u00a0b \u2013", "\"host\" 'x' a b -"),
        ('{"m":"Get \\"https:\\/\\/a.example\\""}', '{"m":"Get "https://a.example""}'),
        ("│ Error: no\n│ luck\n╵", "Error: no luck\n"),
    ],
)
def test_what_chat_and_terminals_add_is_taken_away(raw: str, clean: str) -> None:
    assert read_report(raw).text == clean


@pytest.mark.parametrize("name", ["api.stripe.com", "a-b.eu-west-1.rds.amazonaws.com", "x.local", "allegro.pl.example"])
def test_a_host_may_stand_alone(name: str) -> None:
    host = host_alone(name)
    assert host is not None and host.name == name


# fmt: off
NO_HOSTS = [
    "foo.java", "org.apache.http", "main.py", "2.1.4", "v1.2.3", "e.g", "NetworkClient.java", "java.net.Socket",
    "cluster.local", "apps.k8s.io", "a", "socket.io", "README.md", "x.service", "com.example.app", "a..b", "...", "api.con",
]
# Each of these, repeated without end, is a worst case for some reader.
REPEATED = [
    "a", "\n", "https://a.example/ ", "https://", "a.", "a:1 ", '"', '{"response_flags":', "please allow ", "\ud800",
    "a:1 -> b:2 DROPPED\n", "outbound|1||", "node -1 (a/", "curl exit code 2 ", "[1:", "\x00", "at x(",
]
# Pieces of logs, in any order: harder on the readers than noise.
PIECES = [
    '"GET / HTTP/1.1" 503 UF ', '"a" ', "outbound|443||", "[::1]:", "https://", "user:p@", "a.example", ":443", "/",
    "->", "lookup ", " on 10.0.0.1:53", "DROPPED", '{"response_flags":"UH"', "}", "\n", "connect to ", " port ", "99999",
    "host='", "curl -x ", "s_client -connect ", "CN=*.x", "<", "|", ">", "please allow ", "1-2", "not valid for '",
    "node -1 (", "\ud8ff",
]
# fmt: on


@pytest.mark.parametrize("name", NO_HOSTS)
def test_what_only_looks_like_a_host(name: str) -> None:
    assert host_alone(name) is None


def test_where_only_a_host_can_stand_single_labels_count() -> None:
    assert host_at("db") is not None
    assert host_at("bücher.example") == host_at("xn--bcher-kva.example")
    assert host_at("0.0.0.0") is None and host_at("server") is None and host_at("x" * 300) is None


def test_ports() -> None:
    assert str(ports_of("50000-50100")) == "50000-50100"
    assert [ports_of(text) for text in ("0", "65536", "100-50", "x", "", None)] == [None] * 6


def test_facts_of_an_answer() -> None:
    report = read_report("< HTTP/1.1 502 Bad Gateway\n< server: envoy\nissuer: CN=Corp CA\nread ECONNRESET")
    assert (report.status, report.status_origin, report.errno) == (502, "sidecar", "ECONNRESET")
    assert report.issuer == "CN=Corp CA"
    assert read_report("[SSL: WRONG_VERSION_NUMBER] wrong version number").tls == "WRONG_VERSION_NUMBER"


@pytest.mark.parametrize(("kind", "text", "gone", "_stays"), SECRETS)
def test_no_secret_survives_anywhere(kind: str, text: str, gone: str, _stays: str) -> None:
    report = read_report(f"connection refused\n{text}\nfailed")
    assert gone not in repr(report)
    assert gone not in repr(judge(report))
    assert kind in report.masked


def test_a_long_text_is_read_at_both_ends() -> None:
    filler = "nothing to see\n" * 100_000
    text = (
        f"curl: (6) Could not resolve host: first.example.com\n{filler}dial tcp: lookup last.example.com: i/o timeout"
    )
    report = read_report(text)
    assert report.total == len(text) and HEAD + TAIL - 8192 <= report.scanned <= HEAD + TAIL + 8
    assert {"first.example.com", "last.example.com"} <= set(hosts(text))


def test_a_secret_at_the_cut_does_not_survive() -> None:
    secret = "glpat-a1B2c3D4e5F6g7H8i9J0"
    for shift in range(0, len(secret) + 2, 3):
        text = "x" * (HEAD - shift - 1) + " " + secret + " " + "y " * (TAIL + 1000)
        assert "D4e5F6" not in read_report(text).text


@pytest.mark.parametrize("piece", REPEATED)
def test_of_ten_megabytes_a_bounded_part_is_read(piece: str) -> None:
    report = read_report(piece * (10_000_000 // len(piece)))
    assert report.scanned <= HEAD + TAIL + 8
    assert len(report.text) <= 2 * (HEAD + TAIL)
    assert judge(report).sightings


def test_work_grows_linearly() -> None:
    line = '2024-01-01 ERROR Get "https://a.example/x": dial tcp 198.51.100.7:443: i/o timeout at foo.bar:12\n'

    def work(count: int) -> int:
        return calls(lambda: judge(read_report(line * count)))

    work(10)
    assert work(1200) < 9 * work(150)


@given(st.one_of(st.text(), st.binary().map(lambda raw: raw.decode("latin-1"))))
@settings(max_examples=examples(200), deadline=None)
def test_never_crashes(text: str) -> None:
    judgement = judge(read_report(text))
    assert judgement.sightings


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
@settings(max_examples=examples(300), deadline=None)
def test_never_crashes_on_broken_logs(text: str) -> None:
    for seen in judge(read_report(text)).destinations:
        assert seen.host and seen.host == seen.host.lower()
        assert seen.ports is None or 1 <= seen.ports.first <= seen.ports.last <= 65535


FLAT = {
    "java": "e.Foo - failed: connect timed out: api.rates.example/203.0.113.9:443 at okhttp3.internal.connection.RealConnection"
    ".connectSocket(RealConnection.kt:297) at com.acme.io.Client.call(Client.java:12) ~[app.jar!/:1.2.3]",
    "scala": "Tcp command [Connect(api.rates.example:443,None)] failed: Connection refused at akka.io.TcpConnection$$anonfun"
    ".apply(TcpConnection.scala:200) at sun.nio.ch.Net.pollConnect(Native Method)",
    "python": 'Traceback (most recent call last): File "/app/main.py", line 12, in <module> File "/lib/requests/api.py", line 73,'
    " in get ConnectTimeout: HTTPSConnectionPool(host='api.rates.example', port=443) /app/main.py:12",
    "dotnet": "Connection timed out (api.rates.example:443) at System.Net.Sockets.Socket.Throw(SocketError error, CancellationToken"
    " c) at Acme.Pay.Program.<Main>d__0.MoveNext() in C:\\src\\Acme Pay\\Program.cs:line 12",
    "node": "Error: connect ETIMEDOUT api.rates.example:443 at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1555:16) at"
    " async fetch (file:///app/node_modules/x/index.js:12:3)",
    "go": 'panic: Get "https://api.rates.example/v1": EOF goroutine 1 [running]: github.com/acme/rates.(*Client).Do(0xc000123,'
    " {0x12, 0x3}) /go/pkg/mod/github.com/acme/rates@v1.2.3/client.go:88 +0x2f5",
    "php": "Unable to connect to tls://api.rates.example:443 (Connection timed out) in /var/www/mail.php:88",
    "ruby": "/usr/lib/ruby/net/http.rb:1271:in `initialize': Failed to open TCP connection to api.rates.example:443 (execution"
    " expired) (Net::OpenTimeout) from /usr/lib/ruby/net/http.rb:1271:in `open'",
}


@pytest.mark.parametrize("dialect", FLAT)
def test_a_stack_on_one_line_names_its_host_and_no_code(dialect: str) -> None:
    assert [(seen.host, seen.port) for seen in read_report(FLAT[dialect]).destinations] == [("api.rates.example", 443)]


@pytest.mark.parametrize(
    "line",
    [
        "\tat com.acme.svc.Client.call(Client.java:12) ~[app.jar!/:1.2.3]",
        "\tat jdk.internal.reflect.GeneratedMethodAccessor12.invoke(Unknown Source)",
        "   at Acme.Pay.Program.Main(String[] args) in /src/Program.cs:line 7",
        "    at Object.fetch (https://cdn.example.com/app.js:10:2)",
        "github.com/acme/rates.(*Client).Do(0xc000123, 0x3)",
        "go.opentelemetry.io/collector/exporter/exporterhelper/internal.NewQueueSender.func1",
        "github.com/acme/rates/pool.(*Pool).Run",
        "\t/go/pkg/mod/github.com/acme/rates@v1.2.3/client.go:88 +0x2f5",
        '  File "/srv/app.io/main.py", line 3, in run',
    ],
)
def test_a_frame_names_no_host(line: str) -> None:
    assert not read_report(f"it failed\n{line}").destinations


def test_a_path_without_a_scheme_is_no_frame() -> None:
    assert read_report("timeout\napi.rates.example/v1/eur.json").destinations[0].host == "api.rates.example"


def test_words_of_a_person_are_no_frame() -> None:
    assert read_report("we get a timeout at api.rates.example:8443 (prod)").destinations[0].host == "api.rates.example"
