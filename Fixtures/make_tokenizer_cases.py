#!/usr/bin/env python3
"""Write Tests/TokenizationTests/Goldens/cases.json: many tiny tokenizers, and what the Python packages make of them.

They go where no published tokenizer goes, or only one does: added tokens that overlap in each way, with gaps between
their ids or out of order; regular expressions with anchors, look-ahead and all quantifiers; no decoder; settings of a
tokenizer_config.json that contradict the post-processor. The output depends on nothing but the releases of `tokenizers`
and `transformers`.
"""

import argparse
import json
import os
import random
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
try:
    from tokenizers import Regex, Tokenizer, pre_tokenizers
    from transformers import AutoTokenizer
except ImportError as error:
    sys.exit(f"{error}\nInstall what is needed: {sys.executable} -m pip install -r {Path(__file__).parent}/requirements.txt")

FIXTURES = Path(__file__).resolve().parent
GOLDENS = FIXTURES.parent / "Tests" / "TokenizationTests" / "Goldens"
LETTERS = sorted(set("abcxyzQWERTY012.,[]RLBSN <>_é字\n\t▁\u3000|-/"))

CONTENTS = ["[R]", "[L]", "[B]", " ", "\n", "  ", "\n\n", " \n", "\t", "a", "ab", " a", "a ", "[R] ", " [L]", "\u3000", " x ",
            "<a>", "<a>b", "aa", "aab", "b", "▁a", "▁"]
NORMALIZERS = [
    None, {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
    {"type": "Replace", "pattern": {"String": "b"}, "content": "a"},
    {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
                                         {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
]

# The pre-tokenizer of DeepSeek LLM and DeepSeek Coder has the anchor, those of GPT-4 and its heirs the possessive forms.
PATTERNS = [
    r"\s+$", r"\s++$", r"[\r\n]", r"\s?[A-Za-zµÀ-ÖØ-öø-ƺ]+", r"\s?[!-/:-~！-／：-～‘-‟　-。]+", r"[一-龥ࠀ-一가-퟿]+",
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
    r"'(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    r"(?=(\d{3})+(?!\d))", r"\d(?=(?:\d{3})+(?!\d))", r"\d{1,3}(?=(?:\d{3})*\b)", r"a(?=bc|d)", r"a(?!bc|d)", r"(?!a|b)\w",
    r"^\w", r"^.", r"\n^", r"a$", r"a\Z", r"a\z", r"\Aa", r"\b\w", r"\B\w", r"^a|b$", r"\s*$", r"a{1,2}+", r"a{2}+",
    r"a{1,3}?", r"a{2,}?b", r"a{,2}?b", r"a+?", r"a*?b", r"a??b", r"(ab)+", r"(?:ab)*c", r"(ab){2}", r"(ab|a)+?b",
    r"(?:a|ab)+(?:c|bcd)?", r"(?:a|b){2,3}c?", r"a*", r"(a|b)*a", r"(?i:a(?=B))", r"a?+ab", r"a*+ab", r"(?:x+x+)+y",
    r"(?:a(?=.*b)|\s)+", r"a(?!.*b$)", r"(?:(?:a|b)?c)+", r"\w+(?=\s)|\S",
]
# Escaped, because some of the letters would be changed by a normalization of this file.
DEEPSEEK_LETTERS = (
    "\\s?[A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-\u0373"
    "\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f"
    "\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79"
    "-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-"
    "\u1fb4\u1fb6-\u1fbc\u03b9\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0\u1fd6\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102"
    "\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u03a9\u2128K-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-\u2149"
    "\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f"
    "\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a\U00010400-"
    "\U0001044f\U000104b0-\U000104d3\U000104d8-\U000104fb\U00010c80-\U00010cb2\U00010cc0-\U00010cf2\U000118a0-"
    "\U000118df\U0001e900-\U0001e943]+")
PIECES = ["a", "b", "ab", "aa", "c", "d", "x", "xx", "y", "B", " ", "  ", "\n", "\r\n", "\t", "123", "1234567", "89", "é", "字",
          "'s", "'LL", "!", "...", "　", "-", "bc"]
BEHAVIORS = ["isolated", "isolated", "isolated", "removed", "contiguous", "merged_with_previous", "merged_with_next"]


def tokenizer(added=(), normalizer=None, decoder={"type": "Fuse"}, vocabulary=None, post_processor=None):
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": list(added), "normalizer": normalizer,
        "pre_tokenizer": None, "post_processor": post_processor, "decoder": decoder,
        "model": {"type": "BPE", "vocab": vocabulary or {letter: id for id, letter in enumerate(LETTERS)}, "merges": []}}


def added_token(id, content, **flags):
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
            "special": False, **flags}


def case(value, texts):
    """A tokenizer with the texts on which the package doesn't panic, their ids, and what these are decoded to."""
    loaded = Tokenizer.from_str(json.dumps(value))
    result = {"tokenizer": json.dumps(value, ensure_ascii=False), "texts": [], "ids": [], "decoded": []}
    for text in texts:
        try:
            ids = loaded.encode(text).ids
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
            continue
        result["texts"].append(text)
        result["ids"].append(ids)
        # The package decodes an added token that is sought in normalized text to its normalized form.
        if value["normalizer"] is None:
            result["decoded"].append(loaded.decode(ids, skip_special_tokens=False))
    return result


def overlaps(source):
    for index in range(150):
        names = source.sample(CONTENTS, source.randrange(1, 6))
        normalizer = NORMALIZERS[index % 10] if index % 10 < len(NORMALIZERS) else None
        added = [
            added_token(100 + number, name, single_word=source.random() < 0.2, lstrip=source.random() < 0.4,
                        rstrip=source.random() < 0.4, normalized=source.random() < (0.5 if normalizer else 0.1),
                        special=source.random() < 0.3)
            for number, name in enumerate(names)]
        pool = names * 2 + [" ", " ", "\n", "a", "x", "ab "]
        texts = ["".join(source.choice(pool) for _ in range(source.randrange(1, 8))) for _ in range(12)]
        yield case(tokenizer(added, normalizer), texts)


def identities():
    count = len(LETTERS)
    sets = [
        (None, [(count, "QQ"), (count + 5, "WW"), (count + 9, "EE")]), (None, [(count + 3, "QQ"), (count, "WW")]),
        (None, [(2, "QQ"), (count, "WW")]), (None, [(count, "a"), (count + 1, "WW")]), (None, [(7, "QQ"), (7, "WW")]),
        (None, [(count, "QQ"), (count + 1, "QQ"), (count + 2, "WW")]),
        ({"Q": 0, "W": 1, "c": 7}, [(8, "QQ"), (9, "WW")]),
        ({"Q": 0, "W": 1, "c": 7}, [(7, "c"), (2, "WW"), (5, "QQ")]),
    ]
    for vocabulary, tokens in sets:
        added = [added_token(id, content) for id, content in tokens]
        yield case(tokenizer(added, vocabulary=vocabulary), ["".join(content for _, content in tokens), "QaWQQWWcEE"])


def undecoded():
    """Without a decoder."""
    added = [added_token(100, "<a>", special=True), added_token(101, "▁x")]
    value = tokenizer(added, decoder=None)
    yield case(value, ["", "a", "ab", "a b", "<a>", "a<a>b ▁x", "  ", "▁x▁x"])
    del value["decoder"]
    yield case(value, ["ab<a> ▁xy"])


def pieces(source):
    for pattern in PATTERNS:
        for _ in range(14):
            text = "".join(source.choice(PIECES) for _ in range(source.randrange(1, 7)))[:14]
            behavior = source.choice(BEHAVIORS)
            split = pre_tokenizers.Split(Regex(pattern), behavior)
            yield {"pattern": pattern, "behavior": "".join(word.capitalize() for word in behavior.split("_")), "text": text,
                   "pieces": [piece for piece, _ in split.pre_tokenize_str(text)]}


def published():
    """Pre-tokenizers of published families that no other golden has."""
    def split(pattern):
        return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}

    value = json.loads((GOLDENS / "gpt2.tokenizer.json").read_text())
    text = "\n".join(json.loads((GOLDENS / "texts.json").read_text())["written"])
    digits = {"type": "Digits", "individual_digits": True}
    punctuation = "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~]"
    for name, parts in {
            "DeepSeek LLM": [split("[\r\n]"), split(DEEPSEEK_LETTERS), split(PATTERNS[4]), split(r"\s+$"), split(PATTERNS[5]),
                             digits],
            "DeepSeek V3": [split(r"\p{N}{1,3}"), split("[一-龥぀-ゟ゠-ヿ]+"), split(
                punctuation + r"[A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")],
            "GPT-4": [split(PATTERNS[6])], "SuperBPE": [split(r"\p{N}+"), split(PATTERNS[9])]}.items():
        level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
        value["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [*parts, level]}
        yield {"name": name, "preTokenizer": json.dumps(value["pre_tokenizer"]),
               "ids": Tokenizer.from_str(json.dumps(value)).encode(text).ids}


def template(begins, ends):
    def special(token):
        return {"SpecialToken": {"id": token, "type_id": 0}}

    def part(token, id):
        return {token: {"id": token, "ids": [id], "tokens": [token]}}

    single = [special("<s>")] * begins + [{"Sequence": {"id": "A", "type_id": 0}}] + [special("</s>")] * ends
    return {"type": "TemplateProcessing", "single": single, "pair": single + [{"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {**(part("<s>", 1) if begins else {}), **(part("</s>", 2) if ends else {})}}


def configured():
    """What transformers' add_bos_token and add_eos_token change."""
    value = json.loads((GOLDENS / "llama2.tokenizer.json").read_text())
    for post_processor in [None, template(0, 0), template(1, 0), template(1, 1)]:
        value["post_processor"] = post_processor
        for name in ["LlamaTokenizerFast", "PreTrainedTokenizerFast"]:
            for begins, ends in [(None, None), (True, False), (False, False), (True, True), (False, True)]:
                configuration = {"tokenizer_class": name, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
                if begins is not None:
                    configuration.update(add_bos_token=begins, add_eos_token=ends)
                with tempfile.TemporaryDirectory() as directory:
                    for file, content in [("tokenizer", value), ("tokenizer_config", configuration),
                                          ("config", {"model_type": "llama"})]:
                        Path(directory, file + ".json").write_text(json.dumps(content))
                    ids = AutoTokenizer.from_pretrained(directory)("the text").input_ids
                yield {"postProcessor": json.dumps(post_processor), "ids": ids}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=GOLDENS / "cases.json", metavar="FILE", help="where to write")
    options = parser.parse_args()
    source = random.Random(20261129)
    value = {
        "overlaps": list(overlaps(source)), "identities": list(identities()), "undecoded": list(undecoded()),
        "pieces": list(pieces(source)), "published": list(published()),
        "configured": list(configured())}
    options.out.write_text(json.dumps(value, separators=(",", ":"), ensure_ascii=False) + "\n", encoding="utf-8")
    print({name: len(cases) for name, cases in value.items()}, f"{options.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
