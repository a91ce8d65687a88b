"""Self-Extend and its relatives for models of Hugging Face transformers, written to be read and to be compared with.

    import self_extend
    self_extend.enable(model, group_size=8, window=1024)
    model.generate(...)
    self_extend.disable(model)

Each (query, key) pair is scored with one of two rotations: near pairs with their own positions, far pairs with
positions that the model knows. That cannot be had by moving the cache's positions, so attention itself is replaced.
The trick that keeps this short, and free of code for single families, is to hand the model a rotary embedding that
turns nothing (cosine 1, sine 0). Queries and keys then arrive here unrotated, after whatever projections, biases and
norms the family has, and the cache holds unrotated keys; both rotations happen here, in float32.

Every score is held in memory, several times over: this is for comparing with, not for long texts.
Batches hold sequences of one length without padding.
"""

import math
from dataclasses import dataclass, field

import torch
from transformers import AttentionInterface
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

import attention_methods

MODES = ("self_extend", "rerope", "leaky_rerope", "plain")
SHIFTS = ("floor", "fractional")

# Families whose layers alternate between a local window and all positions by design. Their local layers stay as they
# are. In other families a sliding window is a way to save work, which Self-Extend replaces.
ALTERNATING_FAMILIES = ("gemma2", "gemma3_text")


@dataclass
class TwoPositions:
    """What the replaced attention of one model needs: the rule, the frequencies, and where the queries stand."""

    group_size: int
    window: int
    shift: str
    scale_base: float
    mode: str
    method: attention_methods.Method | None = None
    frequencies: dict = field(default_factory=dict)
    query_positions: torch.Tensor | None = None

    def far_query_positions(self, i):
        """Where the query at position `i` stands for keys outside the neighbor window."""
        group_size, window = self.group_size, self.window
        if self.mode == "rerope":
            return torch.full_like(i, window)
        if self.mode == "leaky_rerope":
            return i.float() / group_size + (window - window / group_size)
        if self.shift == "floor":
            return i // group_size + (window - window // group_size)
        return i // group_size + (window - window / group_size)

    def far_key_positions(self, j):
        """Where the key at position `j` stands for queries that do not have it in their neighbor window."""
        if self.mode == "rerope":
            return torch.zeros_like(j)
        if self.mode == "leaky_rerope":
            return j.float() / self.group_size
        return j // self.group_size

    def query_scale(self, i):
        """max(1, ln(i+1)/ln b): 1 for the first b positions, slowly growing beyond."""
        return ((i + 1).float().log() / math.log(self.scale_base)).clamp(min=1)


def enable(
    model,
    *,
    group_size=1,
    window=1,
    shift="floor",
    scale_base=None,
    mode="self_extend",
    length=None,
    attention=None,
):
    """Make `model` attend by two positions until `disable`.

    model: a transformers model for causal language modelling, or its base model.
    group_size, window: G and W.
    shift: how far grouped queries are moved, "floor" (W − ⌊W/G⌋) or "fractional" (W − W/G).
    scale_base: b of the query's scale max(1, ln(i+1)/ln b); None or a number not above 0: no scale.
    mode: "self_extend"; "rerope" (beyond the window every relative position is W); "leaky_rerope" (Self-Extend without
        the floors); "plain" (the model's own attention by way of this code, to test this code with).
    length: where the rotary frequencies depend on the length (rope types `dynamic` and `longrope`), the length to take
        them for. transformers changes them as the text grows, which leaves a cache of keys turned by different ones.
    attention: the text of one of attention_methods.py, in place of all the settings above but `length`. Local layers of
        alternating families keep their own frequencies.
    """
    if mode not in MODES:
        raise ValueError(f"mode is {mode!r}, not one of {', '.join(MODES)}")
    if shift not in SHIFTS:
        raise ValueError(f"shift is {shift!r}, not one of {', '.join(SHIFTS)}")
    if group_size < 1 or window < 1:
        raise ValueError("group_size and window are at least 1")
    disable(model)
    base = model.base_model
    method = attention_methods.parse(attention, model.config.max_position_embeddings) if attention else None
    if method and not method.moves_positions:
        mode = "plain"
    state = TwoPositions(group_size, window, shift, scale_base or 0, mode, method)
    rotary = base.rotary_emb
    for layer_type in rotary_layer_types(rotary):
        own = frequencies(rotary, layer_type, length)
        if method and layer_type != "sliding_attention":
            parameters = rotary.config.rope_parameters
            own = method.frequencies(own, (parameters[layer_type] if layer_type else parameters)["rope_theta"])
        state.frequencies[layer_type] = own

    def turn_nothing(x, position_ids, layer_type=None):
        """Stands in for the rotary embedding: notes the positions and returns cosines of 1 and sines of 0."""
        if (position_ids != position_ids[:1]).any():
            raise ValueError("the sequences of a batch must have the same positions")
        state.query_positions = position_ids[0]
        inverse_frequencies, _ = state.frequencies[layer_type]
        ones = torch.ones(*position_ids.shape, 2 * len(inverse_frequencies), dtype=x.dtype, device=x.device)
        return ones, torch.zeros_like(ones)

    rotary.forward = turn_nothing
    for attention in attention_modules(base):
        attention.two_positions = state
    base.two_positions_replaced = model.config._attn_implementation
    model.config._attn_implementation = ATTENTION_NAME


def disable(model):
    """Undo `enable`."""
    base = model.base_model
    if not hasattr(base, "two_positions_replaced"):
        return
    model.config._attn_implementation = base.two_positions_replaced
    del base.two_positions_replaced
    del base.rotary_emb.forward
    for attention in attention_modules(base):
        del attention.two_positions


def attention_modules(base):
    """The attention of each layer."""
    return [layer.attention if hasattr(layer, "attention") else layer.self_attn for layer in base.layers]


def rotary_layer_types(rotary):
    """The layer types that have rotary frequencies of their own (Gemma 3), or [None] where all layers share them."""
    return list(rotary.rope_type) if isinstance(rotary.rope_type, dict) else [None]


def frequencies(rotary, layer_type=None, length=None):
    """The inverse frequencies and the factor of cosine and sine, as the model's own rotary embedding has them."""
    rope_type = rotary.rope_type if layer_type is None else rotary.rope_type[layer_type]
    if rope_type in ("dynamic", "longrope"):
        if length is None:
            raise ValueError(f"frequencies of rope type {rope_type} depend on the length, so say which: length=…")
        # transformers hands over a tensor when it runs, so that part of the arithmetic is in float32.
        return ROPE_INIT_FUNCTIONS[rope_type](rotary.config, seq_len=torch.tensor(length), layer_type=layer_type)
    if layer_type is None:
        return rotary.inv_freq, rotary.attention_scaling
    return getattr(rotary, f"{layer_type}_inv_freq"), getattr(rotary, f"{layer_type}_attention_scaling")


def rotate(x, positions, inverse_frequencies, factor):
    """Turn the leading components of `x` [batch, heads, length, D] by `positions`, which need not be whole numbers.

    Positions [length], or [length, blocks]: then each block of so many equal runs of pairs has its own.
    """
    if positions.dim() == 1:
        positions = positions[:, None]
    if len(inverse_frequencies) % positions.shape[1] != 0:
        raise ValueError(f"{positions.shape[1]} blocks do not divide {len(inverse_frequencies)} rotary pairs")
    positions = positions.repeat_interleave(len(inverse_frequencies) // positions.shape[1], dim=1)
    angles = positions.float() * inverse_frequencies.float()
    cosine, sine = angles.cos() * factor, angles.sin() * factor
    half = len(inverse_frequencies)
    first, second, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine, rest], dim=-1)


def attend(module, query, key, value, attention_mask, scaling, softcap=None, **_):
    """Attention of one layer, in the form that transformers calls: heads second in, heads third out.

    The mask that comes along is not used: what may be seen follows from the positions.
    """
    state = module.two_positions
    i = state.query_positions
    j = torch.arange(key.shape[2], device=i.device) + (i[-1] + 1 - key.shape[2])
    distance = i[:, None] - j
    visible = distance >= 0

    local_window = sliding_window(module, state.mode)
    if local_window is not None:
        visible &= distance < local_window
    elif j[0] != 0:
        raise ValueError("the cache has dropped keys that are needed: pass cache=DynamicCache() without a config")

    has_rotation = getattr(module, "use_rope", True)
    two_positions = state.mode != "plain" and has_rotation and local_window is None

    heads_per_key = query.shape[1] // key.shape[1]
    query, key, value = query.float(), key.float(), value.float()
    key, value = (x.repeat_interleave(heads_per_key, dim=1) for x in (key, value))
    if two_positions and state.scale_base > 0:
        query = query * state.query_scale(i)[:, None]

    layer_type = getattr(module, "layer_type", None)
    turn = state.frequencies[layer_type if layer_type in state.frequencies else None] if has_rotation else None

    def scores(query_positions, key_positions):
        turned = (query, key)
        if turn is not None:
            turned = rotate(query, query_positions, *turn), rotate(key, key_positions, *turn)
        result = turned[0] @ turned[1].transpose(2, 3) * scaling
        return result if softcap is None else torch.tanh(result / softcap) * softcap

    if two_positions and state.method:
        turn = turn[0], turn[1] * state.method.factor
        merged = torch.zeros(())
        for held, query_positions, key_positions in state.method.zones(i, j):
            merged = torch.where(held, scores(query_positions, key_positions), merged)
    else:
        merged = scores(i, j)
    if two_positions and not state.method:
        far = scores(state.far_query_positions(i), state.far_key_positions(j))
        merged = torch.where(distance < state.window, merged, far)
    weights = merged.masked_fill(~visible, -math.inf).softmax(dim=-1)
    return (weights @ value).transpose(1, 2).contiguous().to(query.dtype), weights


def sliding_window(module, mode):
    """The window outside which this layer sees nothing, or None."""
    config = module.config
    window = getattr(config, "sliding_window", None)
    if window is None or not getattr(config, "use_sliding_window", True):
        return None
    # A model without layer types has one window for all its layers.
    layer_types = getattr(config, "layer_types", None)
    if layer_types and layer_types[module.layer_idx] != "sliding_attention":
        return None
    return window if mode == "plain" or config.model_type in ALTERNATING_FAMILIES else None


ATTENTION_NAME = "two_positions"
AttentionInterface.register(ATTENTION_NAME, attend)
