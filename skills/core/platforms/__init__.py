"""One package a dialect; the package itself is the adapter (see platform_base.py)."""
