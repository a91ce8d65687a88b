#!/usr/bin/env python3
"""Make the checkpoints and reference cases of `reference/` that do not come from the original LongLM code.

    pip install -r requirements.txt
    python make_reference.py            # all of them, in place of those that are there
    python make_reference.py phi3 llama_yarn

Each is a tiny model of transformers with random weights, written as transformers writes it and read back before
anything is computed. `baseline_logits` are transformers' own (eager attention); the others come from self_extend.py,
which test_self_extend.py compares with LongLM. All is float32 on one thread, and a second run writes the same bytes.

Weights are drawn so that a mistake shows. Norms and biases are random too; queries and keys are large enough that
positions decide where attention goes, so Self-Extend moves the logits by far more than the tolerance. Inputs in which
two tokens nearly share a row's greatest logit are passed over, because rounding would decide between them.
"""

import json
import math
import shutil
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache

import self_extend

OUTPUT = Path(__file__).resolve().parent / "reference"
SEED = 20401325
DECODED = 8

# In standard deviations of the logits: how far Self-Extend must move them, how far apart the two greatest logits of a
# row must be, and how far decoding may differ from prefilling by rounding.
SMALLEST_MOVE = 0.5
SMALLEST_MARGIN = 1e-3
LARGEST_ROUNDING = 2e-5


@dataclass
class Case:
    """One case; `rows` are the last rows of logits that are kept (None: all, and the hidden states with them)."""

    n: int
    group: int
    window: int
    shift: str = "floor"
    rows: int | None = 16
    scale_base: float = -1
    mode: str = "self_extend"
    # A text of attention_methods.py, in place of the settings above.
    attention: str | None = None

    @property
    def file(self):
        if self.attention:
            return f"case_n{self.n}_{self.attention.replace(':', '_').replace(',', '-')}.safetensors"
        parts = [f"case_n{self.n}_g{self.group}_w{self.window}"]
        if self.shift != "floor":
            parts.append(self.shift)
        if self.scale_base > 0:
            parts.append(f"s{self.scale_base:g}")
        if self.mode != "self_extend":
            parts.append(self.mode)
        return "_".join(parts) + ".safetensors"


# One case with everything, one whose window the group does not divide, one with the fractional shift.
USUAL_CASES = [
    Case(40, 4, 16, rows=None),
    Case(61, 3, 10),
    Case(80, 5, 12, "fractional"),
]


def method(n, attention):
    """A case of another method than Self-Extend and its relatives."""
    return Case(n, 1, 1, attention=attention)


# Lengths beyond the context of 64. All three regions of Dual Chunk Attention appear, with its limit of C and without.
METHOD_CASES = [
    method(80, "string:24:8"),
    method(73, "string:24:8:1"),
    method(80, "dpe:1,2,5,3:12"),
    method(80, "dca:24:8"),
    method(73, "dca:20:12"),
    method(80, "lampe:80:32:12"),
    method(80, "linear:2"),
    method(80, "ntk:2"),
    method(80, "dynamic-ntk:96"),
    method(80, "yarn:2"),
    method(80, "llama3:4:1:4"),
]


@dataclass
class Model:
    """A checkpoint: its family, its config, how it is written, and its cases."""

    family: str
    config: dict
    cases: list = field(default_factory=lambda: USUAL_CASES)
    dtype: torch.dtype = torch.float32
    shard_size: str = "50GB"
    # Write the base model alone, so that tensor names lack their `model.` prefix.
    base_only: bool = False
    # What config.json says instead, as published checkpoints do that an older transformers wrote: key → value, or None
    # to leave the key out.
    published: dict = field(default_factory=dict)


# Epsilons are larger than any real one, so that a wrong one shows.
SIZES = {
    "vocab_size": 96,
    "hidden_size": 32,
    "intermediate_size": 56,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}


def wide_heads(rope_parameters=None, **rest):
    """Fields of a Llama, or of a family like it, whose heads are larger than hidden size / heads."""
    return SIZES | {"rms_norm_eps": 1e-3, "head_dim": 16, "rope_parameters": rope_parameters or rope()} | rest


def split_heads(rope_parameters, **rest):
    """Fields of a family in which a head is always hidden size / heads."""
    return SIZES | {"hidden_size": 64, "intermediate_size": 48, "rope_parameters": rope_parameters} | rest


def neox(**rest):
    """Fields of a GPT-NeoX, which has as many key heads as query heads."""
    fields = split_heads(rope(partial_rotary_factor=0.25), num_attention_heads=2, layer_norm_eps=1e-3) | rest
    del fields["num_key_value_heads"]
    return fields


def rope(rope_type="default", theta=10000.0, **rest):
    """Rotary parameters in the spelling of transformers 5."""
    return {"rope_type": rope_type, "rope_theta": theta} | rest


def growing_factors(largest):
    """Factors of longrope for 8 frequencies: 1 for the fastest, `largest` for the slowest."""
    return [round(largest ** (k / 7), 3) for k in range(8)]


ALTERNATING = ["sliding_attention", "full_attention"]

MODELS = {
    # Rotary scaling.
    "llama_llama3": Model(
        "llama",
        wide_heads(
            rope(
                "llama3",
                500000.0,
                factor=8.0,
                low_freq_factor=1.0,
                high_freq_factor=4.0,
                original_max_position_embeddings=64,
            ),
            max_position_embeddings=512,
        ),
    ),
    "llama_linear": Model(
        "llama",
        wide_heads(rope("linear", factor=4.0)),
        published={
            "rope_parameters": None,
            "rope_theta": 10000.0,
            "rope_scaling": {"type": "linear", "factor": 4.0},
        },
    ),
    # Below and above the original context of 64, by which the frequencies change.
    "llama_dynamic": Model(
        "llama",
        wide_heads(rope("dynamic", factor=4.0)),
        [Case(40, 4, 16, rows=None), Case(72, 3, 10), Case(96, 5, 12, "fractional")],
    ),
    "llama_yarn": Model(
        "llama",
        wide_heads(rope("yarn", factor=4.0, original_max_position_embeddings=64), max_position_embeddings=256),
    ),
    "qwen3_yarn": Model(
        "qwen3",
        wide_heads(
            rope(
                "yarn",
                1000000.0,
                factor=8.0,
                original_max_position_embeddings=64,
                attention_factor=1.35,
                beta_fast=8.0,
                beta_slow=0.5,
                truncate=False,
            ),
            max_position_embeddings=512,
            tie_word_embeddings=True,
        ),
        [Case(40, 4, 16), Case(61, 3, 10)],
    ),
    # The rules of attention.
    "llama_modes": Model(
        "llama",
        wide_heads(),
        [
            Case(40, 4, 16, rows=None, mode="rerope"),
            Case(61, 3, 10, mode="rerope"),
            Case(61, 3, 10, mode="leaky_rerope"),
            Case(80, 5, 12, mode="leaky_rerope"),
        ],
    ),
    "methods_llama": Model("llama", wide_heads(), METHOD_CASES),
    "methods_qwen2": Model("qwen2", split_heads(rope(theta=1000000.0), rms_norm_eps=1e-3), METHOD_CASES),
    "methods_gpt_neox": Model("gpt_neox", neox(), METHOD_CASES),
    "methods_gemma3_text": Model(
        "gemma3_text",
        wide_heads(
            {"sliding_attention": rope(theta=10000.0), "full_attention": rope(theta=1000000.0)},
            num_hidden_layers=3,
            layer_types=["sliding_attention", "full_attention", "full_attention"],
            sliding_window=12,
            query_pre_attn_scalar=24,
        ),
        METHOD_CASES,
    ),
    "llama_scale": Model(
        "llama",
        wide_heads(),
        [Case(40, 4, 16, scale_base=12), Case(61, 3, 10, "fractional", scale_base=24)],
    ),
    # Forms of checkpoint.
    "llama_biases": Model("llama", wide_heads(attention_bias=True, mlp_bias=True), [Case(61, 3, 10)]),
    "llama_sharded_bf16": Model("llama", wide_heads(), [Case(61, 3, 10)], dtype=torch.bfloat16, shard_size="20KB"),
    "llama_f16": Model("llama", wide_heads(), [Case(61, 3, 10)], dtype=torch.float16),
    "llama_no_prefix": Model(
        "llama", wide_heads(tie_word_embeddings=True), [Case(61, 3, 10)], dtype=torch.bfloat16, base_only=True
    ),
    # Families.
    "mistral_sliding": Model("mistral", wide_heads(sliding_window=12)),
    "qwen3": Model("qwen3", wide_heads(rope(theta=1000000.0))),
    "gemma2": Model(
        "gemma2",
        wide_heads(
            num_hidden_layers=4,
            layer_types=ALTERNATING * 2,
            sliding_window=12,
            query_pre_attn_scalar=24,
            attn_logit_softcapping=3.0,
            final_logit_softcapping=4.0,
        ),
    ),
    "gemma3_text": Model(
        "gemma3_text",
        wide_heads(
            {
                "sliding_attention": rope(theta=10000.0),
                "full_attention": rope("linear", theta=1000000.0, factor=8.0),
            },
            num_hidden_layers=4,
            layer_types=ALTERNATING * 2,
            sliding_window=12,
            query_pre_attn_scalar=24,
            num_key_value_heads=1,
        ),
    ),
    "gemma3_text_published": Model(
        "gemma3_text",
        wide_heads(
            {"sliding_attention": rope(theta=10000.0), "full_attention": rope(theta=1000000.0)},
            num_hidden_layers=3,
            layer_types=["sliding_attention", "sliding_attention", "full_attention"],
            sliding_window=12,
            query_pre_attn_scalar=16,
        ),
        [Case(61, 3, 10)],
        dtype=torch.bfloat16,
        published={
            "layer_types": None,
            "_sliding_window_pattern": None,
            "sliding_window_pattern": 3,
            "rope_parameters": None,
            "rope_theta": 1000000.0,
            "rope_local_base_freq": 10000.0,
            "rope_scaling": None,
        },
    ),
    "phi_qk_layernorm": Model(
        "phi", split_heads(rope(partial_rotary_factor=0.5), qk_layernorm=True, layer_norm_eps=1e-3)
    ),
    # Below and above the original context of 64, as with `dynamic`.
    "phi3": Model(
        "phi3",
        split_heads(
            rope("longrope", short_factor=growing_factors(1.5), long_factor=growing_factors(10)),
            max_position_embeddings=512,
            original_max_position_embeddings=64,
            sliding_window=24,
            rms_norm_eps=1e-3,
        ),
        [Case(40, 4, 16, rows=None), Case(72, 3, 10), Case(96, 5, 12, "fractional")],
        published={
            "rope_parameters": None,
            "rope_theta": 10000.0,
            "rope_scaling": {
                "type": "longrope",
                "short_factor": growing_factors(1.5),
                "long_factor": growing_factors(10),
            },
        },
    ),
    "stablelm": Model(
        "stablelm",
        split_heads(rope(partial_rotary_factor=0.25), use_qkv_bias=True, layer_norm_eps=1e-3),
        published={"rope_parameters": None, "rope_theta": 10000.0, "partial_rotary_factor": 0.25},
    ),
    "stablelm_parallel": Model(
        "stablelm",
        split_heads(
            rope(partial_rotary_factor=0.5), qk_layernorm=True, use_parallel_residual=True, layer_norm_eps=1e-3
        ),
        dtype=torch.bfloat16,
    ),
    "gpt_neox": Model(
        "gpt_neox",
        neox(),
        published={"rope_parameters": None, "rotary_emb_base": 10000.0, "rotary_pct": 0.25},
    ),
    "gpt_neox_sequential": Model("gpt_neox", neox(use_parallel_residual=False), dtype=torch.bfloat16),
    "smollm3": Model(
        "smollm3",
        wide_heads(rope(theta=2000000.0), num_hidden_layers=3, no_rope_layers=[1, 0, 1], no_rope_layer_interval=2),
    ),
}


def generator(*names):
    """A random generator that depends on the seed and the names alone."""
    return torch.Generator().manual_seed(SEED + zlib.crc32("/".join(map(str, names)).encode()))


@torch.no_grad()
def randomise(model, name):
    """Draw every weight: matrices with a gain over 1/√inputs, norms around what leaves the stream as it is."""
    gemma = "gemma" in model.config.model_type
    for key, weight in model.named_parameters():
        draw = torch.randn(weight.shape, generator=generator(name, key))
        asks = any(part in key for part in ("q_proj", "k_proj", "v_proj", "qkv_proj", "query_key_value"))
        if weight.dim() == 2 and "embed" in key:
            # Gemma multiplies the embedding by √hidden.
            weight.copy_(draw / math.sqrt(weight.shape[1]) if gemma else draw)
        elif weight.dim() == 2:
            weight.copy_(draw * (1.6 if asks else 1) / math.sqrt(weight.shape[1]))
        elif key.endswith("bias"):
            weight.copy_(0.4 * draw)
        else:
            # Gemma stores a norm's weight less 1. Where queries and keys are normalised, the norm sets their size.
            middle = 0 if gemma else 1
            on_heads = any(part in key for part in ("q_norm", "k_norm", "q_layernorm", "k_layernorm"))
            weight.copy_(middle + 0.3 * draw + (0.6 if on_heads else 0))


def write_checkpoint(name, spec, directory):
    """Write config.json and the weights."""
    config = AutoConfig.for_model(spec.family, **spec.config)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    randomise(model, name)
    model = model.to(spec.dtype)
    written = model.base_model if spec.base_only else model
    written.save_pretrained(directory, max_shard_size=spec.shard_size)
    (directory / "generation_config.json").unlink(missing_ok=True)
    if spec.published:
        path = directory / "config.json"
        fields = json.loads(path.read_text())
        fields["torch_dtype"] = fields.pop("dtype")
        fields |= spec.published
        fields = {key: value for key, value in fields.items() if value is not None or key == "rope_scaling"}
        path.write_text(json.dumps(dict(sorted(fields.items())), indent=2) + "\n")


def load(directory):
    """The checkpoint that was written, in float32."""
    model, report = AutoModelForCausalLM.from_pretrained(
        directory, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    unread = {key: value for key, value in report.items() if value}
    assert not unread, f"{directory.name}: {unread}"
    return model.eval()


def check_same_checkpoint(name, spec, directory):
    """What was written must be what was made, however config.json spells it."""
    made = AutoModelForCausalLM.from_config(AutoConfig.for_model(spec.family, **spec.config)).eval()
    read = load(directory)
    passing = {"dtype", "architectures", "transformers_version", "_name_or_path"}
    fields = [
        {key: value for key, value in model.config.to_dict().items() if key not in passing | set(spec.published)}
        for model in (made, read)
    ]
    assert fields[0] == fields[1], f"{name}: config.json is read as another model"
    rotary = [model.base_model.rotary_emb for model in (made, read)]
    for layer_type in self_extend.rotary_layer_types(rotary[0]):
        (first, factor), (second, other) = (self_extend.frequencies(x, layer_type, 80) for x in rotary)
        assert torch.equal(first, second) and factor == other, f"{name}: config.json has other frequencies"


@torch.no_grad()
def prefill(model, ids):
    """All logits of one prefill, and the stream before the first layer, between layers, and after the last norm."""
    output = model(ids[None], use_cache=False, output_hidden_states=True)
    return output.logits[0], [state[0] for state in output.hidden_states]


@torch.no_grad()
def decode(model, ids):
    """The logits of the last tokens, one by one after a prefill of the others."""
    cache = DynamicCache()
    model(ids[None, :-DECODED], cache=cache, use_cache=True)
    return torch.cat([model(token[None, None], cache=cache, use_cache=True).logits[0] for token in ids[-DECODED:]])


def greatest_difference(first, second):
    """In standard deviations of the second."""
    return ((first - second).abs().max() / second.std()).item()


def smallest_margin(logits):
    """Between a row's two greatest logits, in standard deviations."""
    top = logits.topk(2, dim=-1).values
    return ((top[:, 0] - top[:, 1]).min() / logits.std()).item()


def run_case(directory, case, ids):
    """The tensors of one case and the figures that tell whether it is a good one."""
    # A new model for each case: with `dynamic`, transformers' frequencies depend on what ran before.
    model = load(directory)
    baseline, _ = prefill(model, ids)
    self_extend.enable(model, mode="plain", length=case.n)
    plain, _ = prefill(model, ids)
    self_extend.enable(
        model,
        group_size=case.group,
        window=case.window,
        shift=case.shift,
        scale_base=case.scale_base,
        mode=case.mode,
        length=case.n,
        attention=case.attention,
    )
    logits, hidden = prefill(model, ids)
    decoded = decode(model, ids)
    figures = {
        "move": greatest_difference(logits, baseline),
        "plain": greatest_difference(plain, baseline),
        "decode": greatest_difference(decoded, logits[-DECODED:]),
        "margin": min(smallest_margin(x) for x in (baseline, logits, decoded)),
    }
    rows = case.rows or case.n
    tensors = {
        "input_ids": ids,
        "baseline_logits": baseline[-rows:],
        "logits": logits[-rows:],
        "decode_logits": decoded,
    }
    if case.rows is None:
        tensors |= {f"hidden_{k}": state for k, state in enumerate(hidden)}
    return {key: value.contiguous().clone() for key, value in tensors.items()}, figures


def make_case(name, spec, directory, case):
    """Find an input that makes a good case and write it."""
    for attempt in range(50):
        ids = torch.randint(3, spec.config["vocab_size"], (case.n,), generator=generator(name, case.file, attempt))
        tensors, figures = run_case(directory, case, ids)
        if figures["margin"] >= SMALLEST_MARGIN:
            break
    assert figures["margin"] >= SMALLEST_MARGIN, f"{name}/{case.file}: no input without near ties"
    print(f"{name:22} {case.file:46}", "  ".join(f"{key} {value:.1e}" for key, value in figures.items()), flush=True)
    assert figures["move"] >= SMALLEST_MOVE, f"{name}/{case.file}: the method moves too little"
    assert max(figures["plain"], figures["decode"]) <= LARGEST_ROUNDING, f"{name}/{case.file}: rounding shows"
    save_file(tensors, directory / case.file)
    if case.attention:
        return {"file": case.file, "n": case.n, "attention": case.attention}
    entry = {
        "file": case.file,
        "n": case.n,
        "group": case.group,
        "window": case.window,
        "scale_base": case.scale_base,
        "shift": case.shift,
    }
    if case.mode != "self_extend":
        entry["mode"] = case.mode
    if depends_on_length(spec):
        entry["length"] = case.n
    return entry


def depends_on_length(spec):
    """Whether the rotary frequencies are other ones for longer texts."""
    return spec.config["rope_parameters"].get("rope_type") in ("dynamic", "longrope")


def make_model(name, spec):
    """Write one directory."""
    directory = OUTPUT / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    write_checkpoint(name, spec, directory)
    check_same_checkpoint(name, spec, directory)
    entries = [make_case(name, spec, directory, case) for case in spec.cases]
    (directory / "cases.json").write_text(json.dumps(entries, indent=1) + "\n")


def main(names):
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    unknown = set(names) - set(MODELS)
    if unknown:
        sys.exit(f"no such model: {', '.join(sorted(unknown))}")
    for name in names or MODELS:
        make_model(name, MODELS[name])


if __name__ == "__main__":
    main(sys.argv[1:])
