#!/usr/bin/env python3
"""Fetch vocabularies in GGUF files, with texts and the ids that they are encoded to, from PyPI.

They go to .cache/vocabularies/. The source package llama-cpp-python carries vocabularies without weights, NAME.gguf
here, each with texts, NAME.inp, and with their ids in the tokenizer that the vocabulary was made from, NAME.out. Those of
the models that fetch_smollm2.py and fetch_gemma3.py make are cut out of the files with the weights. Each download is
checked by its SHA-256.

Where the Python packages that it needs are missing, it installs them into an environment of its own, .cache/python
beside this script, and leaves the system's Python as it is.
"""

import argparse
import sys
import tarfile
import tempfile
from pathlib import Path

from checkpoint_from_gguf import gguf, gguf_file, replace_directory
from fetch_gemma3 import Gemma3
from fetch_smollm2 import SmolLM2
from llama_cpp_source import SOURCE, SOURCE_SUM, source_archive
from wheels import CACHE, check, download, extract, sha256_of

MEMBER = "llama_cpp_python-0.3.36/vendor/llama.cpp/models/ggml-vocab-{}.gguf"
# Those that come with ids, and one without.
NAMES = ("command-r", "gpt-2", "llama-bpe", "llama-spm", "mpt", "phi-3", "qwen2", "refact", "starcoder", "gpt-neox")
WITHOUT_IDS = ("gpt-neox",)
MODELS = {"smollm2": SmolLM2, "gemma3": Gemma3}


def output_files():
    for name in NAMES:
        yield f"{name}.gguf"
        if name not in WITHOUT_IDS:
            yield from (f"{name}.inp", f"{name}.out")
    yield from (f"{name}.gguf" for name in MODELS)


def extract_source(archive, directory):
    """Unpack the vocabularies, the texts and the ids."""
    check(archive, SOURCE_SUM)
    members = {}
    for name in NAMES:
        members[MEMBER.format(name)] = f"{name}.gguf"
        if name not in WITHOUT_IDS:
            members |= {f"{MEMBER.format(name)}.{kind}": f"{name}.{kind}" for kind in ("inp", "out")}
    with tarfile.open(archive) as package:
        for member in package:
            if (name := members.pop(member.name, None)) is not None:
                (directory / name).write_bytes(package.extractfile(member).read())
    if members:
        sys.exit(f"{archive}: lacks {', '.join(members)}")


def model_file(kind, downloads):
    """A model's GGUF file: the one that its own script has fetched, or else a download."""
    kept = CACHE / kind.name / kind.gguf_name
    if kept.is_file() and sha256_of(kept) == kind.gguf_sha256:
        return kept
    extract(kind.wheels, download(kind.wheels, downloads), downloads)
    return gguf_file(kind, downloads)


def write_vocabulary(model, path):
    """A GGUF file without tensors, with the keys of the tokenizer alone."""
    writer = gguf.GGUFWriter(path, model.metadata("general.architecture"))
    for key, field in model.reader.fields.items():
        if key.startswith("tokenizer."):
            is_array = field.types[0] == gguf.GGUFValueType.ARRAY
            writer.add_key_value(key, field.contents(), field.types[0], field.types[-1] if is_array else None)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, metavar="FILE", help=f"already downloaded: the source of {SOURCE}")
    parser.add_argument("--force", action="store_true", help="write again even if the directory is complete")
    options = parser.parse_args()
    target = CACHE / "vocabularies"
    if all((target / name).is_file() for name in output_files()) and not options.force:
        print(f"{target} is complete; --force writes it again")
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as scratch:
        new = Path(scratch) / target.name
        new.mkdir()
        extract_source(options.source or source_archive(), new)
        for name, kind in MODELS.items():
            with tempfile.TemporaryDirectory(dir=scratch) as downloads:
                write_vocabulary(kind(model_file(kind, Path(downloads))), new / f"{name}.gguf")
        replace_directory(new, target)
    for name in output_files():
        print(f"{(target / name).stat().st_size:>12,} bytes  {name}")


if __name__ == "__main__":
    main()
