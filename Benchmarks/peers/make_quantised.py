#!/usr/bin/env python3
"""Make of one GGUF file what compare.py --gguf compares: other GGUF files, and models for OpenVINO.

Q4_0 and Q8_0 are made by llama.cpp's own quantiser. For OpenVINO, the weights are widened to F16, read by OpenVINO
GenAI, which understands Llama, Qwen2 and Qwen3, and compressed by NNCF, as for the models that Intel publishes: int4 in
groups of 128 with zero points, or int8 by row. All are made of the numbers in the file, so they went through two
quantisations. That changes what they answer, and not how fast.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "Fixtures" / ".cache" / "peers"

GGUF_KINDS = ["Q4_0", "Q8_0"]
OPENVINO_KINDS = ["int4", "int8"]
GROUP_SIZE = 128


def requantise(source, target, kind):
    """Write a GGUF file whose matrices have another type."""
    import llama_cpp

    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{kind}")
    parameters.allow_requantize = True
    status = llama_cpp.llama_model_quantize(str(source).encode(), str(target).encode(), parameters)
    if status != 0:
        raise RuntimeError(f"llama.cpp could not write {source.name} as {kind} (status {status})")


def read_with_genai(path):
    """Write the OpenVINO model of a GGUF file, and its tokenizer, beside it."""
    import openvino_genai

    openvino_genai.LLMPipeline(str(path), "CPU", enable_save_ov_model=True)


def compress(directory, target, kind):
    """Compress the weights of an OpenVINO model."""
    import nncf
    import openvino

    model = openvino.Core().read_model(directory / "openvino_model.xml")
    if kind == "int4":
        # Rows that aren't a multiple of 128, as those of SmolLM2, get smaller groups.
        fallback = nncf.AdvancedCompressionParameters(group_size_fallback_mode=nncf.GroupSizeFallbackMode.ADJUST)
        model = nncf.compress_weights(
            model, mode=nncf.CompressWeightsMode.INT4_ASYM, group_size=GROUP_SIZE, ratio=1.0,
            advanced_parameters=fallback)
    else:
        model = nncf.compress_weights(model, mode=nncf.CompressWeightsMode.INT8_ASYM)
    openvino.save_model(model, target / "openvino_model.xml")
    for path in directory.glob("openvino_*tokenizer.*"):
        shutil.copy(path, target)


def make_gguf(source, kind, output=OUTPUT):
    """The path of the file in another type, written if it is absent or older than the source."""
    source, output = Path(source).resolve(), Path(output)
    target = output / f"{source.stem}-as-{kind}.gguf"
    if not is_newer(target, source):
        output.mkdir(parents=True, exist_ok=True)
        # Complete or absent: a run that was cut off leaves no file that looks finished.
        partial = target.with_suffix(".partial")
        step("requantise", source, partial, kind)
        partial.replace(target)
    return target


def make_openvino(source, kind, output=OUTPUT):
    """The path of a directory with an OpenVINO model, written if it is absent or older than the source."""
    source, output = Path(source).resolve(), Path(output)
    targets = {kind: output / f"{source.stem}-openvino-{kind}" for kind in OPENVINO_KINDS}
    if not all(is_newer(target, source) for target in targets.values()):
        output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".openvino.", dir=output) as scratch:
            scratch = Path(scratch)
            step("requantise", source, scratch / "F16.gguf", "F16")
            step("read_with_genai", scratch / "F16.gguf")
            (scratch / "F16.gguf").unlink()
            for kind_, target in targets.items():
                new = scratch / kind_
                new.mkdir()
                step("compress", scratch, new, kind_)
                shutil.rmtree(target, ignore_errors=True)
                new.rename(target)
    return targets[kind]


def step(name, *arguments):
    """Run one of the functions above in a process of its own, which gives back all its memory and keeps its log."""
    print(f"making what is missing: {name} {' '.join(Path(item).name for item in arguments)}", file=sys.stderr)
    run = subprocess.run([sys.executable, __file__, "--step", name, *map(str, arguments)], capture_output=True, text=True)
    if run.returncode != 0:
        raise RuntimeError(" ".join(run.stderr.split())[-200:] or f"{name}: exit status {run.returncode}")


def is_newer(target, source):
    return target.exists() and target.stat().st_mtime >= source.stat().st_mtime


def main():
    if sys.argv[1:2] == ["--step"]:
        name, source, *rest = sys.argv[2:]
        steps = {
            "requantise": lambda: requantise(Path(source), Path(rest[0]), rest[1]),
            "read_with_genai": lambda: read_with_genai(Path(source)),
            "compress": lambda: compress(Path(source), Path(rest[0]), rest[1]),
        }
        return steps[name]()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gguf", type=Path, help="the file")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where to write (default: %(default)s)")
    arguments = parser.parse_args()
    if not arguments.gguf.is_file():
        sys.exit(f"{arguments.gguf}: no such file")
    for kind in GGUF_KINDS:
        print(make_gguf(arguments.gguf, kind, arguments.output))
    for kind in OPENVINO_KINDS:
        print(make_openvino(arguments.gguf, kind, arguments.output))


if __name__ == "__main__":
    main()
