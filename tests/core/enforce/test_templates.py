"""Helm templates as they are read without Helm."""

from __future__ import annotations

import pytest

from skills.core.enforce.templates import RELEASE_NAMESPACE, read_template

PATH = "charts/net/templates/x.yaml"


@pytest.mark.parametrize(
    ("kind", "metadata", "namespace"),
    [
        ("NetworkPolicy", "{name: a}", RELEASE_NAMESPACE),
        ("NetworkPolicy", "{name: a, namespace: shop}", "shop"),
        ("Namespace", "{name: a}", None),
        ("CiliumClusterwideNetworkPolicy", "{name: a}", None),
    ],
)
def test_an_object_without_a_namespace_is_in_that_of_the_release(kind: str, metadata: str, namespace: str) -> None:
    text = f'apiVersion: v1\nkind: {kind}\nmetadata: {metadata}\nspec: {{a: "{{{{ .Values.a }}}}"}}\n'
    ((document,), unsure, unreadable) = read_template(PATH, text)
    assert (document.data["metadata"].get("namespace"), unsure, unreadable) == (namespace, [], [])


@pytest.mark.parametrize("text", ["a: {{ .Values.a\n", "{{ if .Values.a }}\na: b: c\n", "{{ end }}\na: 1\n"])
def test_blocks_that_do_not_fit_together_say_nothing(text: str) -> None:
    documents, unsure, _ = read_template(PATH, text)
    assert (documents, unsure) == ([], [])
