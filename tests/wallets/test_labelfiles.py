import json

import pytest

from monitor.errors import InputError
from monitor.wallets.labelfiles import Filled, read_labels

FILL = Filled("somewhere", "2026-11-01", "CC0", "medium")
A, B, C = (f"0x{n:040x}" for n in (10, 11, 12))


def read(text, fmt=None, fill=FILL):
    labels, skipped = read_labels(text.encode(), fmt, fill)
    return {f"0x{label.address.hex()}": label for label in labels}, skipped


def test_plain_csv():
    loud = B.upper().replace("0X", "0x")
    head = "Address,Name,Kind,Source,Date,License\n"
    text = f"{head}{A},Some Exchange,exchange,me,2026-01-02,MIT\n{loud},x,,,,\nbc1q,coin,,,,\n"
    found, skipped = read(text)
    assert skipped == 1
    assert found[A][1:] == ("Some Exchange", "exchange", "me", "2026-01-02", "MIT", "medium")
    assert found[B][1:] == ("x", "other", "somewhere", "2026-11-01", "CC0", "medium")


def test_explorer_json_in_both_shapes():
    tags, _ = read(f'{{"{A}": "Binance 14", "{B}": {{"name": "Hop: Bridge", "labels": ["bridge", "hop"]}}}}')
    assert (tags[A].label, tags[A].kind) == ("Binance 14", "exchange")
    assert (tags[B].label, tags[B].kind) == ("Hop: Bridge", "bridge")
    listed, _ = read(f'[{{"address": "{A}", "nameTag": "Uniswap: Router"}}, {{"address": "bc1q", "nameTag": "y"}}]')
    assert (listed[A].label, listed[A].kind) == ("Uniswap: Router", "swap")


def test_explorer_csv():
    found, _ = read(f'Address,Name Tag,Balance,Txn Count\n{A},"Kraken: 4","1,234 ETH","9"\n')
    assert (found[A].label, found[A].kind) == ("Kraken: 4", "exchange")


def test_tagpack_head_holds_for_its_tags():
    found, skipped = read(
        f"""
title: Mixers
creator: somebody
source: https://example.com/pack
category: mixing_service
lastmod: 2021-04-21
confidence: service_data
tags:
  - address: "{A}"
    label: a mixer
  - address: "{B}"
    label: shop
    category: exchange
    source: https://example.com/b
    lastmod: 2022-01-01
  - address: 1BoatSLRHtKNngkdXEeobR76b53LETtpyT
    label: a coin
"""
    )
    assert skipped == 1
    assert found[A][1:] == ("a mixer", "mixer", "https://example.com/pack", "2021-04-21", "CC0", "service_data")
    assert found[B][1:5] == ("shop", "exchange", "https://example.com/b", "2022-01-01")


def test_ofac_xml_plain_and_advanced():
    plain = f"""<?xml version="1.0"?><sdnList xmlns="https://example.gov/x"><sdnEntry><uid>1</uid>
    <lastName>SOMEBODY</lastName><idList>
    <id><idType>Digital Currency Address - ETH</idType><idNumber>{A}</idNumber></id>
    <id><idType>Digital Currency Address - XBT</idType><idNumber>12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h</idNumber></id>
    </idList></sdnEntry></sdnList>"""
    found, _ = read(plain)
    assert (found[A].label, found[A].kind) == ("SOMEBODY", "listed")
    advanced = f"""<Sanctions><DistinctParty><NamePartValue>OTHER</NamePartValue>
    <VersionDetail DetailTypeID="1432">{B}</VersionDetail></DistinctParty></Sanctions>"""
    found, _ = read(advanced)
    assert (found[B].label, found[B].kind) == ("OTHER", "listed")


def test_ofac_json_mirror_and_bare_list():
    entry = {"idType": "Digital Currency Address - ETH", "idNumber": A}
    person = {"lastName": "SOMEBODY", "sdnType": "Individual", "idList": {"id": [entry]}}
    text = json.dumps({"sdnList": {"sdnEntry": [person]}})
    found, _ = read(text)
    assert (found[A].label, found[A].kind) == ("SOMEBODY", "listed")
    bare, _ = read(f'["{A}", "{B}"]', "ofac-json")
    assert {label.kind for label in bare.values()} == {"listed"}


def test_the_importers_kind_wins_over_words():
    found, _ = read(f"address,label\n{A},Binance\n", fill=FILL._replace(kind="owner"))
    assert found[A].kind == "owner"


@pytest.mark.parametrize(
    ("text", "fmt"),
    [
        ("a,b\n1,2\n", None),
        ("<a><b></a>", None),
        ('<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>', None),
        ("[" * 5000, None),
        ("{", "json"),
        ("title: x\n", None),
        ("tags: [" + "[" * 5000, "tagpack"),
        ("- &a [*a, *a]\n", "tagpack"),
    ],
)
def test_what_is_no_label_file_is_refused(text, fmt):
    with pytest.raises(InputError):
        read(text, fmt)
