"""The architecture diagram: what a change adds, as a note; all that a scope may reach, as a block in a team's file.

`note` draws tables and Mermaid, `reach` finds what the allowlist allows, `block` writes it between markers of a file,
`drawing` joins them for one need.
"""
