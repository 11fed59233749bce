"""The skill `decide`: its card in SKILL.md, its code in skill.py."""
