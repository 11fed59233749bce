"""Runs the laboratory: `python -m tests.errors_lab OUT.jsonl [PYTHON] [NODE_MODULES]`. Needs root; see the package."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.errors_lab import servers
from tests.errors_lab.clients import HTTP, STORE_FAULTS, STORES, Client, Raw
from tests.errors_lab.faults import FAULTS, NET, RESOLVER, Fault, all_names, block, named, told

_MOST_LINES = 60
_TRUSTED = "/etc/ssl/certs/ca-certificates.crt"
_INSIDE = "POSTERN_ERRORS_LAB"
# Faults whose packets must not arrive: dropped without a word, or rejected as a router does.
_FILTER = f"""
nft add table ip lab
nft add chain ip lab out '{{ type filter hook output priority 0; }}'
nft add rule ip lab out ip daddr {NET}.20 drop
nft add rule ip lab out ip daddr {NET}.21 meta l4proto tcp reject with icmp type host-unreachable
"""


def main(out: str, python: str = sys.executable, modules: str = "") -> None:
    if not os.environ.get(_INSIDE):
        command = [
            "unshare",
            "--net",
            "--mount",
            "--fork",
            sys.executable,
            "-m",
            "tests.errors_lab",
            out,
            python,
            modules,
        ]
        raise SystemExit(subprocess.run(command, env={**os.environ, _INSIDE: "1"}, check=False).returncode)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        _network(folder)
        process = _start(folder)
        try:
            cases = _play(folder, python, modules)
        finally:
            process.kill()
            subprocess.run(["nginx", "-c", str(folder / "nginx.conf"), "-s", "stop"], check=False, capture_output=True)
            subprocess.run(["squid", "-n", "errorslab", "-f", str(folder / "squid.conf"), "-k", "shutdown"],
                           check=False, capture_output=True)  # fmt: skip
            time.sleep(2)
    with Path(out).open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(case, ensure_ascii=False) + "\n" for case in cases)
    print(f"{len(cases)} cases")


def _network(folder: Path) -> None:
    """Addresses on the loopback device of this namespace, names in a hosts file of its own, filters."""
    lasts = (*range(11, 33), 40, 41, 42, 53, 60, 61, 62)
    lines = [f"ip addr add {NET}.{last}/32 dev lo" for last in lasts]
    hosts = "".join(f"{ip} {name}\n" for name, ip in all_names().items())
    stores = "".join(f"{f.ip} {_store_host(f, s)}\n" for f in STORE_FAULTS for s in STORES if f.ip)
    (folder / "hosts").write_text(f"127.0.0.1 localhost\n{hosts}{stores}")
    (folder / "resolv.conf").write_text(f"nameserver {RESOLVER}\noptions timeout:1 attempts:1\n")
    servers.certificates(folder, all_names())
    trusted = Path(_TRUSTED).read_text() + (folder / "ca.pem").read_text()
    (folder / "trusted.pem").write_text(trusted)
    mounts = [f"mount --bind {folder}/{name} /etc/{name}" for name in ("hosts", "resolv.conf")]
    mounts.append(f"mount --bind {folder}/trusted.pem {_TRUSTED}")
    script = "\n".join(["set -e", "ip link set lo up", *lines, _FILTER, "mount --make-rprivate /", *mounts])
    subprocess.run(["sh", "-c", script], check=True)


def _start(folder: Path) -> subprocess.Popen[bytes]:
    servers.proxies(folder)
    code = f"import asyncio, pathlib; from tests.errors_lab.servers import serve; f = pathlib.Path({str(folder)!r}); "
    process = subprocess.Popen([sys.executable, "-c", f"{code}asyncio.run(serve(f, f / 'ready'))"])
    for _ in range(100):
        if (folder / "ready").exists():
            return process
        time.sleep(0.1)
    raise SystemExit("the servers did not start")


def _host(fault: Fault, number: int) -> str:
    return named(fault, number)


def _store_host(fault: Fault, store: Raw) -> str:
    return f"{fault.label}-{store.name.replace('_', '-')}.{fault.name.removeprefix('store_')}.data.example"


def _play(folder: Path, python: str, modules: str) -> list[dict[str, Any]]:
    jobs = [*_http_jobs(), *_store_jobs()]
    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda job: _case(job, folder, python, modules), jobs))
    return [case for case in found if case is not None]


Job = tuple[Client | Raw, Fault, str]


def _http_jobs() -> Iterator[Job]:
    for number, client in enumerate(HTTP):
        for fault in FAULTS:
            tool = client.name in ("openssl", "pip", "npm", "kubectl", "git", "boto3")
            answered = fault.path != "/v1/items" or fault.name in ("limited", "login")
            if client.name == "openssl" and fault.name in ("empty_reply", "slow", "proxy_login", "proxy_denies"):
                continue  # it sends nothing, so that nothing is amiss
            if fault.scheme not in client.speaks or (tool and answered) or (fault.proxy and client.name in _NO_PROXY):
                continue
            yield client, fault, _host(fault, number)


_NO_PROXY = ("openssl", "java", "java_url", "fetch", "https", "got", "php", "axios", "axios_raw", "boto3")


def _store_jobs() -> Iterator[Job]:
    for store in STORES:
        for fault in STORE_FAULTS:
            if fault.name in ("store_password", "store_silent", "store_cut") and store.scheme not in (
                "postgres", "redis", "mysql"
            ):  # fmt: skip
                continue
            if fault.name == "store_password" and store.scheme == "mysql":
                continue
            yield store, replace(fault, scheme=store.scheme, port=store.port), _store_host(fault, store)


def _case(job: Job, folder: Path, python: str, modules: str) -> dict[str, Any] | None:
    who, fault, host = job
    place = folder / f"{who.name}-{fault.name}"
    place.mkdir()
    if modules:
        (place / "node_modules").symlink_to(modules)
    line, _ = _command(who, fault, host, python, place)
    text = _run(line, fault, place)
    text = _scrubbed(text, place, python, modules)
    if not text.strip() or "command not found" in text or _shows_another(fault, text):
        return None
    if who.shown:
        text = f"$ {_scrubbed(line, place, python, modules)}\n{text}"
    return _labelled(who, fault, host, text)


def _shows_another(fault: Fault, text: str) -> bool:
    """Some Java runtimes end a handshake of their own accord: the fault that was made is not what the text shows."""
    unable = re.search(r"terminated the handshake|trustAnchors", text) is not None
    return unable and fault.name not in ("reset_tls", "cut_tls", "plain_on_tls")


def _command(who: Client | Raw, fault: Fault, host: str, python: str, place: Path) -> tuple[str, str]:
    if isinstance(who, Raw):
        kind, _, code = who.code.partition(":")
        code = code.format(host=host)
        if kind == "sh":
            return code, ""
        (place / f"worker.{kind}").write_text(code + "\n")
        return f"{python if kind == 'py' else 'node'} {place}/worker.{kind}", ""
    port = "" if fault.port in (80, 443) else f":{fault.port}"
    base = f"{fault.scheme}://{host}{port}"
    name, source = who.files(base + fault.path, host, base)
    if name:
        (place / name).write_text(source)
    file = str(place / name)
    return who.line(url=base + fault.path, host=host, base=base, fault=fault, python=python, file=file), file


def _run(line: str, fault: Fault, place: Path) -> str:
    environment = {**os.environ, "HOME": str(place), "NO_COLOR": "1", "LC_ALL": "C.UTF-8", "GIT_TERMINAL_PROMPT": "0"}
    environment = {name: value for name, value in environment.items() if "proxy" not in name.lower()}
    for name in ("PIP_CONFIG_FILE", "PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", _INSIDE):
        environment.pop(name, None)
    environment["PIP_CONFIG_FILE"] = "/dev/null"
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "AWS_CA_BUNDLE", "PIP_CERT"):
        environment[name] = _TRUSTED
    if fault.proxy:
        environment |= {"https_proxy": fault.proxy, "http_proxy": fault.proxy}
    try:
        done = subprocess.run(
            ["bash", "-c", line], cwd=place, env=environment, capture_output=True, timeout=25, check=False
        )
    except subprocess.TimeoutExpired as late:
        return (late.stderr or b"").decode("utf-8", "replace")
    shown = done.stdout if done.returncode or "curl -v" in line else b""
    return (done.stderr + shown).decode("utf-8", "replace")


def _scrubbed(text: str, place: Path, python: str, modules: str) -> str:
    """Paths of this machine become those of a container; everything else stays as it was printed."""
    text = text.replace(str(place), "/app").replace(python, "python")
    text = text.replace(str(Path(python).parent.parent), "/venv")
    if modules:
        text = text.replace(modules, "/app/node_modules").replace(str(Path(modules).parent), "/app")
    text = re.sub(r"/[\w/.-]+/lib/(python3\.\d+)", r"/usr/local/lib/\1", text)
    text = re.sub(r"/tmp/\w+", "/tmp/run", text)
    lines = [
        line[:1500] for line in text.splitlines() if "npm notice" not in line and "A complete log of this" not in line
    ]
    if len(lines) > _MOST_LINES:
        lines = [*lines[: _MOST_LINES // 2], "    ...", *lines[-_MOST_LINES // 2 + 1 :]]
    return "\n".join(lines)


def _labelled(who: Client | Raw, fault: Fault, host: str, text: str) -> dict[str, Any]:
    """Named in the text, or by its address; a text that names neither has no destination."""
    shown = next((name for name in (host, fault.ip) if name and name in text), None)
    remote = [{"host": shown, "port": fault.port, "scheme": fault.scheme, "stated": True}] if shown else None
    symptom, others = told(fault, text)
    return {
        "id": f"{who.name}-{fault.name}",
        "group": f"{who.batch}:{who.name}",
        "text": text,
        "symptom": symptom,
        "symptom_alt": others,
        "destination": remote,
        "client": who.label,
        "envoy_flags": [],
        "egress_block_plausible": block(fault, text, named=shown == host),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
