"""Every model in every style that markets, drivers and catalogues print, and every name where no GPU is meant.

The spellings are made by rule from one plain name per model, so no reading can be learnt by heart.
"""

import json
from pathlib import Path

import pytest

from monitor.hardware.catalogue import catalogue
from monitor.hardware.names import keys
from monitor.hardware.parse import parse_gpu

NAMES = {
    "nvidia-v100-sxm2-32gb": ("Tesla V100 SXM2 32GB", "exact"),
    "nvidia-t4": ("Tesla T4", "exact"),
    "nvidia-a100-sxm4-40gb": ("A100 SXM4 40GB", "exact"),
    "nvidia-a100-sxm4-80gb": ("A100 SXM4 80GB", "exact"),
    "nvidia-a100-pcie-40gb": ("A100 PCIe 40GB", "exact"),
    "nvidia-a100-pcie-80gb": ("A100 PCIe 80GB", "exact"),
    "nvidia-a800-sxm4-80gb": ("A800 SXM4 80GB", "exact"),
    "nvidia-a800-pcie-80gb": ("A800 PCIe 80GB", "exact"),
    "nvidia-a30": ("A30", "exact"),
    "nvidia-a40": ("A40", "exact"),
    "nvidia-a10": ("A10", "exact"),
    "nvidia-a10g": ("A10G", "exact"),
    "nvidia-rtx-a6000": ("RTX A6000", "exact"),
    "nvidia-rtx-3090": ("RTX 3090", "exact"),
    "nvidia-rtx-3090-ti": ("RTX 3090 Ti", "exact"),
    "nvidia-h100-pcie-80gb": ("H100 PCIe", "exact"),
    "nvidia-h100-nvl-94gb": ("H100 NVL", "exact"),
    "nvidia-h100-sxm5-80gb": ("H100 SXM5 80GB", "exact"),
    "nvidia-h100-sxm5-64gb": ("H100 SXM5 64GB", "exact"),
    "nvidia-h800-sxm5-80gb": ("H800 SXM5", "exact"),
    "nvidia-h800-pcie-80gb": ("H800 PCIe", "exact"),
    "nvidia-h200-sxm-141gb": ("H200", "exact"),
    "nvidia-h200-nvl-141gb": ("H200 NVL", "exact"),
    "nvidia-gh200": ("GH200", "exact"),
    "nvidia-h20-96gb": ("H20", "exact"),
    "nvidia-l40": ("L40", "exact"),
    "nvidia-l40s": ("L40S", "exact"),
    "nvidia-l20": ("L20", "exact"),
    "nvidia-l4": ("L4", "exact"),
    "nvidia-l2": ("L2", "exact"),
    "nvidia-rtx-4090": ("RTX 4090", "exact"),
    "nvidia-rtx-4090-d": ("RTX 4090 D", "exact"),
    "nvidia-rtx-6000-ada": ("RTX 6000 Ada", "exact"),
    "nvidia-rtx-5090": ("RTX 5090", "exact"),
    "nvidia-rtx-5090-d": ("RTX 5090 D", "exact"),
    "nvidia-rtx-5090-d-v2": ("RTX 5090 D V2", "exact"),
    "nvidia-rtx-pro-6000-blackwell": ("RTX PRO 6000", "exact"),
    "nvidia-rtx-pro-6000d": ("RTX PRO 6000D", "exact"),
    "nvidia-b100": ("B100", "exact"),
    "nvidia-b200": ("B200", "exact"),
    "nvidia-gb200": ("GB200", "exact"),
    "nvidia-b300": ("B300", "exact"),
    "nvidia-gb300": ("GB300", "exact"),
    "nvidia-b30a": ("B30A", "exact"),
    "nvidia-rubin-vr200": ("VR200", "exact"),
    "nvidia-rubin-cpx": ("Rubin CPX", "exact"),
    "amd-mi100": ("MI100", "exact"),
    "amd-mi210": ("MI210", "exact"),
    "amd-mi250": ("MI250", "exact"),
    "amd-mi250x": ("MI250X", "exact"),
    "amd-mi300a": ("MI300A", "exact"),
    "amd-mi300x": ("MI300X", "exact"),
    "amd-mi308x": ("MI308X", "exact"),
    "amd-mi325x": ("MI325X", "exact"),
    "amd-mi350x": ("MI350X", "exact"),
    "amd-mi355x": ("MI355X", "exact"),
    "intel-gaudi2": ("Gaudi 2", "exact"),
    "intel-gaudi3": ("Gaudi 3", "exact"),
    "huawei-ascend-910b1": ("Ascend 910B1", "exact"),
    "huawei-ascend-910b4": ("Ascend 910B4", "exact"),
    "huawei-ascend-910c": ("Ascend 910C", "exact"),
}
SHORT = {
    "H100": "nvidia-h100-pcie-80gb",
    "A100": "nvidia-a100-pcie-80gb",
    "A100 SXM4": "nvidia-a100-sxm4-80gb",
    "A100 40GB": "nvidia-a100-pcie-40gb",
    "A800": "nvidia-a800-pcie-80gb",
    "H800": "nvidia-h800-pcie-80gb",
    "V100": "nvidia-v100-sxm2-32gb",
    "MI300": "amd-mi300a",
    "Ascend 910B": "huawei-ascend-910b4",
}
CASES = [(name, model, precision) for model, (name, precision) in NAMES.items()]
CASES += [(name, model, "family") for name, model in SHORT.items()]
MAKERS = {"nvidia": "NVIDIA", "amd": "AMD Instinct", "intel": "Intel", "huawei": "Huawei"}


def wide(text: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)


def look_alike(text: str) -> str:
    return text.translate(str.maketrans("ABEHMTX", "АВЕНМТХ"))  # noqa: RUF001 - Cyrillic on purpose


STYLES = {
    "plain": "{0}",
    "lower": str.lower,
    "upper": str.upper,
    "dashed": lambda name: name.replace(" ", "-"),
    "underscored": lambda name: name.replace(" ", "_").lower(),
    "double spaced": lambda name: f"  {name.replace(' ', '   ')} ",
    "tabbed": "\t{0}\t",
    "quoted": '"{0}"',
    "bracketed": "[{0}]",
    "maker": "{maker} {0}",
    "gpu dashed": lambda name: f"GPU-{name}".replace(" ", "-"),
    "marks": "{maker}\N{REGISTERED SIGN} {0}\N{TRADE MARK SIGN}",
    "gpu": "{0} GPU",
    "node": "{0} node",
    "spot": "{0} spot instance",
    "wide": wide,
    "look-alike": look_alike,
    "invisible": "\u200b".join,
    "html": "<b>{0}</b>",
    "html entities": lambda name: name.replace(" ", "&nbsp;"),
    "url": lambda name: name.replace(" ", "%20"),
    "terminal": "\x1b[31m{0}\x1b[0m",
    "formula": "={0}",
    "machine name": "{maker} {0} rack-7f3a us-east",
    "attribute": lambda name: f"capabilities/gpu/model/{name.replace(' ', '-').lower()}",
    "chinese": "{0} \u663e\u5361",
}
COUNTED = {
    "8x": "8x {0}",
    "8 x": "8 x {0}",
    "8X glued": lambda name: f"8X{name}",
    "times sign": "8\N{MULTIPLICATION SIGN}{0}",
    "star": "8*{0}",
    "trailing x8": "{0} x8",
    "trailing x 8": "{0} x 8",
    "trailing (8x)": "{0} (8x)",
    "trailing (x8)": "{0} (x8)",
    "eight GPUs": "{0}, 8 GPUs",
    "pieces": "8 pcs {0}",
    "quantity": "{0} qty: 8",
    "eight": "eight {maker} {0}",
    "cards": "8 cards {0}",
    "chinese": "8\u5361 {0}",
    "query": "gpu:count=8;gpu:model={0}",
    "json": lambda name: json.dumps({"gpuType": name, "gpuCount": 8}),
    "host": "8x {0}, 2x Xeon Platinum 8480+, 2048GB RAM",
}


def styled(style, name, model):
    return style(name) if callable(style) else style.format(name, maker=MAKERS[model.split("-", maxsplit=1)[0]])


def test_every_accelerator_has_a_plain_name():
    assert list(NAMES) == list(catalogue().rows)


@pytest.mark.parametrize("style", STYLES, ids=str)
def test_a_style_changes_nothing(style):
    for name, model, precision in CASES:
        text = styled(STYLES[style], name, model)
        parsed = parse_gpu(text)
        assert (parsed.gpu_model, parsed.precision, parsed.gpu_count) == (model, precision, None), text
        assert parsed.candidates == parse_gpu(name).candidates, text


@pytest.mark.parametrize("style", COUNTED, ids=str)
def test_a_count_is_read_and_changes_nothing_else(style):
    for name, model, precision in CASES:
        text = styled(COUNTED[style], name, model)
        parsed = parse_gpu(text)
        assert (parsed.gpu_model, parsed.precision, parsed.gpu_count) == (model, precision, 8), text


ELSEWHERE = (
    *("{0} street", "12 {0} Avenue", "street {0}", "{0}.example.org", "info@{0}.org", "https://example.org/{0}"),
    *("Galaxy {0}", "flight {0}", "bus {0} to the station", "{0} lookalike", "{0} poster", "beats the {0}"),
    *("0x{0}00ff", "{0}{0}", "x{0}y", "{0}07", "0{0}", "NVIDIA {0}-class", "not a {0}", "{0} equivalent"),
    *("NVIDIA {0} MIG 1g.5gb", "{0}-8Q"),
)


@pytest.mark.parametrize("style", ELSEWHERE)
def test_a_name_in_another_sense_is_none(style):
    for key in keys():
        text = style.format(key)
        parsed = parse_gpu(text)
        assert (parsed.gpu_model, parsed.precision) == ("", "none"), text


NEGATIVES = [
    line
    for line in Path(__file__).with_name("negatives.txt").read_text("utf-8").splitlines()
    if line and not line.startswith("# ")
]


@pytest.mark.parametrize("text", NEGATIVES)
def test_a_negative_control_names_nothing(text):
    parsed = parse_gpu(text)
    assert (parsed.gpu_model, parsed.precision, parsed.candidates) == ("", "none", ())
    assert parsed.notes


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("h100", 12104, 15832), ("H100 SXM5", 15832, 15832), ("Ascend 910B", 4480, 6400), ("A100 or H100", 4992, 15832)],
)
def test_a_family_carries_both_bounds(text, low, high):
    assert parse_gpu(text).tpp_bounds() == (low, high)


def test_no_bounds_without_figures():
    assert parse_gpu("a100 street").tpp_bounds() is None
    assert parse_gpu("RTX PRO 6000D").tpp_bounds() is None
