"""One module a family of symptoms; the module itself is the adapter (see symptom_base.py)."""
