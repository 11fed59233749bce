"""Loads the configured language model. LangChain is imported here and in `agent`, and only when a model is set."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from skills.core.errors import Unreachable

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

TIMEOUT = 20  # seconds for one call; nobody waits for it, because the rules have answered already
_RETRIES = 1
_MOST_WRITTEN = 1024  # tokens of one answer


def load(name: str, *, url: str | None = None, key: str | None = None) -> BaseChatModel:
    """`name` is LangChain's `provider:model`; `url` an address that speaks the provider's protocol.

    Without `key` the provider's own environment variable counts. Raises Unreachable EGR590 when its package is not
    installed, or the model can't be set up.
    """
    try:
        from langchain.chat_models import init_chat_model  # noqa: PLC0415

        model: BaseChatModel = init_chat_model(name, **options(name.partition(":")[0], url, key))
    except (ImportError, ValueError) as error:
        raise Unreachable("EGR590", model=name, reason=str(error).splitlines()[0][:200]) from None
    return model


def options(provider: str, url: str | None, key: str | None) -> dict[str, Any]:
    """What is set for every provider, and what keeps it from keeping anything.

    OpenAI and Azure keep an answer where `store` says so (https://platform.openai.com/docs/guides/your-data); it says
    no. Others have no such field: there the account's own settings count.
    """
    given: dict[str, Any] = {"timeout": TIMEOUT, "max_retries": _RETRIES, "max_tokens": _MOST_WRITTEN}
    if provider == "ollama":
        given = {"num_predict": _MOST_WRITTEN, "client_kwargs": {"timeout": TIMEOUT}}
    if provider in ("openai", "azure_openai") and not (provider == "openai" and url):
        given["store"] = False
    if url:
        given["azure_endpoint" if provider == "azure_openai" else "base_url"] = url
    if provider == "openai" and url:
        given["stream_usage"] = True
    if key and provider != "ollama":
        given["api_key"] = key
    elif url and provider == "openai" and "OPENAI_API_KEY" not in os.environ:
        given["api_key"] = "none"  # an own server rarely wants one, and the client insists on some
    return given
