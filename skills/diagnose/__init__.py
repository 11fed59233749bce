"""The skill `diagnose`: its card in SKILL.md, its code in skill.py."""
