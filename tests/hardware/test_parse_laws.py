"""Laws of the parser: it never raises, and less said never counts for more."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.hardware.catalogue import catalogue, conservative
from monitor.hardware.control import h100e, tpp
from monitor.hardware.names import keys, names
from monitor.hardware.parse import parse_gpu

ROWS = catalogue().all()
WORDS = sorted(
    {
        *keys(),
        *names().brands,
        *names().forms,
        *names().words.fused,
        *(
            "80gb",
            "24GB",
            "141g",
            "81559MiB",
            "x8",
            "8x",
            "x",
            "16384",
            "8",
            "HBM3",
            "HBM2e",
            "10de:2330",
            "Max-Q",
            "[",
            "]",
        ),
    }
)
SEPARATORS = st.sampled_from(["", " ", "-", "_", "/", ":", ", ", "=", ";", " x ", "×"])  # noqa: RUF001 - as on chain
PIECES = st.lists(st.tuples(st.sampled_from(WORDS), SEPARATORS), max_size=10)
JOINED = PIECES.map(lambda parts: "".join(word + separator for word, separator in parts))


def size(text: str) -> Decimal:
    acc = catalogue().get(parse_gpu(text).gpu_model)
    return (acc and h100e(acc)) or Decimal(0)


@given(st.one_of(st.text(), JOINED, st.text(alphabet="abhx0149 -_:[]")))
def test_any_text_gives_a_sound_answer(text):
    parsed = parse_gpu(text)
    assert parsed.input == text
    assert (parsed.gpu_model == "") == (parsed.precision == "none")
    assert set(parsed.candidates) <= set(catalogue().rows)
    assert list(parsed.candidates) == sorted(set(parsed.candidates))
    assert parsed.gpu_count is None or 1 <= parsed.gpu_count <= 1024
    if parsed.precision == "exact":
        assert parsed.candidates == (parsed.gpu_model,)
    if parsed.precision == "family":
        chosen = conservative(catalogue().rows[each] for each in parsed.candidates)
        assert parsed.gpu_model == chosen.id


@given(JOINED)
def test_case_and_width_do_not_matter(text):
    wide = "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)
    first = parse_gpu(text.lower())
    for same in (parse_gpu(text.upper()), parse_gpu(wide)):
        assert (same.gpu_model, same.precision, same.gpu_count) == (first.gpu_model, first.precision, first.gpu_count)


@st.composite
def detailed_and_shorter(draw):
    """Draw a full name of a row, and the same name with some details left out."""
    acc = draw(st.sampled_from(ROWS))
    # An explicit row is one whose form or memory belongs to its name: the driver's plain "H200" is the SXM part.
    forms = [] if acc.match.explicit or not acc.match.forms else [acc.match.forms[0]]
    details = [*forms, f"{acc.memory.gb}GB", acc.memory.type]
    kept = draw(st.lists(st.sampled_from(details), unique=True))
    name = [*acc.match.forms[:1], acc.match.keys[0]] if acc.match.explicit else [acc.match.keys[0]]
    separator = draw(st.sampled_from([" ", "-", "_"]))
    return separator.join([*name, *details]), separator.join([*name, *kept]), acc


@given(detailed_and_shorter())
def test_leaving_out_details_never_raises_the_size(pair):
    full, shorter, acc = pair
    assert size(shorter) <= size(full)
    assert acc.match.explicit or acc.id in parse_gpu(shorter).candidates


@given(st.sampled_from(ROWS), st.sampled_from(ROWS), st.sampled_from([", ", " + ", " or ", " | "]))
def test_naming_several_models_counts_as_the_smaller(one, other, joint):
    first, second = one.match.keys[0], other.match.keys[0]
    both = size(f"{first}{joint}{second}")
    assert both <= min(size(first), size(second))


@pytest.mark.parametrize("acc", ROWS, ids=[acc.id for acc in ROWS])
def test_a_longer_number_or_letters_on_the_name_are_another_part(acc):
    key = acc.match.keys[0]
    for text in (f"{key}9", f"9{key}", f"{key}zz", f"zz{key}"):
        parsed = parse_gpu(text)
        other = catalogue().get(parsed.gpu_model)
        assert other is None or (tpp(other) or 0) <= (tpp(acc) or 0), text
