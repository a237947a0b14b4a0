"""What docs/alerts.md tells a person to type checks the signature that a receiver gets."""

import shutil
import subprocess
from pathlib import Path

import pytest

from monitor.alerts.signature import headers
from tests.alerts.samples import SECRET

DOCS = Path(__file__).parents[2] / "docs" / "alerts.md"


@pytest.mark.skipif(not (shutil.which("openssl") and shutil.which("bash")), reason="needs openssl and bash")
def test_the_documented_recipe_makes_the_signature(tmp_path):
    recipe = (
        DOCS.read_text(encoding="utf-8").split("To check a signature by hand")[1].split("```sh\n")[1].split("```")[0]
    )
    body = b'{"text":"100 % \\u00fc $HOME"}'
    (tmp_path / "body.json").write_bytes(body)
    made = headers("alert-1", 1_700_000_000, body, [SECRET])
    known = {"SECRET": SECRET, "WEBHOOK_ID": made["webhook-id"], "WEBHOOK_TIMESTAMP": made["webhook-timestamp"]}
    command = ["bash", "-c", recipe]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", **known},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert f"v1,{done.stdout.strip()}" == made["webhook-signature"]
