"""Chat models that play a part: a script, an oracle that does what a scenario wants, one that obeys whoever writes last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

Script = Callable[[list[BaseMessage]], AIMessage]


class Played(BaseChatModel):
    """Answers by a function of what it was sent, and keeps that. `tools` are the names that it was offered."""

    script: Any
    seen: list[list[BaseMessage]]
    tools: list[str]

    @property
    def _llm_type(self) -> str:
        return "played"

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Any:
        self.tools[:] = [tool.name for tool in tools]
        return self

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        self.seen.append(messages)
        return ChatResult(generations=[ChatGeneration(message=self.script(messages))])

    @property
    def sent(self) -> str:
        """All that ever reached it, without what it wrote itself."""
        return "\n".join(str(each.content) for messages in self.seen for each in messages if each.type != "ai")


def played(script: Script) -> Played:
    return Played(script=script, seen=[], tools=[])


def calling(*calls: tuple[str, dict[str, Any]], then: str = "") -> Script:
    """Calls these tools at once, and says `then` when their results are there."""

    def script(messages: list[BaseMessage]) -> AIMessage:
        if calls and not any(message.type == "tool" for message in messages):
            made = [{"name": name, "args": given, "id": f"call-{n}"} for n, (name, given) in enumerate(calls)]
            return AIMessage("", tool_calls=made)
        return AIMessage(then)

    return script
