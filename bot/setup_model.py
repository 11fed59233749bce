"""What `postern doctor` says of the language model's settings. No key is printed, and nothing is asked of the model."""

from __future__ import annotations

import os
import socket
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from urllib.parse import urlsplit

from bot.ai.meter import Limits
from bot.app import App
from skills.core.model import Finding, finding

_PATIENCE = 3.0  # seconds


@dataclass(frozen=True, slots=True)
class Provider:
    """Its package, the extra that brings it, the variable of its key (none: its own ways to sign in), its address."""

    package: str
    extra: str
    key: str = ""
    url: str = ""


_PROVIDERS: Mapping[str, Provider] = {
    "openai": Provider("langchain_openai", "openai", "OPENAI_API_KEY", "https://api.openai.com"),
    "azure_openai": Provider("langchain_openai", "openai", "AZURE_OPENAI_API_KEY"),
    "anthropic": Provider("langchain_anthropic", "anthropic", "ANTHROPIC_API_KEY", "https://api.anthropic.com"),
    "ollama": Provider("langchain_ollama", "ollama", url="http://127.0.0.1:11434"),
    "bedrock": Provider("langchain_aws", "bedrock"),
    "bedrock_converse": Provider("langchain_aws", "bedrock"),
    "google_vertexai": Provider("langchain_google_vertexai", "vertex"),
    "google_genai": Provider("langchain_google_genai", "vertex", "GOOGLE_API_KEY"),
}


def model(app: App) -> Iterator[Finding]:
    """Name, package, key, address and budget. Raises AskUnclear EGR1710 for a budget that can't be read."""
    given = app.settings
    if not given.model:
        return
    limits = Limits.of(given.model_budget, given.model_prices)
    found: list[Finding] = []
    for each in given.models():
        found += _named(each.variable, each.name, each.url, has_key=each.key is not None)
    for name in ("steps", "seconds", "tokens", "team_tokens", "team_money"):
        if getattr(limits, name) <= 0:
            found.append(finding("EGR1738", limit=name.replace("_", "-")))
    yield from found or [finding("EGR1744", model=given.model, tokens=int(limits.team_tokens))]
    if not given.model_prices:
        yield finding("EGR1739")


def _named(variable: str, name: str, url: str | None, *, has_key: bool) -> Iterator[Finding]:
    provider = _PROVIDERS.get(name.partition(":")[0])
    if provider is None or not name.partition(":")[2]:
        yield finding("EGR1736", variable=variable, value=name[:60], known=", ".join(_PROVIDERS))
        return
    if find_spec(provider.package) is None:
        yield finding("EGR1838", variable=variable, package=provider.package, extra=provider.extra)
    if provider.key and not has_key and provider.key not in os.environ and not (url and provider.extra == "openai"):
        yield finding("EGR1737", variable=variable, key=provider.key)
    yield from _reached(url or provider.url)


def _reached(url: str) -> Iterator[Finding]:
    """Whether somebody listens there. Through a proxy nothing can be told from here."""
    at = urlsplit(url)
    if not at.hostname or (urllib.request.getproxies().get(at.scheme) and not urllib.request.proxy_bypass(at.hostname)):
        return
    try:
        with socket.create_connection((at.hostname, at.port or (80 if at.scheme == "http" else 443)), _PATIENCE):
            return
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        yield finding("EGR1743", host=at.hostname, why=why)
