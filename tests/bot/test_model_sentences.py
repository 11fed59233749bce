"""Which sentences of a model are shown: none that claims, however it is worded, and of the harmless ones as many as may be."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.ai.claims import languages
from bot.ai.plain import USES, folded, plain_words
from bot.ai.prose import checked
from tests.shared import ROOT

WORDS = "hmm payment-gateway wants api.twilio.com:443 and ledger too, see organization/fincorp/x.yaml"
KNOWN = frozenset({"payment-gateway", "ledger", "claims-api", "production"})
SENTENCES: dict[str, Any] = yaml.safe_load((ROOT / "tests" / "cases" / "ai" / "sentences.yaml").read_text("utf-8"))


@pytest.mark.parametrize("kind", ["claims", "inside"])
def test_no_claim_is_shown_however_it_is_worded(kind: str) -> None:
    shown = [(text, use) for text in SENTENCES[kind] for use in USES if checked(text, WORDS, [], KNOWN, use)]
    assert shown == []
    assert len(SENTENCES[kind]) > 50


def rate(kind: str, use: str) -> float:
    texts = [text for each in SENTENCES["harmless"][kind].values() for text in each]
    return sum(checked(text, WORDS, [], KNOWN, use) == [text] for text in texts) / len(texts)


def test_of_the_harmless_ones_the_most_are_shown() -> None:
    assert rate("explain", "guesses") > 0.7
    assert rate("reasons", "reasons") > 0.8
    assert rate("unseen", "guesses") > 0.5


@pytest.mark.parametrize("code", list(languages()))
def test_every_language_has_its_words_and_none_of_them_builds_a_claim(code: str) -> None:
    words = plain_words()[code]
    whole = words.says["guesses"].whole | words.joins
    stems = set(words.says["guesses"].stems)
    builders = {folded(word) for word in SENTENCES["builders"][code].split()}
    assert whole & builders == set()
    assert not whole & {"yes", "not", "ok", "okay", "open", "free", "good", "allowed", "blocked"}
    assert all(len(stem) > 2 for stem in stems)
    always = words.says[""].whole | set(words.says[""].stems) | words.joins
    english = plain_words()["en"].says[""].whole  # with the technical words of all languages
    claims = [word for word in always - english if word.startswith(languages()[code].claims)]
    assert claims == (["zakaznik"] if code == "cs" else [])  # a customer, who begins as what is forbidden


PLAIN = "That is the service for the card payments of the customers."


@pytest.mark.parametrize(
    "named",
    [
        "api.twilio.com",
        "api.twilio.com:443",
        "organization/fincorp/x.yaml",
        "x.yaml",
        "443",
        "evil.example",
        "other-app",
    ],
)
def test_a_destination_or_file_is_named_by_code_alone(named: str) -> None:
    assert checked(PLAIN, WORDS, [], KNOWN) == [PLAIN]
    assert checked("payment-gateway is a service.", WORDS, [], KNOWN) == ["payment-gateway is a service."]
    assert checked(f"That is the service {named} for the customers.", WORDS, [], KNOWN) == []


@given(
    st.integers(1, len(PLAIN) - 2),
    st.sampled_from("\u200b\u200d\u202e\u2066\u00ad\U000e0061\ufeffаеоⅼ✓✅👍→|`*_~<>#\\[]{}=+&%$^@/0317ßœ"),
)
def test_a_foreign_sign_anywhere_drops_the_sentence(at: int, sign: str) -> None:
    broken = PLAIN[:at] + sign + PLAIN[at:]
    assert all(sign not in line for line in checked(broken, WORDS, [], KNOWN))


@given(
    st.lists(
        st.sampled_from(["It is", "You may", "yes", "payment-gateway", "the service", ",", ".", "\n", "that"]),
        max_size=8,
    )
)
def test_pieces_do_not_become_a_claim_by_being_cut(pieces: list[str]) -> None:
    for line in checked(" ".join(pieces), WORDS, [], KNOWN):
        assert "yes" not in line
        assert "may" not in line
        assert not line.rstrip(".,").endswith((" is", "It", "that"))
