"""The lists of `templates/risk.yaml`, ready to be asked."""

from __future__ import annotations

import ipaddress
from functools import cache
from typing import Any

import yaml

from skills.core.hosts import Network
from skills.core.resources import template


@cache
def _lists() -> dict[str, dict[str, Any]]:
    return {entry["list"]: entry for entry in yaml.safe_load(template("risk.yaml"))}


@cache
def hosts(name: str) -> frozenset[str]:
    return frozenset(_lists()[name].get("hosts", ()))


@cache
def ports(name: str) -> frozenset[int]:
    return frozenset(_lists()[name].get("ports", ()))


@cache
def ranges(name: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(each) for each in _lists()[name].get("ranges", ()))


def under(name: str, host: str) -> str:
    """The entry that a host is, or lies below; empty where there is none."""
    labels = host.removeprefix("*.").split(".")
    names = (".".join(labels[at:]) for at in range(len(labels)))
    return next((each for each in names if each in hosts(name)), "")


def above(name: str, wildcard: str) -> str:
    """An entry that lies below what a wildcard names, so that the wildcard takes it in."""
    suffix = wildcard.removeprefix("*")
    return next((each for each in sorted(hosts(name)) if f".{each}".endswith(suffix)), "")
