"""The skill `withdraw`: its card in SKILL.md, its code in skill.py."""
