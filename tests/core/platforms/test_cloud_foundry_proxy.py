"""Lists of an egress proxy, the apps that go through it, and one entry more."""

from __future__ import annotations

import pytest

from skills.core.change import Draft
from skills.core.platforms import cloud_foundry
from skills.core.platforms.cloud_foundry.index import Index
from tests.core.platforms.cloud_foundry_repo import (
    after,
    codes,
    decide,
    draft,
    index_of,
    near,
    need,
    sources,
    space,
    view,
)

VARS = """\
proxyname: web-proxy
hostname: web-proxy
proxydeny: "*.mail.example.com"
proxyallow: |
  *.example.com
  api.sam.gov
  198.51.100.0/24

other: 1
"""
MANIFEST = """\
applications:
- name: web
  env:
    https_proxy: https://user:pass@web-proxy.apps.internal:61443
"""
FILES = {**space("trusted_local_networks_egress"), "vars.yml": VARS, "manifest.yml": MANIFEST}
WEB = "acme/dev/web"


@pytest.fixture(scope="module")
def index() -> Index:
    return index_of(FILES)


@pytest.mark.parametrize(
    ("to", "wanted"),
    [
        ("api.sam.gov", "allowed"),
        ("www.api.sam.gov", "denied"),
        ("example.com", "allowed"),
        ("a.b.example.com", "allowed"),
        ("notexample.com", "denied"),
        ("in.mail.example.com", "denied"),
        ("mail.example.com", "denied"),
        ("api.sam.gov:8443", "denied"),
        ("udp://api.sam.gov:443", "denied"),
        ("198.51.100.7:443", "allowed"),
        ("203.0.113.7:443", "denied"),
        ("cf-service://rds", "allowed"),
    ],
)
def test_first_match_wins(index: Index, to: str, wanted: str) -> None:
    assert decide(index, to, for_=WEB) == wanted


def test_the_entry_is_named_with_what_can_not_be_seen(index: Index) -> None:
    seen = view(index, "api.sam.gov", for_=WEB)
    assert [(hit.place.path, hit.place.line) for hit in seen.allows] == [("vars.yml", 6)]
    assert codes(list(seen.findings)) == ["EGR773"]


def test_another_app_is_told_of_the_proxy_but_not_let_through(index: Index) -> None:
    assert decide(index, "api.sam.gov", for_="acme/dev/reports") == "denied"
    assert near(index, "api.sam.gov", for_="acme/dev/reports")[0] == "EGR783"
    assert "EGR783" not in near(index, "api.stripe.com", for_="acme/dev/reports")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (VARS, "  api.stripe.com"),
        (VARS.replace("\n", "\r\n"), "  api.stripe.com"),
        ('hostname: web-proxy\nproxyallow: "*.example.com"\n', 'proxyallow: "*.example.com api.stripe.com"'),
        ("hostname: web-proxy\nproxyallow:\n- a.example\n", "- api.stripe.com"),
        ("hostname: web-proxy\nproxyallow: |\n  a.example", "  api.stripe.com"),
    ],
)
def test_the_list_gains_one_line_and_nothing_else_changes(text: str, line: str) -> None:
    files = {**FILES, "vars.yml": text}
    before = index_of(files)
    made = cloud_foundry.edit(before, sources(files), need(before, "api.stripe.com", for_=WEB))
    (edit,) = made.edits
    assert [row for row in edit.new_text.splitlines() if row not in text.splitlines()] == [line]
    after = {**files, "vars.yml": edit.new_text}
    assert decide(index_of(after), "api.stripe.com", for_=WEB) == "allowed"
    again = cloud_foundry.edit(index_of(after), sources(after), need(index_of(after), "api.stripe.com", for_=WEB))
    assert (again.edits, codes(list(again.findings))) == ((), ["EGR791"])
    gone = need(index_of(after), "api.stripe.com", remove=True, for_=WEB)
    (undone,) = cloud_foundry.edit(index_of(after), sources(after), gone).edits
    assert undone.new_text == text


def test_a_port_that_the_proxy_does_not_pass_is_not_put_on_its_list(index: Index) -> None:
    made = cloud_foundry.edit(index, sources(FILES), need(index, "api.stripe.com:8443", for_=WEB))
    assert [edit.path for edit in made.edits] == ["config/acme/dev/spaceConfig.yml"]


def test_an_entry_with_a_port_is_said() -> None:
    index = index_of(space(), {"vars.yml": "hostname: p\nproxyallow: a.example:8443 b.example\n"})
    assert codes(list(cloud_foundry.audit(index))) == ["EGR779"]


def test_whoever_binds_the_public_group_is_told_of_the_proxy(index: Index) -> None:
    made = cloud_foundry.edit(index, sources(FILES), need(index, "api.stripe.com"))
    assert "EGR796" in codes(list(made.findings))


def test_an_entry_that_covers_more_stays(index: Index) -> None:
    made = cloud_foundry.edit(index, sources(FILES), need(index, "www.example.com", remove=True, for_=WEB))
    assert (made.edits, codes(list(made.findings))) == ((), ["EGR780"])


def with_lists(allow: str, deny: str = "", env: str = "") -> Index:
    """The lists of one proxy; `env` are more rows of the app's environment."""
    lists = f"hostname: web-proxy\nproxydeny: {deny!r}\nproxyallow: {allow!r}\n"
    return index_of({**FILES, "vars.yml": lists, "manifest.yml": MANIFEST + env})


@pytest.mark.parametrize(
    ("allow", "deny", "to", "wanted", "code"),
    [
        ("*.a.gov", "bad.a.gov", "*.a.gov", "denied", "EGR1906"),
        ("*.a.gov", "*.bad.a.gov", "*.a.gov", "denied", "EGR1906"),
        ("*.a.gov", "bad.b.gov", "*.a.gov", "allowed", "EGR773"),
        ("*.a.gov", "bad.a.gov", "x.bad.a.gov", "allowed", "EGR773"),
        ("192.0.2.0/24", "192.0.2.5", "192.0.2.0/24:443", "denied", "EGR1906"),
        ("192.0.2.0/24", "192.0.2.5", "192.0.2.5:443", "denied", "EGR731"),
        ("192.0.2.0/24", "192.0.2.5", "192.0.2.6:443", "allowed", "EGR773"),
        ("api.a.gov", "198.51.100.0/24", "api.a.gov", "undecided", "EGR1905"),
        ("api.a.gov", "10.0.0.0/8", "api.a.gov", "allowed", "EGR773"),
        ("api.a.gov b.gov:8443", "", "api.a.gov", "undecided", "EGR1901"),
        ("api.a.gov https://b.gov", "", "api.a.gov", "undecided", "EGR1901"),
        ("api.a.gov https://b.gov", "", "c.gov", "denied", "EGR1907"),
        ("10.0.0.0/8", "", "10.1.1.1:443", "undecided", "EGR1900"),
    ],
)
def test_what_a_proxy_denies_in_part_is_not_open_and_what_it_does_not_take_is_not_sure(
    allow: str, deny: str, to: str, wanted: str, code: str
) -> None:
    index = with_lists(allow, deny)
    seen = view(index, to, for_=WEB)
    assert decide(index, to, for_=WEB) == wanted
    assert code in codes([*seen.findings, *seen.unknown])


@pytest.mark.parametrize(("address", "wanted"), [("198.51.100.7", "denied"), ("203.0.113.7", "allowed")])
def test_a_denied_range_counts_for_a_host_whose_address_is_said(address: str, wanted: str) -> None:
    assert decide(with_lists("api.a.gov", "198.51.100.0/24"), "api.a.gov", address, for_=WEB) == wanted


@pytest.mark.parametrize(
    ("entries", "wanted", "code"),
    [
        ("apps.internal,api.a.gov", "denied", "EGR1903"),
        ("API.A.GOV", "denied", "EGR1903"),
        ("*", "denied", "EGR1903"),
        (".a.gov", "denied", "EGR1903"),
        ("'*.a.gov'", "denied", "EGR1903"),
        ("a.gov", "undecided", "EGR1904"),
        (".api.a.gov", "undecided", "EGR1904"),
        ("apps.internal", "allowed", "EGR773"),
        ("pi.a.gov", "allowed", "EGR773"),
        ("192.0.2.0/24", "allowed", "EGR773"),
    ],
)
def test_no_proxy_leads_around_the_proxy(entries: str, wanted: str, code: str) -> None:
    index = with_lists(
        "api.a.gov", env=f"    NO_PROXY: {entries}\n" if "'" in entries else f'    NO_PROXY: "{entries}"\n'
    )
    seen = view(index, "api.a.gov", for_=WEB)
    assert decide(index, "api.a.gov", for_=WEB) == wanted
    assert code in codes([*seen.findings, *seen.unknown])


@pytest.mark.parametrize(
    ("variable", "to", "wanted"),
    [
        ("https_proxy", "https://api.sam.gov", "allowed"),
        ("ALL_PROXY", "https://api.sam.gov", "allowed"),
        ("http_proxy", "https://api.sam.gov", "undecided"),
        ("HTTP_PROXY", "api.sam.gov:443", "undecided"),
        ("http_proxy", "http://api.sam.gov:443", "allowed"),
    ],
)
def test_a_proxy_for_plain_http_alone_is_not_surely_used_for_tls(variable: str, to: str, wanted: str) -> None:
    index = index_of({**FILES, "manifest.yml": MANIFEST.replace("https_proxy", variable)})
    seen = view(index, to, for_=WEB)
    assert decide(index, to, for_=WEB) == wanted
    assert ("EGR1918" in codes(list(seen.unknown))) == (wanted == "undecided")


CLIENTS = """\
module "space" {
  source               = "github.com/GSA-TTS/terraform-cloudgov//cg_space?ref=v2"
  cf_org_name          = "acme"
  cf_space_name        = "dev"
  security_group_names = []
}
module "proxy" {
  source        = "github.com/GSA-TTS/cg-egress-proxy?ref=v1"
  name          = "web-proxy"
  cf_space_name = "out"
  client_configuration = {
    "web" = {
%s      allowlist = ["api.a.gov"%s]
      denylist  = ["*.bad.gov"]
    }
  }
}
"""


def drafted(files: dict[str, str], to: str) -> tuple[dict[str, str], Draft]:
    made = draft(files, WEB, to)
    return after(files, made), made


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("before", "to", "after"),
    [
        (("      ports     = [443]\n", ""), "api.a.gov:8443", ("      ports     = [443, 8443]\n", "")),
        (("", ""), "api.a.gov:8443", ("      ports     = [443, 8443]\n", "")),
        (("      ports     = [443]\n", ""), "b.gov:8443", ("      ports     = [443, 8443]\n", ', "b.gov"')),
        (("      ports     = [443]\n", ""), "b.gov:443", ("      ports     = [443]\n", ', "b.gov"')),
    ],
)
def test_a_port_that_the_proxy_does_not_pass_joins_its_ports(
    before: tuple[str, str], to: str, after: tuple[str, str], newline: str
) -> None:
    files = {"tf/main.tf": (CLIENTS % before).replace("\n", newline), "manifest.yml": MANIFEST}
    changed, draft = drafted(files, to)
    assert changed["tf/main.tf"] == (CLIENTS % after).replace("\n", newline)
    assert draft.change.proof.after == "allowed"
    assert drafted(changed, to)[1].change.edits == ()
    wider = codes(list(draft.change.proof.wider_than_asked))
    assert ("EGR1915" in wider) == (to == "b.gov:8443")  # the host that is listed already gets the port too


@pytest.mark.parametrize("to", ["udp://api.a.gov:8443", "api.a.gov:8000-8100"])
def test_what_no_port_of_a_proxy_can_say_is_left_to_the_group(to: str) -> None:
    files = {"tf/main.tf": CLIENTS % ("", ""), "manifest.yml": MANIFEST}
    changed, _ = drafted(files, to)
    assert changed["tf/main.tf"] == (CLIENTS % ("", "")).replace(" = []", ' = ["public_networks_egress"]')


def test_what_a_proxy_denies_on_purpose_is_not_put_on_its_list() -> None:
    files = {"tf/main.tf": CLIENTS % ("", ""), "manifest.yml": MANIFEST}
    _, draft = drafted(files, "x.bad.gov")
    assert (draft.change.edits, draft.change.commands) == ((), ())
    assert "EGR1917" in codes(list(draft.change.findings))


def test_an_entry_that_is_no_host_is_said() -> None:
    index = index_of(space(), {"vars.yml": "hostname: p\nproxyallow: https://a.example all *.b.example 10.0.0.0/8\n"})
    assert codes(list(cloud_foundry.audit(index))) == ["EGR1902"]
