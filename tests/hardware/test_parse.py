"""What a spelling may and may not be taken for."""

import time

import pytest

from monitor.hardware.parse import parse_gpu


@pytest.mark.parametrize(
    "text",
    [
        *("A4000", "A5000", "RTX A1000", "RTX 4080", "P100", "M40", "GTX 3080", "RTX 2000 Ada", "RTX 6000", "A100X"),
        *("rtx5090m", "RTX 4090 Laptop GPU", "GeForce RTX 5090 Max-Q / Mobile", "RTX 4090 Ti", "T4G", "L40G", "V100S"),
        *("", " ", "*", "0xa100", "h1008", "gh100", "f00da100", "10de:2717", "RTX 3080 + RTX 4090", "Radeon H100"),
    ],
)
def test_a_trap_is_none(text):
    parsed = parse_gpu(text)
    assert (parsed.gpu_model, parsed.precision, parsed.candidates) == ("", "none", ())
    assert parsed.notes


@pytest.mark.parametrize(
    ("bare", "chosen", "candidates"),
    [
        ("h100", "nvidia-h100-pcie-80gb", 4),
        ("a100", "nvidia-a100-pcie-80gb", 4),
        ("H100 80GB", "nvidia-h100-pcie-80gb", 2),
        ("MI300", "amd-mi300a", 2),
        ("Ascend 910B", "huawei-ascend-910b4", 2),
        ("A100 or H100", "nvidia-a100-pcie-80gb", 8),
        ("A10, H100 SXM5 80GB", "nvidia-a10", 5),
        ("H100 SXM5 64GB, H100 PCIe", "nvidia-h100-pcie-80gb", 4),
    ],
)
def test_an_ambiguous_name_counts_as_its_smallest_part(bare, chosen, candidates):
    parsed = parse_gpu(bare)
    assert (parsed.gpu_model, parsed.precision, len(parsed.candidates)) == (chosen, "family", candidates)
    assert list(parsed.candidates) == sorted(parsed.candidates)
    assert chosen in parsed.candidates


def test_an_exact_name_is_its_only_candidate():
    assert parse_gpu("H100 SXM5 80GB").candidates == ("nvidia-h100-sxm5-80gb",)


def test_a_slice_names_the_card_without_counting_it():
    parsed = parse_gpu("A40-48Q")
    assert (parsed.gpu_model, parsed.candidates) == ("", ("nvidia-a40",))
    assert parse_gpu("NVIDIA A100-SXM4-80GB MIG 1g.10gb").gpu_model == ""


def test_a_rebuilt_card_keeps_its_model_and_is_noted():
    parsed = parse_gpu("NVIDIA GeForce RTX 4090 48GB")
    assert (parsed.gpu_model, parsed.precision) == ("nvidia-rtx-4090", "variant")
    assert parsed.notes == ("memory size does not belong to this model",)
    assert parse_gpu("NVIDIA GeForce RTX 4090 24GB").notes == ()


@pytest.mark.parametrize("variant", ["H100 96GB", "H100 CNX", "H100 SXM5 96GB", "H800 NVL", "A100-SXM-64GB"])
def test_a_board_without_a_row_is_a_variant(variant):
    parsed = parse_gpu(variant)
    assert parsed.precision == "variant"
    assert parsed.gpu_model in parsed.candidates
    assert parsed.notes


@pytest.mark.parametrize(
    ("text", "count"),
    [
        *(("8x H100", 8), ("H100 x8", 8), ("8*H100", 8), ("H100:8", 8), ("H100 80GB HBM3_8", 8), ("HGX H100 8-GPU", 8)),
        *(("gpu:count=4;gpu:model=H100", 4), ("GeForce RTX 4090:16384", None), ("H100 PCIe Gen5 x16", None)),
        *(("GPU 0: NVIDIA H100", None), ("T4:16", None), ("0x H100", None), ("2x A100 + 1x H100", None)),
        *(("0.5x H100", None), ("8x RTX 3080", 8), ("9999x H100", None), ("A100_80", None), ("1 H100", 1)),
    ],
)
def test_count(text, count):
    assert parse_gpu(text).gpu_count == count


def test_a_hostile_text_costs_no_time():
    texts = [
        "H100 " * 300_000,
        "a" * 2_000_000,
        "8x" * 1_000_000,
        "4090d" * 400_000,
        "ﷺ" * 1_000_000,
        "\u0301" * 1_000_000,
    ]
    began = time.process_time()
    parsed = [parse_gpu(text) for text in texts]
    assert time.process_time() - began < 20, "not the square of its length"
    assert all("only the first 512 characters were read" in each.notes for each in parsed)


def test_a_name_cut_by_the_bound_is_dropped():
    assert parse_gpu("." * 508 + "A1000").gpu_model == ""
    assert parse_gpu("." * 508 + "A100").gpu_model == "nvidia-a100-pcie-80gb"
