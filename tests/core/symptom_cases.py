"""Golden cases: texts in the style of real clients, written by hand, with what an expert would say of them."""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    name: str
    symptom: str
    host: str | None
    block: str
    client: str
    text: str


CASES = [
    Case(
        "curl gets no answer", "connect_timeout", "api.twilio.example", "yes", "curl",
        "curl: (28) Failed to connect to api.twilio.example port 443 after 30001 ms: Timeout was reached",
    ),
    Case(
        "curl cut in the handshake", "tls_handshake", "pay.example.com", "yes", "curl",
        "$ curl https://pay.example.com\n"
        "curl: (35) OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to pay.example.com:443",
    ),
    Case(
        "curl only left its exit code", "connect_timeout", "pay.example.com", "yes", "curl",
        "+ curl -s -o /dev/null --max-time 10 https://pay.example.com/health\ncommand terminated with exit code 28",
    ),
    Case(
        "curl through a proxy that denies", "forbidden_403", "pay.example.com", "yes", "curl",
        "$ curl -x http://proxy.corp.example:3128 https://pay.example.com\n"
        "curl: (56) CONNECT tunnel failed, response 403",
    ),
    Case(
        "curl shown another's certificate", "tls_hostname_mismatch", "shop.example.org", "unclear", "curl",
        "$ curl -v https://shop.example.org\n* Server certificate:\n*  subject: CN=*.gateway.example.net\n"
        "*  issuer: C=US; O=Example CA",
    ),
    Case(
        "sidecar answers for an unknown host", "bad_gateway_502", "news.example.com", "yes", "curl",
        "$ curl -v http://news.example.com/politics\n* Connected to news.example.com (203.0.113.9) port 80\n"
        "> GET /politics HTTP/1.1\n> Host: news.example.com\n< HTTP/1.1 502 Bad Gateway\n< server: envoy\n"
        "< content-length: 0",
    ),
    Case(
        "502 page of the remote's nginx", "bad_gateway_502", "news.example.com", "no", "curl",
        "curl https://news.example.com\n<html><head><title>502 Bad Gateway</title></head>\n"
        "<body><center><h1>502 Bad Gateway</h1></center><hr><center>nginx/1.25.1</center></body></html>",
    ),
    Case(
        "java connect timeout", "connect_timeout", "repo.example.org", "yes", "java",
        "org.apache.http.conn.ConnectTimeoutException: Connect to repo.example.org:443 "
        "[repo.example.org/203.0.113.7] failed: connect timed out\n"
        "\tat org.apache.http.impl.conn.DefaultHttpClientConnectionOperator.connect(Operator.java:151)",
    ),
    Case(
        "java read timeout", "read_timeout", "slow.example.com", "unclear", "java",
        "feign.RetryableException: Read timed out executing GET https://slow.example.com/v1/reports",
    ),
    Case(
        "java handshake", "tls_handshake", "api.example.com", "yes", "java",
        'javax.net.ssl.SSLHandshakeException: Remote host terminated the handshake\n'
        'I/O error on POST request for "https://api.example.com/v1/charges"\n'
        "Caused by: java.io.EOFException: SSL peer shut down incorrectly",
    ),
    Case(
        "java expired", "tls_expired", "api.example.com", "no", "java",
        "javax.net.ssl.SSLHandshakeException: PKIX path validation failed: validity check failed\n"
        "Caused by: java.security.cert.CertificateExpiredException: NotAfter: Sat May 30 10:48:38 UTC 2020\n"
        "calling https://api.example.com/v1",
    ),
    Case(
        "java in Cloud Foundry", "connection_refused", "api.partner.example", "yes", "java",
        "2024-01-01T10:00:00.00+0000 [APP/PROC/WEB/0] OUT java.net.ConnectException: Connection refused\n"
        "2024-01-01T10:00:00.00+0000 [APP/PROC/WEB/0] OUT POST https://api.partner.example/v1 failed",
    ),
    Case(
        "jdbc names its database", "connect_timeout", "sql-01.corp.example", "yes", "java",
        "com.microsoft.sqlserver.jdbc.SQLServerException: The TCP/IP connection to the host sql-01.corp.example, "
        'port 1433 has failed. Error: "connect timed out. Verify the connection properties."',
    ),
    Case(
        "node to an address", "connect_timeout", "203.0.113.57", "yes", "node",
        "Error: connect ETIMEDOUT 203.0.113.57:443\n    at TCPConnectWrap.afterConnect [as oncomplete] "
        "(node:net:1494:16) {\n  errno: -110, code: 'ETIMEDOUT', syscall: 'connect'\n}",
    ),
    Case(
        "node to itself, version 6", "connection_refused", "::1", "no", "node",
        "MongoServerSelectionError: connect ECONNREFUSED ::1:27017\n"
        "    at Timeout._onTimeout (/app/node_modules/mongodb/lib/sdam/topology.js:285:38)",
    ),
    Case(
        "node resolver does not answer", "dns_failure", "api.example.com", "yes", "node",
        '{"errno":-3001,"code":"EAI_AGAIN","syscall":"getaddrinfo","hostname":"api.example.com"}',
    ),
    Case(
        "node name that does not exist", "dns_failure", "api.exmaple.com", "no", "node",
        "Error: getaddrinfo ENOTFOUND api.exmaple.com\n    at GetAddrInfoReqWrap.onlookup (node:dns:109:26)",
    ),
    Case(
        "node service record", "dns_failure", "cluster0.ab1cd.db.example", "yes", "node",
        "Error: querySrv ETIMEOUT _mongodb._tcp.cluster0.ab1cd.db.example",
    ),
    Case(
        "go dials in vain", "connect_timeout", "hooks.example.com", "yes", "go",
        'Post "https://hooks.example.com/x": dial tcp 203.0.113.80:443: i/o timeout',
    ),
    Case(
        "go cannot ask its resolver", "dns_failure", "hooks.example.com", "yes", "go",
        'Get "https://hooks.example.com/": dial tcp: lookup hooks.example.com on 10.96.0.10:53: '
        "read udp 10.1.0.4:43522->10.96.0.10:53: i/o timeout",
    ),
    Case(
        "go is told no such host", "dns_failure", "hooks.exmaple.com", "no", "go",
        "dial tcp: lookup hooks.exmaple.com on 10.96.0.10:53: no such host",
    ),
    Case(
        "go's proxy refuses to connect", "connection_refused", "images.example", "unclear", "docker",
        'Error response from daemon: Get "https://images.example/v2/": proxyconnect tcp: dial tcp 10.0.0.5:3128: '
        "connect: connection refused",
    ),
    Case(
        "python behind a silent firewall", "connect_timeout", "api.example.com", "yes", "python-requests",
        "requests.exceptions.ConnectTimeout: HTTPSConnectionPool(host='api.example.com', port=443): Max "
        "retries exceeded "
        "with url: /v1 (Caused by ConnectTimeoutError(<urllib3.connection.HTTPSConnection object at 0x7f2a>, "
        "'Connection to api.example.com timed out. (connect timeout=10)'))",
    ),
    Case(
        "python behind TLS inspection", "tls_certificate", "api.example.com", "no", "python-requests",
        "requests.exceptions.SSLError: HTTPSConnectionPool(host='api.example.com', port=443): Max retries "
        "exceeded with "
        "url: / (Caused by SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify "
        "failed: self-signed certificate in certificate chain')))\nissuer=O = Zscaler Inc., CN = Zscaler Root CA",
    ),
    Case(
        "python has no route", "no_route", "api.example.com", "yes", "aiohttp",
        "aiohttp.client_exceptions.ClientConnectorError: Cannot connect to host api.example.com:443 ssl:default "
        "[Network is unreachable]",
    ),
    Case(
        "python's own pool is empty", "app_error", None, "no", "other",
        "sqlalchemy.exc.TimeoutError: QueuePool limit of size 5 overflow 10 reached, connection timed out, "
        "timeout 30.00",
    ),
    Case(
        "psql refused", "connection_refused", "db.prod.internal", "unclear", "psql",
        'psql: error: connection to server at "db.prod.internal" (10.20.3.4), port 5432 failed: Connection refused\n'
        "\tIs the server running on that host and accepting TCP/IP connections?",
    ),
    Case(
        "psql with the wrong password", "app_error", "db.prod.internal", "no", "psql",
        'psql: error: connection to server at "db.prod.internal" (10.2.3.4), port 5432 failed: '
        'FATAL:  password authentication failed for user "app"',
    ),
    Case(
        "kafka cannot say why", "connect_timeout", "kafka-0.example.net", "unclear", "kafka",
        "WARN [Producer clientId=p1] Connection to node -1 (kafka-0.example.net/10.0.8.7:9092) could not be "
        "established. "
        "Broker may not be available. (org.apache.kafka.clients.NetworkClient)",
    ),
    Case(
        "git through a proxy that is down", "connect_timeout", "code.example.com", "unclear", "git",
        "fatal: unable to access 'https://code.example.com/a/b.git/': Failed to connect to 10.10.78.62 port 3128: "
        "Connection timed out",
    ),
    Case(
        "maven prints the bare host", "dns_failure", "repo.example.org", "yes", "maven",
        "Could not transfer artifact org.a:b:pom:1 from/to central (https://repo.example.org/maven2): repo.example.org",
    ),
    Case(
        "npm names the archive host", "connect_timeout", "codeload.example.com", "yes", "npm",
        "npm ERR! network request to https://codeload.example.com/a/legacy.tar.gz/v3 failed, reason: connect ETIMEDOUT "
        "203.0.113.9:443\nnpm ERR! network In most cases you are behind a proxy or have bad network settings.",
    ),
    Case(
        "dotnet resolver", "dns_failure", "login.example.com", "yes", "dotnet",
        "System.Net.Http.HttpRequestException: Resource temporarily unavailable (login.example.com:443)\n"
        " ---> System.Net.Sockets.SocketException (11): Resource temporarily unavailable",
    ),
    Case(
        "rust hidden behind layers", "connect_timeout", "api.crates.example", "yes", "rust",
        'reqwest::Error { kind: Request, url: "https://api.crates.example/v1", source: hyper::Error(Connect, '
        'ConnectError("tcp connect error", Os { code: 110, kind: TimedOut, message: "Connection timed out" })) }',
    ),
    Case(
        "mail blocked", "connect_timeout", "mx.example.com", "yes", "smtp",
        "postfix/smtp[1638]: connect to mx.example.com[203.0.113.26]:25: Connection timed out",
    ),
    Case(
        "image pull limited", "rate_limited_429", None, "no", "docker",
        "Error response from daemon: toomanyrequests: You have reached your pull rate limit. You may "
        "increase the limit "
        "by authenticating and upgrading: https://www.images.example/increase-rate-limit",
    ),
    Case(
        "envoy: nobody registered it", "blackhole", "api.example.com", "yes", "envoy-access-log",
        '[2024-05-01T10:00:00.000Z] "- - -" 0 UH - - "-" 0 0 0 - "-" "-" "-" "-" "-" BlackHoleCluster - '
        "198.51.100.4:443 10.42.0.9:51000 api.example.com -",
    ),
    Case(
        "envoy: blocked plain HTTP", "bad_gateway_502", "metrics.example.com", "yes", "envoy-access-log",
        ''
        '{"authority":"metrics.example.com","bytes_sent":0,"downstream_local_address":"198.51.100.4:80","method":"POST",'
        '"response_code":502,"response_code_details":"direct_response","response_flags":"-","route_name":"block_all"}',
    ),
    Case(
        "envoy: policy of the mesh", "forbidden_403", "api.example.com", "yes", "envoy-access-log",
        '[2024-05-01T10:00:00.000Z] "POST /v1 HTTP/1.1" 403 - rbac_access_denied_matched_policy[none] - "-" '
        '0 19 0 - "-" '
        '"app/1" "0c0c" "api.example.com" "-" outbound|443||api.example.com - 240.240.0.1:80 10.42.0.9:51000 - default',
    ),
    Case(
        "hubble shows the drop", "connect_timeout", "api.example.com", "yes", "other",
        "shop/web-6d8f-abcde:40000 (ID:12345) <> api.example.com:443 (world) Policy denied DROPPED (TCP Flags: SYN)",
    ),
    Case(
        "squid denies", "forbidden_403", "api.example.com", "yes", "other",
        "1795244045.724      0 10.4.2.1 TCP_DENIED/403 3410 CONNECT api.example.com:443 - HIER_NONE/- text/html",
    ),
    Case(
        "log line in JSON", "connect_timeout", "mail.example.com", "yes", "go",
        '{"level":"error","msg":"send failed","err":"Post \\"https://mail.example.com/v3/send\\": dial tcp '
        '203.0.113.74:443: connect: connection timed out"}',
    ),
    Case(
        "German system", "connection_refused", "db.local", "unclear", "psql",
        "psql: Fehler: Verbindung zum Server auf »db.local« (10.0.0.4), Port 5432 fehlgeschlagen: "
        "Verbindungsaufbau abgelehnt",
    ),
    Case(
        "German sentence", "service_unavailable_503", "api.weather.example", "unclear", "other",
        "Seit heute früh bekommt der Dienst prognose einen 503 von api.weather.example, in Test geht es.",
    ),
    Case(
        "Spanish request", "no_error", "pagos.example.mx", "no", "other",
        "Hola, ¿pueden agregar pagos.example.mx puerto 8443 a la lista blanca de producción? Gracias",
    ),
    Case(
        "Slack's own links", "no_error", "api.example.com", "no", "other",
        "please allow <http://api.example.com|api.example.com> &amp; "
        "<https://files.example.com|https://files.example.com>",
    ),
    Case(
        "a person's words", "bad_gateway_502", "api.example.com", "unclear", "other",
        "payments gets a 502 from https://api.example.com since this morning, anyone an idea?",
    ),
]  # fmt: skip
