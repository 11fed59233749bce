"""A model that answers nothing and keeps what it was sent: for `postern ai preview`, and nothing leaves the machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.utils.function_calling import convert_to_openai_tool

from bot.ai.agent import text_of


class Recorder(BaseChatModel):
    """`sent` gets one object a call: the messages and the tools as they would go to a provider."""

    sent: list[dict[str, Any]]
    tools: Sequence[Any] = ()

    @property
    def _llm_type(self) -> str:
        return "recorder"

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Any:
        return self.model_copy(update={"tools": [convert_to_openai_tool(tool)["function"] for tool in tools]})

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        told = [{"role": message.type, "content": text_of(message.content)} for message in messages]
        self.sent.append({"messages": told, "tools": list(self.tools)})
        return ChatResult(generations=[ChatGeneration(message=AIMessage(""))])
