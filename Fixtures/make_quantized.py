#!/usr/bin/env python3
"""Write quantized/blocks.safetensors: random blocks of GGUF's quantised types, and the floats that gguf-py makes of them.

For each type, TYPE.blocks holds 3 rows of 512 numbers as a file would, and TYPE.values what `gguf.quants.dequantize` says
they are. All bits of a block are random, but for the sign and exponent of its 16-bit scales, so that these are finite.
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


def main():
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


if __name__ == "__main__":
    main()
