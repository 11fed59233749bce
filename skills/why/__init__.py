"""The skill `why`: its card in SKILL.md, its code in skill.py."""
