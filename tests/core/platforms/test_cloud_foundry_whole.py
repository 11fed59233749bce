"""The dialect inside the whole: layered verdicts and proved drafts; hostile files; the corpus."""

from __future__ import annotations

import csv
import ipaddress
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skills.core import change
from skills.core.enforce.cluster import compile_cluster
from skills.core.enforce.spans import merged
from skills.core.flow_text import destination, workload
from skills.core.model import Need, WorkloadRef
from skills.core.platform_base import Platform
from skills.core.platforms import cloud_foundry
from skills.core.platforms.cloud_foundry import known
from skills.core.yaml_text import read_documents
from tests.core.platforms.cloud_foundry_repo import CONFIG, asg, codes, decide, index_of, rule, space
from tests.worlds import allowlist

PUBLIC, TRUSTED = known.PUBLIC, known.TRUSTED
CORPUS = "platforms/corpus/c_cloud_gov"


@pytest.fixture
def platform() -> Platform:
    mine: Platform = cloud_foundry
    return mine


# --- in the whole


def test_a_verdict_names_the_layer_and_the_line(platform: Platform) -> None:
    made = allowlist({**space("partner"), **asg("partner", rule("198.51.100.0/24"))})
    (mine,) = made.resolve(workload("acme/dev")).workloads
    verdict = made.check(mine, destination("198.51.100.7:443")[0])
    (layer,) = verdict.layers
    assert (verdict.decision, layer.layer, layer.platforms) == ("allowed", "security_group", (platform.NAME,))
    assert (layer.rules[0].place.path, layer.rules[0].place.line) == ("config/asgs/partner.json", 2)


def test_a_misspelt_space_is_never_allowed(platform: Platform) -> None:
    made = allowlist(space(PUBLIC))
    resolution = made.resolve(workload("acme/deev"))
    assert (resolution.workloads, resolution.suggestions) == ((), ("acme/dev",))


def test_a_broken_space_file_makes_a_denial_undecided(platform: Platform) -> None:
    files = {
        "config/acme/spaces.yml": "org: acme\nspaces: [dev]\n",
        CONFIG: "org: acme\nspace: dev\nnamed-security-groups: [\n",
    }
    made = allowlist(files)
    (mine,) = made.resolve(workload("acme/dev")).workloads
    verdict = made.check(mine, destination("api.stripe.com")[0])
    assert verdict.decision == "undecided"
    assert "EGR107" in codes(list(verdict.findings))


def test_a_draft_is_proved_and_its_width_is_named(platform: Platform) -> None:
    made = allowlist(space(TRUSTED))
    (mine,) = made.resolve(workload("acme/dev")).workloads
    drafted = change.draft(made, Need(mine, (destination("api.stripe.com")[0],)))
    proof = drafted.change.proof
    assert (proof.before, proof.after, proof.newly_denied) == ("denied", "allowed", ())
    assert codes(list(proof.wider_than_asked)) == ["EGR788"]
    assert [grant.target for grant in proof.newly_allowed] == ["every public address"]


def test_a_rule_of_its_own_opens_nothing_but_what_was_asked(platform: Platform) -> None:
    made = allowlist({**space("partner"), **asg("partner", rule("198.51.100.0/24"))})
    (mine,) = made.resolve(workload("acme/dev")).workloads
    drafted = change.draft(made, Need(mine, (destination("203.0.113.7:5432")[0],)))
    assert drafted.change.proof.after == "allowed"
    assert codes(list(drafted.change.proof.wider_than_asked)) == ["EGR790"]


def test_commands_stand_in_where_no_file_binds(platform: Platform) -> None:
    made = allowlist({"config/acme/spaces.yml": "org: acme\nspaces: [dev]\n"})
    (mine,) = made.resolve(workload("acme/dev")).workloads
    drafted = change.draft(made, Need(mine, (destination("api.stripe.com")[0],)))
    assert drafted.change.edits == ()
    assert drafted.change.commands == (f"cf bind-security-group {PUBLIC} acme --space dev",)


# --- hostile files

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["*.x", "10.0.0.0/8", "cf bind-security-group g o s", "80,90-99", "a-b"]),
)
KEYS = st.sampled_from(
    [
        "protocol", "destination", "ports", "type", "rules", "name", "resources", "globally_enabled", "org", "space",
        "spaces", "applications", "services", "env", "https_proxy", "hostname", "proxyallow", "proxydeny", "named-security-groups", "running-security-groups", "enable-security-group",
    ]
)  # fmt: skip
TREES = st.recursive(
    SCALARS,
    lambda child: st.one_of(st.lists(child, max_size=4), st.dictionaries(KEYS, child, max_size=6)),
    max_leaves=20,
)
PATHS = st.sampled_from(
    [
        "c/cf-mgmt.yml",
        "c/asgs/x.json",
        "c/o/s/spaceConfig.yml",
        "c/o/spaces.yml",
        "security-group.json",
        "manifest.yml",
        "c/spaceDefaults.yml",
    ]
)


@given(st.lists(st.tuples(PATHS, TREES), max_size=4))
def test_nothing_that_a_file_holds_can_crash_the_dialect(files: list[tuple[str, object]]) -> None:
    entries = []
    for path, tree in files:
        for document in read_documents(path, json.dumps(tree))[0]:
            entries += list(cloud_foundry.read(document))
    index = cloud_foundry.compile(entries, compile_cluster([]))
    codes(list(cloud_foundry.audit(index)))
    cloud_foundry.grants(index)
    cloud_foundry.isolations(index)
    for name in cloud_foundry.names(index):
        parts = tuple(name.split("/"))
        for mine in cloud_foundry.resolve(index, WorkloadRef(name, parts=parts)):
            for to in ("api.stripe.com", "10.0.0.1:22", "cf-service://rds"):
                cloud_foundry.decide(index, mine, destination(to)[0])


def test_very_long_lists_stay_bounded() -> None:
    index = index_of(
        space("x"), asg("x", *[rule(f"10.{at // 250}.{at % 250}.0/24", "1,3,5,7,9") for at in range(4000)])
    )
    assert decide(index, "10.15.249.7:9") == "allowed"
    assert decide(index, "10.15.249.7:8") == "denied"


# --- the corpus


def documents(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".yml", ".yaml", ".json"):
            yield path.relative_to(folder).as_posix(), path.read_text()


def test_the_platforms_own_matrix_agrees(shared: Path) -> None:
    """cloud-gov/deploy-cf: 200 where a probe from a space gets out, 500 where it does not. `/test` is inbound."""
    rows = list(csv.reader((shared / CORPUS / "deploy-cf/ci/test-space-egress/test-matrix").read_text().splitlines()))
    groups = {"closed-egress": (), "restricted-egress": (TRUSTED,), "public-egress": (TRUSTED, PUBLIC)}
    probes = {"/test-internal-networks": "cf-service://rds", "/test-external-networks": "www.example.com:443"}
    found = len(rows)
    run = [(name, probes[probe], status) for name, probe, status, *_ in rows if probe in probes]
    agreed = [
        (decide(index_of(space(*groups[name])), to) == "allowed") == (status == "200") for name, to, status in run
    ]
    assert (found, len(run), sum(agreed)) == (9, 6, 6)


def test_what_is_known_of_the_platforms_groups_is_what_it_defines(shared: Path) -> None:
    text = (shared / CORPUS / "deploy-cf/terraform/stacks/cf/asg.tf").read_text()
    blocks = dict(re.findall(r'resource "cloudfoundry_security_group" "(\w+)" \{\n(.*?)\n\}', text, re.DOTALL))
    for name in (PUBLIC, "public_networks"):
        ranges = re.findall(r'destination = "([\d.]+)-([\d.]+)"', blocks[name])
        spans = merged((int(ipaddress.ip_address(a)), int(ipaddress.ip_address(b))) for a, b in ranges)
        assert dict(known.GROUPS[name].regions)["all"].addresses == spans
    for name, block in blocks.items():
        for phase, assumed in (("running", known.GLOBAL_RUNNING), ("staging", known.GLOBAL_STAGING)):
            flag = re.search(rf"globally_enabled_{phase}\s*= (\w+)", block)
            assert (flag is not None and flag[1] == "true") == (name in assumed), (name, phase)
    assert all(f'ports       = "{ports}"' in text for ports in ("5432,3306,1433,1521", "6379", "443"))


@pytest.mark.parametrize(
    ("fixture", "for_", "to", "wanted"),
    [
        ("config/fixtures/config", "test/space1", "10.68.192.49:22", "allowed"),
        ("config/fixtures/config", "test/space1", "10.68.192.50:22", "denied"),
        ("config/fixtures/config", "test/space2", "10.68.192.49:22", "denied"),
        ("config/fixtures/config", "test/space3", "10.68.192.49:22", "undecided"),
        ("config/fixtures/asg-defaults", "test/space1", "10.0.11.5:443", "denied"),
        ("fixtures/ldap", "test/test", "10.0.0.1:443", "undecided"),
        ("integration/fixture", "test1/dev", "api.stripe.com", "denied"),
        ("isosegment/fixtures/0001", "org1/org1space2", "api.stripe.com", "denied"),
    ],
)
def test_fixtures_of_cf_mgmt(shared: Path, fixture: str, for_: str, to: str, wanted: str) -> None:
    files = dict(documents(shared / CORPUS / "cf-mgmt" / fixture))
    assert decide(index_of(files), to, for_=for_) == wanted


def test_every_file_of_the_corpus_is_read(shared: Path) -> None:
    """cf-mgmt's and the platform's files, each alone: all parse, and what is ours gives entries."""
    found = ours = 0
    for path, text in documents(shared / CORPUS):
        parsed, unreadable = read_documents(path, text)
        entries = [entry for document in parsed for entry in cloud_foundry.read(document)]
        found += 1
        ours += bool(entries)
        assert not unreadable, path
        name = path.rpartition("/")[2]
        assert bool(entries) == (name not in ("orgConfig.yml", "orgs.yml") and not name.startswith("task-")), path
    assert (found, ours) == (83, 57)
