#!/usr/bin/env python3
"""Write what gguf-py makes of blocks of GGUF's quantised types, and of floats.

quantized/blocks.safetensors has random blocks, and the floats that they stand for.

For each type, TYPE.blocks holds 3 rows of 512 numbers as a file would, and TYPE.values what `gguf.quants.dequantize` says
they are. All bits of a block are random, but for the sign and exponent of its 16-bit scales, so that these are finite.

quantized/rounded.safetensors has floats, `values`, and the blocks that `gguf.quants.quantize` makes of them.
"""

import sys
from pathlib import Path

try:
    import gguf
    import numpy
    from safetensors.numpy import save_file
except ImportError as error:
    sys.exit(f"{error}\nInstall what is needed: {sys.executable} -m pip install -r requirements.txt")

FIXTURES = Path(__file__).resolve().parent
ROWS, COLUMNS = 3, 512
# The byte of a block at which each 16-bit scale or minimum begins.
SCALES = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
    "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0],
}


def write_blocks():
    generator = numpy.random.default_rng(16)
    tensors = {}
    for name, offsets in SCALES.items():
        kind = gguf.GGMLQuantizationType[name]
        length, size = gguf.GGML_QUANT_SIZES[kind]
        blocks = generator.integers(0, 256, (ROWS * COLUMNS // length, size), dtype=numpy.uint8)
        for offset in offsets:
            # Exponents 5 to 20 of 0 to 31, and for the first block one that is below the normal numbers.
            high = blocks[:, offset + 1]
            exponent = generator.integers(5, 21, len(blocks), dtype=numpy.uint8)
            exponent[0] = 0
            blocks[:, offset + 1] = (high & 0x83) | (exponent << 2)
        rows = blocks.reshape(ROWS, -1)
        tensors[f"{name.lower()}.blocks"] = rows
        tensors[f"{name.lower()}.values"] = gguf.quants.dequantize(rows, kind).astype(numpy.float32)
    target = FIXTURES / "quantized" / "blocks.safetensors"
    target.parent.mkdir(exist_ok=True)
    save_file(tensors, target)


def write_rounded():
    generator = numpy.random.default_rng(17)
    values = generator.standard_normal((ROWS, COLUMNS)).astype(numpy.float32)
    # Each block of 32 has a magnitude of its own, down to scales below the normal 16-bit numbers.
    magnitudes = numpy.exp2(generator.integers(-16, 8, (ROWS, COLUMNS // 32))).astype(numpy.float32)
    values *= numpy.repeat(magnitudes, 32, axis=1)
    # Zeros, one number alone, and the same magnitude with both signs.
    values[0, :32], values[0, 32:63], values[0, 64:96] = 0, 0, numpy.tile(numpy.float32([3, -3]), 16)
    tensors = {"values": values}
    for name in ("Q8_0", "Q4_0"):
        tensors[f"{name.lower()}.blocks"] = gguf.quants.quantize(values, gguf.GGMLQuantizationType[name])
    save_file(tensors, FIXTURES / "quantized" / "rounded.safetensors")


def main():
    write_blocks()
    write_rounded()


if __name__ == "__main__":
    main()
