#!/usr/bin/env python3
"""Write quantised matrices as the libraries that define the forms pack them, and the floats that they stand for.

quantized/FORM/ is a directory as `longlm` reads it, but for the model: config.json says how the weights are quantised, and
model.safetensors has the parts of each matrix P and the floats, P.values.

- mlx: what MLX's `quantize` makes of random matrices, and what its `dequantize` makes of that in 32-bit floats.
- fp8: blocks of E4M3 numbers of the package ml_dtypes.
- awq, gptq: random codes, what AutoAWQ widens them to, and what it makes of them in GPTQ's layout.
- compressed-tensors: what the package of that name makes of random matrices, and what it makes of that in 32-bit floats.
"""

import importlib.util
import json
import struct
import sys
from pathlib import Path

try:
    import ml_dtypes
    import mlx.core as mx
    import numpy
    import torch
    from compressed_tensors.compressors.naive_quantized.base import NaiveQuantizationCompressor
    from compressed_tensors.compressors.pack_quantized.base import PackedQuantizationCompressor
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
except ImportError as error:
    packages = "numpy ml_dtypes 'mlx[cpu]' torch compressed-tensors"
    sys.exit(f"{error}\nInstall what is needed: {sys.executable} -m pip install {packages}, and --no-deps autoawq")

FIXTURES = Path(__file__).resolve().parent
ROWS, COLUMNS = 3, 256


def awq_packing():
    """AutoAWQ's module of layouts alone. The package itself needs more than is installed."""
    package = importlib.util.find_spec("awq")
    if package is None:
        sys.exit(f"Install what is needed: {sys.executable} -m pip install --no-deps autoawq")
    path = Path(package.submodule_search_locations[0]) / "utils" / "packing_utils.py"
    spec = importlib.util.spec_from_file_location("packing_utils", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


packing = awq_packing()
DTYPES = {
    "float32": "F32", "float16": "F16", "bfloat16": "BF16", "uint32": "U32", "int32": "I32", "int64": "I64",
    "int8": "I8", "float8_e4m3fn": "F8_E4M3",
}


def write(name, config, tensors):
    target = FIXTURES / "quantized" / name
    target.mkdir(parents=True, exist_ok=True)
    (target / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    header, data = {}, b""
    # The wider numbers first, so that all are aligned.
    for key, array in sorted(tensors.items(), key=lambda item: (-item[1].dtype.itemsize, item[0])):
        array = numpy.ascontiguousarray(array)
        end = len(data) + array.nbytes
        header[key] = {
            "dtype": DTYPES[array.dtype.name], "shape": list(array.shape), "data_offsets": [len(data), end]}
        data += array.tobytes()
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    (target / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)


def to_numpy(array):
    """A copy of an array of MLX, which hands no bfloat16 to numpy."""
    if array.dtype == mx.bfloat16:
        return numpy.array(array.astype(mx.float32)).astype(ml_dtypes.bfloat16)
    return numpy.array(array)


def write_mlx():
    mx.random.seed(18)
    quantization, tensors = {"group_size": 64, "bits": 4, "mode": "affine"}, {}
    for bits in (2, 3, 4, 5, 6, 8):
        for group, dtype in ((64, mx.bfloat16), (128, mx.float16), (32, mx.float16)):
            name = f"bits{bits}_group{group}"
            matrix = (mx.random.normal((ROWS, COLUMNS)) * 0.1).astype(dtype)
            codes, scales, biases = mx.quantize(matrix, group_size=group, bits=bits)
            values = mx.dequantize(
                codes, scales.astype(mx.float32), biases.astype(mx.float32), group_size=group, bits=bits)
            tensors[name + ".weight"] = to_numpy(codes)
            tensors[name + ".scales"] = to_numpy(scales)
            tensors[name + ".biases"] = to_numpy(biases)
            tensors[name + ".values"] = to_numpy(values)
            quantization[name] = {"group_size": group, "bits": bits}
    write("mlx", {"quantization": quantization, "quantization_config": quantization}, tensors)


def write_fp8():
    generator = numpy.random.default_rng(19)
    tensors = {}
    for name, rows, dtype in (("float32", 130, numpy.float32), ("bfloat16", 3, ml_dtypes.bfloat16)):
        # All numbers but NaN.
        codes = generator.integers(0, 256, (rows, 32), dtype=numpy.uint8)
        codes[codes & 0x7F == 0x7F] = 0
        weight = codes.view(ml_dtypes.float8_e4m3fn)
        scales = generator.uniform(0.001, 0.01, ((rows + 127) // 128, 1)).astype(dtype)
        spread = numpy.repeat(scales.astype(numpy.float32), 128, axis=0)[:rows]
        tensors[name + ".weight"] = weight
        tensors[name + ".weight_scale_inv"] = scales
        tensors[name + ".values"] = weight.astype(numpy.float32) * spread
    write("fp8", {"quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}}, tensors)


def from_torch(tensor):
    """An array of the same numbers; torch hands neither bfloat16 nor 8-bit floats to numpy."""
    tensor = tensor.detach().contiguous()
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    if tensor.dtype == torch.float8_e4m3fn:
        return tensor.view(torch.int8).numpy().view(ml_dtypes.float8_e4m3fn)
    return tensor.numpy()


def write_compressed_tensors():
    torch.manual_seed(20)
    # Name, compressor, arguments, type of the scales, shape of the scales.
    group = dict(strategy="group", group_size=64)
    block = dict(strategy="block", block_structure=[2, 64])
    cases = [
        ("packed4", PackedQuantizationCompressor, dict(num_bits=4, **group), torch.float16, (9, 2)),
        ("packed4_zeros", PackedQuantizationCompressor,
         dict(num_bits=4, symmetric=False, **group), torch.bfloat16, (9, 2)),
        ("packed4_channel", PackedQuantizationCompressor,
         dict(num_bits=4, symmetric=False, strategy="channel"), torch.bfloat16, (9, 1)),
        ("packed8", PackedQuantizationCompressor, dict(num_bits=8, **group), torch.bfloat16, (9, 2)),
        ("packed8_zeros", PackedQuantizationCompressor,
         dict(num_bits=8, symmetric=False, **group), torch.float16, (9, 2)),
        ("packed8_tensor", PackedQuantizationCompressor, dict(num_bits=8, strategy="tensor"), torch.float16, (1,)),
        ("int8", NaiveQuantizationCompressor, dict(num_bits=8, strategy="channel"), torch.bfloat16, (9, 1)),
        ("int8_float32", NaiveQuantizationCompressor, dict(num_bits=8, strategy="channel"), torch.float32, (9, 1)),
        ("int8_zeros", NaiveQuantizationCompressor,
         dict(num_bits=8, symmetric=False, strategy="channel"), torch.float16, (9, 1)),
        ("float8", NaiveQuantizationCompressor,
         dict(num_bits=8, type="float", strategy="channel"), torch.bfloat16, (9, 1)),
        ("float8_tensor", NaiveQuantizationCompressor,
         dict(num_bits=8, type="float", strategy="tensor"), torch.float32, (1,)),
        ("float8_block", NaiveQuantizationCompressor, dict(num_bits=8, type="float", **block), torch.bfloat16, (5, 2)),
    ]
    tensors, groups = {}, {}
    for name, compressor, arguments, dtype, shape in cases:
        weights = QuantizationArgs(**arguments)
        scheme = QuantizationScheme(targets=[name], weights=weights)
        scale = (torch.rand(shape) * 0.01 + 0.001).to(dtype)
        state = {"weight": torch.randn(9, 128) * 0.05, "weight_scale": scale.float()}
        if not weights.symmetric:
            half = 1 << (weights.num_bits - 1)
            state["weight_zero_point"] = torch.randint(-half, half, shape, dtype=torch.int8)
        packed = compressor.compress(state, scheme)
        values = compressor.decompress(packed, scheme)["weight"]
        assert values.dtype == torch.float32
        packed["weight_scale"] = scale
        for part, tensor in packed.items():
            tensors[f"{name}.{part}"] = from_torch(tensor)
        tensors[name + ".values"] = from_torch(values)
        groups[name] = {"targets": [name], "weights": json.loads(weights.model_dump_json(exclude_none=True))}
    config = {"quant_method": "compressed-tensors", "format": "mixed-precision", "config_groups": groups}
    write("compressed-tensors", {"quantization_config": config}, tensors)


def write_awq():
    generator = torch.Generator().manual_seed(21)
    outputs, inputs, group = 16, 128, 64

    def random(shape, low, high):
        return torch.randint(low, high, shape, dtype=torch.int64, generator=generator)

    # Zero points from 1 on: GPTQ's files hold them less 1.
    def words(numbers):
        shifted = numbers.view(*numbers.shape[:-1], -1, 8) << torch.arange(0, 32, 4)
        return shifted.sum(dim=-1).to(torch.int32)

    codes = words(random((inputs, outputs), 0, 16))
    zeros = words(random((inputs // group, outputs), 1, 16))
    scales = (torch.rand((inputs // group, outputs), generator=generator) * 0.01 + 0.001).half()
    values = packing.dequantize_gemm(codes, zeros, scales.float(), 4, group).T
    config = {"quant_method": "awq", "bits": 4, "group_size": group, "zero_point": True, "version": "gemm"}
    parts = {"matrix.scales": from_torch(scales), "matrix.values": from_torch(values)}
    write("awq", {"quantization_config": config},
          parts | {"matrix.qweight": from_torch(codes), "matrix.qzeros": from_torch(zeros)})
    codes, zeros = packing.unpack_reorder_pack(codes, zeros, 4)
    config = {"quant_method": "gptq", "bits": 4, "group_size": group, "desc_act": False, "sym": False}
    write("gptq", {"quantization_config": config},
          parts | {"matrix.qweight": from_torch(codes), "matrix.qzeros": from_torch(zeros)})


def main():
    write_mlx()
    write_fp8()
    write_compressed_tensors()
    write_awq()


if __name__ == "__main__":
    main()
