"""Cloud Foundry: application security groups as cf-mgmt and Cloud.gov bind them to spaces.

Groups only allow, and the union of all that are in force for a running space decides. A blocked connection is
refused at once. Read are cf-mgmt's files, rules as JSON, Terraform, `cf` commands of scripts and pipelines, and the
lists of an egress proxy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from skills.core.enforce.cluster import Cluster
from skills.core.model import Workload
from skills.core.platform_base import Touched
from skills.core.platforms.cloud_foundry import documents
from skills.core.platforms.cloud_foundry.audit import audit
from skills.core.platforms.cloud_foundry.compiling import compile_index
from skills.core.platforms.cloud_foundry.decide import decide
from skills.core.platforms.cloud_foundry.documents import Entry, read
from skills.core.platforms.cloud_foundry.edit import edit
from skills.core.platforms.cloud_foundry.grants import grants, isolations, wider
from skills.core.platforms.cloud_foundry.index import Index
from skills.core.platforms.cloud_foundry.naming import names, resolve
from skills.core.platforms.cloud_foundry.texts import read_source, reads

NAME: str = documents.NAME
KIND: str = "cf"
LAYERS = ("security_group", "network_policy")
MARKS: tuple[str, ...] = (
    "bind-security-group",
    "named-security-groups",
    "-security-groups",
    "enable-security-group",
    "cloudfoundry_",
    "terraform-cloudgov",
    "cg-egress-proxy",
    '"destination"',
)

__all__ = [
    "KIND",
    "LAYERS",
    "MARKS",
    "NAME",
    "audit",
    "compile",
    "decide",
    "edit",
    "governs",
    "grants",
    "isolations",
    "names",
    "read",
    "read_source",
    "reads",
    "resolve",
    "update",
    "wider",
]


def compile(entries: Sequence[Entry], cluster: Cluster) -> Index:  # noqa: ARG001 - spaces have no pods
    return compile_index(entries)


def update(index: Index, touched: Touched, entries: Callable[[], Sequence[Entry]], cluster: Cluster) -> Index:  # noqa: ARG001
    return compile_index(entries()) if touched else index


def governs(index: Index, workload: Workload) -> bool:
    return index.of(workload) is not None
