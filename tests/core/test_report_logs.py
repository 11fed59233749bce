"""Access logs and flow logs: each format gives the same facts."""

from __future__ import annotations

import pytest

from skills.core.report import Access, read_report

TEXT = (
    '[2024-05-01T10:00:00.000Z] "GET /a HTTP/1.1" 503 UF,URX upstream_reset_before_response_started{{failure}} - "{reason}" '
    '7 91 10002 - "-" "curl/8.1" "0c0c" "a.example" "198.51.100.7:80" outbound|80||a.example - 198.51.100.7:80 '
    "10.42.0.9:51000 - default"
)
JSON = (
    '{"start_time":"2024-05-01T10:00:00.000Z","method":"GET","response_code":503,"response_flags":"UF,URX",'
    '"response_code_details":"upstream_reset_before_response_started{failure}","authority":"a.example",'
    '"upstream_host":"198.51.100.7:80","upstream_cluster":"outbound|80||a.example","bytes_received":7,"bytes_sent":91,'
    '"downstream_local_address":"198.51.100.7:80","duration":10002,"requested_server_name":null,"route_name":"default"}'
)
KEYS = (
    "[04/12/2019] method=GET authority=a.example response_flag=UF,URX status=503 status_details=upstream_failure "
    "upstream=198.51.100.7:80 total_time_ms=10002 bytes_received=7 bytes_sent=91"
)


def only(text: str) -> Access:
    (access,) = read_report(text).accesses
    return access


@pytest.mark.parametrize("text", [TEXT.format(reason="-"), JSON, JSON.replace(',"', ',\n  "'), KEYS])
def test_every_format_gives_the_same_facts(text: str) -> None:
    access = only(text)
    assert (access.code, access.flags, access.authority, access.upstream) == (
        503,
        ("UF", "URX"),
        "a.example",
        "198.51.100.7:80",
    )
    assert (access.duration, access.received, access.sent, access.sni) == (10002, 7, 91, "")
    assert access.failed and not access.inbound and not access.unrouted


def test_the_text_format_holds_cluster_reason_and_route() -> None:
    access = only(TEXT.format(reason="TLS_error:_CERTIFICATE_VERIFY_FAILED"))
    assert (access.cluster, access.original, access.route) == ("outbound|80||a.example", "198.51.100.7:80", "default")
    assert access.reason == "TLS_error:_CERTIFICATE_VERIFY_FAILED"
    assert access.details.startswith("upstream_reset_before_response_started")


def tcp(cluster: str, sni: str, flags: str = "UF") -> str:
    return (
        f'[2024-05-01T10:00:00.000Z] "- - -" 0 {flags} - - "-" 0 0 9995 - "-" "-" "-" "-" "198.51.100.7:443" {cluster} - '
        f"198.51.100.7:443 10.42.0.9:51000 {sni} -"
    )


@pytest.mark.parametrize(
    ("cluster", "sni", "wanted"),
    [
        ("PassthroughCluster", "a.example", ["a.example:443"]),
        ("PassthroughCluster", "-", ["198.51.100.7:443"]),
        ("outbound|443||a.example", "-", ["a.example:443"]),
        ("InboundPassthroughCluster", "a.example", ["a.example:443"]),
        ("InboundPassthroughCluster", "-", []),
        ("inbound|8080||", "-", []),
    ],
)
def test_the_remote_of_a_tcp_line(cluster: str, sni: str, wanted: list[str]) -> None:
    assert [str(seen) for seen in read_report(tcp(cluster, sni)).destinations] == wanted


def test_failed_lines_speak_first() -> None:
    report = read_report(
        f"{tcp('PassthroughCluster', 'fine.example', '-')}\n{tcp('PassthroughCluster', 'lost.example')}"
    )
    assert [seen.host for seen in report.destinations] == ["lost.example"]
    assert [access.sni for access in report.failures] == ["lost.example"]


def test_an_ingress_gateway_names_its_backend() -> None:
    line = (
        '"GET / HTTP/1.1" 503 UC upstream_reset - "-" 0 95 0 - "203.0.113.9" "app/1" "b0" "shop.example" "10.8.4.1:8181" '
        "outbound|80||web.shop.svc.cluster.local 10.8.4.2:37132 10.8.4.2:80 10.8.4.3:59375 - -"
    )
    assert [str(seen) for seen in read_report(line).destinations] == ["web.shop.svc.cluster.local:80"]


def test_other_servers_access_logs_are_not_envoys() -> None:
    assert read_report('192.0.2.1 - - [27/Oct/2024] "GET / HTTP/1.1" 500 - "-" "curl/8"').accesses == ()


@pytest.mark.parametrize(
    ("line", "host", "port", "egress"),
    [
        (
            '{"flow":{"verdict":"DROPPED","IP":{"source":"10.4.3.3","destination":"198.51.100.7"},"l4":{"TCP":'
            '{"destination_port":443}},"destination_names":["a.example"],"traffic_direction":"EGRESS"}}',
            "a.example", 443, True,
        ),
        ("shop/web-1:40000 (ID:1) -> a.example:443 (world) policy-verdict:none EGRESS DENIED", "a.example", 443, True),
        ("10.4.3.3:40000 (ID:1) -> 10.4.9.9:8080 (ID:2) policy-verdict:none INGRESS DENIED", "10.4.9.9", 8080, False),
        ("xx drop (Policy denied) flow 0x5d1 to endpoint 0, identity 24->world: 10.0.1.5:412 -> 198.51.100.7:443 tcp SYN",
         "198.51.100.7", 443, True),
        ("kernel: IN=cali1 OUT=eth0 SRC=10.42.0.9 DST=198.51.100.7 PROTO=TCP SPT=51000 DPT=443 SYN",
         "198.51.100.7", 443, True),
        ("2 123456789010 eni-0abc 10.0.1.5 198.51.100.7 49761 443 6 20 4249 1418530010 1418530070 REJECT OK",
         "198.51.100.7", 443, None),
    ],
)  # fmt: skip
def test_flow_logs(line: str, host: str, port: int, egress: bool | None) -> None:
    (drop,) = read_report(line).drops
    assert (drop.host, drop.port, drop.egress) == (host, port, egress)


@pytest.mark.parametrize(
    "line",
    [
        '{"flow":{"verdict":"FORWARDED","IP":{"destination":"198.51.100.7"}}}',
        "shop/web-1:40000 (ID:1) -> a.example:443 (world) to-stack FORWARDED (TCP Flags: SYN)",
        "2 123456789010 eni-0abc 10.0.1.5 198.51.100.7 49761 443 6 20 4249 1418530010 1418530070 ACCEPT OK",
        "xx drop (Invalid source ip) flow 0x5d1, identity 24->world: 10.0.1.5:412 -> 198.51.100.7:443 tcp SYN",
    ],
)
def test_what_was_not_dropped_by_policy(line: str) -> None:
    assert read_report(line).drops == ()
