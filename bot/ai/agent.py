"""One run of LangChain's agent: tools in, text out. Everything else of the model's side knows no framework.

Every call of every model, the stand-in's too, passes `Gate`: limits, then redaction, then the call, then its row.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, ModelFallbackMiddleware, ModelRequest, ModelResponse
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, AnyMessage, HumanMessage, ToolMessage
from langchain_core.tools import BaseTool, StructuredTool
from langsmith import tracing_context

from bot.ai.meter import Meter
from bot.ai.outgoing import Outgoing
from bot.ai.tools import Tool

log = logging.getLogger("postern.ai")
_GUESSED = 4  # characters a token, where a provider does not count
Record = Callable[[str, int, int, int, str], None]
"""Keeps a call: model, tokens read, tokens written, milliseconds, outcome."""


def run(
    models: Sequence[BaseChatModel],
    tools: Sequence[Tool],
    system: str,
    words: str,
    gate: AgentMiddleware[Any, Any],
    *,
    most_steps: int,
    left: Callable[[], float],
) -> Iterator[str]:
    """The pieces of the last answer's text, as they come. What was said beside a call of a tool is no answer."""
    beside = [ModelFallbackMiddleware(*models[1:])] if len(models) > 1 else []
    agent = create_agent(models[0], [_tool(each) for each in tools], system_prompt=system, middleware=[*beside, gate])
    given: Any = {"messages": [HumanMessage(words)]}
    with tracing_context(enabled=False):  # no copy of a prompt leaves by another door
        yield from _texts(agent.stream(given, _config(most_steps), stream_mode=["messages", "updates"]), left)


def _config(most_steps: int) -> Any:
    return {"recursion_limit": 4 * most_steps + 4, "callbacks": []}


def _texts(chunks: Any, left: Callable[[], float]) -> Iterator[str]:
    calls: set[str] = set()
    streamed: dict[str, int] = {}
    for mode, chunk in chunks:
        if left() <= 0:
            return
        if mode == "messages":
            message = chunk[0]
            if isinstance(message, AIMessageChunk) and message.id:
                calls |= {message.id} if message.tool_call_chunks or message.tool_calls else set()
                text = text_of(message.content)
                if text and message.id not in calls:
                    streamed[message.id] = streamed.get(message.id, 0) + len(text)
                    yield text
            continue
        for message in _answers(chunk):
            rest = text_of(message.content)[streamed.get(str(message.id), 0) :]
            if rest and not message.tool_calls:
                yield rest
            yield "\n"


def _answers(update: Mapping[str, Any]) -> Iterator[AIMessage]:
    for part in update.values():
        for message in (part or {}).get("messages") or ():
            if isinstance(message, AIMessage):
                yield message


def text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content if isinstance(part, dict) and part.get("type") == "text")


class Gate(AgentMiddleware[Any, Any]):
    """The one door out. Providers raise classes of their own; they pass through, after they were counted."""

    def __init__(self, out: Outgoing, meter: Meter, record: Record, tools: Sequence[Tool]) -> None:
        super().__init__()
        self._tools_by_name = {tool.name: tool for tool in tools}
        self._ran: dict[str, str] = {}
        self._out = out
        self._meter = meter
        self._record = record

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        self._meter.before()
        messages = [self._sealed(message) for message in request.messages]
        began, answer = time.perf_counter(), None
        try:
            answer = handler(request.override(messages=messages))
        finally:
            read, written = _usage(answer, messages)
            self._meter.after(read + written, well=answer is not None)
            spent = round((time.perf_counter() - began) * 1000)
            self._record(name_of(request.model), read, written, spent, "ok" if answer else "failed")
        self._run_tools(answer)
        return answer

    def _run_tools(self, answer: ModelResponse[Any]) -> None:
        """One after the other, in the order in which they were called: the framework would run them side by side."""
        for message in answer.result:
            for call in message.tool_calls if isinstance(message, AIMessage) else ():
                tool = self._tools_by_name.get(call["name"])
                if tool:
                    self._ran[str(call["id"])] = tool.run(call["args"])

    def wrap_tool_call(self, request: Any, handler: Callable[[Any], Any]) -> Any:
        """What ran already is handed over; a tool that does not exist is the framework's to refuse."""
        call = request.tool_call
        found = self._ran.pop(str(call["id"]), None)
        if found is None:
            return handler(request)
        return ToolMessage(found, name=call["name"], tool_call_id=call["id"])

    def _sealed(self, message: AnyMessage) -> AnyMessage:
        """What the model wrote itself goes back as it was; all else is sealed."""
        if not isinstance(message, HumanMessage | ToolMessage):
            return message
        return message.model_copy(update={"content": self._out.sealed(text_of(message.content))})


def _usage(answer: ModelResponse[Any] | None, sent: Sequence[AnyMessage]) -> tuple[int, int]:
    """Tokens read and written, as the provider counts them, else guessed from the length."""
    messages = [message for message in (answer.result if answer else ()) if isinstance(message, AIMessage)]
    counted = [message.usage_metadata for message in messages if message.usage_metadata]
    if counted:
        return sum(each["input_tokens"] for each in counted), sum(each["output_tokens"] for each in counted)
    read = sum(len(text_of(message.content)) for message in sent) // _GUESSED
    return read, sum(len(text_of(message.content)) for message in messages) // _GUESSED


def name_of(model: BaseChatModel) -> str:
    """As the provider calls it; never anything of its settings."""
    named = getattr(model, "model_name", None) or getattr(model, "model", None)
    return named if isinstance(named, str) else type(model).__name__


def _tool(tool: Tool) -> BaseTool:
    def call(**given: Any) -> str:
        return tool.run(given)

    return StructuredTool.from_function(call, name=tool.name, description=tool.says, args_schema=dict(tool.schema))
