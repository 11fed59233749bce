from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skills.core.errors import AskUnclear
from skills.core.flow_text import destination, workload
from skills.core.messages import catalogue, say
from skills.core.model import Destination, Finding, WorkloadRef
from tests.work import calls


def read(text: str) -> Destination:
    return destination(text)[0]


def codes(text: str) -> list[str]:
    return [finding.code for finding in destination(text)[1]]


def refusal(text: str) -> AskUnclear:
    with pytest.raises(AskUnclear) as refused:
        destination(text)
    assert say(Finding(refused.value.code, refused.value.facts)).says
    assert "?)" not in say(refused.value.finding).says
    return refused.value


@pytest.mark.parametrize(
    ("text", "shown", "protocol", "application"),
    [
        ("api.stripe.com:443", "api.stripe.com:443", "tcp", "tls"),
        ("api.stripe.com:80", "api.stripe.com:80", "tcp", "http"),
        ("api.stripe.com:8443", "api.stripe.com:8443", "tcp", None),
        ("API.Stripe.com.:443", "api.stripe.com:443", "tcp", "tls"),
        ("api.stripe.com:443/v1/charges", "api.stripe.com:443", "tcp", "tls"),
        ("https://api.stripe.com/v1?q=a@b#c", "api.stripe.com:443", "tcp", "tls"),
        ("HTTPS://api.stripe.com:8443", "api.stripe.com:8443", "tcp", "tls"),
        ("https://api.stripe.com:/v1", "api.stripe.com:443", "tcp", "tls"),
        ("http://api.stripe.com", "api.stripe.com:80", "tcp", "http"),
        ("wss://push.example/x", "push.example:443", "tcp", "tls"),
        ("tcp://db.example:5432", "db.example:5432", "tcp", None),
        ("tcp://db.example:443", "db.example:443", "tcp", None),
        ("udp://time.example:123", "time.example:123", "udp", None),
        ("sctp://sig.example:3868", "sig.example:3868", "sctp", None),
        ("tls://db.example:5433", "db.example:5433", "tcp", "tls"),
        ("postgres://db.example/app", "db.example:5432", "tcp", None),
        ("postgresql://db.example:6432/app", "db.example:6432", "tcp", None),
        ("mysql://db.example/app", "db.example:3306", "tcp", None),
        ("redis://cache.example/0", "cache.example:6379", "tcp", None),
        ("rediss://cache.example", "cache.example:6379", "tcp", "tls"),
        ("amqp://mq.example/%2f", "mq.example:5672", "tcp", None),
        ("amqps://mq.example", "mq.example:5671", "tcp", "tls"),
        ("mongodb://db.example/app", "db.example:27017", "tcp", None),
        ("kafka://broker.example:9094", "broker.example:9094", "tcp", None),
        ("smtp://mail.example:587", "mail.example:587", "tcp", None),
        ("smtps://mail.example", "mail.example:465", "tcp", "tls"),
        ("ldaps://dir.example", "dir.example:636", "tcp", "tls"),
        ("nats://mq.example", "mq.example:4222", "tcp", None),
        ("jdbc:postgresql://db.example/app", "db.example:5432", "tcp", None),
        ("jdbc:mysql:loadbalance://db.example:3307/app", "db.example:3307", "tcp", None),
        ("jdbc:sqlserver://db.example;databaseName=a;password=q", "db.example:1433", "tcp", None),
        ("jdbc:oracle:thin:@//db.example:1521/svc", "db.example:1521", "tcp", None),
        ("jdbc:oracle:thin:@db.example:1522:SID", "db.example:1522", "tcp", None),
        ("jdbc:5432", "jdbc:5432", "tcp", None),
        ("[2001:db8::1]:443", "[2001:db8::1]:443", "tcp", "tls"),
        ("http://[2001:db8::1]/", "[2001:db8::1]:80", "tcp", "http"),
        ("2001:db8:1:2:3:4:5:6:443", "[2001:db8:1:2:3:4:5:6]:443", "tcp", "tls"),
        ("192.0.2.10:8080", "192.0.2.10:8080", "tcp", None),
        ("api.example:8000-8100", "api.example:8000-8100", "tcp", None),
        ("198.51.100.0/24:22", "198.51.100.0/24:22", "tcp", None),
        ("2001:db8::/32:443", "2001:db8::/32:443", "tcp", "tls"),
        ("[2001:db8::]/32:443", "2001:db8::/32:443", "tcp", "tls"),
        ("udp://198.51.100.0/24:53", "198.51.100.0/24:53", "udp", None),
        ("web.shop.svc.cluster.local:8080", "web.shop.svc.cluster.local:8080", "tcp", None),
        ("*.example.com:443", "*.example.com:443", "tcp", "tls"),
        ("workload://shop/web:8080", "shop/web:8080", "tcp", None),
        ("cf-service://rds", "rds", "tcp", None),
        ("cf-service://redis:6379", "redis:6379", "tcp", None),
        ("cf-route://billing", "route:billing", "tcp", None),
    ],
)
def test_the_grammar(text: str, shown: str, protocol: str, application: str | None) -> None:
    found = read(text)
    assert (str(found).rpartition("://")[2], found.protocol, found.application) == (shown, protocol, application)
    assert codes(text) == []
    kinds = [found.host, found.network, found.workload, found.service]
    assert sum(kind is not None for kind in kinds) == 1


def test_a_bare_host_takes_443_and_tls_and_says_so() -> None:
    found, findings = destination("api.stripe.com")
    assert (str(found), found.application) == ("api.stripe.com:443", "tls")
    assert found.assumed == ("port", "application")
    assert [finding.code for finding in findings] == ["EGR630"]
    assert "api.stripe.com" in say(findings[0]).says


@pytest.mark.parametrize("text", ["2001:db8::1", "[2001:db8::1]", "2001:db8::1:443", "10.0.0.0/8", "*.example.com"])
def test_so_does_an_address_a_range_and_a_wildcard(text: str) -> None:
    assert read(text).assumed == ("port", "application")
    assert codes(text) == ["EGR630"]


def test_a_single_address_is_a_network_too() -> None:
    assert (read("192.0.2.10:443").ip, read("192.0.2.10:443").network) == ("192.0.2.10", "192.0.2.10/32")
    assert (read("192.0.2.10/32:443").ip, read("10.0.0.0/8:443").ip) == ("192.0.2.10", None)
    assert read("[::ffff:192.0.2.10]:443").ip == "192.0.2.10"


def test_the_askers_addresses_are_kept() -> None:
    found, _ = destination("api.stripe.com:443", ("192.0.2.10", "2001:DB8::1"))
    assert found.addresses == ("192.0.2.10", "2001:db8::1")
    with pytest.raises(AskUnclear):
        destination("api.stripe.com:443", ("api.stripe.com",))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "EGR601"),
        ("https://", "EGR601"),
        ("file:///etc/passwd", "EGR601"),
        ("api stripe.com", "EGR602"),
        ("https://good.example\\@evil.example", "EGR605"),
        ("https://ex%61mple.com", "EGR605"),
        ("<https://api.stripe.com|api.stripe.com>", "EGR605"),
        ("0x7f.1:443", "EGR608"),
        ("http://2130706433/", "EGR608"),
        ("[fe80::1%eth0]:443", "EGR611"),
        ("fe80::1%eth0", "EGR611"),
        ("[2001:db8::1", "EGR612"),
        ("[192.0.2.1]:443", "EGR612"),
        ("x" * 10_000, "EGR613"),
        ("api.stripe.com:https", "EGR614"),
        ("api.stripe.com:", "EGR614"),
        ("api.stripe.com:80:90", "EGR614"),
        ("api.stripe.com:４４３", "EGR614"),
        ("api.stripe.com:443,8443", "EGR619"),
        ("api.stripe.com:0", "EGR615"),
        ("api.stripe.com:70000", "EGR615"),
        ("api.stripe.com:443-80", "EGR616"),
        ("tcp://db.example", "EGR617"),
        ("workload://shop/web", "EGR617"),
        ("foo://db.example", "EGR618"),
        ("jdbc:h2:mem:test", "EGR618"),
        ("mongodb://a.example:1,b.example:2/x", "EGR619"),
        ("s3://bucket/key", "EGR620"),
        ("10.0.0.0/33:443", "EGR621"),
        ("10.0.0.7/8:443", "EGR636"),
        ("*:443", "EGR622"),
        ("api.*.com", "EGR622"),
        ("*api.example.com", "EGR622"),
        ("workload://web:8080", "EGR623"),
        ("workload://shop/web/x:8080", "EGR623"),
        ("cf-service://mainframe", "EGR624"),
        ("cf-route://", "EGR625"),
    ],
)
def test_each_refusal_has_its_sentence(text: str, code: str) -> None:
    assert refusal(text).code == code


@pytest.mark.parametrize(
    "text",
    [
        "https://bob:hunter2@api.example/x",
        "bob:hunter2@api.example:443",
        "postgres://bob:hunter2@db.example/app",
        "postgres://bob:hunt/er2@db.example/app",
        "jdbc:oracle:thin:bob/hunter2@db.example:1521:SID",
        "https://hunter2@api.example",
    ],
)
def test_credentials_are_left_out_of_everything_and_said(text: str) -> None:
    found, findings = destination(text)
    assert "EGR635" in [finding.code for finding in findings]
    assert "hunt" not in repr(found) + repr(findings)


@pytest.mark.parametrize("text", ["postgres://bob:hunter2@db.example:99999/a", "foo://bob:hunter2@db.example"])
def test_a_refusal_never_repeats_a_password(text: str) -> None:
    assert "hunter2" not in repr(refusal(text).facts)


def test_an_at_sign_in_a_path_is_no_password() -> None:
    assert codes("https://registry.example/@scope/pkg") == []
    assert read("https://registry.example/@scope/pkg").host == "registry.example"


def test_an_unknown_scheme_with_a_port_is_tcp_and_says_so() -> None:
    assert codes("foo://db.example:99") == ["EGR634"]
    assert str(read("foo://db.example:99")) == "db.example:99"


def test_a_list_of_servers_behind_a_name_is_said() -> None:
    assert codes("mongodb+srv://db.example/x") == ["EGR633"]


def test_unicode_hosts_show_both_forms_and_look_alikes_warn() -> None:
    assert codes("https://bücher.example") == ["EGR631"]
    assert codes("https://аррӏе.com") == ["EGR631", "EGR632"]
    assert codes("https://xn--80ak6aa92e.com") == ["EGR632"]
    twin = destination("https://аррӏе.com")[1][1]
    assert say(twin).level == "warning"
    assert "apple.com" in say(twin).says


_PIECES = st.sampled_from(
    ["api.stripe.com", "10.0.0.0", "/8", ":443", ":", "@", "[", "]", "::1", "%eth0", "*", "*.", "https://", "jdbc:",
     "workload://", "cf-route://", "cf-service://", "tcp://", ":80-90", "0x7f.1", "\\", ",", "é",
     "\u200b", " ", "{", "}", "\x00"]
)  # fmt: skip


@given(st.one_of(st.text(max_size=60), st.lists(_PIECES, max_size=8).map("".join)))
def test_nothing_but_ask_unclear_is_raised(text: str) -> None:
    try:
        found, findings = destination(text)
    except AskUnclear as refused:
        assert refused.code in catalogue()
        assert len(say(refused.finding).says) < 400
        return
    assert all(finding.code in catalogue() for finding in findings)
    if found.workload is None and found.service is None:
        again, _ = destination(str(found))
        assert (again.host, again.ip, again.network, again.ports) == (found.host, found.ip, found.network, found.ports)


@given(st.text(max_size=80))
def test_no_workload_text_raises_anything_else(text: str) -> None:
    try:
        ref = workload(text)
    except AskUnclear as refused:
        assert refused.code in catalogue()
    else:
        assert ref.parts
        assert all(ref.parts)


@pytest.mark.parametrize("sign", ["[", ":", "@", "a.", "*", "://", "é", "{a=", "1:"])
@pytest.mark.parametrize("reader", [destination, workload])
def test_garbage_is_answered_at_once(sign: str, reader: Callable[[str], object]) -> None:
    def refused(text: str) -> None:
        with pytest.raises(AskUnclear):
            reader(text)

    few, many = (calls(lambda size=size: refused(sign * size)) for size in (1000, 10_000))  # type: ignore[misc]
    assert many < 11 * few


# --- who wants to get there


@pytest.mark.parametrize(
    ("text", "kind", "environment", "parts", "labels"),
    [
        ("payments", None, None, ("payments",), None),
        ("staging:payments", None, "staging", ("payments",), None),
        ("org/ou/project", None, None, ("org", "ou", "project"), None),
        ("production:org/ou/project", None, "production", ("org", "ou", "project"), None),
        ("k8s/shop/web", "k8s", None, ("shop", "web"), None),
        ("cf/org/space/app", "cf", None, ("org", "space", "app"), None),
        ("cf/My Org/space", "cf", None, ("My Org", "space"), None),
        ("infra/staging:payments", "infra", "staging", ("payments",), None),
        ("staging:infra/payments", "infra", "staging", ("payments",), None),
        ("k8s", None, None, ("k8s",), None),
        ("shop{app=web,tier=front}", None, None, ("shop",), {"app": "web", "tier": "front"}),
        ("shop{app.kubernetes.io/name = web}", None, None, ("shop",), {"app.kubernetes.io/name": "web"}),
        ("k8s/prod:shop{a=}", "k8s", "prod", ("shop",), {"a": ""}),
        ("shop{}", None, None, ("shop",), {}),
    ],
)
def test_workloads(
    text: str, kind: str | None, environment: str | None, parts: tuple[str, ...], labels: dict[str, str] | None
) -> None:
    assert workload(text, service_account="sa") == WorkloadRef(text, kind, environment, parts, labels, "sa")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (" ", "EGR626"),
        ("k8s/", "EGR627"),
        ("a//b", "EGR627"),
        ("a/b/c/d/e", "EGR627"),
        (":a", "EGR627"),
        ("a:", "EGR627"),
        ("a:b:c", "EGR627"),
        ("a\x07b", "EGR627"),
        ("x" * 300, "EGR627"),
        ("ns{app}", "EGR628"),
        ("ns{app=web", "EGR628"),
        ("ns{app=web}x", "EGR628"),
        ("ns{app=web,app=api}", "EGR628"),
        ("ns{!app=web}", "EGR628"),
        ("{app=web}", "EGR627"),
        ("x" * 5000, "EGR629"),
    ],
)
def test_workloads_that_cant_be_read(text: str, code: str) -> None:
    with pytest.raises(AskUnclear) as refused:
        workload(text)
    assert refused.value.code == code
    assert "?)" not in say(refused.value.finding).says
