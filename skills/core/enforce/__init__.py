"""Semantics that several platforms stand on: Kubernetes policies, the mesh, label selectors."""
