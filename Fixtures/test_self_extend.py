"""Tests self_extend.py against the outputs of the original LongLM code. Run it with python or with pytest.

The rule is the one of `longlm verify`: max|Δ| ≤ 10⁻⁴ standard deviations of the reference logits, and the same
greatest logit in every row. The reference cases that make_reference.py writes must be the ones it would write today.
"""

import json
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, DynamicCache

import make_reference
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


def test_made_references_are_current():
    for name in make_reference.MODELS:
        directory = REFERENCE / name
        model = load(name)
        for case in json.loads((directory / "cases.json").read_text()):
            tensors = load_file(directory / case["file"])
            if "attention" in case:
                settings = {"attention": case["attention"]}
            else:
                settings = {key: case[key] for key in ("window", "shift", "scale_base")}
                settings |= {"group_size": case["group"], "mode": case.get("mode", "self_extend")}
            self_extend.enable(model, length=case.get("length"), **settings)
            compare(whole(model, tensors["input_ids"])[-len(tensors["logits"]) :], tensors["logits"])


def test_far_relative_positions():
    i, j = torch.tensor([37]), torch.tensor([11])

    def relative(mode, group_size, window, shift="floor"):
        rule = self_extend.TwoPositions(group_size, window, shift, 0, mode)
        return (rule.far_query_positions(i) - rule.far_key_positions(j)).item()

    assert relative("self_extend", 5, 12) == (37 // 5 + 12 - 2) - 11 // 5
    assert relative("self_extend", 4, 10, "fractional") == (37 // 4 + 10 - 2.5) - 11 // 4
    assert relative("rerope", 4, 10) == 10
    assert relative("leaky_rerope", 4, 10) == (37 - 11) / 4 + 10 - 2.5


def test_settings_that_change_nothing():
    model = load("llama")
    ids = torch.arange(3, 63)
    plain = whole(model, ids)
    for settings in (
        {"group_size": 1, "window": 16},
        {"group_size": 1, "window": 16, "mode": "leaky_rerope"},
        {"group_size": 4, "window": 60},
        {"group_size": 4, "window": 60, "mode": "rerope"},
        {"group_size": 4, "window": 60, "scale_base": 60},
    ):
        self_extend.enable(model, **settings)
        compare(whole(model, ids), plain)
    self_extend.enable(model, group_size=4, window=16)
    floor = whole(model, ids)
    assert (floor - plain).abs().max() > 0.5 * plain.std()
    self_extend.enable(model, group_size=4, window=16, shift="fractional")
    compare(whole(model, ids), floor)
    self_extend.disable(model)
    assert torch.equal(whole(model, ids), plain)


def test_generates():
    model = load("llama_no_prefix")
    self_extend.enable(model, group_size=4, window=8)
    prompt = torch.arange(3, 43)
    text = model.generate(prompt[None], attention_mask=torch.ones(1, 40), max_new_tokens=6, do_sample=False)[0]
    assert torch.equal(text[40:], whole(model, text)[39:-1].argmax(-1))


def test_refuses_what_would_be_wrong():
    def refuses(message, action):
        try:
            action()
        except ValueError as error:
            assert message in str(error)
        else:
            raise AssertionError(f"nothing said: {message}")

    refuses("length", lambda: self_extend.enable(load("phi3"), group_size=4, window=8))
    mistral = load("mistral_sliding")
    refuses("mode", lambda: self_extend.enable(mistral, mode="none"))
    refuses("shift", lambda: self_extend.enable(mistral, shift="none"))
    refuses("at least 1", lambda: self_extend.enable(mistral, group_size=0))
    # The cache that transformers makes for a sliding window drops keys that Self-Extend needs.
    self_extend.enable(mistral, group_size=4, window=8)
    refuses("dropped keys", lambda: mistral.generate(torch.arange(3, 43)[None], max_new_tokens=6, min_new_tokens=6))


if __name__ == "__main__":
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    for name in LONGLM_MODELS:
        print(f"{name:16}", "  ".join(f"{kind} {error:.1e}" for kind, error in check_model(name).items()))
    for name, test in list(globals().items()):
        if name.startswith("test_") and test is not test_equals_longlm:
            test()
            print(name, "passes")
