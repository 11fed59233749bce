"""The skill `check`: its card in SKILL.md, its code in skill.py."""
