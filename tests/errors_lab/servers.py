"""The faulty servers, all in one process: each waits at the address of its fault."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import subprocess
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from tests.errors_lab.faults import NET, RESOLVER

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
_ENVOY = b"server: envoy\r\ndate: Mon, 05 Jan 2026 08:00:00 GMT\r\n"
_REASON = b"upstream connect error or disconnect/reset before headers. reset reason: connection failure"


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes, body: bytes = b"") -> None:
    await reader.read(4096)
    writer.write(head + b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body) + body)
    await writer.drain()
    writer.close()


async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _answer(reader, writer, b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\n", b"bad request")


async def fine(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _answer(reader, writer, b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n", b"{}")


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(64)
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(8192)
    writer.close()


async def sidecar_502(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _answer(reader, writer, b"HTTP/1.1 502 Bad Gateway\r\n" + _ENVOY)


async def sidecar_503(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _answer(reader, writer, b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\n" + _ENVOY, _REASON)


async def sidecar_403(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = b"HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain\r\n" + _ENVOY
    await _answer(reader, writer, head, b"RBAC: access denied")


async def postgres_says_no(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Refuses TLS, then the password (PostgreSQL's manual, message formats)."""
    if len(await reader.read(1024)) == 8:
        writer.write(b"N")
        await reader.read(1024)
    body = b'SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user "app"\0\0'
    writer.write(b"E" + struct.pack("!i", len(body) + 4) + body)
    await writer.drain()
    writer.close()


async def redis_says_no(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(1024):
        writer.write(b"-NOAUTH Authentication required.\r\n")
        await writer.drain()


def certificates(folder: Path, names: Mapping[str, str]) -> None:
    """`expired`, `self_signed`, `unknown_ca`, `wrong_name` and `good` as NAME.pem and NAME.key, made with openssl.

    `names` leads each host to its address: a certificate covers the hosts of the addresses that show it.
    """
    _openssl("req -x509 -newkey rsa:2048 -nodes -days 30 -subj /O=Acme/CN=AcmeRoot -keyout ca.key -out ca.pem", folder)
    _openssl(
        "req -x509 -newkey rsa:2048 -nodes -days 30 -subj /O=Acme/CN=Other -keyout other.key -out other.pem", folder
    )
    (folder / "serial").write_text("1000\n")
    for name, lasts, dates in (
        ("expired", (11,), "-startdate 20240101000000Z -enddate 20240201000000Z"),
        ("self_signed", (12,), "-days 30"),
        ("unknown_ca", (13,), "-days 30"),
        ("wrong_name", (), "-days 30"),
        ("good", (15, 24, 25, 26), "-days 30"),
    ):
        covered = [host for host, ip in names.items() if ip in [f"{NET}.{last}" for last in lasts]]
        covered = covered or ["portal.other-team.example", "*.other-team.example"]
        (folder / "ca.cnf").write_text(_CA.format(folder=folder, by="other" if name == "unknown_ca" else "ca"))
        (folder / "index.txt").write_text("")
        entries = "".join(f"DNS.{number}={host}\n" for number, host in enumerate(covered))
        (folder / "ext.cnf").write_text(f"subjectAltName=@alt\n[alt]\n{entries}")
        _openssl(f"req -new -newkey rsa:2048 -nodes -subj /CN={covered[0]} -keyout {name}.key -out {name}.csr", folder)
        signed = "-selfsign -keyfile self_signed.key" if name == "self_signed" else ""
        words = f"ca -batch -notext -config ca.cnf -extfile ext.cnf {dates} {signed} -in {name}.csr -out {name}.pem"
        _openssl(words, folder)
    bundle = "-import -noprompt -storepass changeit -alias lab -file ca.pem -keystore trust.p12"
    subprocess.run(["keytool", *bundle.split()], cwd=folder, check=False, capture_output=True)


_CA = """[ca]
default_ca = it
[it]
database = {folder}/index.txt
new_certs_dir = {folder}
certificate = {folder}/{by}.pem
private_key = {folder}/{by}.key
default_md = sha256
policy = any
unique_subject = no
serial = {folder}/serial
[any]
commonName = supplied
"""


def _openssl(words: str, folder: Path) -> None:
    subprocess.run(["openssl", *words.split()], cwd=folder, check=True, capture_output=True)


def _tls(folder: Path, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return context


class Resolver(asyncio.DatagramProtocol):
    """NXDOMAIN for what is `missing`, SERVFAIL for what is `broken`, nothing for what is `mute`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        question = data[12 : data.index(b"\0", 12) + 5]
        if b"mute" in question:
            return
        code = 2 if b"broken" in question else 3
        head = data[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, 0, 0, 0)
        self.transport.sendto(head + question, addr)  # type: ignore[attr-defined]


async def serve(folder: Path, ready: Path) -> None:
    """Listens until it is ended; `ready` is written when everything does."""
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(Resolver, local_addr=(RESOLVER, 53))
    for last, name in ((11, "expired"), (12, "self_signed"), (13, "unknown_ca"), (14, "wrong_name"), (15, "good")):
        await asyncio.start_server(fine, f"{NET}.{last}", 443, ssl=_tls(folder, name))
    for last, port, handler in (
        (16, 443, silent), (17, 443, reset), (19, 443, plain), (23, 443, cut), (40, 80, sidecar_502),
        (41, 80, sidecar_503), (42, 80, sidecar_403), (60, 5432, postgres_says_no), (60, 6379, redis_says_no),
        (61, 5432, silent), (61, 6379, silent), (61, 3306, silent), (62, 5432, cut), (62, 6379, cut), (62, 3306, cut),
    ):  # fmt: skip
        await asyncio.start_server(handler, f"{NET}.{last}", port)
    for last, slow in ((24, cut), (26, silent)):
        await asyncio.start_server(slow, f"{NET}.{last}", 443, ssl=_tls(folder, "good"))
    loop.set_exception_handler(lambda _loop, _context: None)  # clients go away in the middle: that is what this is for
    ready.write_text("ready")
    await asyncio.Event().wait()


NGINX = """daemon on; pid {folder}/nginx.pid; error_log /dev/null; events {{}}
http {{ access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
uwsgi_temp_path {folder}; scgi_temp_path {folder};
server {{ listen {net}.25:443 ssl; listen {net}.25:80; ssl_certificate {folder}/good.pem; ssl_certificate_key {folder}/good.key;
location ~ /dead {{ proxy_pass http://127.0.0.1:9; }}
location ~ /slow {{ proxy_pass https://{net}.26:443; proxy_read_timeout 1s; proxy_ssl_verify off; }}
location ~ /busy {{ return 503; }} location ~ /limited {{ return 429; }}
location ~ /private {{ add_header WWW-Authenticate 'Basic realm="private"' always; return 401; }} }} }}
"""
SQUID = """http_port {net}.30:3128
http_port {net}.31:3129 name=login
acl fromlogin myportname login
auth_param basic program /bin/false
auth_param basic realm acme
acl known proxy_auth REQUIRED
http_access deny fromlogin !known
http_access deny all
cache deny all
access_log none
cache_log /dev/null
pid_filename {folder}/squid.pid
coredump_dir {folder}
visible_hostname proxy.acme-corp.example
"""


def proxies(folder: Path) -> None:
    """Real nginx and squid, when they are installed."""
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, net=NET))
    (folder / "squid.conf").write_text(SQUID.format(folder=folder, net=NET))
    subprocess.run(["nginx", "-c", str(folder / "nginx.conf")], check=False, capture_output=True)
    subprocess.run(["squid", "-n", "errorslab", "-f", str(folder / "squid.conf")], check=False, capture_output=True)
