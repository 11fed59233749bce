"""The Web API methods about modals, App Home, files and the assistant's thread."""

from __future__ import annotations

import secrets

from bot.web.playground.methods import Method, spoken
from bot.web.playground.workspace import Json, SlackError, Workspace

_DEEPEST = 3  # views in one stack: https://docs.slack.dev/surfaces/modals
_MOST_BLOCKS = 100
_KINDS = ("modal", "home")


def views_open(here: Workspace, given: Json) -> Json:
    user = here.take_trigger(str(given.get("trigger_id", "")))
    view = new_view(here, given.get("view"))
    here.modals[user] = [view]
    here.touch()
    return {"view": view}


def views_push(here: Workspace, given: Json) -> Json:
    user = here.take_trigger(str(given.get("trigger_id", "")))
    stack = here.modals.get(user) or []
    return {"view": push(here, stack, given.get("view"))}


def push(here: Workspace, stack: list[Json], given: object) -> Json:
    if not stack or len(stack) >= _DEEPEST:
        raise SlackError("push_limit_reached")
    view = new_view(here, given)
    view |= {"root_view_id": stack[0]["id"], "previous_view_id": stack[-1]["id"]}
    stack.append(view)
    here.touch()
    return view


def views_update(here: Workspace, given: Json) -> Json:
    stack, at = here.find_view(given.get("view_id"), given.get("external_id"))
    if given.get("hash") and given["hash"] != stack[at]["hash"]:
        raise SlackError("hash_conflict")
    return {"view": replace(here, stack, at, given.get("view"))}


def replace(here: Workspace, stack: list[Json], at: int, given: object) -> Json:
    kept = {name: stack[at][name] for name in ("id", "root_view_id", "previous_view_id")}
    stack[at] = new_view(here, given) | kept
    here.touch()
    return stack[at]


def views_publish(here: Workspace, given: Json) -> Json:
    user = str(given.get("user_id", ""))
    if user not in here.users:
        raise SlackError("user_not_found")
    there = here.homes.get(user)
    if there and given.get("hash") and given["hash"] != there["hash"]:
        raise SlackError("hash_conflict")
    view = new_view(here, given.get("view"))
    here.homes[user] = view | ({"id": there["id"]} if there else {})
    here.touch()
    return {"view": here.homes[user]}


def new_view(here: Workspace, given: object) -> Json:
    """A view as Slack gives it back. Raises SlackError for one that it would refuse."""
    if not isinstance(given, dict) or given.get("type") not in _KINDS or not isinstance(given.get("blocks"), list):
        raise SlackError("invalid_arguments")
    if len(given["blocks"]) > _MOST_BLOCKS:
        raise SlackError("invalid_arguments", response_metadata={"messages": ["no more than 100 items allowed"]})
    has_input = any(block.get("type") == "input" for block in given["blocks"])
    if given["type"] == "modal" and has_input and not given.get("submit"):
        raise SlackError("invalid_arguments", response_metadata={"messages": ["missing required field: submit"]})
    made = here.new("V")
    return {
        "callback_id": "",
        "private_metadata": "",
        "external_id": "",
        "title": None,
        "submit": None,
        "close": None,
        "notify_on_close": False,
        "clear_on_close": False,
        **given,
        "id": made,
        "team_id": here.team,
        "app_id": here.app_id,
        "bot_id": here.bot_id,
        "blocks": here.with_ids(given["blocks"]),
        "state": {"values": {}},
        "hash": f"{here.new_ts()}.{made}",
        "root_view_id": made,
        "previous_view_id": None,
    }


# --- files: https://docs.slack.dev/messaging/working-with-files


def files_get_upload_url(here: Workspace, given: Json) -> Json:
    """`upload_url` is completed with the server's own address by whoever answers the call."""
    name, length = str(given.get("filename") or ""), int(given.get("length") or 0)
    if not name or length < 1:
        raise SlackError("invalid_arguments")
    made = new_file(here, name, title=name, user=here.bot.id)
    return {"upload_url": f"/upload/{made['id']}", "file_id": made["id"]}


def new_file(here: Workspace, name: str, *, title: str, user: str, content: str = "") -> Json:
    made: Json = {
        "id": f"F{secrets.token_hex(8).upper()}",  # it is all that an upload needs
        "name": name,
        "title": title,
        "mimetype": "text/plain",
        "filetype": name.rpartition(".")[2] or "text",
        "mode": "snippet",
        "user": user,
        "size": len(content.encode()),
        "content": content,
    }
    here.files[made["id"]] = made
    return made


def files_complete_upload(here: Workspace, given: Json) -> Json:
    wanted = given.get("files") or []
    files = [here.files[each["id"]] for each in wanted if each.get("id") in here.files]
    if not files or len(files) != len(wanted):
        raise SlackError("file_not_found")
    for each, file in zip(wanted, files, strict=True):
        file["title"] = each.get("title") or file["title"]
    if given.get("channel_id"):
        channel = here.channel(str(given["channel_id"]))
        said = spoken(here, {"text": given.get("initial_comment") or files[0]["title"], "blocks": given.get("blocks")})
        thread = {"thread_ts": given["thread_ts"]} if given.get("thread_ts") else {}
        here.post(channel, {**said, **thread, "files": [dict(file) for file in files], "upload": True})
    return {"files": [{"id": file["id"], "title": file["title"]} for file in files]}


def files_info(here: Workspace, given: Json) -> Json:
    found = here.files.get(str(given.get("file", "")))
    if found is None:
        raise SlackError("file_not_found")
    return {"file": found, "content": found["content"]}


# --- the agent's surface: https://docs.slack.dev/ai/developing-ai-apps


def assistant_status(here: Workspace, given: Json) -> Json:
    _thread_note(here, given)["status"] = str(given.get("status") or "")
    here.touch()
    return {}


def agent_status(here: Workspace, given: Json) -> Json:
    """`processing` shows a button that stops the work. https://docs.slack.dev/ai/agent-sessions"""
    status = str(given.get("status") or "")
    if status not in ("processing", "active"):
        raise SlackError("invalid_arguments")
    _thread_note(here, given)["working"] = status == "processing"
    here.touch()
    return {}


def assistant_prompts(here: Workspace, given: Json) -> Json:
    _thread_note(here, given)["prompts"] = given.get("prompts") or []
    here.touch()
    return {}


def assistant_title(here: Workspace, given: Json) -> Json:
    _thread_note(here, given)["title"] = str(given.get("title") or "")
    here.touch()
    return {}


def _thread_note(here: Workspace, given: Json) -> Json:
    channel = here.channel(str(given.get("channel_id", "")))
    return here.statuses.setdefault((channel.id, str(given.get("thread_ts", ""))), {})


def start_stream(here: Workspace, given: Json) -> Json:
    channel = here.channel(str(given.get("channel", "")))
    said = spoken(here, {"text": given.get("markdown_text") or "…"})
    made = here.post(channel, {**said, "thread_ts": given.get("thread_ts"), "streaming": True})
    return {"channel": channel.id, "ts": made["ts"]}


def append_stream(here: Workspace, given: Json) -> Json:
    there = _streaming(here, given)
    there["text"] = there["text"].removesuffix("…") + str(given.get("markdown_text") or "")
    here.touch()
    return {"channel": given["channel"], "ts": there["ts"]}


def stop_stream(here: Workspace, given: Json) -> Json:
    there = _streaming(here, given)
    there["text"] = there["text"].removesuffix("…") + str(given.get("markdown_text") or "") or "…"
    if given.get("blocks"):
        there["blocks"] = here.with_ids(given["blocks"])
    del there["streaming"]
    here.touch()
    return {"channel": given["channel"], "ts": there["ts"], "message": there}


def _streaming(here: Workspace, given: Json) -> Json:
    there = here.channel(str(given.get("channel", ""))).find(str(given.get("ts", "")))
    if not there.get("streaming"):
        raise SlackError("message_not_in_streaming_state")
    return there


METHODS: dict[str, Method] = {
    "agents.sessions.setStatus": agent_status,
    "assistant.threads.setStatus": assistant_status,
    "assistant.threads.setSuggestedPrompts": assistant_prompts,
    "assistant.threads.setTitle": assistant_title,
    "chat.appendStream": append_stream,
    "chat.startStream": start_stream,
    "chat.stopStream": stop_stream,
    "files.completeUploadExternal": files_complete_upload,
    "files.getUploadURLExternal": files_get_upload_url,
    "files.info": files_info,
    "views.open": views_open,
    "views.publish": views_publish,
    "views.push": views_push,
    "views.update": views_update,
}
