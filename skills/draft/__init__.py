"""The skill `draft`: its card in SKILL.md, its code in skill.py."""
