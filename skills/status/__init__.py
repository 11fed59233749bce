"""The skill `status`: its card in SKILL.md, its code in skill.py."""
