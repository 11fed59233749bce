"""What the command line prints beside answers."""

from __future__ import annotations

import sys

import pytest

from bot.output import ReadingLine


def lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], steps: list[float], *, terminal: bool = True
) -> str:
    """Standard error of a reading of 1,000 files whose steps of 200 end at these seconds."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    times = iter(steps)
    line = ReadingLine(clock=lambda: next(times))
    for number in range(1, len(steps) + 1):
        line(number * 200, 1_000)
    return capsys.readouterr().err


def test_a_long_reading_shows_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = lines(monkeypatch, capsys, [0.0, 1.0, 1.01, 2.0, 3.0])
    assert "Reading the allowlist: 400 of 1000 files." in shown
    assert "600" not in shown  # too soon after the one before
    assert shown.endswith("\r\x1b[K")  # the line is empty again before the answer comes


def test_a_quick_reading_shows_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert not lines(monkeypatch, capsys, [0.0, 0.1, 0.2, 0.3, 0.4])


def test_a_log_file_gets_no_progress(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert not lines(monkeypatch, capsys, [0.0, 1.0, 2.0, 3.0, 4.0], terminal=False)
