"""Loads the configured language model. LangChain is imported here, and only when a model is set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skills.core.errors import Unreachable

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

TIMEOUT = 10  # seconds; the rule-made answer never waits longer for the model
_RETRIES = 1


def load(name: str) -> BaseChatModel:
    """`name` is LangChain's `provider:model`. Raises Unreachable EGR590 when its package is not installed."""
    try:
        from langchain.chat_models import init_chat_model  # noqa: PLC0415

        model: BaseChatModel = init_chat_model(name, timeout=TIMEOUT, max_retries=_RETRIES)
    except (ImportError, ValueError) as error:
        raise Unreachable("EGR590", model=name, reason=str(error).splitlines()[0][:200]) from None
    return model
