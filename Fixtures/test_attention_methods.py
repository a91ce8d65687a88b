"""Tests attention_methods.py against the rules of each method, restated for one query and one key at a time, and its
frequencies against those of transformers. Run it with python or with pytest; it needs no network."""

import math

import torch
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

import attention_methods

LENGTH = 90


def check_zones(text, rule):
    """`rule(i, j)` is the pair of positions, or a list of pairs with one for each block of rotary pairs."""
    i = j = torch.arange(LENGTH)
    zones = attention_methods.parse(text, 64).zones(i, j)
    for query in range(LENGTH):
        for key in range(query + 1):
            held = [zone for zone in zones if zone[0][query, key]]
            assert len(held) == 1, f"{text}: {query}, {key} is in {len(held)} zones"
            _, queries, keys = held[0]
            expected = torch.tensor(rule(query, key)).reshape(-1, 2)
            found = torch.stack([queries[query].reshape(-1), keys[key].reshape(-1)], dim=1)
            assert (found == expected).all(), f"{text}: {query}, {key} at {found.tolist()}"


def test_string():
    check_zones("string:24:8", lambda i, j: (i, j) if i - j < 24 else (i - 16, j))
    assert attention_methods.parse("string:24:8", 64).factor == 0.1 * math.log(2) + 1
    assert attention_methods.parse("string:24:8:1", 64).factor == 1


def test_dpe():
    def rule(i, j):
        if i - j < 12:
            return [(i, j)]
        return [(i // g + 12 - 12 // g, j // g) for g in (1, 2, 5, 3)]

    check_zones("dpe:1,2,5,3:12", rule)


def test_dual_chunk():
    # As the authors loop: s = C − W, a chunk after the other, against itself, the one before, and all before that.
    def positions(chunk, local):
        s, found = chunk - local, {}
        for begin in range(0, LENGTH, s):
            for i in range(begin, min(begin + s, LENGTH)):
                for j in range(begin, i + 1):
                    found[i, j] = i - begin, j - begin
                for j in range(max(begin - s, 0), begin):
                    found[i, j] = min(i - begin + s, chunk), j % s
                for j in range(0, begin - s):
                    found[i, j] = min(s - 1 + s, chunk), j % s
        return found

    for chunk, local in ((24, 8), (20, 12)):
        found = positions(chunk, local)
        check_zones(f"dca:{chunk}:{local}", lambda i, j: found[i, j])


def test_lampe():
    def rule(i, j):
        if i - j < 12:
            return i, j
        place = lambda x: math.floor(x * 32 / 79)
        return place(i) + 12 - (place(12) + 1), place(j)

    check_zones("lampe:80:32:12", rule)


def test_frequencies():
    own = attention_methods.powers(10000.0, 16), 1.0

    def published(kind, factor, length=None):
        parameters = {"rope_type": kind, "rope_theta": 10000.0, "factor": factor}
        if kind in ("yarn", "llama3"):
            parameters["original_max_position_embeddings"] = 64
        if kind == "llama3":
            parameters |= {"low_freq_factor": 0.5, "high_freq_factor": 3.0}
        config = LlamaConfig(
            hidden_size=64, num_attention_heads=4, max_position_embeddings=64, rope_parameters=parameters
        )
        return ROPE_INIT_FUNCTIONS[kind](config, seq_len=length)

    for text, expected in (
        ("linear:3", published("linear", 3.0)),
        ("yarn:4", published("yarn", 4.0)),
        ("llama3:8:0.5:3", published("llama3", 8.0)),
        ("dynamic-ntk:96", published("dynamic", 1.0, 96)),
        ("dynamic-ntk:40", published("dynamic", 1.0, 40)),
        # NTK-aware scaling by F is dynamic scaling for a length of F contexts.
        ("ntk:2.5", published("dynamic", 1.0, 160)),
    ):
        inverse, factor = attention_methods.parse(text, 64).frequencies(own, 10000.0)
        assert factor == expected[1], text
        # The powers are computed in another order: a few roundings of float32.
        assert ((inverse / expected[0] - 1).abs() < 1e-6).all(), text


def test_refuses():
    for text in ("", "string:4", "dca:3", "lampe:1:2", "yarn", "llama3:8:1", "none:1"):
        try:
            attention_methods.parse(text, 64)
        except ValueError as error:
            assert "no such attention" in str(error)
        else:
            raise AssertionError(f"nothing said: {text}")


if __name__ == "__main__":
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
            print(name, "passes")
