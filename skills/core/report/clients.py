"""Which program or library wrote the message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import re2

from skills.core.report.facts import Access

# First match counts: a tool stands before the library that it is built on.
_CLIENTS: tuple[tuple[str, str], ...] = (
    ("terraform", r"(?i)\bterraform\b|registry\.terraform\.io|Failed to query available provider"),
    (
        "helm",
        (
            r"(?i)^\W*(?:\$ ?)?helm |chart repositor(?:y|ies)|\bhelm (?:repo|install|upgrade|pull|dep)"
            r"|UPGRADE FAILED|INSTALLATION FAILED"
        ),
    ),
    (
        "npm",
        (
            r"(?i)\bnpm (?:ERR!|error|WARN|install|ci)|mapToRegistry|\byarn (?:install|add)|pnpm"
            r"|registry\.npm|info attempt registry request"
        ),
    ),
    (
        "pip",
        (
            r"pip\._vendor|(?i)\bpip3? (?:install|download)|Could not fetch URL|\bCollecting [\w-]+"
            r"|after connection broken by '[^\n]*'?: /simple/|location\(s\) to search for versions"
            r"|https?://[a-z0-9.-]*/simple/[a-z0-9-]+/|No matching distribution|Could not install packages"
            r"|Could not find a version that satisfies"
        ),
    ),
    (
        "maven",
        (
            r"org\.apache\.maven|org\.eclipse\.aether|org\.sonatype"
            r"|Could not transfer (?:artifact|metadata)|Non-resolvable|\bmvn\b"
            r"|\[ERROR\] Failed to execute goal"
        ),
    ),
    (
        "docker",
        (
            r"(?i)Error response from daemon|docker(?:hub)? (?:pull|push|login|build|run)"
            r"|Failed to pull image|ErrImagePull|ImagePullBackOff|toomanyrequests|registry-1\.docker"
            r"|buildx|httpReadSeeker|dockerd|containerd|pulling image"
            r"|failed to resolve (?:reference|source metadata)|pull\(|skopeo|buildkit|kaniko|podman"
            r"|docker://|container registry|failed to solve|oauth token|initializing source"
        ),
    ),
    ("aiohttp", r"aiohttp|Cannot connect to host \S+ ssl:|ClientConnector\w*Error|ServerDisconnectedError"),
    ("httpx", r"\bhttpx\b|httpcore|openai\.\w+Error|All connection attempts failed|anthropic\.\w+Error"),
    ("boto", r"(?i)botocore|boto3?\b|EndpointConnectionError|Could not connect to the endpoint URL|s3://"),
    (
        "grpc",
        (
            r"StatusCode\.|grpc\._channel|_InactiveRpcError|failed to connect to all addresses|io\.grpc\."
            r"|grpc_status|ssl_transport_security"
        ),
    ),
    (
        "redis",
        (
            r"(?i)\bredis(?:-cli\b|::|\.exceptions|client|module|exception)|redis\.clients"
            r"|Redis (?:on|at) |connecting to \S+:63(?:79|80)\b|Could not connect to Redis|ioredis"
        ),
    ),
    ("kafka", r"(?i)NetworkClient|kafka|rdkafka|bootstrap broker|%\d\|\d+\.\d+\|FAIL\|"),
    (
        "php",
        (
            r"(?i)cURL error \d+|guzzle|PHP (?:Fatal|Warning|Notice)|\.php(?::| on line|\()"
            r"|php_network_getaddresses|stream_socket_client|fsockopen|SoapFault|PDOException"
        ),
    ),
    (
        "dotnet",
        (
            r"System\.(?:Net|IO|Security|AggregateException|Threading|Data)|HttpRequestException|NuGet"
            r"|dotnet |\.csproj|Microsoft\.(?:Data|AspNetCore|Extensions)|SocketException \("
            r"|Response status code does not indicate|\bNU\d{4}\b"
        ),
    ),
    ("smtp", r"(?i)postfix/|\bsmtp(?:lib|d\b|_|:|[ /(])|smtplib|sendmail|STARTTLS|nodemailer|exim"),
    (
        "git",
        (
            r"(?i)fatal: (?:unable to access|Could not read|repository)"
            r"|git (?:clone|fetch|pull|push|ls-remote|submodule)|git-upload-pack|\bgit@|RPC failed; curl"
        ),
    ),
    (
        "kubectl",
        (
            r"(?i)\bkubectl (?:apply|get|create|logs|ws|describe|delete|top|port-forward|version|config|wait|rollout)"
            r"|Error from server|Unable to connect to the server|failed calling (?:admission )?webhook"
            r"|You must be logged in to the server|memcache\.go|The connection to the server"
        ),
    ),
    ("openssl", r"openssl s_client|(?m)^CONNECTED\(|Verify return code|verify error:num=|SSL handshake has read"),
    (
        "envoy-access-log",
        (
            r"\"response_flags\"|response_flags?=|\b(?:InboundPassthrough|Passthrough|BlackHole)Cluster"
            r"|\b(?:outbound|inbound)\|\d+\||\"- - -\" 0 |\tdebug\tenvoy"
            r"|\benvoy (?:pool|connection|router|http|filter|client|upstream)\b"
        ),
    ),
    (
        "curl",
        (
            r"(?m)\bcurl: \(\d+\)|^[\s>$#]*curl |[$#] ?curl |-- curl |curl failed to verify|^\* (?:Trying"
            r"|Connected to|Establish|Received|TLSv|ALPN|Server certificate|Rebuilt|allocate"
            r"|Closing connection|Connection #)|^\*   Trying|alternative certificate subject name"
            r"|sslcerts\.html|^> User-Agent: curl"
        ),
    ),
    (
        "python-requests",
        (
            r"requests\.(?:exceptions|packages|adapters)|requests/(?:api|sessions|adapters|models)\.py"
            r"|(?:^|\W)(?:ConnectionError|SSLError|ProxyError|ReadTimeout|ConnectTimeout|Error): HTTPS?ConnectionPool"
            r"|raise_for_status"
        ),
    ),
    ("urllib3", r"urllib3[/\\.]\w+\.py|urllib3\.exceptions|MaxRetryError|Retrying \(Retry\(|RemoteDisconnected"),
    ("python-requests", r"HTTPS?ConnectionPool\(|hostname '[^']*' doesn't match"),
    ("urllib3", r"urllib3|NewConnectionError"),
    (
        "ruby",
        (
            r"(?i)\.rb:\d+|gems/|Errno::E|Net::(?:Open|Read)Timeout|PG::|OpenSSL::SSL::SSLError|Faraday::"
            r"|gem install|rubygems|SSL_connect returned=|Could not find a valid gem|ActiveRecord"
            r"|SocketError: Failed to open TCP|bundler"
        ),
    ),
    (
        "java",
        (
            r"\bjava[x]?\.[a-z]+\.|Exception in thread|\bat [\w.$]+\([\w]+\.(?:java|kt|scala):\d+\)"
            r"|PKIX path|\bjdbc:|Caused by: [a-z]+\.[a-z]|o\.a\.\w|sun\.security|SunCertPathBuilder"
            r"|org\.springframework|okhttp3|io\.netty|awssdk|SQLRecoverableException|HikariPool"
            r"|\b(?:org|com|io|net|reactor)\.[a-z0-9_.]+\.[A-Z]\w*(?:Exception|Error)\b|Could not GET"
            r"|configuration \':"
        ),
    ),
    (
        "rust",
        (
            r"(?i)\bhyper|reqwest|tokio|Os \{ code|os error \d+\)|rustls|thread '[\w-]+' panicked"
            r"|Io\(Error|\bcargo\b|spurious network error|error sending request for url \("
            r"|invalid peer certificate"
        ),
    ),
    (
        "node",
        (
            r"\bnode:(?:internal|events|net|dns|fs|url|_\w+)|node_modules"
            r"|\bE(?:TIMEDOUT|CONNREFUSED|CONNRESET|NOTFOUND|AI_AGAIN|PIPE|HOSTUNREACH|NETUNREACH|PROTO)\b"
            r"|ERR_TLS_|AxiosError|FetchError|undici|socket hang up|UnhandledPromiseRejection"
            r"|\bat \S+ \([\w/.:_-]+\.[cm]?[jt]s:\d+:\d+\)|altnames:|StatusCodeError"
            r"|self signed certificate in certificate chain|UNABLE_TO_|SELF_SIGNED_CERT|DEPTH_ZERO"
            r"|QueryReqWrap|\bnet::ERR_|\bE(?:TIMEOUT|SOCKET|CONNABORTED)\b"
        ),
    ),
    ("psql", r"(?i)\bpsql\b|libpq|postgres(?:ql)?://|connection to server at \"|server running on host|psycopg"),
    (
        "go",
        (
            r"\bdial (?:tcp|udp)|x509: |context deadline exceeded|Client\.Timeout|net/http: "
            r"|\b(?:Get|Post|Put|Head|Patch|Delete) \"?https?://|\.go:\d+|goroutine \d+|tls: |read tcp "
            r"|http: server gave|\blevel=(?:error|fatal|warn)|rpc error: code|FATA\[|wsarecv|connectex"
            r"|cf logs"
        ),
    ),
)
_COMPILED: tuple[tuple[str, Any], ...] = tuple((name, re2.compile(pattern)) for name, pattern in _CLIENTS)


# What they fetch from comes by HTTPS unless the text says otherwise.
SPEAK_HTTPS = frozenset(("pip", "npm", "docker", "helm", "boto", "terraform", "maven"))


def client(text: str, accesses: Sequence[Access]) -> str:
    """The name of the client, `other` when nothing in the text is typical of one."""
    for name, pattern in _COMPILED:
        if (accesses and name == "envoy-access-log") or pattern.search(text):
            return name
    return "other"
