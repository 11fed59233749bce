"""Ports of this machine: one that is free, and whether somebody answers there."""

from __future__ import annotations

import socket
import time
import urllib.request

HOST = "127.0.0.1"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def wait_for(url: str, *, tries: int, pause: float) -> None:
    """Until the server answers, or for so many tries, `pause` seconds apart; what is asked next then says what is wrong."""
    for _ in range(tries):
        try:
            urllib.request.urlopen(url, timeout=1)
        except OSError:
            time.sleep(pause)
        else:
            return
