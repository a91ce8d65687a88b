"""Tests self_extend.py against the outputs of the original LongLM code. Run it with python or with pytest.

The rule is the one of `longlm verify`: max|Δ| ≤ 10⁻⁴ standard deviations of the reference logits, and the same
greatest logit in every row.
"""

import json
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, DynamicCache

import self_extend

REFERENCE = Path(__file__).resolve().parent / "reference"
LONGLM_MODELS = ("llama", "llama_tied_mha", "mistral", "qwen2", "phi", "gemma")
TOLERANCE = 1e-4


def load(name):
    """One of the checkpoints, in float32 with transformers' plain attention."""
    model = AutoModelForCausalLM.from_pretrained(REFERENCE / name, dtype=torch.float32, attn_implementation="eager")
    if name == "gemma":
        # `hidden_act: gelu` was the exact GELU to transformers 4.38; newer releases take it for the tanh form.
        for layer in model.base_model.layers:
            layer.mlp.act_fn = torch.nn.GELU()
    return model.eval()


def compare(computed, reference):
    """The greatest difference in standard deviations of `reference`, having checked that it passes."""
    error = ((computed - reference).abs().max() / reference.std()).item()
    assert error <= TOLERANCE, f"differs by {error:.2e} standard deviations"
    assert torch.equal(computed.argmax(-1), reference.argmax(-1)), "has another greatest logit"
    return error


@torch.no_grad()
def whole(model, ids):
    """The logits of one prefill."""
    return model(ids[None], use_cache=False).logits[0]


@torch.no_grad()
def decoded(model, ids, count):
    """The logits of the last `count` tokens, one by one after a prefill of the others."""
    cache = DynamicCache()
    model(ids[None, :-count], cache=cache, use_cache=True)
    return torch.cat([model(token[None, None], cache=cache, use_cache=True).logits[0] for token in ids[-count:]])


def check_model(name):
    """Every case of one checkpoint; the worst difference of each kind."""
    worst = {}
    model = load(name)
    for case in json.loads((REFERENCE / name / "cases.json").read_text()):
        tensors = load_file(REFERENCE / name / case["file"])
        ids, n = tensors["input_ids"], case["n"]
        settings = {key: case[key] for key in ("window", "shift", "scale_base")} | {"group_size": case["group"]}
        found = {"transformers' own": compare(whole(model, ids), tensors["baseline_logits"])}
        self_extend.enable(model, mode="plain")
        found["plain"] = compare(whole(model, ids), tensors["baseline_logits"])
        self_extend.enable(model, **settings)
        found["prefill"] = compare(whole(model, ids), tensors["logits"])
        found["decode"] = compare(decoded(model, ids, 8), tensors["decode_logits"])
        self_extend.disable(model)
        for kind, error in found.items():
            worst[kind] = max(worst.get(kind, 0), error)
    return worst


def test_equals_longlm():
    for name in LONGLM_MODELS:
        check_model(name)


if __name__ == "__main__":
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    for name in LONGLM_MODELS:
        print(f"{name:16}", "  ".join(f"{kind} {error:.1e}" for kind, error in check_model(name).items()))
