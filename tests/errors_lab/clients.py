"""The clients of the laboratory: what each runs, and what `postern` should call it."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from tests.errors_lab.faults import NET, Fault

_PY = "import {module}\n{code}"
_JS = "{code}"
_JAVA_11 = """import java.net.URI;
import java.net.http.*;
import java.time.Duration;
public class Sync {
  public static void main(String[] a) throws Exception {
    var b = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(3));
    var r = HttpRequest.newBuilder(URI.create(a[0])).timeout(Duration.ofSeconds(4)).build();
    var s = b.build().send(r, HttpResponse.BodyHandlers.ofString());
    if (s.statusCode() >= 400) throw new IllegalStateException("GET " + a[0] + " returned " + s.statusCode() + ": " + s.body());
  }
}"""
_JAVA_8 = """import java.net.*;
public class Poller {
  public static void main(String[] a) throws Exception {
    var c = (HttpURLConnection) new URL(a[0]).openConnection();
    c.setConnectTimeout(3000); c.setReadTimeout(3000);
    c.getInputStream().readAllBytes();
  }
}"""
_SCRIPTS: Mapping[str, tuple[str, str]] = {
    "requests": ("py", "import requests\nrequests.get({url!r}, timeout=3).raise_for_status()"),
    "httpx": ("py", "import httpx\nhttpx.get({url!r}, timeout=3).raise_for_status()"),
    "urllib": ("py", "import urllib.request\nurllib.request.urlopen({url!r}, timeout=3)"),
    "aiohttp": (
        "py",
        "import aiohttp, asyncio\nasync def main():\n"
        "    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5, connect=3), trust_env=True) as s:\n"
        "        async with s.get({url!r}) as r:\n            r.raise_for_status()\nasyncio.run(main())",
    ),
    "boto3": (
        "py",
        "import boto3\nfrom botocore.config import Config\n"
        "c = Config(connect_timeout=3, read_timeout=3, retries={{'max_attempts': 0}})\n"
        "boto3.client('sqs', endpoint_url={base!r}, region_name='eu-west-1', config=c, aws_access_key_id='x',"
        " aws_secret_access_key='y').list_queues()",
    ),
    "fetch": ("mjs", "const r = await fetch({url!r});\nif (!r.ok) throw new Error('GET {url} returned ' + r.status);"),
    "https": (
        "cjs",
        "const q = require({module!r}).get({url!r}, r => {{ if (r.statusCode > 399) throw new Error('status ' + r.statusCode"
        " + ' from {host}'); }});\nq.setTimeout(4000, () => q.destroy(new Error('request timed out')));",
    ),
    "axios": ("cjs", "require('axios').get({url!r}, {{ timeout: 3000 }}).catch(e => {{ console.error(e.message, e.code,"
              " e.config && e.config.url); }});"),
    "axios_raw": ("cjs", "require('axios').get({url!r}, {{ timeout: 3000 }}).catch(e => {{ throw e; }});"),
    "got": ("mjs", "import got from 'got';\nawait got({url!r}, {{ retry: {{ limit: 0 }}, timeout: {{ request: 4000 }} }});"),
    "ruby": ("rb", "require 'net/http'\nu = URI({url!r})\nNet::HTTP.start(u.host, u.port, use_ssl: u.scheme == 'https',"
             " open_timeout: 3, read_timeout: 3) {{ |h| h.get(u.path).value }}"),
    "php": ("php", "<?php\n$r = file_get_contents({url!r});\nif ($r === false) exit(1);"),
    "php_curl": ("php", "<?php\n$c = curl_init({url!r});\ncurl_setopt_array($c, [CURLOPT_RETURNTRANSFER => true,"
                 " CURLOPT_CONNECTTIMEOUT => 3, CURLOPT_TIMEOUT => 5, CURLOPT_FAILONERROR => true]);\nif (curl_exec($c) === false)"
                 " throw new RuntimeException('cURL error ' . curl_errno($c) . ': ' . curl_error($c) . ' for {url}');"),
}  # fmt: skip
_RUN = {"py": "{python} {file}", "mjs": "node {file}", "cjs": "node {file}", "rb": "ruby {file}", "php": "php {file}"}


@dataclass(frozen=True, slots=True)
class Client:
    """`command` is run by a shell; `shown` says that people paste the command line as well. `batch` tells two sets of
    cases apart: those that rules were written with, and those that came after."""

    name: str
    label: str
    batch: str
    command: str = ""
    shown: bool = False
    speaks: tuple[str, ...] = ("http", "https")

    def files(self, url: str, host: str, base: str) -> tuple[str, str]:
        """Name and text of the script; empty for a tool."""
        if self.name in ("java", "java_url"):
            source = _JAVA_11 if self.name == "java" else _JAVA_8
            return ("Sync.java" if self.name == "java" else "Poller.java"), source
        if self.name not in _SCRIPTS:
            return "", ""
        ending, text = _SCRIPTS[self.name]
        module = "https" if url.startswith("https") else "http"
        return f"sync.{ending}", text.format(url=url, host=host, base=base, module=module) + "\n"

    def line(self, *, url: str, host: str, base: str, fault: Fault, python: str, file: str) -> str:
        facts = {
            "url": url,
            "host": host,
            "base": base,
            "port": fault.port,
            "python": python,
            "file": shlex.quote(file),
        }
        if self.command:
            return self.command.format(**facts)
        return _RUN[file.rsplit(".", 1)[-1]].format(**facts)


def _pip() -> str:
    return "{python} -m pip download --no-deps --retries 1 --timeout 2 --index-url {base}/simple acme-billing"


HTTP: tuple[Client, ...] = (
    Client("curl", "curl", "a", "curl -sS -f --connect-timeout 3 --max-time 4 {url}", shown=True),
    Client("curl_v", "curl", "a", "curl -v --connect-timeout 3 --max-time 4 {url}", shown=True),
    Client("wget", "other", "a", "wget -O- --tries=1 --timeout=3 {url}", shown=True),
    Client("requests", "python-requests", "a"),
    Client("httpx", "httpx", "a"),
    Client("urllib", "other", "a"),
    Client("fetch", "node", "a"),
    Client("java", "java", "a", "java -Djavax.net.ssl.trustStore=$(dirname {file})/../trust.p12 {file} {url}"),
    Client("git", "git", "a", "git ls-remote {url}.git", shown=True),
    Client("aiohttp", "aiohttp", "b"),
    Client("boto3", "boto", "b"),
    Client("https", "node", "b"),
    Client("axios", "node", "b"),
    Client("axios_raw", "node", "b"),
    Client("got", "node", "b"),
    Client("ruby", "ruby", "b"),
    Client("php", "php", "b"),
    Client("php_curl", "php", "b"),
    Client("java_url", "java", "b", "java -Djavax.net.ssl.trustStore=$(dirname {file})/../trust.p12 {file} {url}"),
    Client("openssl", "openssl", "b", "timeout 4 openssl s_client -connect {host}:{port} -servername {host} </dev/null",
           shown=True, speaks=("https",)),
    Client("pip", "pip", "b", _pip(), shown=True, speaks=("https",)),
    Client("npm", "npm", "b", "npm view left-pad --registry {base}/ --fetch-retries 0 --fetch-timeout 3000", shown=True,
           speaks=("https",)),
    Client("kubectl", "kubectl", "b", "kubectl --server {base} --token x --request-timeout 3s get pods", shown=True, speaks=("https",)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Raw:
    """A client of a data base or broker with its own fault: the port is the usual one unless `port` says else."""

    name: str
    label: str
    batch: str
    scheme: str
    port: int
    code: str
    shown: bool = False


STORES: tuple[Raw, ...] = (
    Raw("psql", "psql", "a", "postgres", 5432, "sh:PGPASSWORD=x PGCONNECT_TIMEOUT=3 psql -h {host} -U app -d ledger -c 'select 1'",
        shown=True),
    Raw("psycopg", "psql", "a", "postgres", 5432, "py:import psycopg\npsycopg.connect('postgresql://app:hunter2@{host}:5432/ledger?connect_timeout=3')"),
    Raw("redis_py", "redis", "a", "redis", 6379, "py:import redis\nredis.Redis('{host}', 6379, socket_timeout=3,"
        " socket_connect_timeout=3).ping()"),
    Raw("pg", "node", "b", "postgres", 5432, "cjs:new (require('pg').Client)({{host: '{host}', user: 'app', password: 'x',"
        " database: 'ledger', connectionTimeoutMillis: 3000}}).connect().catch(e => {{ console.error(e); process.exit(1) }})"),
    Raw("ioredis", "redis", "b", "redis", 6379, "cjs:const r = new (require('ioredis'))({{host: '{host}', connectTimeout: 3000,"
        " retryStrategy: null}}); r.on('error', e => console.error(e)); setTimeout(() => process.exit(1), 4500)"),
    Raw("mysql2", "node", "b", "mysql", 3306, "cjs:require('mysql2').createConnection({{host: '{host}', user: 'app', password: 'x',"
        " connectTimeout: 3000}}).connect(e => {{ if (e) throw e }})"),
    Raw("pymysql", "other", "b", "mysql", 3306, "py:import pymysql\npymysql.connect(host='{host}', user='app', password='x',"
        " connect_timeout=3, read_timeout=3)"),
    Raw("mysql", "other", "b", "mysql", 3306, "sh:mysql -h {host} -u app --connect-timeout=3 -e 'select 1'", shown=True),
    Raw("redis_cli", "redis", "b", "redis", 6379, "sh:timeout 5 redis-cli -h {host} ping", shown=True),
    Raw("pymongo", "other", "b", "mongodb", 27017, "py:import pymongo\npymongo.MongoClient('mongodb://{host}:27017',"
        " serverSelectionTimeoutMS=3000, connectTimeoutMS=2500).admin.command('ping')"),
    Raw("kafka_python", "kafka", "b", "kafka", 9092, "py:import logging; logging.basicConfig(level='WARNING')\nimport kafka\n"
        "kafka.KafkaProducer(bootstrap_servers=['{host}:9092'], max_block_ms=4000, request_timeout_ms=2500).send('orders', b'1').get(4)"),
    Raw("pika", "other", "b", "amqp", 5672, "py:import pika\npika.BlockingConnection(pika.URLParameters('amqp://app:x@{host}:5672/"
        "%2f?socket_timeout=3'))"),
    Raw("smtplib", "smtp", "b", "smtp", 587, "py:import smtplib\nsmtplib.SMTP('{host}', 587, timeout=3)"),
    Raw("asyncpg", "other", "b", "postgres", 5432, "py:import asyncio, asyncpg\nasyncio.run(asyncpg.connect('postgres://app:x@{host}"
        "/ledger', timeout=3))"),
)  # fmt: skip
STORE_FAULTS: tuple[Fault, ...] = (
    Fault("store_closed", f"{NET}.18", "connection_refused", "unclear", ("connect_timeout",), label="db"),
    Fault("store_dropped", f"{NET}.20", "connect_timeout", "yes", ("read_timeout",), label="db"),
    Fault("store_rejected", f"{NET}.21", "no_route", "yes", ("connect_timeout", "connection_refused"), label="db"),
    Fault("store_missing", None, "dns_failure", "no", ("connect_timeout",), label="missing-db"),
    Fault("store_mute", None, "dns_failure", "yes", ("connect_timeout",), label="mute-db"),
    Fault("store_password", f"{NET}.60", "app_error", "no", ("auth_401",), label="db"),
    Fault("store_silent", f"{NET}.61", "read_timeout", "unclear", ("connect_timeout", "app_error"), label="db"),
    Fault("store_cut", f"{NET}.62", "connection_reset", "unclear", ("app_error", "connect_timeout"), label="db"),
)


def there(name: str) -> bool:
    return shutil.which(name) is not None
