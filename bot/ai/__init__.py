"""The language model, at arm's length: it reads loose words and explains, and nothing else. Off by default.

    told -> purpose -> agent (tools, outgoing, meter) -> prose (claims) -> added

Only `chat_model` and `agent` import LangChain, and only when a model is set and has something to add.
"""
