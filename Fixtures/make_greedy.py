#!/usr/bin/env python3
"""Write greedy/smollm2.json and greedy/gemma3.json: what transformers continues the prompts in greedy/prompts/ with.

64 tokens for each prompt, each the one with the greatest logit, in float32 with eager attention, from the directories
that fetch_smollm2.py and fetch_gemma3.py make. Nothing stops at an end-of-sequence token and nothing is penalised. For
SmolLM2 the same prompts are continued with Self-Extend too, by self_extend.py.

A test that compares token ids must not hang on rounding. Each case records the smallest gap, over the 64 steps, between
the two greatest logits. The prompts were chosen so that no gap is below 0.01; this script refuses those that have one.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

try:
    import torch
    import transformers
    from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

    import self_extend
except ImportError as error:
    sys.exit(f"{error}\nInstall what is needed: {sys.executable} -m pip install -r requirements.txt")

FIXTURES = Path(__file__).resolve().parent
PROMPTS = FIXTURES / "greedy" / "prompts"
TOKEN_COUNT = 64
SMALLEST_GAP = 0.01

# Every prompt is long enough that Self-Extend groups most of it, and one is longer than Gemma's local window of 512.
SELF_EXTEND = {"group_size": 4, "window": 64, "shift": "floor", "scale_base": None}
MODELS = {
    "smollm2": ("SmolLM2-135M-Instruct", [None, SELF_EXTEND]),
    "gemma3": ("Gemma-3-270M", [None]),
}


def prompts():
    """(name, text) of all prompts; the newline that ends a file is not part of its text."""
    return [(path.stem, path.read_text(encoding="utf-8").removesuffix("\n")) for path in sorted(PROMPTS.glob("*.txt"))]


@torch.inference_mode()
def continued(model, prompt_ids, settings):
    """(TOKEN_COUNT greedy ids, the smallest gap between best and second logit), with Self-Extend if `settings`."""
    if settings:
        self_extend.enable(model, **settings)
    try:
        ids, gaps, pending = [], [], prompt_ids
        # Self-Extend needs all keys, and a cache made from the configuration may drop those outside a local window.
        cache = DynamicCache() if settings else DynamicCache(config=model.config)
        while len(ids) < TOKEN_COUNT:
            output = model(torch.tensor([pending]), cache=cache, use_cache=True, logits_to_keep=1)
            best, second = output.logits[0, -1].topk(2).values.tolist()
            gaps.append(best - second)
            ids.append(output.logits[0, -1].argmax().item())
            pending = ids[-1:]
        return ids, min(gaps)
    finally:
        self_extend.disable(model)


def load(directory):
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager")
    return model.eval(), AutoTokenizer.from_pretrained(directory)


def sha256_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def golden(directory, modes):
    """The content of one file, from the model in `directory`."""
    model, tokenizer = load(directory)
    cases = []
    for settings in modes:
        for name, text in prompts():
            prompt_ids = tokenizer(text)["input_ids"]
            ids, gap = continued(model, prompt_ids, settings)
            print(f"{directory.name} {name} {settings or 'plain'}: {len(prompt_ids)} tokens, smallest gap {gap:.4f}")
            print(f"    {tokenizer.decode(ids)!r}", flush=True)
            if gap < SMALLEST_GAP:
                sys.exit(f"{PROMPTS / name}.txt: the smallest gap is {gap:.4f}; change the text")
            cases.append({
                "name": name, "self_extend": settings, "smallest_gap": round(gap, 4),
                "prompt": text, "prompt_ids": prompt_ids, "ids": ids,
            })
    return {
        "about": f"{TOKEN_COUNT} greedy tokens of transformers in float32, written by make_greedy.py. smallest_gap is "
                 "the smallest difference between the two greatest logits of a step: no step is decided by rounding.",
        "model": directory.name,
        "model_safetensors_sha256": sha256_of(directory / "model.safetensors"),
        "transformers": transformers.__version__,
        "torch": torch.__version__,
        "cases": cases,
    }


def write(path, value):
    """JSON with a line for each list of ids."""
    lists = {}

    def marked(node):
        if isinstance(node, dict):
            return {key: marked(item) for key, item in node.items()}
        if isinstance(node, list) and node and isinstance(node[0], int):
            mark = f"\0{len(lists)}\0"
            lists[json.dumps(mark)] = json.dumps(node)
            return mark
        return [marked(item) for item in node] if isinstance(node, list) else node

    text = json.dumps(marked(value), ensure_ascii=False, indent=2)
    for mark, numbers in lists.items():
        text = text.replace(mark, numbers)
    path.write_text(text + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS), help="which files to write")
    for name in parser.parse_args().models:
        directory, modes = MODELS[name]
        directory = FIXTURES / ".cache" / directory
        if not directory.is_dir():
            sys.exit(f"{directory} is missing; run fetch_{name}.py")
        write(FIXTURES / "greedy" / f"{name}.json", golden(directory, modes))


if __name__ == "__main__":
    main()
