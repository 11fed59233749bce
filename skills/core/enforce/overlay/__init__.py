"""What Kustomize makes of manifests: names, namespaces, labels and patches laid over them, with places kept.

`steps` reads a kustomization, `patch` lays one mapping over another, `labels` and `objects` change single objects,
`tree` builds what a root stands for. Source: https://kubectl.docs.kubernetes.io/references/kustomize/
"""

from skills.core.enforce.overlay.objects import Object
from skills.core.enforce.overlay.tree import Built, Trouble, build, is_component, is_plain, reached

__all__ = ["Built", "Object", "Trouble", "build", "is_component", "is_plain", "reached"]
