"""The language model, at arm's length: it may turn loose words into an ask, and nothing else. Off by default."""
