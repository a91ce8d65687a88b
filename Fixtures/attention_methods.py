"""Ways to a longer context apart from Self-Extend, as values that `self_extend.enable(model, attention=…)` takes.

    method = attention_methods.parse("string:24:8", context=64)

A method says at which rotary positions a query at i meets a key at j, or which frequencies take the place of the model's
own. Everything is written from the formulas, which are those of the authors' code:

| text | method | far keys |
|---|---|---|
| `string:S:W`, `string:S:W:factor` | STRING | i − j ≥ S: query at i − S + W, key at j |
| `dpe:G1,…,GB:W` | DPE, B equal blocks of rotary pairs | i − j ≥ W: query at ⌊i/G⌋ + W − ⌊W/G⌋, key at ⌊j/G⌋ |
| `dca:C:W` | Dual Chunk Attention, s = C − W, key at j mod s | chunk before: min(i mod s + s, C); older: min(2s − 1, C) |
| `lampe:N:U:H`, `lampe:N:U:H:factor` | LaMPE, map(j) = ⌊j · U/(N − 1)⌋ | i − j ≥ H: query at map(i) + H − map(H) − 1, key at map(j) |
| `linear:F`, `ntk:F`, `dynamic-ntk:N`, `yarn:F`, `llama3:F:low:high` | other frequencies | |

STRING and LaMPE multiply cosines and sines by a factor, near and far; it is 0.1 · ln 2 + 1 unless it is given.
"""

import math
from dataclasses import dataclass

import torch

PUBLISHED_FACTOR = 0.1 * math.log(2) + 1


class Method:
    """A method that changes nothing; the others say what they change."""

    moves_positions = True
    factor = 1.0

    def zones(self, i, j):
        """Triples of the pairs that a zone holds [queries, keys], the queries' positions and the keys' positions.

        Positions have the shape [length], or [length, blocks] where blocks of rotary pairs differ.
        """
        raise NotImplementedError

    def frequencies(self, own, theta):
        """The inverse frequencies and the factor of cosine and sine in place of `own`, which has the base theta."""
        return own


@dataclass
class String(Method):
    shifted: int
    window: int
    factor: float = PUBLISHED_FACTOR

    def zones(self, i, j):
        far = i[:, None] - j >= self.shifted
        return [(~far, i, j), (far, i - self.shifted + self.window, j)]


@dataclass
class DPE(Method):
    group_sizes: list
    window: int

    def zones(self, i, j):
        groups, window = torch.tensor(self.group_sizes), self.window
        far = i[:, None] - j >= window
        return [(~far, i, j), (far, i[:, None] // groups + window - window // groups, j[:, None] // groups)]


@dataclass
class DualChunk(Method):
    chunk: int
    local: int

    def zones(self, i, j):
        length = self.chunk - self.local
        apart = i[:, None] // length - j // length
        key = j % length
        return [
            (apart <= 0, i % length, key),
            (apart == 1, (i % length + length).clamp(max=self.chunk), key),
            (apart >= 2, torch.full_like(i, min(2 * length - 1, self.chunk)), key),
        ]


@dataclass
class LaMPE(Method):
    length: int
    mapped: int
    window: int
    factor: float = PUBLISHED_FACTOR

    def map(self, position):
        """In whole numbers; the authors' quotient is in float32 and may be one less where it should be whole."""
        return position * self.mapped // (self.length - 1)

    def zones(self, i, j):
        far = i[:, None] - j >= self.window
        shift = self.window - (self.map(self.window) + 1)
        return [(~far, i, j), (far, self.map(i) + shift, self.map(j))]


@dataclass
class Frequencies(Method):
    """Plain attention with other frequencies, for a model trained for `context` tokens."""

    kind: str
    number: float
    context: int

    moves_positions = False

    def frequencies(self, own, theta):
        inverse, factor = own
        size = 2 * len(inverse)
        if self.kind == "linear":
            return inverse / self.number, factor
        if self.kind in ("ntk", "dynamic-ntk"):
            longer = self.number if self.kind == "ntk" else max(1, self.number / self.context)
            return powers(theta * longer ** (size / (size - 2)), size), factor
        # YaRN: the pair that turns `turns` times within the context is this one.
        pair = lambda turns: size * math.log(self.context / (turns * 2 * math.pi)) / (2 * math.log(theta))
        low, high = max(math.floor(pair(32)), 0), min(math.ceil(pair(1)), size - 1)
        high = high + 0.001 if low == high else high
        divided = ((torch.arange(size // 2, dtype=torch.float32) - low) / (high - low)).clamp(0, 1)
        mscale = 0.1 * math.log(self.number) + 1 if self.number > 1 else 1.0
        return inverse / self.number * divided + inverse * (1 - divided), mscale


@dataclass
class Llama3(Method):
    """Llama 3.1's scaling: a pair's turns within `context` tokens say how much of its frequency is kept."""

    divisor: float
    low: float
    high: float
    context: int

    moves_positions = False

    def frequencies(self, own, theta):
        inverse, factor = own
        turns = self.context * inverse / (2 * math.pi)
        kept = ((turns - self.low) / (self.high - self.low)).clamp(0, 1)
        return (1 - kept) * inverse / self.divisor + kept * inverse, factor


def powers(theta, size):
    """θ^(−2k/R) in float32, as transformers computes them."""
    return 1.0 / (theta ** (torch.arange(0, size, 2, dtype=torch.int64).float() / size))


def parse(text, context):
    """The method that `text` names, for a model trained for `context` tokens."""
    name, *rest = text.split(":")
    if name in ("linear", "ntk", "dynamic-ntk", "yarn") and len(rest) == 1:
        return Frequencies(name, float(rest[0]), context)
    if name == "llama3" and len(rest) == 3:
        return Llama3(*map(float, rest), context)
    if name == "string" and len(rest) in (2, 3):
        return String(int(rest[0]), int(rest[1]), *map(float, rest[2:]))
    if name == "dpe" and len(rest) == 2:
        return DPE([int(group) for group in rest[0].split(",")], int(rest[1]))
    if name == "dca" and len(rest) == 2:
        return DualChunk(int(rest[0]), int(rest[1]))
    if name == "lampe" and len(rest) in (3, 4):
        return LaMPE(*map(int, rest[:3]), *map(float, rest[3:]))
    raise ValueError(f"no such attention: {text!r}")
