"""What the demo plays where nobody sits at a terminal: one scene for each of the platforms that Postern speaks for.

People of the sample repository say what people say; every answer is made live by the same conversation.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """What somebody says. `who` is the part of their address before the @."""

    who: str
    words: str


@dataclass(frozen=True, slots=True)
class Scene:
    """One thread. `confirmed` says that it must end with a request that the asker found working."""

    title: str
    lines: tuple[Line, ...]
    confirmed: bool = False


TIMEOUT = "curl: (28) Failed to connect to api.twilio.com port 443 after 30001 ms: Timeout was reached"

REFUSED = "curl: (7) Failed to connect to api.data.gov port 443 after 3 ms: Connection refused"

UNTRUSTED = "curl: (60) SSL certificate problem: unable to get local issuer certificate"

SCENES: tuple[Scene, ...] = (
    Scene(
        "Infrastream: a connection timeout when calling an external API",
        (
            Line("dana", f"payment-gateway gets {TIMEOUT}"),
            Line("dana", "more"),
            Line("dana", "draft"),
            Line("dana", "open because the gateway sends SMS confirmations through Twilio"),
            Line("dana", "approve"),
            Line("sam", "approve"),
            Line("dana", "works now"),
        ),
        confirmed=True,
    ),
    Scene(
        "Infrastream: allowed already, and no egress fault at all",
        (
            Line("dana", "is hooks.slack.com allowed for payment-gateway?"),
            Line(
                "dana", "payment-gateway: sqlalchemy.exc.TimeoutError: QueuePool limit of size 20 overflow 20 reached"
            ),
        ),
    ),
    Scene(
        "Party Bus: an SSL certificate error that points towards Istio, in both overlays",
        (
            Line("dana", f"mission-tracker/tracker-api gets {UNTRUSTED} from https://unifieddatalibrary.com"),
            Line("dana", "draft because the tracker reads orbits from the UDL"),
            Line("dana", "only staging"),
        ),
    ),
    Scene(
        "Cloud.gov: connection refused from a public address",
        (
            Line("dana", f"treasury-direct/bonds-prod gets {REFUSED}"),
            Line("dana", "draft because bond quotes need the official rates"),
        ),
    ),
    Scene(
        "UDS: egress to httpbin.org through the mesh",
        (
            Line("dana", "claims-api gets 502 Bad Gateway from https://httpbin.org/get (server: envoy)"),
            Line("dana", "draft because we test callbacks with httpbin"),
        ),
    ),
    Scene(
        "Kubernetes: Spark jobs fail to download packages",
        (
            Line("dana", "spark-driver gets ConnectTimeout to python-index.example:443"),
            Line("dana", "draft because Spark drivers install packages"),
            Line("dana", "public"),
        ),
    ),
    Scene(
        "Kubernetes: default-deny egress for a new namespace",
        (Line("dana", "set up default deny for vault-prod"),),
    ),
)
