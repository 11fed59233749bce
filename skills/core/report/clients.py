"""Which program or library wrote the message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skills.core.patterns import Sieve, compiled
from skills.core.report.facts import Access

# Name, flags, patterns. First match counts: a tool stands before the library that it is built on.
_CLIENTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("docker", "m", (r"\bdocker pull \S+\n[^\n]*Error response from daemon",)),
    ("terraform", "im", (r"\bterraform\b|Failed to query available provider|\bon \S+\.tf line \d+",)),
    (
        "helm",
        "im",
        (
            r"^\W*(?:\$ ?)?helm |chart repositor(?:y|ies)|\bhelm (?:repo|install|upgrade|pull|dep)",
            r"UPGRADE FAILED|INSTALLATION FAILED",
        ),
    ),
    (
        "npm",
        "im",
        (
            r"\bnpm (?:ERR!|error|WARN|install|ci)|mapToRegistry|\byarn (?:install|add)|pnpm|\bnpm\b",
            r"info attempt registry request",
        ),
    ),
    (
        "pip",
        "im",
        (
            r"pip\._vendor|\bpip3? (?:install|download)|Could not fetch URL|\bCollecting [\w-]+",
            r"after connection broken by '[^\n]*'?: /simple/|location\(s\) to search for versions",
            r"https?://[a-z0-9.-]*/simple/[a-z0-9-]+/|No matching distribution|Could not install packages",
            r"Could not find a version that satisfies",
        ),
    ),
    (
        "maven",
        "m",
        (
            r"org\.apache\.maven|org\.eclipse\.aether|org\.sonatype|Could not transfer (?:artifact|metadata)",
            r"Non-resolvable|\bmvn\b|\[ERROR\] Failed to execute goal",
        ),
    ),
    (
        "docker",
        "im",
        (
            r"Error response from daemon|docker(?:hub)? (?:pull|push|login|build|run)|Failed to pull image",
            r"ErrImagePull|ImagePullBackOff|toomanyrequests\b|buildx|httpReadSeeker|dockerd",
            r"containerd|pulling image|failed to resolve (?:reference|source metadata)|pull\(|skopeo|buildkit",
            r"kaniko|podman|docker://|container registry|failed to solve|oauth token|initializing source",
        ),
    ),
    ("other", "m", (r"^[^\n]{0,16}\b[EW]: Failed to fetch http",)),  # apt: no client of a name
    ("aiohttp", "m", (r"aiohttp|Cannot connect to host \S+ ssl:|ClientConnector\w*Error|ServerDisconnectedError",)),
    ("httpx", "m", (r"\bhttpx\b|httpcore|openai\.\w+Error|All connection attempts failed|anthropic\.\w+Error",)),
    ("boto", "im", (r"botocore|boto3?\b|EndpointConnectionError|Could not connect to the endpoint URL|s3://",)),
    (
        "grpc",
        "m",
        (
            r"StatusCode\.|grpc\._channel|_InactiveRpcError|failed to connect to all addresses|io\.grpc\.",
            r"grpc_status|ssl_transport_security",
        ),
    ),
    (
        "redis",
        "im",
        (
            r"\bredis(?:-cli\b|::|\.exceptions|client|module|exception)|redis\.clients",
            r"Redis (?:on|at|connection (?:error|to)) ",
            r"connecting to \S+:63(?:79|80)\b|Could not connect to Redis|ioredis",
        ),
    ),
    (
        "kafka",
        "im",
        (r"(?:^|[^.\w(]|clients\.)NetworkClient\b[^.]|kafka|rdkafka|bootstrap broker|%\d\|\d+\.\d+\|FAIL\|",),
    ),
    (
        "php",
        "im",
        (
            r"cURL error \d+|guzzle|PHP (?:Fatal|Warning|Notice)|\.php(?::| on line|\()",
            r"php_network_getaddresses|stream_socket_client|fsockopen|SoapFault|PDOException",
        ),
    ),
    (
        "dotnet",
        "m",
        (
            r"System\.(?:Net|IO|Security|AggregateException|Threading|Data)|HttpRequestException|NuGet|dotnet ",
            r"\.csproj|Microsoft\.(?:Data|AspNetCore|Extensions)|SocketException \(",
            r"Response status code does not indicate|\bNU\d{4}\b",
        ),
    ),
    ("smtp", "im", (r"postfix/|\bsmtp(?:lib|d\b|_|:|[ /(])|smtplib|sendmail|STARTTLS|nodemailer|exim",)),
    (
        "git",
        "im",
        (
            r"fatal: (?:unable to access|Could not read|repository)",
            r"git (?:clone|fetch|pull|push|ls-remote|submodule)|git-upload-pack|\bgit@|RPC failed; curl",
        ),
    ),
    ("curl", "m", (r"\bcur[l1I] ?: ?\( ?\d+ ?\)|-- curl |OpenSSL SSL_connect: |^\* +(?:Trying|Connected to) ",)),
    (
        "kubectl",
        "im",
        (
            r"\bkubectl (?:apply|get|create|logs|ws|describe|delete|top|port-forward|version|config|wait|rollout)",
            r"Error from server|Unable to connect to the server|failed calling (?:admission )?webhook",
            r"You must be logged in to the server|memcache\.go|The connection to the server",
        ),
    ),
    ("openssl", "m", (r"openssl s_client|^CONNECTED\(|Verify return code|verify error:num=|SSL handshake has read",)),
    (
        "envoy-access-log",
        "m",
        (
            r"\"response_flags\"|response_flags?=|\b(?:InboundPassthrough|Passthrough|BlackHole)Cluster",
            r"\b(?:outbound|inbound)\|\d+\||\"- - -\" 0 |\tdebug\tenvoy",
            r"\benvoy (?:pool|connection|router|http|filter|client|upstream)\b",
        ),
    ),
    (
        "curl",
        "m",
        (
            r"\bcurl: \(\d+\)|^[\s>$#+]*curl |[$#] ?curl |-- curl |curl failed to verify",
            r"^\* +(?:Trying|Connected to|Establish|Received|TLSv|ALPN|Server certificate|Rebuilt|allocate"
            r"|Closing connection|Connection #)",
            r"^\*   Trying|alternative certificate subject name|sslcerts\.html|^> User-Agent: curl",
        ),
    ),
    (
        "python-requests",
        "m",
        (
            r"requests\.(?:exceptions|packages|adapters)|requests/(?:api|sessions|adapters|models)\.py",
            r"(?:^|\W)(?:ConnectionError|SSLError|ProxyError|ReadTimeout|ConnectTimeout|Error): HTTPS?ConnectionPool",
            r"raise_for_status",
        ),
    ),
    ("other", "m", (r"\burllib/request\.py\b",)),  # Python's own; no client of a name
    (
        "urllib3",
        "m",
        (r"urllib3[/\\.]\w+\.py|urllib3\.exceptions|MaxRetryError|Retrying \(Retry\(|RemoteDisconnected",),
    ),
    ("python-requests", "m", (r"HTTPS?ConnectionPool\(|hostname '[^']*' doesn't match",)),
    ("urllib3", "m", (r"urllib3|NewConnectionError",)),
    (
        "ruby",
        "im",
        (
            r"\.rb:\d+|gems/|Errno::E|Net::(?:Open|Read)Timeout|PG::|OpenSSL::SSL::SSLError|Faraday::",
            r"gem install|SSL_connect returned=|Could not find a valid gem|ActiveRecord",
            r"SocketError: Failed to open TCP|bundler",
        ),
    ),
    (
        "java",
        "m",
        (
            r"\bjava[x]?\.[a-z]+\.|Exception in thread|\bat [\w.$]+\([\w]+\.(?:java|kt|scala):\d+\)|PKIX path",
            r"\bjdbc:|Caused by: [a-z]+\.[a-z]|o\.a\.\w|sun\.security|SunCertPathBuilder|org\.springframework",
            r"okhttp3|io\.netty|awssdk|SQLRecoverableException|HikariPool|Could not (?:GET|HEAD) 'http",
            r"\b[a-z]\w*(?:\.[a-z]\w*)*\.[A-Z]\w*Exception\b",
            r"configuration \':",
        ),
    ),
    (
        "rust",
        "im",
        (
            r"\bhyper|reqwest|tokio|Os \{ code|os error \d+\)|rustls|thread '[\w-]+' panicked|Io\(Error",
            r"\bcargo\b|spurious network error|error sending request for url \(|invalid peer certificate",
        ),
    ),
    (
        "node",
        "m",
        (
            r"\bnode:(?:internal|events|net|dns|fs|url|_\w+)|node_modules",
            r"\bE(?:TIMEDOUT|CONNREFUSED|CONNRESET|NOTFOUND|AI_AGAIN|PIPE|HOSTUNREACH|NETUNREACH|PROTO)\b",
            r"ERR_TLS_|AxiosError|FetchError|undici|socket hang up|UnhandledPromiseRejection",
            r"\bat \S+ \([\w/.:_-]+\.[cm]?[jt]s:\d+:\d+\)|altnames:|StatusCodeError",
            r"self signed certificate in certificate chain|UNABLE_TO_|SELF_SIGNED_CERT|DEPTH_ZERO",
            r"ERR_BAD_RE(?:SPONSE|QUEST)\b|CERT_HAS_EXPIRED|QueryReqWrap|\bnet::ERR_|\bE(?:TIMEOUT|SOCKET|CONNABORTED)\b",
        ),
    ),
    ("other", "m", (r"\basyncpg\b|\bpg8000\b",)),
    ("psql", "im", (r"\bpsql\b|libpq|postgres(?:ql)?://|connection to server at \"|server running on host",)),
    (
        "go",
        "m",
        (
            r"\bdial (?:tcp|udp)|x509: |context deadline exceeded|Client\.Timeout|net/http: ",
            r"\b(?:Get|Post|Put|Head|Patch|Delete) \"?https?://|\.go:\d+|goroutine \d+|tls: |read tcp ",
            r"http: server gave|\blevel=(?:error|fatal|warn)|rpc error: code|FATA\[|wsarecv|connectex|cf logs",
        ),
    ),
)
_COMPILED: tuple[tuple[str, Any], ...] = tuple(
    (name, compiled(f"(?{flags}){'|'.join(patterns)}")) for name, flags, patterns in _CLIENTS
)
_SIEVE = Sieve(pattern for _, pattern in _COMPILED)
# What they fetch from comes by HTTPS unless the text says otherwise.
SPEAK_HTTPS = frozenset(("pip", "npm", "docker", "helm", "boto", "terraform", "maven"))


def client(text: str, accesses: Sequence[Access]) -> str:
    """The name of the client, `other` when nothing in the text is typical of one."""
    near = _SIEVE.near(text)
    for number, (name, pattern) in enumerate(_COMPILED):
        if (accesses and name == "envoy-access-log") or (number in near and pattern.search(text)):
            return name
    return "other"
