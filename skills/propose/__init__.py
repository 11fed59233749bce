"""The skill `propose`: its card in SKILL.md, its code in skill.py."""
