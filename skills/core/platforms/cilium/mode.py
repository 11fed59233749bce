"""The enforcement mode of the whole cluster, where its ConfigMap is kept in the repository.

`default` waits for a policy that selects a pod; `always` denies by default whatever no policy selects as well;
`never` enforces nothing. Source: docs.cilium.io, Policy Enforcement Modes.
"""

from __future__ import annotations

from collections.abc import Sequence

from skills.core.enforce.kube_objects import mapping_of, text_of
from skills.core.model import finding
from skills.core.platforms.cilium.endpoints import EndpointSelector
from skills.core.platforms.cilium.entries import CLUSTERWIDE, CiliumPolicy, Mode, Side, Spec
from skills.core.yaml_text import Document

_NAME = "cilium-config"
_KEY = "enable-policy"


def read_mode(document: Document) -> Sequence[CiliumPolicy | Mode]:
    """`always` is what a policy for every pod that allows nothing would be."""
    if text_of(mapping_of(document.data.get("metadata")).get("name")) != _NAME:
        return ()
    said = text_of(mapping_of(document.data.get("data")).get(_KEY)).lower()
    if said in {"", "default"}:
        return ()
    place = document.place_of("data", _KEY)
    if said != "always":
        return (Mode(said, place, finding("EGR882", place, mode=said)),)
    shut = Side(isolates=True)
    spec = Spec(place, ("data",), EndpointSelector(), shut, shut)
    return (CiliumPolicy(CLUSTERWIDE, f"{_NAME} ({_KEY}: always)", None, place, document.line, (spec,), written=False),)
