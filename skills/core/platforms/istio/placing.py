"""Where a new registration goes: beside the namespace's own ones, in the environment's own file where it has one."""

from __future__ import annotations

from collections.abc import Sequence

from skills.core.platforms.istio.entries import Path, ServiceEntry, Sidecar, Spot, Values
from skills.core.platforms.istio.overlays import Overlay
from skills.core.platforms.istio.scope import Scope
from skills.core.platforms.istio.workbench import JSON, Workbench
from skills.core.platforms.istio.writing import Wanted, free_name, manifest
from skills.core.yaml_text import Document, append_item, put_below

_OWN = "egress.yaml"
_VERSION = "networking.istio.io/v1"


def place_new(bench: Workbench, scope: Scope, item: Wanted) -> bool:
    """Writes the registration at the best place; a finding says where no place is."""
    own = [entry for entry in scope.of_namespace.get(bench.namespace, ()) if not entry.templated]
    room = [entry for entry in own if entry.shape != "manifest" or not entry.spot.file.endswith(JSON)]
    specific = [entry for entry in room if entry.overlay.environment is not None]
    general = [entry for entry in room if entry.overlay.environment is None]
    if specific or (general and not _elsewhere(bench, scope)):
        return _beside(bench, (specific or general)[-1], own, item)
    values = _values(bench, scope)
    if values is not None:
        return _into_values(bench, values, item)
    pattern = _elsewhere(bench, scope)
    if pattern is not None and scope.environment is not None:
        return _sibling_file(bench, scope.environment, pattern, item)
    sidecar = next(iter(scope.sidecars.get(bench.namespace, ())), None)
    if sidecar is not None and sidecar.place.path in bench.sources.texts:
        return _document(bench, sidecar.place.path, sidecar, [entry.name for entry in own], item)
    bench.say("EGR990", namespace=bench.namespace, environment=scope.environment or "any environment")
    return False


def _elsewhere(bench: Workbench, scope: Scope) -> ServiceEntry | None:
    """An entry of the same namespace that stands in another environment's own file."""
    for other in bench.index.scopes.values():
        if other.environment != scope.environment:
            for entry in other.of_namespace.get(bench.namespace, ()):
                if entry.overlay.environment is not None:
                    return entry
    return None


def _values(bench: Workbench, scope: Scope) -> Values | None:
    """The values of the namespace's release: the environment's own file before the common one."""
    found = [values for values in bench.index.values if values.namespace == bench.namespace]
    fitting = [values for values in found if values.overlay.environment in {None, scope.environment}]
    return max(fitting, key=lambda values: values.overlay.environment is not None, default=None)


def _beside(bench: Workbench, like: ServiceEntry, own: Sequence[ServiceEntry], item: Wanted) -> bool:
    taken = [entry.name for entry in own]
    if like.shape == "manifest":
        return _document(bench, like.spot.file, like, taken, item)
    if like.shape == "route" and not item.addresses:
        path = (*like.spot.path[:-1], free_name(item.host, taken))
        return bench.change(like.spot, lambda text, document: put_below(text, document, path, item.route()))
    if like.shape == "route":
        # Helm replaces lists as a whole: where another file of the release holds one, it goes on there.
        known = next((entry for entry in reversed(own) if entry.shape == "custom"), None)
        if known is not None:
            return _custom(bench, known.spot, known.spot.path[:-1], taken, item)
        base: Path = like.spot.path[:-3]
        return _custom(bench, like.spot, (*base, "istio", "serviceEntries", "custom"), taken, item)
    return _custom(bench, like.spot, like.spot.path[:-1], taken, item)


def _custom(bench: Workbench, spot: Spot, path: Path, taken: Sequence[str], item: Wanted) -> bool:
    made = {"name": free_name(item.host, taken), "spec": item.spec()}

    def step(text: str, document: Document) -> str:
        if document.at(*path):
            return append_item(text, document, path, made)
        return put_below(text, document, path, [made])

    return bench.change(spot, step)


def _into_values(bench: Workbench, values: Values, item: Wanted) -> bool:
    if item.addresses or ("custom",) in values.leaves:
        return _custom(bench, values.spot, (*values.spot.path, "istio", "serviceEntries", "custom"), (), item)
    path = (*values.spot.path, "routes", "outbound", free_name(item.host, ()))
    return bench.change(values.spot, lambda text, document: put_below(text, document, path, item.route()))


def _document(bench: Workbench, path: str, like: ServiceEntry | Sidecar, taken: Sequence[str], item: Wanted) -> bool:
    """Behind the documents of a file; where that is a base's that others build too, in a file of the own overlay.
    A file that is new, or the overlay's, is listed where it must be to count."""
    text, namespace = bench.text(path) or "", _written_namespace(bench, like)
    overlay = bench.overlay(path)
    if overlay is not None:
        path, namespace = overlay.file(_OWN), None if overlay.sets_namespace else bench.namespace
    must_be_listed = overlay is not None or bench.text(path) is None
    done = bench.add_document(path, manifest(item, free_name(item.host, taken), namespace, _version(like), text))
    if done and must_be_listed:
        bench.list_file(path)
    return done


def _version(like: ServiceEntry | Sidecar) -> str:
    return like.version if isinstance(like, ServiceEntry) and like.version else _VERSION


def _written_namespace(bench: Workbench, like: ServiceEntry | Sidecar) -> str | None:
    """None where Kustomize gives the file its namespace."""
    return None if like.place.path in bench.index.cluster.homes else bench.namespace


def _sibling_file(bench: Workbench, environment: str, like: ServiceEntry, item: Wanted) -> bool:
    """The file that this environment lacks, named as the other environment's, and listed where that one is."""
    spelt = _spelling(bench, environment, like.overlay)
    path = _moved(like.spot.file, like.overlay, spelt)
    if like.shape != "manifest":
        bench.say("EGR990", like.place, namespace=bench.namespace, environment=environment)
        return False
    return _document(bench, path, like, (), item)


def _spelling(bench: Workbench, environment: str, overlay: Overlay) -> str:
    known = [each.overlay for each in bench.index.overlays if each.overlay.family == overlay.family]
    return next((each.spelt for each in known if each.environment == environment), environment)


def _moved(path: str, overlay: Overlay, spelt: str) -> str:
    before, _, _ = overlay.family.partition("*")
    return before.lstrip("/") + spelt + path.removeprefix(before.lstrip("/")).removeprefix(overlay.spelt)
