"""Writes seeds for .ci/fuzz, a folder a target, from the repository's own fixtures: seeds.py FOLDER."""

import json
import struct
import sys
from pathlib import Path

root = Path(__file__).resolve().parents[2]
goldens = root / "Tests/TokenizationTests/Goldens"
folder = Path(sys.argv[1])


def write(target, number, content):
    path = folder / target
    path.mkdir(parents=True, exist_ok=True)
    (path / f"{number:03}").write_bytes(content)


def write_all(target, contents):
    for number, content in enumerate(contents):
        write(target, number, content)


def safetensors(tensors):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, (kind, shape, values) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def gguf_text(text):
    return struct.pack("<Q", len(text)) + text.encode()


def gguf(version):
    values = {
        "general.architecture": (8, gguf_text("llama")),
        "general.alignment": (4, struct.pack("<I", 32)),
        "llama.rope.freq_base": (6, struct.pack("<f", 10000)),
        "tokenizer.ggml.tokens": (9, struct.pack("<IQ", 8, 2) + gguf_text("a") + gguf_text("b")),
        "tokenizer.ggml.scores": (9, struct.pack("<IQff", 6, 2, 0, -1)),
        "nested": (9, struct.pack("<IQIQB", 9, 1, 7, 1, 1)),
    }
    tensors = [("token_embd.weight", 2, (32, 2), b"\0" * 36), ("output_norm.weight", 0, (4,), b"\0" * 16)]
    file = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(values))
    for key, (kind, value) in values.items():
        file += gguf_text(key) + struct.pack("<I", kind) + value
    data = b""
    for name, kind, shape, numbers in tensors:
        data += b"\0" * (-len(data) % 32)
        file += gguf_text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
        file += struct.pack("<IQ", kind, len(data))
        data += numbers
    return file + b"\0" * (-len(file) % 32) + data


write_all(
    "safetensors",
    [
        safetensors({}),
        safetensors({"a": ("F32", [2, 1], struct.pack("<2f", 1, -2)), "b": ("BF16", [2], b"\x80\x3f\0\0")}),
        safetensors({"i": ("I64", [1], struct.pack("<q", 7)), "e": ("F16", [0, 4], b""), "s": ("U8", [], b"\1")}),
    ],
)
write_all("gguf", [gguf(2), gguf(3)])

cases = json.loads((goldens / "cases.json").read_text())
texts = ["Hello, world! 12345 it's  \n\n x", "日本語 a\u0301 \U0001f600\t<s> [INST]"]
tokenizers = [path.read_bytes() for path in sorted(goldens.glob("*.tokenizer.json"))]
tokenizers += [case["tokenizer"].encode() for case in cases["overlaps"][:20]]
write_all("tokenizer", [file + b"\xff" + text.encode() for file in tokenizers for text in texts])


def patterns(value):
    if isinstance(value, dict):
        for key, member in value.items():
            if key == "Regex":
                yield member
            else:
                yield from patterns(member)
    elif isinstance(value, list):
        for member in value:
            yield from patterns(member)


found = sorted({pattern for file in tokenizers for pattern in patterns(json.loads(file))})
found += [r"\s+$", r"(?i:a|bc)+?d", r"^\p{L}{1,3}(?=x)|[^\r\n\w]{2,}+", r"(a*)*b", r"\x{3a0}|[a-\x7f&&[^b]]"]
write_all("pattern", [pattern.encode() + b"\xff" + text.encode() for pattern in found for text in texts])

templates = [json.loads((goldens / name).read_text()) for name in ["templates.json", "chats.json"]]


def sources(value):
    if isinstance(value, dict):
        for key, member in value.items():
            if key == "template" and isinstance(member, str):
                yield member
            else:
                yield from sources(member)
    elif isinstance(value, list):
        for member in value:
            yield from sources(member)


write_all("template", [text.encode() + b"\xffhello" for text in sorted(set(sources(templates)))])
write_all("configuration", [path.read_bytes() for path in sorted(root.glob("Fixtures/**/config.json"))])
for target in ["safetensors", "gguf", "tokenizer", "pattern", "template", "configuration"]:
    if not any((folder / target).iterdir()):
        sys.exit(f"there are no seeds for {target}")
