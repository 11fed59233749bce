"""The queue on the command line, and what `status` says of what happened in GitLab."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bot import output
from bot.requests import run_requests
from bot.served import Served
from bot.turns import ask_for
from skills.core.errors import AskUnclear
from tests.fakes.gitlab_server import Fault
from tests.shops import DANA, NEED, THREAD, Shop

pytestmark = pytest.mark.needs("openssl")
SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "schema" / "requests.json").read_text())


def said(shop: Shop, capsys: pytest.CaptureFixture[str], action: str, key: str | None = None) -> tuple[int, Any]:
    status = run_requests(Served([shop.app]), action, key, as_json=True)
    data = json.loads(capsys.readouterr().out)
    jsonschema.validate(data, SCHEMA)
    return status, data


def test_sync_asks_gitlab_and_shows_what_is_new(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.gitlab.pipeline(1, "failed", ("lint", "test", "ERROR: exit 1\n"))
    shop.gitlab.approve_by(1)
    status, data = said(shop, capsys, "sync")
    (one,) = data["requests"]
    assert (status, one["pipeline"], one["approved_in_gitlab"]) == (0, "failed", ["sam"])
    assert [news["code"] for news in one["news"]] == ["EGR014", "EGR011"]
    assert one["news"][0]["evidence"] == [{"quote": "ERROR: exit 1"}]
    assert said(shop, capsys, "list")[1] == data
    assert said(shop, capsys, "show", shop.key)[1] == data


def test_sentences_for_people(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.gitlab.push(1)
    assert run_requests(Served([shop.app]), "sync", None, as_json=False) == 0
    words = capsys.readouterr().out
    assert shop.key in words
    assert "Somebody pushed" in words
    handled = shop.app.desk.handle("status", ask_for("status", {}), DANA, THREAD)
    assert handled.answer
    output.human("status", handled.answer, more=False)
    assert "last: Somebody pushed" in capsys.readouterr().out


def test_a_gitlab_that_is_down_is_named(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.gitlab.faults.append(Fault("GET", "merge_requests/1", 503, times=9))
    status, data = said(shop, capsys, "sync")
    assert (status, data["errors"][shop.key]["code"]) == (7, "EGR489")


def test_retry_opens_what_could_not_be_opened(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.gitlab.faults.append(Fault("POST", "merge_requests$", 403))
    assert shop.ask("propose", **{**NEED, "to": ("c.example",)}) == "EGR491"
    key = next(row.request.key for row in shop.app.memory.requests(shop.app.repository) if row.request.number is None)
    assert said(shop, capsys, "show", key)[1]["requests"][0]["failed"] == ["OpenMergeRequest"]
    status, data = said(shop, capsys, "retry", key)
    assert (status, data["requests"][0]["state"], data["requests"][0]["failed"]) == (0, "waiting", [])
    assert len(shop.gitlab.merge_requests) == 2


def test_retry_never_carries_out_an_approval_that_became_void(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    ours = shop.row.commit
    assert ours
    shop.gitlab.push(1)
    assert shop.decide("approve") == "EGR446"
    shop.gitlab.force(1, ours)
    assert said(shop, capsys, "retry", shop.key)[0] == 0
    assert shop.gitlab.merge_requests[1]["state"] == "opened"


@pytest.mark.parametrize("action", ["show", "retry", "sync"])
def test_a_key_that_nobody_knows(shop: Shop, action: str) -> None:
    with pytest.raises(AskUnclear, match="EGR432"):
        run_requests(Served([shop.app]), action, "EG-NONE", as_json=False)


def test_show_needs_a_key(shop: Shop) -> None:
    with pytest.raises(AskUnclear, match="EGR649"):
        run_requests(Served([shop.app]), "show", None, as_json=False)
