#!/usr/bin/env python3
"""Measure longlm beside other engines and libraries, on the same shapes and the same weights, and write a table.

In each round every engine has its turn, longlm first, so that they meet the same moments of the machine. A rate is the
median of the rounds, each of which is the median of its samples; a ratio is the median of the rounds' own ratios. Where
a peer has several ways to compute something, the first round measures all of them, and the fastest one stands for it.

With --gguf FILE, longlm reads that file, exactly and with integer products; llama.cpp reads it too, and Q4_0 and Q8_0
files made of it; OpenVINO has the same numbers in its own int4 and int8 forms. make_quantised.py makes what is missing.

A full run writes Benchmarks/RESULTS.md, or Benchmarks/RESULTS-GGUF.md. With --quick, --only or --json the table, or one
JSON object with all measurements, goes to standard output, unless --output names a file. What could not be run is named
in the table and on standard error, and makes the exit status 1.
"""

import argparse
import ctypes
import datetime
import functools
import importlib.metadata
import json
import multiprocessing
import os
import platform
import shlex
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "Fixtures" / ".cache" / "SmolLM2-135M-Instruct"

OPENBLAS, TORCH, LLAMA = "OpenBLAS", "torch", "llama.cpp"
# Peers of --gguf: llama.cpp with the file itself, and what make_quantised.py makes of it.
LLAMA_FILE = "llama.cpp, the file"
LLAMA_KINDS = {"llama.cpp, Q4_0": "Q4_0", "llama.cpp, Q8_0": "Q8_0"}
OPENVINO_KINDS = {"OpenVINO, int4": "int4", "OpenVINO, int8": "int8"}
FILE_PEERS = [LLAMA_FILE, *LLAMA_KINDS, *OPENVINO_KINDS]
FILE_ARITHMETICS = ["f32xfile", "int8xfile"]
GROUPS = ["gemm", "gemv", "attention", "prefill", "decode"]
GEMM_SHAPES = ["512x576x1536", "512x1536x576", "512x49152x576", "512x4096x4096", "512x11008x4096"]
GEMV_SHAPES = ["1x49152x576", "1x11008x4096", "1x49152x2304"]
ATTENTION_LENGTH, QUICK_ATTENTION_LENGTH = 8192, 4096
PREFILL_LENGTHS = [512, 2048, 4096, 8192]
DECODE_DEPTHS = [0, 4096]
FILE_PREFILL_LENGTHS = [512, 2048]

# SmolLM2's heads, as `longlm bench` has them.
QUERY_HEADS, KEY_VALUE_HEADS, HEAD_DIMENSION = 9, 3, 64
DECODE_STEPS = 16
PREFILL_BATCH = 512
# "The capital of France is", and what SmolLM2 goes on with: " Paris".
PROBE, PROBE_ANSWER = [504, 3575, 282, 4649, 314], 7042
PROBE_TEXT = "The capital of France is"
# OpenVINO's cache can't be cut, so texts grow by what is decoded, and begin anew past this.
OPENVINO_GROWTH = 256


def comparisons(groups, quick, is_gguf):
    """Pairs of names of `longlm bench`, which measure the same with different arithmetic, and their peers."""
    few = slice(0, 1) if quick else slice(None)
    if is_gguf:
        lasts = {
            "prefill": [str(length) for length in FILE_PREFILL_LENGTHS[few]],
            "decode": [f"depth{depth}" for depth in DECODE_DEPTHS[few]],
        }
        return [
            ([f"{group}/{arithmetic}/{last}" for arithmetic in FILE_ARITHMETICS], FILE_PEERS)
            for group in lasts if group in groups for last in lasts[group]
        ]
    rows = {group: [] for group in GROUPS}
    for shape in GEMM_SHAPES[few]:
        rows["gemm"] += [(f"gemm/f32/{shape}", [OPENBLAS, TORCH])]
    for shape in GEMM_SHAPES[few]:
        rows["gemm"] += [(f"gemm/bf16/{shape}", [TORCH])]
    for shape in GEMV_SHAPES[few]:
        rows["gemv"] += [(f"gemv/f32/{shape}", [OPENBLAS, TORCH])]
    for shape in GEMV_SHAPES[few]:
        rows["gemv"] += [(f"gemv/bf16/{shape}", [TORCH])]
    length = QUICK_ATTENTION_LENGTH if quick else ATTENTION_LENGTH
    for mode in ["plain", "selfextend"]:
        rows["attention"] += [(f"attention/{mode}/{length}", [TORCH])]
    for kind in ["f32", "bf16"]:
        rows["prefill"] += [(f"prefill/{kind}/{length}", [LLAMA]) for length in PREFILL_LENGTHS[few]]
    for kind in ["f32", "f32xbf16", "bf16"]:
        rows["decode"] += [(f"decode/{kind}/depth{depth}", [LLAMA]) for depth in DECODE_DEPTHS[few]]
    return [([name], peers) for group in GROUPS if group in groups for name, peers in rows[group]]


def amount(name):
    """What one run of a peer does: billions of operations or bytes, or tokens; as `longlm bench` counts them."""
    group, kind, last = name.split("/")
    if group == "attention":
        pairs = int(last) * (int(last) + 1) / 2
        return 4 * QUERY_HEADS * HEAD_DIMENSION * pairs * 1e-9
    if group == "prefill":
        return int(last)
    if group == "decode":
        return DECODE_STEPS
    rows, outputs, inputs = map(int, last.split("x"))
    if group == "gemm":
        return 2 * rows * outputs * inputs * 1e-9
    return outputs * inputs * (2 if kind == "bf16" else 4) * 1e-9


# Peers. Each lives in a process of its own, so that neither its threads nor its crash reach another.


@dataclass
class Variant:
    """One way to compute something."""

    label: str
    run: object
    # Brings about the state from which a run starts; not timed.
    prepare: object = staticmethod(lambda: None)


class OpenBLASPeer:
    """numpy's OpenBLAS."""

    def __init__(self, threads, model):
        import numpy
        import threadpoolctl

        self.numpy = numpy
        threadpoolctl.threadpool_limits(threads)
        pools = [pool for pool in threadpoolctl.threadpool_info() if pool["internal_api"] == "openblas"]
        if not pools:
            raise RuntimeError("this numpy has no OpenBLAS")
        self.versions = {
            "numpy": numpy.__version__,
            "OpenBLAS": f"{pools[0]['version']}, kernels for {pools[0]['architecture']}",
        }

    def variants(self, name):
        numpy = self.numpy
        rows, outputs, inputs = map(int, name.split("/")[2].split("x"))
        random = numpy.random.default_rng(0)
        weights = random.random((outputs, inputs), dtype=numpy.float32) - 0.5
        if rows == 1:
            vector = random.random(inputs, dtype=numpy.float32) - 0.5
            output = numpy.empty(outputs, dtype=numpy.float32)
            return [Variant("sgemv", lambda: numpy.dot(weights, vector, out=output))]
        matrix = random.random((rows, inputs), dtype=numpy.float32) - 0.5
        output = numpy.empty((rows, outputs), dtype=numpy.float32)
        return [Variant("sgemm", lambda: numpy.matmul(matrix, weights.T, out=output))]


class TorchPeer:
    """torch on the CPU."""

    def __init__(self, threads, model):
        import torch

        self.torch = torch
        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
        torch.set_grad_enabled(False)
        self.versions = {"torch": f"{torch.__version__}, {torch.backends.cpu.get_cpu_capability()}"}

    def variants(self, name):
        torch = self.torch
        group, kind, last = name.split("/")
        if group == "attention":
            return self.attention(int(last))
        dtype = torch.bfloat16 if kind == "bf16" else torch.float32
        rows, outputs, inputs = map(int, last.split("x"))
        weights = (torch.rand(outputs, inputs) - 0.5).to(dtype)
        matrix = (torch.rand(rows, inputs) - 0.5).to(dtype)
        output = torch.empty(rows, outputs, dtype=dtype)
        transposed = weights.t()
        variants = [Variant("mm", lambda: torch.mm(matrix, transposed, out=output))]
        if rows == 1:
            variants += [Variant("mv", lambda: torch.mv(weights, matrix[0], out=output[0]))]
        return variants

    def attention(self, length):
        torch = self.torch
        queries = torch.rand(1, QUERY_HEADS, length, HEAD_DIMENSION) - 0.5
        keys, values = (torch.rand(1, KEY_VALUE_HEADS, length, HEAD_DIMENSION) - 0.5 for _ in range(2))

        def run():
            torch.nn.functional.scaled_dot_product_attention(queries, keys, values, is_causal=True, enable_gqa=True)

        return [Variant("plain causal SDPA", run)]


class LlamaPeer:
    """llama.cpp, on the model's weights as GGUF files."""

    def __init__(self, threads, model):
        import make_gguf

        self.begin(threads)
        self.paths = make_gguf.make(model)
        self.is_smollm2 = Path(model).resolve().name == MODEL.name
        self.versions["gguf"] = importlib.metadata.version("gguf")

    def begin(self, threads):
        """Loads the library."""
        import llama_cpp

        self.api = llama_cpp
        self.threads = threads
        self.log = []

        @llama_cpp.llama_log_callback
        def keep(level, text, _):
            self.log = self.log[-20:] + [text.decode(errors="replace").strip()]

        # Kept, since llama.cpp goes on calling it.
        self.keep = keep
        llama_cpp.llama_log_set(keep, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        self.model_kind, self.model = None, None
        self.contexts = []
        features = llama_cpp.llama_print_system_info().decode()
        features = [item.split("=")[0].strip() for item in features.split("|") if item.strip().endswith("= 1")]
        self.versions = {"llama-cpp-python": f"{llama_cpp.__version__} ({', '.join(features)})"}

    def select(self, name):
        """Loads the model that a name needs."""
        self.load("F32" if name.split("/")[1] == "f32" else "BF16")

    def variants(self, name):
        group, kind, last = name.split("/")
        api = self.api
        for context in self.contexts:
            api.llama_free(context)
        self.contexts = []
        self.select(name)
        variants = []
        for label, flash in [
            ("flash attention off", api.LLAMA_FLASH_ATTN_TYPE_DISABLED),
            ("flash attention on", api.LLAMA_FLASH_ATTN_TYPE_ENABLED),
        ]:
            if group == "prefill":
                variants.append(self.prefill(int(last), label, flash))
            else:
                variants.append(self.decode(int(last.removeprefix("depth")), label, flash))
        return variants

    def load(self, kind):
        if self.model_kind == kind:
            return
        api = self.api
        if self.model:
            api.llama_model_free(self.model)
        self.model_kind = None
        self.model = api.llama_model_load_from_file(str(self.paths[kind]).encode(), api.llama_model_default_params())
        if not self.model:
            raise RuntimeError(f"{self.paths[kind].name}: {' '.join(self.log[-3:])}")
        self.model_kind = kind
        self.vocabulary_size = api.llama_vocab_n_tokens(api.llama_model_get_vocab(self.model))
        self.probe()

    def probe(self):
        """Finds a wrong conversion of the weights, which would be just as fast."""
        if self.is_smollm2 and (answer := self.continuation(PROBE)) != PROBE_ANSWER:
            raise RuntimeError(f"{self.model_kind}: continues a known text with token {answer}, not {PROBE_ANSWER}")

    def continuation(self, tokens):
        """The token with the greatest logit."""
        context = self.context(64, self.api.LLAMA_FLASH_ATTN_TYPE_DISABLED)
        self.evaluate(context, self.batches(tokens))
        logits = self.api.llama_get_logits_ith(context, -1)
        answer = max(range(self.vocabulary_size), key=lambda token: logits[token])
        self.contexts.remove(context)
        self.api.llama_free(context)
        return answer

    def context(self, length, flash):
        parameters = self.api.llama_context_default_params()
        parameters.n_ctx = length
        parameters.n_batch = parameters.n_ubatch = PREFILL_BATCH
        parameters.n_threads = parameters.n_threads_batch = self.threads
        parameters.flash_attn_type = flash
        parameters.no_perf = True
        context = self.api.llama_init_from_model(self.model, parameters)
        if not context:
            raise RuntimeError(" ".join(self.log[-3:]))
        self.contexts.append(context)
        return context

    def batches(self, tokens, position=0, step=PREFILL_BATCH):
        """Tokens from a position on as batches; logits of the last token of all, or of each where a batch is one."""
        batches = []
        for first in range(0, len(tokens), step):
            part = tokens[first : first + step]
            batch = self.api.llama_batch_init(len(part), 0, 1)
            batch.n_tokens = len(part)
            for index, token in enumerate(part):
                batch.token[index] = token
                batch.pos[index] = position + first + index
                batch.n_seq_id[index] = 1
                batch.seq_id[index][0] = 0
                batch.logits[index] = first + index + 1 == len(tokens) or step == 1
            batches.append(batch)
        return batches

    def evaluate(self, context, batches):
        for batch in batches:
            status = self.api.llama_decode(context, batch)
            if status != 0:
                raise RuntimeError(f"llama_decode returned {status}: {' '.join(self.log[-3:])}")
        self.api.llama_synchronize(context)

    def text(self, length):
        return [index * 7919 % self.vocabulary_size for index in range(length)]

    def prefill(self, length, label, flash):
        context = self.context(length, flash)
        batches = self.batches(self.text(length))
        memory = self.api.llama_get_memory(context)
        return Variant(
            label,
            run=lambda: self.evaluate(context, batches),
            prepare=lambda: self.api.llama_memory_clear(memory, False),
        )

    def decode(self, depth, label, flash):
        context = self.context(depth + 2 * DECODE_STEPS, flash)
        memory = self.api.llama_get_memory(context)
        self.evaluate(context, self.batches(self.text(depth)))
        batches = self.batches(list(range(DECODE_STEPS)), position=depth, step=1)

        def run():
            # Each token is chosen by the logits before it.
            for batch in batches:
                self.evaluate(context, [batch])

        return Variant(label, run, prepare=lambda: self.api.llama_memory_seq_rm(memory, 0, depth, -1))


class LlamaFilePeer(LlamaPeer):
    """llama.cpp, on a GGUF file or on another type made of it."""

    def __init__(self, threads, model, kind=None, output=None):
        self.begin(threads)
        if kind:
            import make_quantised

            model = make_quantised.make_gguf(model, kind, output)
        kind = kind or "the file"
        self.paths = {kind: Path(model)}
        self.load(kind)

    def select(self, name):
        pass

    def probe(self):
        """What it answers, for who reads the table: numbers that were read wrongly would be just as fast."""
        vocabulary = self.api.llama_model_get_vocab(self.model)
        text = PROBE_TEXT.encode()
        tokens = (self.api.llama_token * 64)()
        count = self.api.llama_tokenize(vocabulary, text, len(text), tokens, len(tokens), True, False)
        piece = ctypes.create_string_buffer(64)
        answer = self.continuation(list(tokens[:count]))
        size = self.api.llama_token_to_piece(vocabulary, answer, piece, len(piece), 0, False)
        self.answer = piece.raw[: max(size, 0)].decode(errors="replace")


class OpenVINOPeer:
    """OpenVINO, on weights in its own forms."""

    def __init__(self, threads, model, kind, output):
        import make_quantised
        import numpy
        import openvino
        import openvino_genai

        self.numpy = numpy
        self.core = openvino.Core()
        self.threads = threads
        directory = make_quantised.make_openvino(model, kind, output)
        self.model = self.core.read_model(directory / "openvino_model.xml")
        self.vocabulary_size = self.model.output("logits").get_partial_shape()[2].get_length()
        self.compute_last_row_only()
        packages = ["openvino", "openvino-genai", "nncf"]
        self.versions = {package: importlib.metadata.version(package) for package in packages}
        tokenizer = openvino_genai.Tokenizer(str(directory))
        request = self.compiled({}).create_infer_request()
        logits = self.infer(request, tokenizer.encode(PROBE_TEXT).input_ids.data[0], 0)
        self.answer = tokenizer.decode([int(logits.argmax())])

    def compute_last_row_only(self):
        """As all others here do. The model as it is multiplies every row by the vocabulary."""
        from openvino import opset13

        node = self.model.output("logits").get_node()
        while node.get_type_name() != "MatMul":
            node = node.input(0).get_source_output().get_node()
        rows = node.input(0)
        last, end, one = ([-1], [2**31 - 1], [1])
        rows.replace_source_output(opset13.slice(rows.get_source_output(), last, end, one, one).output(0))
        self.model.validate_nodes_and_infer_types()

    def compiled(self, settings):
        return self.core.compile_model(self.model, "CPU", {
            "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": self.threads,
            # Otherwise it leaves half of the logical processors out.
            "ENABLE_HYPER_THREADING": True,
            # Its own default, which the tool that made the model has overwritten.
            "KV_CACHE_PRECISION": "u8", **settings,
        })

    def variants(self, name):
        group, _, last = name.split("/")
        variants, precisions = [], []
        for settings in [{}, {"INFERENCE_PRECISION_HINT": "f32"}]:
            compiled = self.compiled(settings)
            precision = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
            if precision in precisions:
                continue
            precisions.append(precision)
            request = compiled.create_infer_request()
            if group == "prefill":
                variants.append(self.prefill(int(last), f"activations in {precision}", request))
            else:
                variants.append(self.decode(int(last.removeprefix("depth")), f"activations in {precision}", request))
        return variants

    def infer(self, request, tokens, position):
        """The last token's logits."""
        numpy = self.numpy
        end = position + len(tokens)
        outputs = request.infer({
            "input_ids": numpy.asarray(tokens, dtype=numpy.int64)[None],
            "attention_mask": numpy.ones((1, end), dtype=numpy.int64),
            "position_ids": numpy.arange(position, end, dtype=numpy.int64)[None],
            "beam_idx": numpy.zeros(1, dtype=numpy.int32),
        }, share_outputs=True)
        return outputs["logits"]

    def text(self, length):
        return self.numpy.arange(length) * 7919 % self.vocabulary_size

    def prefill(self, length, label, request):
        tokens = self.text(length)
        return Variant(label, run=lambda: self.infer(request, tokens, 0), prepare=request.reset_state)

    def decode(self, depth, label, request):
        position = None

        def prepare():
            nonlocal position
            if position is None or position - depth > (OPENVINO_GROWTH if depth else 0):
                request.reset_state()
                position = depth
                if depth:
                    self.infer(request, self.text(depth), 0)

        def run():
            nonlocal position
            for token in range(DECODE_STEPS):
                self.infer(request, [token], position)
                position += 1

        return Variant(label, run, prepare)


def seconds(variant, repetitions=1):
    """The time of one run."""
    start = time.perf_counter()
    for _ in range(repetitions):
        variant.run()
    return (time.perf_counter() - start) / repetitions


def sample(variant, count):
    """The median time of `count` runs after one that isn't counted."""
    variant.prepare()
    first = seconds(variant)
    # What warming up changes doesn't show in a run this long.
    if first > 5:
        return first
    repetitions = max(1, int(0.02 / first))
    times = []
    for _ in range(count):
        variant.prepare()
        times.append(seconds(variant, repetitions))
    return statistics.median(times)


def serve(connection, make, threads, model, samples):
    """A peer's process: answers each name with a rate and a label, or an error."""
    try:
        peer = make(threads, model)
        connection.send(("versions", peer.versions, getattr(peer, "answer", None)))
    except ModuleNotFoundError as error:
        connection.send(("error", f"{describe(error)}; requirements.txt has what it needs"))
        return
    except BaseException as error:
        connection.send(("error", describe(error)))
        return
    name, variants = None, []
    while (request := connection.recv()) is not None:
        try:
            if request != name:
                # The old case's memory goes before the new one's comes.
                name, variants = None, []
                variants = peer.variants(request)
                name = request
            times = [(sample(variant, samples), index) for index, variant in enumerate(variants)]
            fastest, index = min(times)
            variants = [variants[index]]
            connection.send(("rate", amount(name) / fastest, variants[0].label))
        except Exception as error:
            name, variants = None, []
            connection.send(("error", describe(error)))


def describe(error):
    """One line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


class Failure(Exception):
    """Something that could not be run."""


@dataclass
class Peer:
    """This side of a peer's process."""

    name: str
    make: object
    settings: tuple
    versions: dict = field(default_factory=dict)
    answer: str | None = None
    process: object = None
    connection: object = None
    failure: str = ""

    def start(self):
        context = multiprocessing.get_context("spawn")
        self.connection, remote = context.Pipe()
        self.process = context.Process(target=serve, args=(remote, self.make, *self.settings), daemon=True)
        self.process.start()
        remote.close()
        _, self.versions, self.answer = self.receive()

    def receive(self, request=None):
        try:
            if request:
                self.connection.send(request)
            answer = self.connection.recv()
        except (EOFError, OSError):
            self.process.join()
            self.failure = f"its process ended with status {self.process.exitcode}"
            raise Failure(self.failure) from None
        if answer[0] == "error":
            raise Failure(answer[1])
        return answer

    def measure(self, name):
        """A rate, and how it was reached."""
        if self.failure:
            raise Failure(self.failure)
        if self.process is None:
            try:
                self.start()
            except Failure as failure:
                self.failure = str(failure)
                raise
        _, rate, label = self.receive(name)
        return rate, label

    def stop(self):
        if self.process and not self.failure:
            self.connection.send(None)
            self.process.join()


def measure_ours(arguments, name):
    """A result of `longlm bench`."""
    command = [str(arguments.longlm.resolve()), "bench", "--json", "--only", name]
    command += ["--samples", str(arguments.samples), "--threads", str(arguments.threads)]
    if name.startswith(("prefill/", "decode/")):
        command += ["--model", str(arguments.model)]
    try:
        run = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        raise Failure(f"{arguments.longlm}: {error.strerror}") from None
    if run.returncode != 0:
        raise Failure(" ".join(run.stderr.split())[-200:] or f"exit status {run.returncode}")
    report = json.loads(run.stdout)
    # --only finds parts of names, so others may have come along.
    for result in report["results"]:
        if result["name"] == name:
            return result, report
    raise Failure(f"longlm bench printed no result {name}")


@dataclass
class Row:
    """Measurements of one name, a value for each round."""

    name: str
    peers: list
    unit: str = ""
    ours: list = field(default_factory=list)
    fractions: list = field(default_factory=list)
    rates: dict = field(default_factory=dict)
    labels: dict = field(default_factory=dict)
    failures: dict = field(default_factory=dict)


def measure(arguments, peers):
    """All rows, and a report of ours for the instruction set."""
    rows, report, told = [], None, set()

    def fail(row, who, failure):
        row.failures[who] = str(failure)
        if (who, str(failure)) not in told:
            told.add((who, str(failure)))
            print(f"{row.name}: {who} could not be run: {failure}", file=sys.stderr)

    selected = comparisons(arguments.only, arguments.quick, arguments.gguf is not None)
    for number, (names, peer_names) in enumerate(selected, 1):
        # What the peers do is the same for all names, so they do it once a round.
        group = [Row(name, peer_names, rates={peer: [] for peer in peer_names}) for name in names]
        rows += group
        print(f"[{number}/{len(selected)}] {' '.join(names)}", file=sys.stderr, flush=True)
        for _ in range(arguments.rounds):
            # A failure is not tried again in the next round.
            for row in group:
                if "longlm" in row.failures:
                    continue
                try:
                    result, report = measure_ours(arguments, row.name)
                    row.ours.append(result["value"])
                    row.fractions.append(result["fractionOfCeiling"])
                    row.unit = result["unit"]
                except Failure as failure:
                    fail(row, "longlm", failure)
            for peer in peer_names:
                if peer in group[0].failures:
                    continue
                try:
                    rate, label = peers[peer].measure(names[0])
                    for row in group:
                        row.rates[peer].append(rate)
                        row.labels[peer] = label
                except Failure as failure:
                    for row in group:
                        fail(row, peer, failure)
    return rows, report


def ratios(row, peer):
    """How many times as fast as a peer ours was, in each round."""
    return [ours / rate for ours, rate in zip(row.ours, row.rates[peer])]


def table(rows):
    """The rows in Markdown."""
    lines = [
        "| | longlm | of the ceiling | peer | its rate | longlm / peer |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        units = {"gemm": "GFLOP/s", "gemv": "GB/s", "attention": "GFLOP/s"}
        unit = row.unit or units.get(row.name.split("/")[0], "tokens/s")

        def cell(failure):
            return "could not be run: " + failure.replace("|", "\\|")

        if "longlm" in row.failures:
            ours, fraction = cell(row.failures["longlm"]), ""
        else:
            ours = f"{statistics.median(row.ours):,.1f} {unit}"
            fraction = f"{statistics.median(row.fractions) * 100:.1f} %"
        for peer in row.peers:
            rates = row.rates[peer]
            if peer in row.failures:
                title, rate, ratio = peer, cell(row.failures[peer]), ""
            else:
                title = f"{peer}, {row.labels[peer]}"
                rate = f"{statistics.median(rates):,.1f}"
                ratio = ""
                if "longlm" not in row.failures:
                    ratio = f"{statistics.median(ratios(row, peer)):.2f}"
            lines.append(f"| {row.name} | {ours} | {fraction} | {title} | {rate} | {ratio} |")
    return lines


def machine():
    """The processor's name and how many of its threads may be used."""
    name = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                name = line.split(":", 1)[1].strip()
                break
        count = len(os.sched_getaffinity(0))
    except (OSError, AttributeError):
        count = os.cpu_count()
    return f"{name}, {count} logical processors, {platform.system()} {platform.machine()}"


def commit():
    """The commit of this checkout, and whether it has other changes."""
    try:
        git = ["git", "-C", str(ROOT)]
        name = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True)
        changes = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no"], capture_output=True, text=True, check=True
        )
        return name.stdout.strip() + (" with changes" if changes.stdout.strip() else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def tools(report, peers, built):
    """The versions of everything that took part."""
    versions = {"longlm": f"commit {built}", "Python": platform.python_version()}
    if report:
        versions["longlm"] += f", {report['instructionSet']}"
    for peer in peers.values():
        versions |= peer.versions
    answers = [f"{peer.name}: {peer.answer!r}" for peer in peers.values() if peer.answer is not None]
    if answers:
        versions[f"“{PROBE_TEXT}” goes on"] = "; ".join(answers)
    return versions


NOTES = """
- gemm: rows × outputs × inputs. In bf16 weights and activations are bfloat16 on both sides. longlm's weights
  are packed before, as at the load of a model.
- gemv: bytes of weights a second.
- attention: {query_heads} query and {key_value_heads} key-value heads of {head_dimension}, causal, f32.
  torch has no Self-Extend: both rows stand beside its plain attention.
- prefill and decode: {model}, the same weights as GGUF. f32 stands beside llama.cpp's
  F32 file; bf16 and f32xbf16 (bfloat16 weights, 32-bit arithmetic) beside its BF16 file. llama.cpp has its
  default cache of f16, longlm one of f32 for f32 and of bfloat16 otherwise.
"""
FILE_NOTES = """
- The file is {model}.
- f32xfile is longlm's exact arithmetic on it, int8xfile its integer products. Both keep the cache in 32-bit floats.
- llama.cpp reads the file, and the Q4_0 and Q8_0 files that its own quantiser makes of it. Its cache is f16.
- OpenVINO has the file's numbers in its own int4 (groups of 128 with zero points; the embedding and the last matrix are
  int8) and int8. Its cache is u8. Its models are changed to compute the logits of the last row alone, as the others do.
  Its texts grow while they are decoded, by no more than {growth} tokens past the depth.
- decode: {steps} tokens, one at a time, after so many.
"""


def document(arguments, rows, report, peers, started, built):
    """RESULTS.md."""
    words = ["compare.py", *sys.argv[1:]]
    notes = (FILE_NOTES if arguments.gguf else NOTES).format(
        query_heads=QUERY_HEADS, key_value_heads=KEY_VALUE_HEADS, head_dimension=HEAD_DIMENSION,
        model=arguments.model.resolve().name, growth=OPENVINO_GROWTH, steps=DECODE_STEPS)
    lines = [
        "# longlm beside its peers" + (", on one GGUF file" if arguments.gguf else ""),
        "",
        "Written by `Benchmarks/peers/compare.py`; do not edit.",
        "",
        "| | |",
        "|---|---|",
        f"| date | {started:%Y-%m-%d %H:%M} UTC |",
        f"| machine | {machine()} |",
        f"| threads | {arguments.threads} |",
        f"| rounds | {arguments.rounds}, {arguments.samples} samples each |",
        *(f"| {name} | {version} |" for name, version in tools(report, peers, built).items()),
        f"| command | `python Benchmarks/peers/{shlex.join(words)}` |",
        "",
        "In each round longlm and the peers had their turns, one after the other. Rates are medians of the rounds,",
        "ratios the medians of the rounds' own ratios: more than 1 is faster than the peer. The ceiling is what this",
        "machine multiplied and added in registers, or read from memory, around each sample of longlm.",
        "",
        *table(rows),
        notes.rstrip(),
        "",
    ]
    return "\n".join(lines)


def json_document(arguments, rows, report, peers, started, built):
    """The same as one JSON object, with the measurements of every round."""

    def measured(rates, more):
        return {"median": statistics.median(rates), "rounds": rates, **more}

    def entry(row):
        result = {"name": row.name, "unit": row.unit, "longlm": {"failure": row.failures.get("longlm")}, "peers": {}}
        if "longlm" not in row.failures:
            result["longlm"] = measured(row.ours, {"fractionOfCeiling": statistics.median(row.fractions)})
        for peer in row.peers:
            if peer in row.failures:
                result["peers"][peer] = {"failure": row.failures[peer]}
                continue
            more = {"variant": row.labels[peer]}
            if "longlm" not in row.failures:
                more["ratio"] = statistics.median(ratios(row, peer))
            result["peers"][peer] = measured(row.rates[peer], more)
        return result

    return json.dumps({
        "date": started.isoformat(timespec="minutes"), "machine": machine(), "model": arguments.model.resolve().name,
        "threads": arguments.threads, "rounds": arguments.rounds, "samples": arguments.samples,
        "versions": tools(report, peers, built), "rows": [entry(row) for row in rows],
    }, ensure_ascii=False, indent=2) + "\n"


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, help="rounds (default: 5, and 1 with --quick)")
    parser.add_argument("--samples", type=int, help="samples of each round (default: 3, and 1 with --quick or --gguf)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads (default: %(default)s)")
    parser.add_argument("--only", nargs="+", choices=GROUPS, metavar="GROUP", help=f"of {', '.join(GROUPS)}")
    parser.add_argument("--quick", action="store_true", help="one round of the smallest shapes, to try it")
    parser.add_argument("--model", type=Path, default=MODEL, help="directory of a Llama model in BF16")
    parser.add_argument("--gguf", type=Path, metavar="FILE", help="compare what runs this file: prefill and decode")
    parser.add_argument(
        "--made", type=Path, metavar="DIR", default=ROOT / "Fixtures" / ".cache" / "peers",
        help="where the peers' models are that are made of the GGUF file (default: %(default)s)")
    parser.add_argument("--longlm", type=Path, default=ROOT / ".build" / "release" / "longlm", help="the program")
    parser.add_argument("--json", action="store_true", help="write one JSON object instead of the table")
    parser.add_argument("--output", type=Path, help="the file to write")
    arguments = parser.parse_args()
    if arguments.output is None and not (arguments.quick or arguments.only or arguments.json):
        arguments.output = ROOT / "Benchmarks" / ("RESULTS-GGUF.md" if arguments.gguf else "RESULTS.md")
    if arguments.gguf:
        if not arguments.gguf.is_file():
            parser.error(f"{arguments.gguf}: no such file")
        if set(arguments.only or []) - {"prefill", "decode"}:
            parser.error("with --gguf, only prefill and decode are measured")
        arguments.model = arguments.gguf
    arguments.only = arguments.only or GROUPS
    arguments.rounds = arguments.rounds or (1 if arguments.quick else 5)
    arguments.samples = arguments.samples or (1 if arguments.quick or arguments.gguf else 3)
    if min(arguments.rounds, arguments.samples, arguments.threads) < 1:
        parser.error("--rounds, --samples and --threads must be at least 1")
    return arguments


def main():
    arguments = parse()
    # Meant for other versions of OpenBLAS, these two would slow it.
    for name in ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"]:
        os.environ.pop(name, None)
    for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]:
        os.environ[name] = str(arguments.threads)
    settings = (arguments.threads, arguments.model, arguments.samples)
    makers = {OPENBLAS: OpenBLASPeer, TORCH: TorchPeer, LLAMA: LlamaPeer}
    if arguments.gguf:
        made = functools.partial(functools.partial, output=arguments.made)
        makers = {LLAMA_FILE: LlamaFilePeer}
        makers |= {name: made(LlamaFilePeer, kind=kind) for name, kind in LLAMA_KINDS.items()}
        makers |= {name: made(OpenVINOPeer, kind=kind) for name, kind in OPENVINO_KINDS.items()}
    peers = {name: Peer(name, make, settings) for name, make in makers.items()}
    started, built = datetime.datetime.now(datetime.timezone.utc), commit()
    rows, report = measure(arguments, peers)
    for peer in peers.values():
        peer.stop()
    text = (json_document if arguments.json else document)(arguments, rows, report, peers, started, built)
    if arguments.output:
        arguments.output.write_text(text)
        print(f"wrote {arguments.output}", file=sys.stderr)
    else:
        print(text, end="")
    return 1 if any(row.failures for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
