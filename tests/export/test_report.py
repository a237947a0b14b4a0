from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from monitor.errors import InputError
from monitor.export import lead_page, period_page, write_page
from monitor.export.markup import element
from monitor.ledger.rows import DispositionRow
from monitor.model.lead import Step
from monitor.model.schema import LEASES, WALLETS
from tests.surfaces_fixture import CHAIN, DAY, HOSTILE, T0, finding, frame, lead, lease, nothing, snapshot, wallet

VOID = {"meta"}


class Page(HTMLParser):
    """Reads a page as a browser would: tags with attributes, and the text between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "strong", "ul", "li"),
    *("table", "thead", "tbody", "tr", "th", "td", "svg", "line", "rect", "circle", "text"),
}


def harmless(text: str) -> Page:
    found = Page(text)
    assert found.open == []
    assert {tag for tag, _ in found.tags} <= ALLOWED
    for _, attributes in found.tags:
        assert not {name for name in attributes if name.startswith("on") or name in {"style", "href", "src"}}
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "http://" not in text
    assert "https://" not in text
    assert "url(" not in text
    assert "@import" not in text
    policy = next(a["content"] for tag, a in found.tags if tag == "meta" and a.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    return found


def of_leases(rows, **changes):
    return msgspec.structs.replace(snapshot(**changes), leases=frame(LEASES, rows))


def hostile_world():
    bad = lead(
        reason=HOSTILE,
        reviewer=HOSTILE,
        disposition="dismissed",
        typologies=(HOSTILE,),
        families=(HOSTILE,),
        confidence=HOSTILE,
        leases=(f"reference:{CHAIN}:1", f"{HOSTILE}:{CHAIN}:{HOSTILE}"),
        history=(Step(at=T0, what="opened", detail=HOSTILE),),
    )
    rows = [lease(1, gpu_raw=HOSTILE, gpu_model=None, country=HOSTILE), lease(2, market=HOSTILE, lease_id=HOSTILE)]
    wallets = [
        {
            "chain_id": CHAIN,
            "address": wallet(number),
            "cluster_id": "cl-1",
            "roles": [HOSTILE],
            "labels": ['"><script>'],
        }
        for number in (11, 12, 20)
    ]
    world = of_leases(
        rows,
        leads=(bad,),
        findings=(
            finding(1, summary=HOSTILE, subject=HOSTILE, values={HOSTILE: HOSTILE}, threshold=HOSTILE),
            finding(2),
        ),
        wallets=frame(WALLETS, wallets),
        dispositions=(DispositionRow(lead_id=lead().lead_id, disposition="dismissed", reason=HOSTILE, at=T0),),
        not_assessable=(HOSTILE,),
    )
    chain = msgspec.structs.replace(world.chains[0], name=HOSTILE, unread_blocks=7)
    return msgspec.structs.replace(world, chains=(chain,), config_digest=HOSTILE), bad


def test_hostile_text_stays_text():
    world, bad = hostile_world()
    one, all_of_them = lead_page(world, bad), period_page(world)
    for text in (one, all_of_them):
        assert "<script" not in text
        assert "[red]=HYPERLINK(\\x1b[31m[@click=app.quit]x[/]\\u202egpj.exe" in harmless(text).text
    assert "&quot;&gt;&lt;script&gt;" in one


def test_attributes_are_escaped_too():
    assert element("rect", "a&b", width=1, class_='"><script>').text == (
        '<rect width="1" class="&quot;&gt;&lt;script&gt;">a&amp;b</rect>'
    )


def test_a_lead_says_what_it_is_and_is_not():
    found = harmless(lead_page(snapshot(), lead()))
    for words in (
        "This is a lead for human review. It does not state that a law was broken.",
        "Not legal advice.",
        "Why it may be lawful",
        "a new customer",
        "threshold: less than 72 hours",
        "T03 fresh wallet: 21 points, funding",
        f"0x{(2).to_bytes(32, 'big').hex()}",
        "put in 2000000000000000000000000000000",
        "confidence uncalibrated",
    ):
        assert words in found.text, words
    assert sum(tag == "svg" for tag, _ in found.tags) == 2
    assert sum(tag == "rect" for tag, _ in found.tags) == 2
    for word in ("accus", "guilty", "nationality", "suspect", "criminal"):
        assert word not in found.text.casefold()


def test_equal_snapshots_give_equal_pages_wherever_and_whenever():
    world = snapshot()
    other = msgspec.structs.replace(
        world, now=T0 + 5000 * DAY, version=5, leases=world.leases.reverse(), wallets=world.wallets.reverse()
    )
    assert lead_page(world, lead()) == lead_page(other, lead())
    assert period_page(world) == period_page(other)


def test_states_that_must_be_seen_are_seen():
    assert "RETRACTED" in lead_page(nothing(), lead(state="retracted"))
    item = harmless(lead_page(snapshot(), lead(kind="screening", lead_id="screening-1"))).text
    assert "Screening item screening-1" in item
    assert "a screening item for human review" in item
    late = msgspec.structs.replace(snapshot().legal, verify_by="2020-01-01")
    assert "LEGAL FILE STALE" in lead_page(snapshot(legal=late), lead())


def test_an_overview_has_the_leads_of_its_time():
    early, late = lead(lead_id="lead-a", opened_at=T0), lead(lead_id="lead-b", opened_at=T0 + DAY, state="retracted")
    world = snapshot(leads=(late, early))
    both = harmless(period_page(world)).text
    assert "2 leads and screening items opened" in both
    assert "open 1, retracted 1" in both
    assert "reference 2" in both
    assert "uncalibrated" in both
    one = harmless(period_page(world, T0, T0 + DAY)).text
    assert ("lead-a" in one, "lead-b" in one) == (True, False)
    assert "0 leads" in period_page(nothing())


def test_long_lists_end_in_a_number():
    rows = [lease(at, opened_at=T0 + at) for at in range(1, 801)]
    many = lead(leases=tuple(f"reference:{CHAIN}:{at}" for at in range(1, 801)))
    text = lead_page(of_leases(rows), many)
    assert "and 300 more, not shown" in text
    assert "and 740 more, not drawn" in text


def test_times_no_calendar_holds_and_leases_that_never_opened_are_drawn_all_the_same():
    rows = [
        lease(1, opened_at=2**62, closed_at=2**62),
        lease(2, opened_at=None, status="requested"),
        lease(3, closed_at=T0),
    ]
    world = of_leases(rows)
    found = harmless(lead_page(world, lead(leases=tuple(f"reference:{CHAIN}:{at}" for at in (1, 2, 3)))))
    assert sum(tag == "rect" for tag, _ in found.tags) == 2


def test_a_page_is_written_whole_or_not_at_all(tmp_path: Path):
    write_page(tmp_path / "a.html", "text")
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == "text"
    for place in (tmp_path / "no" / "a.html", tmp_path):
        with pytest.raises(InputError, match="cannot write"):
            write_page(place, "text")
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]
