"""A small workspace on loopback that speaks Slack's HTTP: the real bot is tried in it, by people and by tests.

It knows nothing of Postern. It keeps what Slack would keep (workspace.py), answers the Web API (methods.py, api.py),
calls the bot with signed requests as Slack does (calls.py, acts.py), and shows all of it as a page (page.py).
"""
