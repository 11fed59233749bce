"""Slack: translates events, commands and clicks into turns, and replies into messages. It never thinks."""
