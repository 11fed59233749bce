"""Values survive the way to JSON and back; what is not such a value is refused with its place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin, get_type_hints

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from bot.world import wire
from skills.core.errors import Unreachable
from skills.core.model import (
    Destination,
    Edit,
    Effect,
    Evidence,
    Finding,
    MergeRequestDecision,
    Need,
    OpenMergeRequest,
    Place,
    Ports,
    Question,
    Workload,
)
from tests.examples import examples

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Any value that a field of this type may have."""
    if hint in wire.KNOWN:
        fields = get_type_hints(hint)
        return st.builds(hint, **{name: values(field) for name, field in fields.items()})
    origin = get_origin(hint)
    if origin is Literal:
        return st.sampled_from(get_args(hint))
    if origin is tuple:
        return st.lists(values(get_args(hint)[0]), max_size=3).map(tuple)
    if origin is Mapping or getattr(origin, "__name__", "") == "Mapping":
        return st.dictionaries(st.text(), values(get_args(hint)[1]), max_size=3)
    if origin is not None:
        return st.one_of([values(part) for part in get_args(hint)])
    if hint is type(None):
        return st.none()
    if hint is float:
        return st.floats(allow_nan=False, allow_infinity=False)
    return {str: st.text(), int: st.integers(), bool: st.booleans()}[hint]


@pytest.mark.parametrize("kind", wire.KNOWN, ids=lambda kind: kind.__name__)
def test_every_known_value_comes_back_equal(kind: type) -> None:
    @settings(max_examples=40, deadline=None)
    @given(values(kind))
    def there_and_back(value: Any) -> None:
        assert wire.load(kind, json.loads(json.dumps(wire.dump(value)))) == value

    there_and_back()


@settings(max_examples=examples(200), deadline=None)
@given(st.sampled_from(wire.KNOWN), json_values)
def test_hostile_json_is_refused_and_never_crashes(kind: type, data: Any) -> None:
    with pytest.raises(Unreachable) as refused:
        wire.load(kind, data)
    assert refused.value.code == "EGR580"


@settings(max_examples=examples(150), deadline=None)
@given(st.data())
def test_one_changed_field_is_refused_or_of_the_right_type(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(wire.KNOWN))
    dumped = wire.dump(data.draw(values(kind)))
    dumped[data.draw(st.sampled_from(sorted(dumped)))] = data.draw(json_values)
    try:
        loaded: Any = wire.load(kind, dumped)
    except Unreachable as refused:
        assert refused.code == "EGR580"
    else:
        assert wire.dump(loaded) == dumped


OPEN = OpenMergeRequest(
    request_key="EG-1",
    base="b",
    branch="egress/EG-1",
    target="main",
    edits=(Edit("a.yaml", None, "new\r\n"),),
    digest="d",
    title="t",
    body="b",
    labels=("egress",),
    reviewers=(),
    author="dana@fincorp.example",
    created_at="2026-03-01T12:00:00+00:00",
)
DECISION = MergeRequestDecision("EG-1", "approve", "sam@fincorp.example", "", "c1", "d", True)


@pytest.mark.parametrize("effect", [OPEN, DECISION], ids=lambda effect: type(effect).__name__)
def test_effects_come_back_by_the_name_that_they_carry(effect: Effect) -> None:
    assert wire.load_effect(json.loads(json.dumps(wire.dump(effect)))) == effect


def test_every_effect_can_be_stored() -> None:
    assert set(get_args(Effect)) <= set(wire.KNOWN)


@pytest.mark.parametrize(
    ("change", "at", "what"),
    [
        ({"$": "Edit"}, "OpenMergeRequest", "no OpenMergeRequest"),
        ({"merge": True}, "OpenMergeRequest", "a field that this version does not know: 'merge'"),
        ({"title": 7}, "OpenMergeRequest.title", "not of type str"),
        ({"labels": "egress"}, "OpenMergeRequest.labels", "not a list"),
        ({"labels": ["egress", None]}, "OpenMergeRequest.labels[1]", "not of type str"),
        ({"edits": [{"$": "Edit", "path": "a"}]}, "OpenMergeRequest.edits[0]", "no old_text"),
        ({"edits": [{**wire.dump(OPEN.edits[0]), "role": "boss"}]}, "OpenMergeRequest.edits[0].role", "not one of"),
        (
            {"edits": [{**wire.dump(OPEN.edits[0]), "old_text": 1}]},
            "OpenMergeRequest.edits[0].old_text",
            "not of a type",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(change: dict[str, Any], at: str, what: str) -> None:
    with pytest.raises(Unreachable) as refused:
        wire.load(OpenMergeRequest, {**wire.dump(OPEN), **change})
    assert refused.value.facts["at"] == at
    assert str(refused.value.facts["what"]).startswith(what)


def test_a_field_that_an_older_version_did_not_write_takes_its_default() -> None:
    old = wire.dump(Edit("a.yaml", None, "new", "architecture"))
    del old["role"]
    assert wire.load(Edit, old) == Edit("a.yaml", None, "new", "allowlist")


@pytest.mark.parametrize("data", [None, {}, {"$": ["x"]}, {"$": "Edit"}, {"$": "__import__"}, [], "OpenMergeRequest"])
def test_only_effects_are_effects(data: Any) -> None:
    with pytest.raises(Unreachable, match="EGR580"):
        wire.load_effect(data)


def test_true_is_no_number_and_a_number_is_no_truth() -> None:
    with pytest.raises(Unreachable):
        wire.load(Ports, {"$": "Ports", "first": True, "last": 443})
    with pytest.raises(Unreachable):
        wire.load(MergeRequestDecision, {**wire.dump(DECISION), "merge": 1})


def test_what_is_not_declared_is_not_written() -> None:
    with pytest.raises(TypeError, match="wire"):
        wire.dump({"a": 1})
    with pytest.raises(TypeError, match="object"):
        wire.dump(Finding("EGR1", {"x": object()}))  # type: ignore[dict-item]


def test_a_whole_need_with_all_that_hangs_on_it() -> None:
    workload = Workload("k8s", "uds", "api", "claims", labels={"app": "api"}, container_ports={"http": 8080})
    need = Need(
        workload, (Destination("x:443", host="x", ports=Ports(443, 443), assumed=("port",)),), until="2026-12-31"
    )
    assert wire.load(Need, json.loads(json.dumps(wire.dump(need)))) == need
    asked = Question("env", "EGR1", {"n": 1.5, "ok": True, "none": None}, ("a", "b"))
    assert wire.load(Question, wire.dump(asked)) == asked
    seen = Finding("EGR1", {"n": 1}, (Evidence("quote"), Evidence(place=Place("a.yaml", 3, "- x"))))
    assert wire.load(Finding, wire.dump(seen)) == seen
