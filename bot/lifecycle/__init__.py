"""What happens next to a request: carries recorded intents out and moves the row on by compare-and-set.

    InlineRunner     in the calling process: the command line, demo and chat
    DurableRunner    `bot.lifecycle.durable`, for `postern serve`: short workflows that any replica finishes

The row is the truth of a request. What a crash left half done is found and finished; every effect has a natural key, so
finishing twice does nothing twice.
"""

from bot.lifecycle.inline import InlineRunner
from bot.lifecycle.replicas import served
from bot.lifecycle.steps import STALE, Steps

__all__ = ["STALE", "InlineRunner", "Steps", "served"]
