"""Drafts on Packages: what stands in the way, what is wider or lost, the other files, and taking back."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from skills.core.platforms import uds
from skills.core.platforms.uds.naming import policy_name
from skills.core.yaml_text import read_documents
from tests.core.platforms.uds_drafts import BLOCK, BOTH, added, drafted, says
from tests.core.platforms.uds_support import API_SERVICE, BUNDLE, deployment, index_of, package, repository
from tests.examples import examples

# --- what stands in the way, and what is wider or lost


def test_what_is_allowed_already_is_not_drafted() -> None:
    anywhere = package("- {direction: Egress, selector: {app: web}, remoteGenerated: Anywhere}")
    made = drafted(repository(anywhere), ["https://a.example.com", "198.51.100.7:22"])
    assert made.change.edits == ()
    partly = drafted(repository(package(BLOCK)), ["https://api.stripe.com", "https://b.example.com"])
    assert "EGR835" in says(partly)
    assert "b.example.com" in added(partly)
    assert "+        remoteHost: api.stripe.com" not in added(partly)


def test_a_conflict_with_another_package_stops_the_draft() -> None:
    other = package(
        "- {direction: Egress, remoteHost: api.example.com, port: 443, remoteProtocol: HTTP}", name="b", namespace="b"
    )
    made = drafted(repository(package(BLOCK), other), "https://api.example.com")
    assert made.change.edits == ()
    assert "EGR804" in says(made)
    assert drafted(repository(package(BLOCK), other.replace("443", "80")), "https://api.example.com").change.edits


def test_a_refused_package_must_be_mended_first() -> None:
    made = drafted(repository(package(BLOCK + BLOCK)), "https://api.example.com")
    assert made.change.edits == ()
    assert {"EGR801", "EGR827"} <= says(made)


def test_two_packages_of_one_namespace_are_not_chosen_between() -> None:
    made = drafted(repository(package(BLOCK), package(BLOCK)), "https://api.example.com")
    assert made.change.edits == ()
    assert "EGR821" in says(made)


def test_a_rule_for_pods_without_an_account_says_whom_it_admits() -> None:
    assert "EGR841" in says(drafted(repository(package(BLOCK)), "https://api.example.com"))
    assert "EGR841" not in says(drafted(repository(package(BLOCK)), "https://api.example.com", account="web"))


def test_sharing_under_sidecars_is_named_as_wider() -> None:
    batch = (
        BLOCK.replace("app: web", "app: batch").replace("api.stripe.com", "hooks.example.com").replace("Stripe", "H")
    )
    made = drafted(repository(package(BLOCK + batch, mode="sidecar")), "https://api.example.com")
    assert [finding.facts["source"] for finding in made.change.proof.wider_than_asked] == ["web pods app=batch"]
    assert (
        drafted(repository(package(BLOCK, mode="sidecar")), "https://a.example.com").change.proof.wider_than_asked == ()
    )


def test_the_first_host_under_sidecars_names_what_is_lost() -> None:
    anywhere = "- {direction: Egress, selector: {app: web}, remoteCidr: 198.51.100.0/24}\n"
    made = drafted(repository(package(anywhere, mode="sidecar")), "https://api.example.com")
    assert "EGR806" in says(made)
    assert any("web pods app=web" in line for line in made.change.proof.newly_denied)
    second = drafted(repository(package(BLOCK + anywhere, mode="sidecar")), "https://api.example.com")
    assert "EGR806" not in says(second)
    assert second.change.proof.newly_denied == ()


def test_a_neighbour_that_reaches_the_host_by_cidr_is_named() -> None:
    other = package("- {direction: Egress, remoteCidr: 203.0.113.0/24}", name="pay", namespace="pay")
    made = drafted(repository(package(BLOCK), other), "https://api.example.com")
    assert "EGR805" in says(made)
    assert made.change.proof.lost
    elsewhere = drafted(repository(package(BLOCK), other), "https://api.example.com", ip=["198.51.100.1"])
    assert "EGR805" not in says(elsewhere)


def test_a_mode_that_is_not_written_is_said_and_not_added() -> None:
    made = drafted(repository(package(BLOCK, mode=None)), "https://api.example.com")
    assert "EGR845" in says(made)
    assert "mode" not in added(made)
    assert "EGR845" not in says(drafted(repository(package(BLOCK)), "https://api.example.com"))


def test_a_file_that_can_t_be_edited_is_a_finding() -> None:
    rules = "  monitor: &rules [{direction: Egress, remoteHost: a.example.com}]\n"
    shared = package("").replace("spec:\n", f"spec:\n{rules}").replace("allow: []", "allow: *rules")
    made = drafted(repository(shared), "https://api.example.com")
    assert (made.change.edits, "EGR846" in says(made)) == ((), True)


def test_a_rule_that_others_point_at_is_left_alone() -> None:
    first = "- {direction: Egress, selector: {app: web}, remoteHost: a.example.com, ports: &p [443]}\n"
    second = "- {direction: Egress, selector: {app: web}, remoteHost: b.example.com, ports: *p, description: b}\n"
    aliased = package(first + second)
    made = drafted(repository(aliased), "tls://b.example.com:8443")
    assert made.change.proof.after == "allowed"
    assert drafted(repository(aliased), "tls://a.example.com:8443").change.proof.after == "allowed"


# --- bundles


def test_a_port_that_the_gateway_lacks_goes_into_the_bundle() -> None:
    files = repository(package(BLOCK, mode="sidecar"), BUNDLE % ("istio-egress-gateway", ""))
    made = drafted(files, "tls://search.example.com:9200")
    assert made.change.proof.after == "allowed"
    assert [(edit.path, edit.role) for edit in made.change.edits] == [
        ("0.yaml", "allowlist"),
        ("1.yaml", "counterpart"),
    ]
    bundle = yaml.safe_load(made.change.edits[1].new_text)
    values = bundle["packages"][0]["overrides"]["istio-egress-gateway"]["gateway"]["values"]
    assert [port["port"] for port in values[0]["value"]] == [15021, 80, 443, 9200]
    again = drafted(
        repository(made.change.edits[0].new_text, made.change.edits[1].new_text), "tls://s.example.com:9300"
    )
    values = yaml.safe_load(again.change.edits[1].new_text)["packages"][0]["overrides"]["istio-egress-gateway"]
    assert [port["port"] for port in values["gateway"]["values"][0]["value"]] == [15021, 80, 443, 9200, 9300]


def test_other_overrides_of_the_gateway_stay_as_they_are() -> None:
    values = "{path: autoscaling.enabled, value: [no]}, {path: service.ports, value: [{port: 443}]}"
    files = repository(package(BLOCK, mode="sidecar"), BUNDLE % ("istio-egress-gateway", values))
    bundle = yaml.safe_load(drafted(files, "tls://search.example.com:9200").change.edits[1].new_text)
    other, ports = bundle["packages"][0]["overrides"]["istio-egress-gateway"]["gateway"]["values"]
    assert other == {"path": "autoscaling.enabled", "value": [False]}
    assert [port["port"] for port in ports["value"]] == [443, 9200]


@pytest.mark.parametrize("rest", ["", "    optionalComponents:\n    - metrics-server\n", "    overrides: {}\n"])
def test_the_gateway_is_added_to_a_bundle_that_lacks_it(rest: str) -> None:
    bundle = f"kind: UDSBundle\nmetadata:\n  name: prod\npackages:\n  - name: core\n    ref: 1.0.0\n{rest}"
    made = drafted(repository(package(BLOCK, mode="sidecar"), bundle), "tls://search.example.com:9200")
    assert made.change.proof.after == "allowed"
    core = yaml.safe_load(made.change.edits[1].new_text)["packages"][0]
    assert "istio-egress-gateway" in core["optionalComponents"]
    usual = drafted(repository(package(BLOCK, mode="sidecar"), bundle), "https://search.example.com")
    assert "overrides" not in yaml.safe_load(usual.change.edits[1].new_text)["packages"][0] or "overrides" in rest


def test_without_a_bundle_it_is_said_what_to_check() -> None:
    made = drafted(repository(package(BLOCK, mode="sidecar")), "tls://search.example.com:9200")
    assert (made.change.proof.after, "EGR1302" in says(made)) == ("undecided", True)
    assert len(made.change.edits) == 1
    assert "EGR811" in says(drafted(repository(package(BLOCK, mode="sidecar")), "https://search.example.com"))


# --- inside the cluster


def test_both_sides_of_an_internal_connection_are_drafted() -> None:
    files = repository(
        package(BLOCK),
        package("", name="pay", namespace="payments"),
        deployment("api", namespace="payments"),
        API_SERVICE,
    )
    made = drafted(files, "api.payments.svc.cluster.local:80")
    assert (made.change.proof.before, made.change.proof.after) == ("denied", "allowed")
    assert (
        added(made, "0.yaml")
        == """\
+      - direction: Egress
+        selector:
+          app: web
+        remoteNamespace: payments
+        remoteSelector:
+          app: api
+        port: 8080
+        description: "Egress to api in payments pods\""""
    )
    assert [(edit.path, edit.role) for edit in made.change.edits] == [
        ("0.yaml", "allowlist"),
        ("1.yaml", "counterpart"),
    ]
    assert yaml.safe_load(made.change.edits[1].new_text)["spec"]["network"]["allow"] == [
        {
            "direction": "Ingress",
            "selector": {"app": "api"},
            "remoteNamespace": "web",
            "remoteSelector": {"app": "web"},
            "port": 8080,
            "description": "Ingress from web in web pods",
        }
    ]
    assert made.change.proof.wider_than_asked == ()


def test_only_the_missing_half_is_drafted() -> None:
    into = "- {direction: Ingress, selector: {app: api}, remoteNamespace: web, remoteSelector: {app: web}, port: 8080}"
    files = repository(
        package(BLOCK),
        package(into, name="pay", namespace="payments"),
        deployment("api", namespace="payments"),
        API_SERVICE,
    )
    made = drafted(files, "api.payments.svc.cluster.local:80")
    assert [edit.path for edit in made.change.edits] == ["0.yaml"]
    assert made.change.proof.after == "allowed"


def test_a_counterpart_that_is_kept_elsewhere_is_named() -> None:
    made = drafted(repository(package(BLOCK), API_SERVICE), "api.payments.svc.cluster.local:80")
    assert [edit.path for edit in made.change.edits] == ["0.yaml"]
    undeclared = drafted(repository(package(BLOCK)), "api.payments.svc.cluster.local:80")
    assert undeclared.change.edits == ()
    assert [question.id for question in undeclared.change.questions] == ["far_labels"]


def test_within_one_package_both_rules_stand_in_one_file() -> None:
    files = repository(package(BLOCK), deployment("cache"))
    made = drafted(files, "workload://web/cache:6379")
    rules = yaml.safe_load(made.change.edits[0].new_text)["spec"]["network"]["allow"]
    assert [rule["direction"] for rule in rules] == ["Egress", "Egress", "Ingress"]
    assert all("remoteNamespace" not in rule for rule in rules)
    assert made.change.proof.after == "allowed"
    after = repository(made.change.edits[0].new_text, deployment("cache"))
    back = drafted(after, "workload://web/cache:6379", remove=True)
    assert [(edit.new_text, edit.role) for edit in back.change.edits] == [(package(BLOCK), "allowlist")]


def test_the_cluster_api() -> None:
    made = drafted(repository(package(BLOCK)), "kubernetes.default.svc:443")
    assert "remoteGenerated: KubeAPI" in added(made)
    assert made.change.proof.after == "allowed"


# --- taking back


def test_removal_takes_the_rule_the_port_or_nothing() -> None:
    two = BLOCK.replace("port: 443", "ports: [443, 8443]")
    whole = drafted(repository(package(BLOCK)), "https://api.stripe.com", remove=True)
    assert yaml.safe_load(whole.change.edits[0].new_text)["spec"]["network"]["allow"] == []
    port = drafted(repository(package(two)), "tls://api.stripe.com:8443", remove=True)
    assert added(port) == "-        ports: [443, 8443]\n+        ports: [443]"
    other = drafted(repository(package(BLOCK)), "https://www.stripe.com", remove=True)
    assert other.change.edits == ()
    assert "EGR847" in says(other)
    anywhere = package("- {direction: Egress, remoteGenerated: Anywhere}")
    assert drafted(repository(anywhere), "https://api.stripe.com", remove=True).change.edits == ()


def test_removal_of_a_shared_rule_names_who_else_loses_it() -> None:
    text = package("- {direction: Egress, remoteHost: api.stripe.com}")
    made = drafted(
        repository(text, deployment("web"), deployment("b")), "https://api.stripe.com", for_="web/web", remove=True
    )
    assert made.change.edits
    assert [f.facts["source"] for f in made.change.findings if f.code == "EGR310"] == ["web/b"]


def test_removal_inside_takes_the_counterpart_too() -> None:
    files = [
        package(BLOCK),
        package(BLOCK, name="pay", namespace="payments"),
        deployment("api", namespace="payments"),
        API_SERVICE,
    ]
    made = drafted(repository(*files), "api.payments.svc.cluster.local:80")
    new = [made.change.edits[0].new_text, made.change.edits[1].new_text, *files[2:]]
    back = drafted(repository(*new), "api.payments.svc.cluster.local:80", remove=True)
    assert [edit.new_text for edit in back.change.edits] == files[:2]
    assert [(edit.path, edit.role) for edit in back.change.edits] == BOTH


# --- hostile words


@pytest.mark.parametrize(
    "reason",
    ["a\n- direction: Egress\n  remoteGenerated: Anywhere", 'x" # y', "'''", "{{ .Values }}", "\u2028- a", "x" * 9999],
)
def test_the_reason_never_gets_into_the_manifest(reason: str) -> None:
    files = repository(package(BLOCK))
    plain, told = (drafted(files, "https://api.example.com", reason=words) for words in ("", reason))
    assert told.change.digest == plain.change.digest


# --- properties

# Words that YAML takes for no text are left out.
_LABEL = st.from_regex(r"[a-z][a-z0-9-]{0,8}[a-z]", fullmatch=True).filter(
    lambda text: isinstance(yaml.safe_load(text), str)
)
_HOST = st.builds("{}.{}.example".format, _LABEL, _LABEL)
_PORT = st.sampled_from([80, 443, 8443, 9200])
_RULES = st.lists(
    st.one_of(
        st.builds("direction: Egress, selector: {{app: {}}}, remoteHost: {}, port: {}".format, _LABEL, _HOST, _PORT),
        st.builds("direction: Egress, remoteCidr: 198.51.{}.0/24, ports: [22, {}]".format, st.integers(0, 9), _PORT),
        st.builds("direction: Ingress, remoteNamespace: {}, port: {}".format, _LABEL, _PORT),
        st.builds("direction: Egress, selector: {{app: {}}}, remoteGenerated: KubeAPI".format, _LABEL),
    ),
    max_size=4,
)
_TO = st.one_of(
    st.builds("{}://{}:{}".format, st.sampled_from(["tls", "http"]), _HOST, _PORT),
    st.builds("203.0.113.{}:{}".format, st.integers(1, 3), _PORT),
)


def _package(rules: list[str], flow: bool, mode: str) -> str:
    numbered = [f"{rule}, description: rule {chr(97 + at)}" for at, rule in enumerate(rules)]
    if flow:
        return package("\n".join(f"- {{{rule}}}" for rule in numbered), mode=mode)
    items = [yaml.safe_load(f"{{{rule}}}") for rule in numbered]
    return package(yaml.safe_dump(items, sort_keys=False) if items else "", mode=mode)


@settings(max_examples=examples(60), deadline=None)
@given(_RULES, st.booleans(), st.sampled_from(["ambient", "sidecar"]), _TO)
def test_edit_then_read_twice_then_remove(rules: list[str], flow: bool, mode: str, to: str) -> None:
    files = repository(_package(rules, flow, mode))
    made = drafted(files, to, for_="web{app=mine}")
    if says(made) & {"EGR804", "EGR158"}:  # another protocol on that port, or REGISTRY_ONLY: nothing may be drafted
        assert made.change.edits == ()
        return
    unsaid = "EGR1302" in says(made)  # whether the gateway has the port, no bundle says
    assert made.change.proof.after == ("undecided" if unsaid else "allowed")
    if made.change.proof.before == made.change.proof.after:
        return
    text = made.change.edits[0].new_text
    documents, unreadable = read_documents("0.yaml", text)
    assert (len(documents), unreadable) == (1, [])
    after = repository(text)
    assert {item.code for item in uds.audit(index_of(after))} <= {"EGR1301"}  # a remark on what stood before
    names = [policy_name("web", rule) for rule in index_of(after).packages["web"][0].allow]
    assert len(set(names)) == len(names)
    assert drafted(after, to, for_="web{app=mine}").change.edits == ()
    back = drafted(after, to, for_="web{app=mine}", remove=True)
    assert back.change.edits[0].new_text == files.texts["0.yaml"]
