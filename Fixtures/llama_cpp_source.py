"""The source package of llama-cpp-python on PyPI, which carries vocabularies and chat templates."""

import subprocess
import sys
import tempfile
from pathlib import Path

from wheels import CACHE, check

SOURCE = "llama-cpp-python==0.3.36"
SOURCE_SUM = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"


def source_archive():
    """The checked archive. It is downloaded once, and kept for the other script that reads it."""
    kept = CACHE / "llama-cpp-python.tar.gz"
    if not kept.exists():
        print(f"downloading the source of {SOURCE} with pip")
        package = SOURCE.split("==")[0]
        command = [sys.executable, "-m", "pip", "download", SOURCE, "--no-deps", f"--no-binary={package}", "--quiet"]
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as downloads:
            try:
                subprocess.run([*command, "--dest", downloads], check=True)
            except subprocess.CalledProcessError as error:
                sys.exit(f"pip could not download {SOURCE} (exit status {error.returncode})")
            archive = next(Path(downloads).glob("*.tar.gz"))
            check(archive, SOURCE_SUM)
            archive.replace(kept)
    check(kept, SOURCE_SUM)
    return kept
