"""The model's text becomes lines that may be shown: checked sentence by sentence, `{1}` filled by code."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

import re2

from bot.ai.claims import fault, language, names_in, sentences
from bot.ai.results import Result

MOST_LINES = 5
_HOLE = re2.compile(r"\s*\{\s*(\d{1,2})\s*(?:[:.]\s*[a-z]+)?\s*\}\s*")


@dataclass
class Prose:
    """Collects one text. `dropped` says why a sentence was left out.

    `words` are what the person wrote, `known` the names of workloads, `use` one of USES.
    """

    words: str
    results: Sequence[Result]
    known: Collection[str] = ()
    use: str = ""
    lines: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

    def add(self, text: str) -> Iterator[str]:
        """The lines of a piece that ends with a sentence, as they may be shown."""
        names = names_in((self.words, *(result.data() for result in self.results)))
        for sentence in sentences(text):
            for line in self._lines_of(sentence, names):
                if len(self.lines) < MOST_LINES and line not in self.lines:
                    self.lines.append(line)
                    yield line

    def _lines_of(self, sentence: str, names: frozenset[str]) -> Iterator[str]:
        numbers = [int(number) for number in _HOLE.findall(sentence)]
        own = _HOLE.sub(" ", sentence).strip()
        if any(sign.isalnum() for sign in own):
            why = fault(own, names, self.known, self.use)
            if why is None:
                yield own
            else:
                self.dropped.append(why)
        code = language(own) or language(" ".join(self.lines)) or language(self.words) or "en"
        for number in numbers:
            found = next((result for result in self.results if result.number == number), None)
            yield from found.lines(code) if found else ()


def checked(text: str, words: str, results: Sequence[Result], known: Collection[str] = (), use: str = "") -> list[str]:
    """A whole text at once."""
    return list(Prose(words, results, known, use).add(text))
