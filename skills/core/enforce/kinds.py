"""Objects that no API server knows: a misspelt kind, or a version in which there is no such kind.

Such an object is never in force. Readers pass it over, so it is said here.
"""

from __future__ import annotations

from collections.abc import Mapping

from skills.core.enforce.kube_objects import mapping_of, namespace_of, text_of
from skills.core.model import Fact, Finding
from skills.core.yaml_text import Document, Unreadable

UNKNOWN = "EGR597"

# Kinds that decide, with the group that serves them.
_GROUPS = {
    "NetworkPolicy": "networking.k8s.io/",
    "CiliumNetworkPolicy": "cilium.io/",
    "CiliumClusterwideNetworkPolicy": "cilium.io/",
    "ServiceEntry": "networking.istio.io/",
    "Sidecar": "networking.istio.io/",
    "AuthorizationPolicy": "security.istio.io/",
    "Package": "uds.dev/",
}
_SPELLINGS = {
    spelling.casefold(): kind for kind in _GROUPS for spelling in (kind, f"{kind}s", f"{kind.removesuffix('y')}ies")
}
_POLICIES_OF_OTHERS = ("projectcalico.org/", "crd.projectcalico.org/", "policy.networking.k8s.io/")


def unknown_kind(document: Document) -> Unreadable | None:
    """What the API server would refuse to know, or None."""
    data = document.data if isinstance(document.data, Mapping) else {}
    kind, version = text_of(data.get("kind")), text_of(data.get("apiVersion"))
    known = _SPELLINGS.get(kind.casefold())
    if known is None or not version:
        return None
    misspelt = kind != known and version.startswith(_GROUPS[known])
    nowhere = kind == "NetworkPolicy" and not version.startswith(_POLICIES_OF_OTHERS)
    nowhere = nowhere and version != "networking.k8s.io/v1"
    if not (misspelt or nowhere):
        return None
    line = document.place_of("kind" if misspelt else "apiVersion").line
    facts: dict[str, Fact] = {"path": document.path, "line": line, "kind": kind, "version": version, "known": known}
    home = "" if "Clusterwide" in known else namespace_of(mapping_of(data.get("metadata")))[0]
    return Unreadable(document.path, line, Finding("EGR597", {**facts, "namespace": home}))
