"""The skill `renew`: its card in SKILL.md, its code in skill.py."""
