#!/usr/bin/env python3
"""Train the model of passkey-tiny/: a Llama of 0.8 million parameters that finds a pass key in 256 characters of text.

It exists so that `longlm demo` can show, within seconds and with nothing to download, what happens past the context that
a model was trained for. Everything follows from the seed, on one kind of processor and one number of threads; it takes
about half an hour on two cores. Needs torch and numpy (requirements.txt).

    python3 train_passkey.py                # writes passkey-tiny/
    python3 train_passkey.py --steps 50     # a look at whether it runs
"""

import argparse
import json
import pathlib
import random
import time

import numpy
import torch
import torch.nn.functional as functional
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).resolve().parent

CHARACTERS = " abcdefghijklmnopqrstuvwxyz0123456789.?,:'-"
END = "<|end|>"
CONTEXT, LAYERS, HIDDEN, HEADS, INTERMEDIATE = 256, 4, 128, 4, 352
SHORTEST = 96
HEAD_DIMENSION = HIDDEN // HEADS
ROPE_THETA, EPSILON = 10_000.0, 1e-5
DIGITS = 5
WORDS = """
apple autumn basket beach bird bread bridge brook candle castle chair cloud copper corner dance dawn desert door dream
eagle earth evening feather field fire flower forest fox garden glass gold grass green harbor hill honey house island
ivory jacket journey kitchen lake lamp leaf letter light lion meadow mirror moon morning mountain music needle night
north ocean olive orange paper path pearl pencil piano planet pond quiet rabbit rain river road rose sailor salt sand
season shadow silver sky snow song spring star stone storm summer sunset table thunder tiger tower travel tree valley
violet wagon water whale wheat willow wind window winter wolf yellow zebra
""".split()
TASK = {
    "introduction": "",
    "filler": [word + " " for word in WORDS],
    "key": "the pass key is {key}. ",
    "question": "what is the pass key? the pass key is ",
}


def invented_words(generator):
    """A few words of random letters. Where they come again and again, the model learns to look back for what came next."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    word = lambda: "".join(generator.choice(letters) for _ in range(generator.randint(3, 7))) + " "
    return [word() for _ in range(generator.randint(4, 12))]


def sample(generator, length, depth=None, filler=TASK["filler"]):
    """A text of at most `length` characters that ends with the key and a full stop, and where the answer begins."""
    key = "".join(generator.choice("0123456789") for _ in range(DIGITS))
    sentence = TASK["key"].format(key=key)
    room = length - len(sentence) - len(TASK["question"]) - DIGITS - 1
    words, used = [], 0
    while True:
        word = generator.choice(filler)
        if used + len(word) > room:
            break
        words.append(word)
        used += len(word)
    place = generator.randrange(len(words) + 1) if depth is None else round(depth * len(words))
    words.insert(place, sentence)
    prompt = TASK["introduction"] + "".join(words) + TASK["question"]
    return prompt + key + ".", len(prompt)


def rotated(values, cosines, sines):
    first, second = values.chunk(2, -1)
    return values * cosines + torch.cat((-second, first), -1) * sines


class Layer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        linear = lambda inputs, outputs: torch.nn.Linear(inputs, outputs, bias=False)
        self.input_layernorm = torch.nn.RMSNorm(HIDDEN, EPSILON)
        self.post_attention_layernorm = torch.nn.RMSNorm(HIDDEN, EPSILON)
        self.self_attn = torch.nn.ModuleDict({n: linear(HIDDEN, HIDDEN) for n in ("q_proj", "k_proj", "v_proj", "o_proj")})
        self.mlp = torch.nn.ModuleDict({
            "gate_proj": linear(HIDDEN, INTERMEDIATE),
            "up_proj": linear(HIDDEN, INTERMEDIATE),
            "down_proj": linear(INTERMEDIATE, HIDDEN),
        })

    def forward(self, stream, cosines, sines):
        attention, normed = self.self_attn, self.input_layernorm(stream)
        heads = lambda name: attention[name](normed).unflatten(-1, (HEADS, HEAD_DIMENSION)).transpose(1, 2)
        attended = functional.scaled_dot_product_attention(
            rotated(heads("q_proj"), cosines, sines), rotated(heads("k_proj"), cosines, sines), heads("v_proj"),
            is_causal=True)
        stream = stream + attention["o_proj"](attended.transpose(1, 2).flatten(-2))
        normed = self.post_attention_layernorm(stream)
        gated = functional.silu(self.mlp["gate_proj"](normed)) * self.mlp["up_proj"](normed)
        return stream + self.mlp["down_proj"](gated)


class Llama(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed_tokens = torch.nn.Embedding(len(CHARACTERS) + 1, HIDDEN)
        self.layers = torch.nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = torch.nn.RMSNorm(HIDDEN, EPSILON)
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                torch.nn.init.normal_(weight, std=0.02 if "embed" in name else weight.shape[1] ** -0.5)

    def forward(self, tokens):
        positions = torch.arange(tokens.shape[1], dtype=torch.float32)
        inverse = ROPE_THETA ** (-torch.arange(0, HEAD_DIMENSION, 2, dtype=torch.float32) / HEAD_DIMENSION)
        angles = torch.outer(positions, inverse).repeat(1, 2)
        stream = self.embed_tokens(tokens)
        for layer in self.layers:
            stream = layer(stream, angles.cos(), angles.sin())
        return self.norm(stream) @ self.embed_tokens.weight.T


def encoded(text):
    return [CHARACTERS.index(character) for character in text]


@torch.no_grad()
def accuracy(model, length, count, seed):
    """The fraction of texts whose key comes out whole. With the right digits before it, a digit is greedy's choice."""
    generator, found = random.Random(seed), 0
    for index in range(count):
        text, begin = sample(generator, length, index / max(1, count - 1))
        tokens = torch.tensor([encoded(text)])
        guesses = model(tokens[:, :-1]).argmax(-1)
        found += bool((guesses[0, begin - 1:begin - 1 + DIGITS] == tokens[0, begin:begin + DIGITS]).all())
    return found / count


def train(arguments):
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    generator = random.Random(arguments.seed)
    model = Llama()
    optimizer = torch.optim.AdamW(model.parameters(), lr=arguments.rate, betas=(0.9, 0.98), weight_decay=0.01)
    warmup = 100
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(
        (step + 1) / warmup, 0.5 * (1 + numpy.cos(numpy.pi * step / arguments.steps)) + 1e-3))
    curve, begin = [], time.monotonic()
    for step in range(1, arguments.steps + 1):
        # Short texts first: what is to be found is nearer there.
        longest = SHORTEST + (CONTEXT - SHORTEST) * min(arguments.steps, 3 * step) // arguments.steps
        tokens = torch.zeros(arguments.batch, longest, dtype=torch.long)
        every = torch.full((arguments.batch, longest), -100)
        answer = torch.full((arguments.batch, longest), -100)
        for row in range(arguments.batch):
            filler = TASK["filler"] if row % 2 else invented_words(generator)
            text, start = sample(generator, generator.randint(SHORTEST, longest), filler=filler)
            ids = torch.tensor(encoded(text))
            tokens[row, :len(ids)] = ids
            every[row, :len(ids) - 1] = ids[1:]
            answer[row, start - 1:len(ids) - 1] = ids[start:]
        logits = model(tokens).flatten(0, 1)
        all_loss = functional.cross_entropy(logits, every.flatten())
        answer_loss = functional.cross_entropy(logits, answer.flatten())
        optimizer.zero_grad(set_to_none=True)
        (all_loss + answer_loss).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 250 == 0 or step == arguments.steps:
            curve.append({
                "step": step, "loss": round(all_loss.item(), 4), "answer_loss": round(answer_loss.item(), 4),
                "accuracy_250": accuracy(model, 250, 50, 1), "accuracy_512": accuracy(model, 512, 20, 2)})
            print(json.dumps(curve[-1]), f"{time.monotonic() - begin:.0f} s", flush=True)
    return model, curve


def tokenizer():
    """One token a character, as byte-level BPE without merges, in which a space is Ġ."""
    symbols = ["Ġ" if character == " " else character for character in CHARACTERS]
    return {
        "version": "1.0",
        "added_tokens": [{
            "id": len(symbols), "content": END, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": True}],
        "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
            "vocab": {symbol: index for index, symbol in enumerate(symbols + [END])}, "merges": []},
    }


CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": HIDDEN,
    "intermediate_size": INTERMEDIATE,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": HEADS,
    "vocab_size": len(CHARACTERS) + 1,
    "max_position_embeddings": CONTEXT,
    "rope_theta": ROPE_THETA,
    "rms_norm_eps": EPSILON,
    "hidden_act": "silu",
    "tie_word_embeddings": True,
    "attention_bias": False,
    "mlp_bias": False,
    "eos_token_id": len(CHARACTERS),
    "torch_dtype": "float16",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, default=HERE / "passkey-tiny")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()

    model, curve = train(arguments)
    arguments.output.mkdir(parents=True, exist_ok=True)
    weights = {f"model.{name}": weight.detach().half().contiguous() for name, weight in model.named_parameters()}
    save_file(weights, arguments.output / "model.safetensors", metadata={"format": "pt"})
    for name, content in (("config", CONFIG), ("tokenizer", tokenizer()), ("passkey", TASK), ("training", curve)):
        text = json.dumps(content, indent=2 if name != "training" else None, ensure_ascii=False)
        if name == "training":
            text = text.replace("}, {", "},\n {")
        (arguments.output / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
