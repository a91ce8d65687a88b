"""The source package of llama-cpp-python on PyPI, which carries vocabularies and chat templates."""

import subprocess
import sys
from pathlib import Path

SOURCE = "llama-cpp-python==0.3.36"
SOURCE_SUM = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"


def download_source(directory):
    print(f"downloading the source of {SOURCE} with pip")
    package = SOURCE.split("==")[0]
    command = [sys.executable, "-m", "pip", "download", SOURCE, "--no-deps", f"--no-binary={package}", "--quiet"]
    try:
        subprocess.run([*command, "--dest", str(directory)], check=True)
    except subprocess.CalledProcessError as error:
        sys.exit(f"pip could not download {SOURCE} (exit status {error.returncode})")
    return next(Path(directory).glob("*.tar.gz"))
