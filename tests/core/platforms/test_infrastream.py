"""Reading Infrastream manifests, finding projects by name, and what the repository says about itself."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skills.core.flow_text import workload
from skills.core.model import Grant, Isolation, Place
from skills.core.platform_base import Platform
from skills.core.platforms import infrastream
from skills.core.platforms.infrastream import entries
from skills.core.platforms.infrastream.entries import Kind, Reach, read_item
from skills.core.platforms.infrastream.index import Index
from skills.core.platforms.infrastream.manifests import Project
from skills.core.yaml_text import read_documents
from tests.core.platforms.infrastream_repo import (
    FOLDER,
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

HERE = Place("x.yaml", 1)


def found(index: Index, text: str) -> list[str]:
    return [str(index.of(each)[0]) for each in infrastream.resolve(index, workload(text))]


def audited(text: str) -> list[str]:
    return codes(list(infrastream.audit(only(text))))


def test_the_package_is_a_platform() -> None:
    adapter: Platform = infrastream
    assert (adapter.NAME, adapter.KIND) == ("infrastream", "infra")


# --- items


@pytest.mark.parametrize(
    ("written", "kind", "canonical"),
    [
        ("api.stripe.com", Kind.HOST, "api.stripe.com"),
        ("API.Stripe.com.", Kind.HOST, "api.stripe.com"),
        ("*.stripe.com", Kind.WILDCARD, "*.stripe.com"),
        ("198.51.100.0/24", Kind.RANGE, "198.51.100.0/24"),
        ("198.51.100.7", Kind.RANGE, "198.51.100.7/32"),
        ("198.51.100.7/24", Kind.RANGE, "198.51.100.0/24"),
        ("2001:DB8::/32", Kind.RANGE, "2001:db8::/32"),
        ("2001:db8::1", Kind.RANGE, "2001:db8::1/128"),
        ("{{ .Values.host }}", Kind.TEMPLATED, "{{ .Values.host }}"),
    ],
)
def test_items_that_are_read(written: str, kind: Kind, canonical: str) -> None:
    item = read_item(written, HERE, 0)
    assert (item.kind, item.canonical) == (kind, canonical)


@pytest.mark.parametrize(
    ("written", "fault", "meant"),
    [
        ("https://api.stripe.com:443/v1", "EGR720", "api.stripe.com"),
        ("https://bob:x@api.stripe.com", "EGR720", "api.stripe.com"),
        ("api.stripe.com/v1", "EGR721", "api.stripe.com"),
        ("198.51.100.0/33", "EGR721", None),
        ("10.0.0.0/255.0.0.0", "EGR721", None),
        ("api.stripe.com:443", "EGR722", "api.stripe.com"),
        (" api.stripe.com", "EGR723", "api.stripe.com"),
        ("*", "EGR724", None),
        ("api.*.com", "EGR724", None),
        ("*api.stripe.com", "EGR724", None),
        ("*.com", "EGR725", None),
        ("localhost", "EGR725", None),
        ("127.1", "EGR725", None),
        ("user@api.example", "EGR725", "api.example"),
        ("my_host.example", "EGR725", "my_host.example"),
        ("bücher.example", "EGR725", "xn--bcher-kva.example"),
        ("", "EGR726", None),
        (None, "EGR726", None),
        (443, "EGR726", None),
        (True, "EGR726", None),
        ({"host": "api.stripe.com"}, "EGR726", None),
    ],
)
def test_items_that_are_none(written: object, fault: str, meant: str | None) -> None:
    item = read_item(written, HERE, 0)
    assert (item.kind, item.fault, item.meant) == (Kind.INVALID, fault, meant)
    assert item.written == ("null" if written is None else str(written).strip())
    assert item.covers_host("api.stripe.com") is Reach.NO


@given(st.one_of(st.text(max_size=80), st.integers(), st.binary(max_size=5), st.lists(st.text(max_size=3), max_size=2)))
def test_no_item_stops_the_reader(value: object) -> None:
    item = read_item(value, HERE, 0)
    assert len(item.written) <= 200
    assert [item.host, item.network, item.fault].count(None) == (3 if item.kind is Kind.TEMPLATED else 2)


# --- documents


def test_what_is_read_survives_pickling() -> None:
    """Readings are kept by blob."""
    text = listing("api.stripe.com", "https://x.example") + "---\n" + application("card-api")
    documents, _ = read_documents("x.yaml", text)
    entries = [entry for document in documents for entry in infrastream.read(document)]
    assert len(entries) == 2
    assert pickle.loads(pickle.dumps(entries)) == entries


@pytest.mark.parametrize(
    "text",
    [
        "kind: Project\nmetadata: {name: x}\n",
        "apiVersion: v1\nkind: Project\nmetadata: {name: x}\n",
        "apiVersion: lowops.manifests.v2\nkind: Project\nmetadata: {name: x}\n",
        "apiVersion: lowops.manifests.v1\nkind: Topic\nmetadata: {name: x}\n",
        "- apiVersion: lowops.manifests.v1\n",
        "apiVersion: [lowops.manifests.v1]\nkind: {Project: 1}\n",
        "just words",
        "",
    ],
)
def test_foreign_documents_give_nothing(text: str) -> None:
    documents, _ = read_documents("x.yaml", text)
    assert [entry for document in documents for entry in infrastream.read(document)] == []


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: lowops.manifests.v1\nkind: Project\n",
        "apiVersion: lowops.manifests.v1\nkind: Project\nmetadata: 3\nspec: [a]\n",
        "apiVersion: lowops.manifests.v1\nkind: Project\nmetadata: {name: {a: b}}\nspec: {allowedEgress: {a: b}}\n",
        "apiVersion: lowops.manifests.v1\nkind: Application\nmetadata: {name: 1}\nspec: {project: [x]}\n",
        "apiVersion: lowops.manifests.v1\nkind: Organization\nmetadata: x\nspec: {domain: {internal: 3}}\n",
        "apiVersion: lowops.manifests.v1\nkind: DeploymentConfig\n",
        "apiVersion: lowops.manifests.v1\nkind: Application\nmetadata: {name: a}\n",
        "apiVersion: lowops.manifests.v1\nkind: Application\nspec: {project: p}\n",
    ],
)
def test_manifests_with_wrong_shapes_are_read_all_the_same(text: str) -> None:
    index = only(text)
    codes(list(infrastream.audit(index)))
    assert infrastream.grants(index) == []
    assert infrastream.names(index) == []


def test_a_project_without_a_name_is_said_and_not_found() -> None:
    index = only(listing("a.example").replace("  name: payments\n", ""))
    assert codes(list(infrastream.audit(index))) == ["EGR719"]
    assert infrastream.names(index) == []


# --- names


@pytest.fixture(scope="module")
def index() -> Index:
    return index_of(
        {
            path_of("payments"): listing("api.stripe.com"),
            path_of("payments", "staging"): listing("api.stripe.com", environment="staging"),
            path_of("ledger"): listing("a.example", name="ledger"),
            "apps.yaml": "---\n".join([application("card-api"), application("payout"), application("book", "ledger")]),
            "other.yaml": application("elsewhere").replace("retail", "wholesale"),
        }
    )


LEDGER = "fincorp/retail/ledger (production)"
BOTH = ["fincorp/retail/payments (production)", "fincorp/retail/payments (staging)"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ledger", [LEDGER]),
        ("Ledger", [LEDGER]),
        ("retail/ledger", [LEDGER]),
        ("fincorp/retail/ledger", [LEDGER]),
        ("infra/ledger", [LEDGER]),
        ("production:ledger", [LEDGER]),
        ("prod:ledger", [LEDGER]),
        ("book", [LEDGER]),
        ("ledger/book", [LEDGER]),
        ("retail/book", [LEDGER]),
        ("fincorp/retail/ledger/book", [LEDGER]),
        ("payments", BOTH),
        ("card-api", BOTH),
        ("staging:payments", BOTH[1:]),
        ("stage:card-api", BOTH[1:]),
        ("stag:card-api", []),
        ("prod:card-api", BOTH[:1]),
    ],
)
def test_names_that_fit(index: Index, text: str, expected: list[str]) -> None:
    assert found(index, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "ledgers",
        "led",
        "staging:ledger",
        "pr:ledger",
        "wholesale/ledger",
        "fincorp/ledger",
        "ledger/card-api",
        "ledger/ledger",
        "elsewhere",
        "k8s/ledger",
        "cf/ledger",
        "ledger{app=web}",
    ],
)
def test_names_that_do_not(index: Index, text: str) -> None:
    assert found(index, text) == []


@pytest.mark.parametrize(("name", "called"), [("2024", "2024"), ("true", "true"), ("[x]", None)])
def test_a_name_that_yaml_takes_for_something_else_is_a_name(name: str, called: str | None) -> None:
    assert infrastream.names(only(listing("a.example", name=name))) == ([called] if called else [])


def test_a_resolved_project_says_who_and_where_it_is(index: Index) -> None:
    (ledger,) = infrastream.resolve(index, workload("book"))
    assert (ledger.kind, ledger.platform, ledger.name) == ("infra", "infrastream", "ledger")
    assert (ledger.scope, ledger.environment) == ("fincorp/retail/ledger", "production")
    assert ledger.place is not None
    assert (ledger.place.path, ledger.place.line) == (path_of("ledger"), 4)
    assert infrastream.governs(index, ledger)


def test_a_deployment_config_ties_an_application_to_one_environment() -> None:
    config = application("card-api").replace("kind: Application", "kind: DeploymentConfig")
    config = config.replace("  release-track: main\n", "  project: payments\n  environment: staging\n")
    files = {environment: listing("a.example", environment=environment) for environment in ("production", "staging")}
    assert found(index_of({**files, "config.yaml": config}), "card-api") == BOTH[1:]


def test_names_and_environments_are_listed(index: Index) -> None:
    assert infrastream.names(index) == ["book", "card-api", "elsewhere", "ledger", "payments", "payout"]
    assert infrastream.environments(index) == ["production", "staging"]


# --- audit


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (project("  region: x\nallowedEgress:\n- a.example\n"), "EGR709"),
        (listing("a.example").replace("  name:", "  allowedEgress: [a.example]\n  name:"), "EGR709"),
        (project("  allowedEgress: a.example\n"), "EGR711"),
        (listing("a.example").replace("organizational-unit:", "organizationalUnit:"), "EGR712"),
        (listing("a.example").replace("organizational-unit:", "organizational_unit:"), "EGR712"),
        (listing("a.example").replace("environment: production", "environment: staging"), "EGR713"),
        (listing("a.example").replace("organization: fincorp", "organization: other"), "EGR713"),
        (listing("a.example").replace("name: payments", "name: ledger"), "EGR713"),
        (listing("0.0.0.0/0"), "EGR715"),
        (listing('"::/0"'), "EGR715"),
        (listing("16.0.0.0/7"), "EGR715"),
        (listing("a.example", '"A.example."'), "EGR716"),
        (listing("198.51.100.7", "198.51.100.7/32"), "EGR716"),
        (listing("a.example") + "---\n" + listing("a.example"), "EGR717"),
        (listing("https://a.example"), "EGR720"),
        (listing("a.example:443"), "EGR722"),
        (listing("a.example", "-"), "EGR726"),
    ],
)
def test_what_is_wrong_is_found(text: str, code: str) -> None:
    assert audited(text) == [code]


@pytest.mark.parametrize(
    "text",
    [
        listing("a.example", '"*.a.example"', "b.example", "16.0.0.0/8", "198.51.100.7"),
        project("  region: x\n"),
        project("  allowedEgress: []\n"),
    ],
)
def test_what_is_right_is_not(text: str) -> None:
    assert audited(text) == []


def test_lists_that_differ_between_environments_are_told_once() -> None:
    files = {
        path_of("payments"): listing("a.example", "b.example"),
        path_of("payments", "staging"): listing("B.example", "c.example", environment="staging"),
    }
    (said,) = infrastream.audit(index_of(files))
    assert codes([said]) == ["EGR714"]
    assert said.facts["differences"] == "production: a.example; staging: c.example"
    without = {**files, path_of("payments", "staging"): project("  description: x\n", environment="staging")}
    (said,) = infrastream.audit(index_of(without))
    assert [str(proof.place) for proof in said.evidence] == [
        f"{path_of('payments')}:10",
        f"{path_of('payments', 'staging')}:4",
    ]
    same = {**files, path_of("payments", "staging"): listing("b.example", "a.example", environment="staging")}
    assert infrastream.audit(index_of(same)) == []


def test_a_folder_that_says_the_same_in_other_words_is_no_fault() -> None:
    """The track's folder is `main-track` where the manifest says `main`: only the identity is compared."""
    track = f"{FOLDER}/release-track/main-track/application-set/x/application/card-api.yaml"
    assert infrastream.audit(index_of({track: application("card-api"), "flat/a.yaml": listing("a.example")})) == []


# --- grants


def test_grants_and_isolations() -> None:
    text = listing("A.example", '"*.b.example"', "198.51.100.7", "https://c.example", "${X}")
    source = "fincorp/retail/payments (production)"
    assert infrastream.grants(only(text)) == [
        Grant(source, target, "every port", "any", "firewall")
        for target in ("a.example", "*.b.example", "198.51.100.7/32")
    ]
    assert infrastream.isolations(only(text)) == [Isolation(source, "firewall")]
    assert infrastream.grants(only(project("allowedEgress: [a.example]\n"))) == []


def test_what_an_item_opens_beyond_the_need_is_named() -> None:
    asked = need(only(listing("a.example")), "b.example:8443")
    source = "fincorp/retail/payments (production)"
    given = [Grant(source, target, "every port", "any", "firewall") for target in ("b.example", "c.example")]
    exact = infrastream.wider(given[0], asked)
    assert codes(list(exact)) == ["EGR741", "EGR742"]
    assert exact[1].facts["ports"] == "8443"
    assert codes(list(infrastream.wider(given[1], asked))) == ["EGR743"]


# --- the real repository


def test_the_corpus(shared: Path) -> None:
    root = shared / "platforms" / "corpus" / "b_infrastream" / "island-venues"
    files = {str(path.relative_to(root)): path.read_text(encoding="utf-8") for path in sorted(root.rglob("*.yaml"))}
    index = index_of(files)
    assert len(files) == 7
    assert infrastream.audit(index) == []
    assert infrastream.environments(index) == ["development", "production"]
    assert len(infrastream.resolve(index, workload("island-venues-notifier"))) == 2
    for environment in ("development", "production"):
        for_ = f"{environment}:island-venues-notifier"
        allowed = view(index, "api.sendgrid.com:443", for_=for_)
        assert decision(allowed) == "allowed"
        assert allowed.allows[0].place.text == "- api.sendgrid.com"
        assert f"/environment/{environment}/" in allowed.allows[0].place.path
        assert decision(view(index, "sendgrid.com:443", for_=for_)) == "denied"
        assert decision(view(index, "api.twilio.com:443", for_=for_)) == "denied"
        assert codes(view(index, "db.island-venues.internal:5432", for_=for_).unknown) == ["EGR701"]


def test_the_example_of_the_guide() -> None:
    guide: Mapping[str, str] = {
        "x.yaml": project(
            '  region: us-central1\n  allowedEgress:\n    - "api.stripe.com"      # Payment processor API\n'
            '    - "hooks.slack.com"     # Notification webhooks\n    - "*.googleapis.com"    # Google Cloud APIs\n'
        )
    }
    index = index_of(guide)
    projects = list(index.all_projects())
    assert [type(each) for each in projects] == [Project]
    assert decision(view(index, "https://hooks.slack.com/services")) == "allowed"
    assert decision(view(index, "slack.com")) == "denied"


HOST_SIGNS = st.text(st.sampled_from("ab09-._A*/:@ü "), min_size=1, max_size=70)


@given(st.one_of(HOST_SIGNS, st.lists(HOST_SIGNS, min_size=2, max_size=4).map(".".join)))
def test_the_short_way_reads_what_the_long_way_reads(text: str) -> None:
    """Plain names are taken as they stand; that must be what the careful reading says of them."""
    place = Place("p.yaml", 1)
    quick = read_item(text, place, 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entries, "_is_plain", lambda _: False)
        assert read_item(text, place, 0) == quick
