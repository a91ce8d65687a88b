#!/usr/bin/env python3
"""Write a Llama checkpoint of Hugging Face's form as GGUF files in F32 and BF16, for llama.cpp.

The weights are the same numbers: BF16 copies bits, F32 widens them. There is no vocabulary in the files, since
benchmarks feed token ids.
"""

import argparse
import json
import struct
import sys
from pathlib import Path

import gguf
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "Fixtures" / ".cache" / "SmolLM2-135M-Instruct"
OUTPUT = ROOT / "Fixtures" / ".cache" / "peers"

TOP = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
BLOCK = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def read_bfloat16(path):
    """The tensors of a safetensors file as arrays of the bits of bfloat16 numbers."""
    data = np.memmap(path, dtype=np.uint8, mode="r")
    (header_size,) = struct.unpack("<Q", data[:8].tobytes())
    header = json.loads(data[8 : 8 + header_size].tobytes())
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] != "BF16":
            sys.exit(f"{path}: {name} is {entry['dtype']}; only BF16 is written")
        first, last = (8 + header_size + offset for offset in entry["data_offsets"])
        tensors[name] = np.frombuffer(data[first:last].tobytes(), dtype=np.uint16).reshape(entry["shape"])
    return tensors


def widen(bits):
    """The numbers whose upper halves are `bits`."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def interleave(bits, head_count):
    """Rows of each head in the order in which llama.cpp rotates them: it pairs neighbours, not halves."""
    rows, columns = bits.shape
    return bits.reshape(head_count, 2, rows // head_count // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def gguf_name(name):
    """What llama.cpp calls a tensor."""
    if name in TOP:
        return TOP[name]
    _, _, layer, rest = name.split(".", 3)
    return f"blk.{layer}.{BLOCK[rest.removesuffix('.weight')]}.weight"


def write(path, config, tensors, is_bfloat16):
    """Write one GGUF file."""
    head_dimension = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    # Complete or absent: a run that was cut off leaves no file that looks finished.
    partial = path.with_suffix(".partial")
    writer = gguf.GGUFWriter(partial, "llama")
    writer.add_name(path.stem)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(head_dimension)
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_BF16 if is_bfloat16 else gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("no_vocab")
    for name, bits in tensors.items():
        if name.endswith("q_proj.weight"):
            bits = interleave(bits, config["num_attention_heads"])
        elif name.endswith("k_proj.weight"):
            bits = interleave(bits, config["num_key_value_heads"])
        # llama.cpp's own converter leaves vectors in F32 too.
        if is_bfloat16 and bits.ndim == 2:
            data = np.ascontiguousarray(bits).view(np.uint8)
            writer.add_tensor(gguf_name(name), data, raw_dtype=gguf.GGMLQuantizationType.BF16)
        else:
            writer.add_tensor(gguf_name(name), np.ascontiguousarray(widen(bits)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.replace(path)


def make(model=MODEL, output=OUTPUT):
    """The paths of the F32 and the BF16 file of a model, written if they are absent or older than it."""
    model, output = Path(model), Path(output)
    source = model / "model.safetensors"
    paths = {kind: output / f"{model.resolve().name}-{kind}.gguf" for kind in ("F32", "BF16")}
    newest = max(source.stat().st_mtime, (model / "config.json").stat().st_mtime, Path(__file__).stat().st_mtime)
    if all(path.exists() and path.stat().st_mtime >= newest for path in paths.values()):
        return paths
    config = json.loads((model / "config.json").read_text())
    if config["model_type"] != "llama" or config.get("rope_scaling"):
        sys.exit(f"{model}: only Llama models without rotary scaling are written")
    tensors = read_bfloat16(source)
    output.mkdir(parents=True, exist_ok=True)
    for kind, path in paths.items():
        write(path, config, tensors, is_bfloat16=kind == "BF16")
    return paths


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=MODEL, help="directory of the checkpoint")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="directory of the GGUF files")
    arguments = parser.parse_args()
    if not (arguments.model / "model.safetensors").exists():
        sys.exit(f"{arguments.model}: no model.safetensors; Fixtures/fetch_smollm2.py makes SmolLM2")
    for path in make(arguments.model, arguments.output).values():
        print(path)


if __name__ == "__main__":
    main()
