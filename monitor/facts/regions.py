"""Declared region text → ISO 3166-1 alpha-2 country of the hardware's declared site, or null.

Exact lookups only: country codes, plain country names, region codes of the large clouds and codes in their style.
"us-central" names a country, "westcoast" does not, and nothing is guessed. The site is what somebody declared about
hardware; it says nothing about people.
"""

from __future__ import annotations

import re

import polars as pl

__all__ = ["country", "with_country"]

_ISO = frozenset(
    re.findall(
        r"[A-Z]{2}",
        """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA
    CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA
    GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP
    KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS
    MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS
    RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW
    TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
""",
    )
)
"""ISO 3166-1 alpha-2, officially assigned codes."""

_NAMES = {
    "united states": "US", "united states of america": "US", "usa": "US", "canada": "CA", "mexico": "MX",
    "brazil": "BR",
    "argentina": "AR", "chile": "CL", "colombia": "CO", "united kingdom": "GB", "great britain": "GB", "uk": "GB",
    "england": "GB", "ireland": "IE", "france": "FR", "germany": "DE", "deutschland": "DE", "netherlands": "NL",
    "the netherlands": "NL", "belgium": "BE", "luxembourg": "LU", "switzerland": "CH", "austria": "AT", "italy": "IT",
    "spain": "ES", "portugal": "PT", "norway": "NO", "sweden": "SE", "finland": "FI", "denmark": "DK", "iceland": "IS",
    "estonia": "EE", "latvia": "LV", "lithuania": "LT", "poland": "PL", "czechia": "CZ", "czech republic": "CZ",
    "slovakia": "SK", "hungary": "HU", "romania": "RO", "bulgaria": "BG", "greece": "GR", "turkey": "TR",
    "türkiye": "TR", "ukraine": "UA", "russia": "RU", "kazakhstan": "KZ", "israel": "IL", "saudi arabia": "SA",
    "united arab emirates": "AE", "uae": "AE", "qatar": "QA", "bahrain": "BH", "kuwait": "KW", "oman": "OM",
    "egypt": "EG",
    "south africa": "ZA", "kenya": "KE", "nigeria": "NG", "morocco": "MA", "india": "IN", "pakistan": "PK",
    "bangladesh": "BD", "sri lanka": "LK", "china": "CN", "hong kong": "HK", "macau": "MO", "macao": "MO",
    "taiwan": "TW",
    "japan": "JP", "south korea": "KR", "korea": "KR", "republic of korea": "KR", "singapore": "SG", "malaysia": "MY",
    "indonesia": "ID", "thailand": "TH", "vietnam": "VN", "viet nam": "VN", "philippines": "PH", "cambodia": "KH",
    "mongolia": "MN", "australia": "AU", "new zealand": "NZ",
}  # fmt: skip

_AWS = {
    "us-east-1": "US", "us-east-2": "US", "us-west-1": "US", "us-west-2": "US", "us-gov-east-1": "US",
    "us-gov-west-1": "US", "ca-central-1": "CA", "ca-west-1": "CA", "mx-central-1": "MX", "sa-east-1": "BR",
    "eu-central-1": "DE", "eu-central-2": "CH", "eu-west-1": "IE", "eu-west-2": "GB", "eu-west-3": "FR",
    "eu-north-1": "SE", "eu-south-1": "IT", "eu-south-2": "ES", "il-central-1": "IL", "me-central-1": "AE",
    "me-south-1": "BH", "af-south-1": "ZA", "ap-east-1": "HK", "ap-east-2": "TW", "ap-south-1": "IN",
    "ap-south-2": "IN", "ap-southeast-1": "SG", "ap-southeast-2": "AU", "ap-southeast-3": "ID", "ap-southeast-4": "AU",
    "ap-southeast-5": "MY", "ap-southeast-7": "TH", "ap-northeast-1": "JP", "ap-northeast-2": "KR",
    "ap-northeast-3": "JP", "cn-north-1": "CN", "cn-northwest-1": "CN",
}  # fmt: skip
"""Amazon regions by code (AWS Regions documentation)."""

_GCP = {
    "northamerica-northeast1": "CA", "northamerica-northeast2": "CA", "northamerica-south1": "MX",
    "southamerica-east1": "BR", "southamerica-west1": "CL", "europe-central2": "PL", "europe-north1": "FI",
    "europe-north2": "SE", "europe-southwest1": "ES", "europe-west1": "BE", "europe-west2": "GB", "europe-west3": "DE",
    "europe-west4": "NL", "europe-west6": "CH", "europe-west8": "IT", "europe-west9": "FR", "europe-west10": "DE",
    "europe-west12": "IT", "me-west1": "IL", "me-central1": "QA", "me-central2": "SA", "africa-south1": "ZA",
    "asia-east1": "TW", "asia-east2": "HK", "asia-northeast1": "JP", "asia-northeast2": "JP", "asia-northeast3": "KR",
    "asia-south1": "IN", "asia-south2": "IN", "asia-southeast1": "SG", "asia-southeast2": "ID",
    "australia-southeast1": "AU", "australia-southeast2": "AU",
}  # fmt: skip
"""Google regions by code (Compute Engine documentation)."""

_AZURE = {
    "eastus": "US", "eastus2": "US", "centralus": "US", "northcentralus": "US", "southcentralus": "US",
    "westcentralus": "US", "westus": "US", "westus2": "US", "westus3": "US", "canadacentral": "CA", "canadaeast": "CA",
    "brazilsouth": "BR", "mexicocentral": "MX", "chilecentral": "CL", "northeurope": "IE", "westeurope": "NL",
    "uksouth": "GB", "ukwest": "GB", "francecentral": "FR", "germanywestcentral": "DE", "switzerlandnorth": "CH",
    "norwayeast": "NO", "swedencentral": "SE", "polandcentral": "PL", "italynorth": "IT", "spaincentral": "ES",
    "israelcentral": "IL", "uaenorth": "AE", "qatarcentral": "QA", "southafricanorth": "ZA", "eastasia": "HK",
    "southeastasia": "SG", "centralindia": "IN", "southindia": "IN", "westindia": "IN", "japaneast": "JP",
    "japanwest": "JP", "koreacentral": "KR", "koreasouth": "KR", "malaysiawest": "MY", "indonesiacentral": "ID",
    "australiaeast": "AU", "australiasoutheast": "AU", "australiacentral": "AU", "newzealandnorth": "NZ",
    "chinanorth": "CN", "chinaeast": "CN",
}  # fmt: skip
"""Microsoft regions by code (Azure geographies documentation)."""

_DIRECTION = r"(?:north|south|east|west|central|northeast|northwest|southeast|southwest|midwest)"
_STYLED = re.compile(rf"^([a-z]{{2}})[-_]{_DIRECTION}(?:[-_]?\d{{1,3}}[a-z]?)?$")
"""`us-central`, `de-west-2`, `us-west1`: an ISO code, then a direction. Not for the codes in `_NOT_COUNTRIES`."""
_NUMBERED = re.compile(r"^([a-z]{2})[-_]([a-z]{3})[-_]?\d{1,3}$")
"""`us-tx-1` is no place code, `gb-lon-1` is: ISO code, three-letter city, number."""
_NOT_COUNTRIES = frozenset({"eu", "ap", "sa", "me", "af", "na", "il", "as"})
"""Prefixes that cloud vendors use for continents, although most are also ISO codes."""
MAX_LENGTH = 64


def country(region: str | None) -> str | None:
    """Map one declared region to an ISO country code; None when the text does not name a country."""
    if region is None or len(region) > MAX_LENGTH:
        return None
    text = " ".join(region.split()).casefold()
    code = text.upper()
    if len(code) == len("US") and code in _ISO:
        return code
    for table in (_NAMES, _AWS, _GCP, _AZURE):
        if text in table:
            return table[text]
    styled = _STYLED.match(text) or _NUMBERED.match(text)
    if styled and styled[1] not in _NOT_COUNTRIES and styled[1].upper() in _ISO:
        return styled[1].upper()
    # "Frankfurt, Germany"; two letters after a comma may be a state ("Portland, ME") and are left alone
    _, comma, last = text.rpartition(",")
    return _NAMES.get(last.strip()) if comma and len(last.strip()) > len("US") else None


def with_country(frame: pl.DataFrame) -> pl.DataFrame:
    """Add `country` beside `region_raw`."""
    spelled = frame.get_column("region_raw").drop_nulls().unique().to_list()
    table = pl.DataFrame(
        {"region_raw": spelled, "country": [country(text) for text in spelled]},
        schema={"region_raw": pl.String(), "country": pl.String()},
    )
    return frame.join(table, on="region_raw", how="left", maintain_order="left")
