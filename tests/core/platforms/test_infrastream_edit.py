"""Drafts for Infrastream lists: one line more or less, everything else byte for byte as it was."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from skills.core.model import Need, Plan
from skills.core.platform_base import Sources
from skills.core.platforms import infrastream
from tests.core.platforms.infrastream_repo import (
    application,
    codes,
    decision,
    index_of,
    listing,
    need,
    only,
    path_of,
    project,
    view,
)

PATH = path_of("payments")


def plan(text: str, *to: str, reason: str = "", remove: bool = False) -> Plan:
    index = only(text)
    return infrastream.edit(index, Sources({PATH: text}), need(index, *to, reason=reason, remove=remove))


def edited(text: str, *to: str, reason: str = "", remove: bool = False) -> str:
    found = plan(text, *to, reason=reason, remove=remove)
    codes(list(found.findings))
    (edit,) = found.edits
    assert (edit.path, edit.old_text) == (PATH, text)
    return edit.new_text


def refused(text: str, *to: str, remove: bool = False) -> list[str]:
    found = plan(text, *to, remove=remove)
    assert found.edits == ()
    return codes(list(found.findings))


def added_lines(old: str, new: str) -> list[str]:
    """The lines that are new, after making sure that no other line changed and the order is kept."""
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    head = 0
    while head < len(before) and before[head] == after[head]:
        head += 1
    tail = len(before) - head
    assert after[len(after) - tail :] == before[head:] if tail else True
    return after[head : len(after) - tail]


# --- adding


def test_one_line_in_the_style_of_the_neighbours() -> None:
    text = listing("api.stripe.com", "hooks.slack.com") + "  region: x\n"
    assert added_lines(text, edited(text, "api.twilio.com")) == ["    - api.twilio.com\n"]


def test_the_reason_stands_beside_it() -> None:
    text = listing("api.stripe.com")
    new = edited(text, "api.twilio.com", reason="SMS confirmations (notifier)")
    (line,) = added_lines(text, new)
    item, _, comment = line.partition("#")
    assert (item.rstrip(), comment) == ("    - api.twilio.com", " SMS confirmations (notifier)\n")


@pytest.mark.parametrize("quote", ['"', "'"])
def test_quotes_are_kept(quote: str) -> None:
    text = listing(f"{quote}api.stripe.com{quote}", f"{quote}hooks.slack.com{quote}")
    assert added_lines(text, edited(text, "api.twilio.com")) == [f"    - {quote}api.twilio.com{quote}\n"]


def test_line_ends_and_indentation_are_kept() -> None:
    text = project("    allowedEgress:\n        - api.stripe.com\n\n    region: x\n").replace("\n", "\r\n")
    assert added_lines(text, edited(text, "api.twilio.com")) == ["        - api.twilio.com\r\n"]


def test_comments_between_items_stay() -> None:
    text = project("  allowedEgress:\n    # cards\n    - api.stripe.com\n    # - old.example  gone\n    - b.example\n")
    assert added_lines(text, edited(text, "c.example")) == ["    - c.example\n"]


def test_a_flow_list_stays_one() -> None:
    text = project('  allowedEgress: ["a.example", "b.example"]  # staging only\n')
    assert edited(text, "c.example", reason="x").splitlines()[8] == (
        '  allowedEgress: ["a.example", "b.example", "c.example"]  # staging only'
    )


@pytest.mark.parametrize(
    "spec", ["  region: x\n", "  allowedEgress: []\n  region: x\n", "  allowedEgress:\n  region: x\n"]
)
def test_a_missing_or_empty_list_is_begun(spec: str) -> None:
    new = edited(project(spec), "api.twilio.com:443", reason="SMS")
    assert decision(view(only(new), "api.twilio.com:443")) == "allowed"
    assert "  region: x\n" in new
    assert new.startswith(project(""))


@pytest.mark.parametrize("spec", ["", "spec:\n", "spec: {}\n"])
def test_a_missing_spec_is_begun(spec: str) -> None:
    text = project("").replace("spec:\n", spec)
    new = edited(text, "api.twilio.com:443")
    assert decision(view(only(new), "api.twilio.com:443")) == "allowed"
    assert new.startswith(text.removesuffix(spec))


def test_a_list_that_lost_its_indentation_is_not_doubled() -> None:
    text = project("").replace("spec:\n", "spec:\nallowedEgress:\n- api.stripe.com\n")
    assert "EGR739" in refused(text, "api.twilio.com:443")


def test_ranges_and_addresses_are_written_as_ranges() -> None:
    text = listing("api.stripe.com")
    assert added_lines(text, edited(text, "198.51.100.0/24:22")) == ["    - 198.51.100.0/24\n"]
    assert added_lines(text, edited(text, "198.51.100.7:22")) == ["    - 198.51.100.7/32\n"]


def test_a_wildcard_only_when_asked_for_and_always_quoted() -> None:
    text = listing("api.stripe.com")
    found = plan(text, "*.example.com")
    assert added_lines(text, found.edits[0].new_text) == ['    - "*.example.com"\n']
    assert [code for code in codes(list(found.findings)) if code in ("EGR732", "EGR733")] == ["EGR732", "EGR733"]
    assert "EGR732" not in codes(list(plan(text, "www.example.com").findings))


def test_the_port_is_never_written() -> None:
    text = listing("api.stripe.com")
    assert added_lines(text, edited(text, "api.twilio.com:8443")) == ["    - api.twilio.com\n"]
    assert added_lines(text, edited(text, "https://api.twilio.com:8443/v1")) == ["    - api.twilio.com\n"]


def test_several_destinations_are_one_edit() -> None:
    text = listing("api.stripe.com")
    new = edited(text, "a.example:443", "b.example:443", "a.example:8443")
    assert added_lines(text, new) == ["    - a.example\n", "    - b.example\n"]


def test_a_broken_entry_is_mended_instead_of_doubled() -> None:
    """G-B04."""
    text = listing("https://api.stripe.com/v1 # cards", "b.example")
    found = plan(text, "api.stripe.com")
    assert found.edits[0].new_text == listing("api.stripe.com # cards", "b.example")
    assert "EGR735" in codes(list(found.findings))


def test_the_environment_that_was_meant_is_edited_and_the_others_are_named() -> None:
    files = {
        PATH: listing("a.example"),
        path_of("payments", "staging"): listing("a.example", environment="staging"),
        path_of("ledger", "development"): listing("a.example", name="ledger", environment="development"),
        "apps.yaml": application("card-api") + "---\n" + application("payout"),
    }
    index = index_of(files)
    asked = need(index, "b.example", for_="staging:card-api")
    found = infrastream.edit(index, Sources(files), asked)
    assert [edit.path for edit in found.edits] == [path_of("payments", "staging")]
    said = {each.code: each.facts for each in found.findings}
    assert said["EGR738"]["environments"] == "production"
    assert said["EGR736"]["applications"] == "card-api, payout"


def test_where_a_line_break_would_change_another_value_nothing_is_drafted() -> None:
    text = project("  description: |\n    two\n    lines")
    assert refused(text, "a.example")[-1] == "EGR739"
    begun = added_lines(text + "\n", edited(text + "\n", "a.example"))
    assert [line.strip() for line in begun] == ["allowedEgress:", "- a.example"]


def test_only_the_right_document_of_a_file_is_edited() -> None:
    text = listing("a.example", name="ledger") + "---\n" + listing("b.example") + "---\n" + application("x")
    new = edited(text, "c.example")
    assert new == listing("a.example", name="ledger") + "---\n" + listing("b.example", "c.example") + "---\n" + (
        application("x")
    )


@pytest.mark.parametrize(
    "kind", ["apiVersion: v1\nkind: List\n", "apiVersion: lowops.manifests.v1\nkind: ProjectList\n"]
)
def test_the_right_item_of_a_list_is_edited(kind: str) -> None:
    def listed(*manifests: str) -> str:
        items = ("- " + text.rstrip("\n").replace("\n", "\n  ") + "\n" for text in manifests)
        return f"{kind}items:\n{''.join(items)}"

    text = listed(listing("a.example", name="ledger"), listing("b.example"))
    longer = listed(listing("a.example", name="ledger"), listing("b.example", "c.example"))
    assert edited(text, "c.example") == longer
    assert edited(longer, "c.example", remove=True) == text
    begun = listed(listing("a.example", name="ledger"), project("  description: Payments\n"))
    assert yaml.safe_load(edited(begun, "c.example"))["items"][1]["spec"]["allowedEgress"] == ["c.example"]


# --- nothing to add


def test_what_is_listed_already_is_not_added_again() -> None:
    """G-B10: nor when it differs by case, dot or quotes."""
    assert refused(listing('"API.Stripe.com."'), "api.stripe.com:443") == ["EGR730", "EGR704"]
    assert refused(listing('"*.stripe.com"'), "api.stripe.com:443") == ["EGR730", "EGR704"]
    assert refused(listing("198.51.100.0/24"), "198.51.100.7:22") == ["EGR730", "EGR704"]


def test_a_new_port_of_a_listed_host_is_no_change() -> None:
    found = plan(listing("api.stripe.com"), "api.stripe.com:8443")
    assert found.edits == ()
    assert found.findings[0].evidence[0].place is not None
    assert found.findings[0].evidence[0].place.line == 11
    assert found.findings[1].facts["port"] == "8443"


@pytest.mark.parametrize(
    ("to", "code"),
    [
        ("db.fincorp.internal:5432", "EGR701"),
        ("10.1.2.3:5432", "EGR701"),
        ("redis:6379", "EGR701"),
        ("cf-service://rds", "EGR702"),
        ("*.com", "EGR734"),
        ("my_host.example", "EGR734"),
    ],
)
def test_what_does_not_belong_in_the_list_is_not_put_there(to: str, code: str) -> None:
    assert refused(listing("a.example"), to) == [code]


def test_a_very_wide_range_is_drafted_with_a_warning() -> None:
    """G-B09: the approvers decide."""
    assert "EGR744" in codes(list(plan(listing("a.example"), "0.0.0.0/0:443").findings))
    assert "EGR744" not in codes(list(plan(listing("a.example"), "198.51.100.0/24:443").findings))


def test_manifests_that_nobody_can_be_sure_of_are_left_alone() -> None:
    assert refused(project("  allowedEgress: a.example\n"), "b.example") == ["EGR711"]
    assert refused(listing("a.example") + "---\n" + listing("a.example"), "b.example") == ["EGR717"]


# --- removing


def test_one_line_goes_and_its_comment_with_it() -> None:
    text = listing("a.example", "b.example # why", "c.example")
    found = plan(text, "b.example:443", remove=True)
    assert found.edits[0].new_text == listing("a.example", "c.example")
    assert "EGR746" in codes(list(found.findings))


def test_all_spellings_of_it_go() -> None:
    assert edited(listing("A.example", "b.example", '"a.example."'), "a.example", remove=True) == listing("b.example")


def test_the_last_one_leaves_an_empty_list_that_still_reads() -> None:
    new = edited(listing("a.example"), "a.example", remove=True)
    assert decision(view(only(new), "a.example")) == "denied"
    assert codes(list(infrastream.audit(only(new)))) == []


def test_what_covers_more_is_left_and_named() -> None:
    assert refused(listing('"*.stripe.com"'), "api.stripe.com", remove=True) == ["EGR745"]
    found = plan(listing('"*.stripe.com"', "api.stripe.com"), "api.stripe.com", remove=True)
    assert found.edits[0].new_text == listing('"*.stripe.com"')
    assert {"EGR745", "EGR746"} <= set(codes(list(found.findings)))
    assert edited(listing('"*.stripe.com"', "b.example"), "*.stripe.com", remove=True) == listing("b.example")


def test_what_is_not_listed_can_not_be_removed() -> None:
    assert refused(listing("a.example"), "b.example", remove=True) == ["EGR747"]


# --- reasons are hostile too


@pytest.mark.parametrize(
    "reason",
    [
        "a\n    - evil.example",
        "a\r- evil.example",
        "a\x85    - evil.example",
        "a\u2028    - evil.example",
        "# x: {[",
        "\x00",
    ],
)
def test_a_reason_never_leaves_its_comment(reason: str) -> None:
    new = edited(listing("a.example"), "b.example", reason=reason)
    assert len(new.splitlines()) == len(listing("a.example").splitlines()) + 1
    assert [grant.target for grant in infrastream.grants(only(new))] == ["a.example", "b.example"]


def test_a_long_reason_is_cut() -> None:
    new = edited(listing("a.example"), "b.example", reason="because " * 1000)
    assert max(map(len, new.splitlines())) < 140
    assert new.rstrip().endswith(" …")


# --- whatever the file looks like

_ENTRIES = [
    "a.example",
    "b.a.example",
    "c.example",
    "*.d.example",
    "198.51.100.0/24",
    "https://e.example",
    "f.example:443",
]
_TARGETS = ["a.example", "x.a.example", "z.example", "*.y.example", "198.51.100.9:22", "203.0.113.0/24:22", "e.example"]
_QUOTES = st.sampled_from(['"', "'"])
_COMMENTS = st.sampled_from(["", " # why", "   # über alles", "\n    # a line of its own"])


@st.composite
def _manifests(draw: st.DrawFn) -> str:
    entries = draw(st.lists(st.sampled_from(_ENTRIES), unique=True, max_size=5))
    quote, end = draw(_QUOTES), draw(st.sampled_from(["\n", "\r\n"]))
    if not entries:
        spec = draw(
            st.sampled_from(
                ["  region: x\n", "  allowedEgress: []\n", "  description: |\n    two\n    lines\n  a: b\n"]
            )
        )
    elif draw(st.booleans()):
        spec = f"  allowedEgress: [{', '.join(quote + each + quote for each in entries)}]\n  region: x\n"
    else:
        items = "".join(f"    - {quote}{each}{quote}{draw(_COMMENTS)}\n" for each in entries)
        spec = f"  region: x\n  allowedEgress:\n{items}" + draw(st.sampled_from(["", "  after: 1\n", "\n# end\n"]))
    text = project(spec)
    return (text if draw(st.booleans()) else text.removesuffix("\n")).replace("\n", end)


def _run(text: str, asked: Need) -> Plan:
    return infrastream.edit(only(text), Sources({PATH: text}), asked)


@given(_manifests(), st.sampled_from(_TARGETS), st.text(max_size=30))
def test_after_the_edit_it_is_allowed_and_a_second_edit_changes_nothing(text: str, to: str, reason: str) -> None:
    asked = need(only(text), to, reason=reason)
    before = set(infrastream.grants(only(text)))
    found = _run(text, asked)
    if not found.edits:
        assert decision(view(only(text), to)) == "allowed"
        return
    new = found.edits[0].new_text
    assert decision(view(only(new), to)) == "allowed"
    assert _run(new, asked).edits == ()
    gained = set(infrastream.grants(only(new))) - before
    assert before <= set(infrastream.grants(only(new)))
    assert [grant.target for grant in gained] in (
        [asked.destinations[0].host],
        [asked.destinations[0].network],
    )
    assert ("\r\n" in new) == ("\r\n" in text)
    assert new.count("\n") == new.count("\r\n") or "\r\n" not in text


@given(_manifests(), st.sampled_from(["z.example", "*.y.example", "203.0.113.0/24:22"]), st.text(max_size=30))
def test_removing_what_was_added_gives_the_file_back(text: str, to: str, reason: str) -> None:
    asked = need(only(text), to, reason=reason)
    new = _run(text, asked).edits[0].new_text
    undone = _run(new, need(only(new), to, remove=True)).edits[0].new_text
    if infrastream.grants(only(text)):
        assert undone == text
    assert infrastream.grants(only(undone)) == infrastream.grants(only(text))
