"""The skill `answer`: its card in SKILL.md, its code in skill.py."""
