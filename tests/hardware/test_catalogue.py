"""The packaged catalogue is complete and self-consistent."""

from datetime import date
from decimal import Decimal

import pytest

from monitor.hardware.catalogue import catalogue, conservative
from monitor.hardware.names import keys, names
from monitor.hardware.parse import parse_gpu

ROWS = catalogue().all()


def test_it_is_dated_and_loaded_once():
    assert isinstance(catalogue().as_of, date)
    assert catalogue().version
    assert catalogue() is catalogue()
    assert len(ROWS) == len({acc.id for acc in ROWS}) == 61


@pytest.mark.parametrize("acc", ROWS, ids=[acc.id for acc in ROWS])
def test_row_is_sound(acc):
    assert acc.id.startswith(f"{acc.vendor.lower()}-")
    sources = acc.sources
    assert sources.performance.name
    assert sources.memory.name
    assert (sources.die is None) == (acc.die_mm2 is None)
    assert (sources.link is None) == (acc.io_gbs is None)
    assert acc.memory.gb > 0
    assert all(key == key.lower() and key.isalnum() for key in acc.match.keys)
    assert set(acc.match.loose) <= set(acc.match.keys)
    figures = (acc.dense.bf16, acc.dense.fp8, acc.dense.int8, acc.dense.fp4, acc.die_mm2, acc.io_gbs, acc.memory.gbs)
    assert all(figure is None or (isinstance(figure, Decimal) and figure > 0) for figure in figures)


def test_a_low_confidence_row_says_why():
    assert all(acc.note for acc in ROWS if acc.confidence == "low")


def test_a_figure_without_a_source_is_of_low_confidence():
    for acc in ROWS:
        for source in (acc.sources.performance, acc.sources.memory, acc.sources.die, acc.sources.link):
            assert source is None or source.name != "not confirmed" or source.confidence == "low", acc.id


def test_outside_parts_share_no_key_with_the_catalogue():
    assert {key for key, rows in keys().items() if not rows} == names().words.outside


@pytest.mark.parametrize("device", sorted(names().pci))
def test_every_pci_id_names_a_model(device):
    parsed = parse_gpu(device)
    assert parsed.gpu_model
    assert parsed == parse_gpu(device) != parse_gpu(names().pci[device])
    assert parsed.candidates == parse_gpu(names().pci[device]).candidates


def test_conservative_prefers_pcie_and_more_memory_among_equals():
    a100 = [acc for acc in ROWS if acc.family == "A100"]
    assert conservative(a100).id == "nvidia-a100-pcie-80gb"
    assert conservative(acc for acc in ROWS if acc.family == "H100").id == "nvidia-h100-pcie-80gb"
