#!/usr/bin/env python3
"""Write the golden files of the Tokenization tests: tokenizers, texts, and what the `tokenizers` package makes of them.

The small tokenizers are trained here on a few lines of text, with the pre-tokenizers, normalizers, post-processors,
decoders and added tokens of the model families that they are named after. ids of the real SmolLM2 tokenizer are written
too, from the directory that fetch_smollm2.py makes. The output depends on nothing but the release of `tokenizers`.

Of the texts that are written by hand ids are kept as they are, of the thousands of random ones as hashes.
"""

import argparse
import base64
import json
import random
import struct
import sys
import unicodedata
from pathlib import Path

try:
    import tokenizers
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from tokenizers import trainers
except ImportError as error:
    sys.exit(f"{error}\nInstall what is needed: {sys.executable} -m pip install tokenizers")

FIXTURES = Path(__file__).resolve().parent
GOLDENS = FIXTURES.parent / "Tests" / "TokenizationTests" / "Goldens"
RANDOM_TEXTS = 2200
RANDOM_DECODES = 120

PUNCTUATION_AND_SPACE = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
LLAMA3_PATTERN = WORDS + r"\p{N}{1,3}" + PUNCTUATION_AND_SPACE
QWEN2_PATTERN = WORDS + r"\p{N}" + PUNCTUATION_AND_SPACE
# That of GPT-4o and Phi-4 mini; Mistral's Tekken has it without the contractions.
CASED = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
UNCASED = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
O200K_PATTERN = (
    r"[^\r\n\p{L}\p{N}]?" + CASED + "*" + UNCASED + "+" + CONTRACTION + r"|[^\r\n\p{L}\p{N}]?" + CASED + "+" + UNCASED
    + "*" + CONTRACTION + r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")

CORPUS = """
The window slides over the text, and the text is longer than the window was when the model learned to read.
What happens to the words that are far away? They are grouped: their positions are divided by a whole number.
It's a simple rule, isn't it? We'll see that they've kept their order, and I'd say that you're able to test it.
def encode(self, text: str) -> list[int]:
    return [token.id for token in self.words(text) if token is not None]
for (int i = 0; i < 1024; i++) { sum += values[i] * weights[i]; } // 3.14159, 2.71828, 1000000
Der Fluss fließt über große Steine; où est la bibliothèque? El niño comió mañana. Мы читаем длинный текст.
東京は日本の首都です。北京是中国的首都。대한민국의 수도는 서울이다. हिन्दी एक भाषा है। اللغة العربية جميلة.
The same words again: the text, the window, the model, the positions, the order, the number, the test, the words.
""".strip().split("\n")

TEXTS = [
    "", " ", "  ", "   ", "\n", "\r\n", "\t", "a", " a", "  a", "a ", "a  ", "Hello, world!",
    "The window slides over the text.", "hello hello  hello   hello",
    "I'm sure they've said it's what we'll do; I'd say you're right, aren't you?",
    "I'M SURE THEY'VE SAID IT'S WHAT WE'LL DO; I'D SAY YOU'RE RIGHT, AREN'T YOU?",
    "'s't're've'm'll'd 'S'T'RE'VE'M'LL'D 'Re'rE'vE'Ll'lL 'sound 'Data 'x '' ' 's", "'ſ 'ſo it’s we’ll",
    "'r 'v 'l 're", "'", "0 1 12 123 1234 12345 1234567890 3.14159 1,000,000 0x1F 1e-05", "a1b22c333d4444",
    "½ ² ³ Ⅷ ⅷ ٣٤٥ १२३ ①②③ 𝟙𝟚", "def f(x):\n    if x > 0:\n        return x\n\n\n    return -x\n",
    "\tfor\t(i)\t{\r\n\t\tx++;\r\n\t}\r\n\r\n", "a\n\n\nb", "a \n \n b", "a\r\rb", "a \r\n  b", "  \n  x", "x\n  ",
    "x  \n", "!!\n\n??\r\n;", " !\n!", "...   ...", "a\u000b\u000cb", "a\u00a0b", "\u00a0a", "a\u00a0\u00a0b",
    "a \u00a0b", "a\u2028b\u2029c", "\u2003x\u3000y\u1680z", "a\u0085b", "\u200bzero\u200bwidth",
    "café naïve Ångström", "cafe\u0301 nai\u0308ve A\u030angstro\u0308m",
    "\u212bngstr\u00f6m \u2126 \u1e69 s\u0323\u0307 s\u0307\u0323", "e\u0301\u0301 \u0301x", "ﬁn ǆ ŉ ß ẞ İ ı",
    "Große Straße, où est l'école? ¡Mañana!", "ελληνικά", "Привет, мир! Ёлка й", "東京は日本の首都です。", "北京是中国的首都，上海不是！",
    "대한민국의 수도는 서울이다.", "\u1112\u1161\u11ab\u1100\u1173\u11af", "हिन्दी एक भाषा है। क्षत्रिय",
    "اللغة العربية جميلة، أليس كذلك؟", "שָׁלוֹם עולם", "ภาษาไทยไม่มีช่องว่าง", "தமிழ்", "😀", "😀😀 😀", "👨‍👩‍👧‍👦 family",
    "👍🏽 ok", "🇯🇵🇫🇷", "❤️ ❤", "a😀b", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "𝓗𝓮𝓵𝓵𝓸 𠜎𠜱",
    "\u0000", "\u0001\u0002\u0003\u0004\u0006", "a\u0004b", "\u0013\u0014\u0016\u001d x", "\u007f", "\u001b[0m",
    "\ufeffBOM", "\ufffd", "\ufffe\uffff", "\ue000\uf8ff", "\U000f0000\U0010ffff", "\u202eright\u202c",
    "soft\u00adhyphen", "<|endoftext|>", "<|im_start|>user\nHi<|im_end|>\n", "a<|endoftext|>b",
    "<|endoftext|><|endoftext|>", " <|endoftext|> ", "<|endoftext", "<<|endoftext|>>",
    "<|im_start|><|im_end|><|begin_of_text|><|eot_id|>", "<|begin_of_text|>x<|eot_id|>",
    "<|start_header_id|>user<|end_header_id|>\n\nHi", "<tool_call>{\"name\": 1}</tool_call>",
    "<file_sep>a<repo_name>b", "[L] x [L]x [L]", "x   [L]", "x[R]   y", "[R]  [L]  [L]", "[B] \n\t [B] x",
    "cat cats cat. concat cat", "cat", "_cat cat_ éat cat\u0301", "cat\u200d cat1 1cat cat-cat",
    "<a> <a>b <a>bc a> <<a>", "caf\u00e9\u00e9 cafe\u0301", "na\u00efve nai\u0308ve",
    "\u00e9 e\u0301 \u1ec7 e\u0323\u0302", "tail\u3000[L]", "[R]\u3000\u00a0z", "a [S]  b", "[R] [S]",
    "xyz  [L]<a>[R]  cat", "http://example.com/a?b=c&d=%20#e", "user@example.com", "C:\\path\\to\\file.txt",
    "$100 €50 £20 ¥5", "#hashtag @mention", "a_b_c snake_case camelCase SCREAMING_CASE kebab-case",
    "((())) [[]] {{}} <<>>", "-----", "=====\n=====", "\"quoted\" “curly”", "…—–", "the the the thethethe theTHE",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "ababababab" * 5, " " * 33, "\n" * 17,
]

# A unit and how often it is repeated.
RUNS = [
    ("a", 3000), (" ", 3000), ("\n", 3000), ("\t", 1001), ("1", 3000), ("'", 2000), ("é", 2000), ("字", 2000), ("😀", 1500),
    ("\u0301", 700), ("e\u0301", 900), ("\u0323\u0301", 300), ("\0", 1500), ("ab", 1500), (" a", 1500), ("a ", 1500),
    ("A", 1000), ("aB", 1000), ("▁", 1000), ("\r\n", 900), (" \n", 900), ("\u00a0", 800), ("\U0010fffd", 500),
    ("\U000e0041", 500), ("<s>", 400), ("</s>x", 300), ("👩\u200d🚀", 300), ("ﬁ", 400), ("한", 600), ("\u1112\u1161\u11ab", 300),
]


def random_text(source):
    """Some characters, mixed so that the borders between classes are met often."""
    pools = [
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", "     \n\r\t\u00a0\u2028\u3000",
        "'’.,;:!?<>|()[]{}_-▁$+=^`~", "\u0301\u0308\u0323\u0327\u093f\u200d\ufe0f", "éßñÅĠœſ½²Ⅷ٣İΣ", "字漢かカ한글ﬁＡ①",
        "हिعربية", "😀👩🚀🏽🇯🇵❤", "\0\x01\x04\x13\x1b\x1c\x7f\x85\u200b\ufeff\ufffd",
    ]
    pieces = [
        "'s", "'LL", "'Ve", " the", "\r\n", "  ", "[L]", "[R]", "cat", "<a>", "<|endoftext|>", "123", "<s>", "</s>", "<unk>",
        "<|user|>", "<start_of_turn>", "\n\n\n", "▁▁", "<0x41>", "👩\u200d🚀", "🏴\U000e0067\U000e007f", "      ", " text", "\t\t",
    ]
    characters = []
    for _ in range(source.choice([1, 2, 3, 4, 5, 6, 8, 12, 25])):
        choice = source.randrange(16)
        if choice < len(pools):
            characters.append(source.choice(pools[choice]))
        elif choice < 13:
            characters.append(source.choice(pieces))
        else:
            characters.append(any_character(source))
    return "".join(characters)


def any_character(source):
    """Any character about which nobody's tables disagree, of any plane: those of Unicode 3.2 whose category stayed, younger
    ones that nothing changes or cuts, code points for private use, and some that are unassigned for good.
    """
    while True:
        code = source.choice([source.randrange(1, 0x3000), source.randrange(1, 0x30000), source.randrange(1, 0x110000)])
        character = chr(code)
        category, old = unicodedata.category(character), unicodedata.ucd_3_2_0.category(character)
        if category == "Cs":
            continue
        if category == "Cn":
            if 4 <= code >> 16 <= 13:
                return character
        elif category == old:
            return character
        # The package's idea of punctuation is that of Unicode 8.
        elif code >= 0x10000 and category[0] != "P" and not (
                unicodedata.combining(character) or unicodedata.decomposition(character)):
            return character


def byte_level(**options):
    return pre_tokenizers.ByteLevel(**{"add_prefix_space": False, "use_regex": True, **options})


def split(pattern):
    return pre_tokenizers.Split(Regex(pattern), behavior="isolated")


def train(pre_tokenizer, size, special_tokens=(), normalizer=None, without_bytes="", **model):
    tokenizer = Tokenizer(models.BPE(**model))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = [letter for letter in sorted(pre_tokenizers.ByteLevel.alphabet()) if letter not in without_bytes]
    trainer = trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=alphabet, special_tokens=list(special_tokens), show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def gpt2():
    """The form of the oldest files: merges as strings, and no model type."""
    tokenizer = train(byte_level(), 600, ["<|endoftext|>"])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    value = json.loads(tokenizer.to_str())
    value["model"]["merges"] = [" ".join(pair) for pair in value["model"]["merges"]]
    del value["model"]["type"]
    return value


def smollm2():
    """Like the real one, it lacks some bytes and drops them."""
    digits = pre_tokenizers.Digits(individual_digits=True)
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>", "<file_sep>"]
    # The spellings of the bytes 0x04, 0x06, 0x13, 0x14, 0x16 and 0x1D.
    lacking = "ĄĆēĔĖĝ"
    return json.loads(
        train(pre_tokenizers.Sequence([digits, byte_level()]), 620, special, without_bytes=lacking).to_str())


def llama3():
    """Some tokens cannot be reached by merges: only ignore_merges finds them."""
    tokenizer = train(
        pre_tokenizers.Sequence([split(LLAMA3_PATTERN), byte_level(use_regex=False)]), 620, ignore_merges=True)
    specials = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in specials])
    begin = specials[0]
    template = processors.TemplateProcessing(
        single=f"{begin} $A", pair=f"{begin} $A {begin}:1 $B:1", special_tokens=[(begin, tokenizer.token_to_id(begin))])
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=True), template])
    value = json.loads(tokenizer.to_str())
    value["model"]["merges"] = [pair for rank, pair in enumerate(value["model"]["merges"]) if rank % 3 != 2]
    return value


def qwen2():
    tokenizer = train(
        pre_tokenizers.Sequence([split(QWEN2_PATTERN), byte_level(use_regex=False)]), 620,
        normalizer=normalizers.NFC())
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in specials])
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in ["<tool_call>", "</tool_call>"]])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return json.loads(tokenizer.to_str())


def flags():
    """Everything that no published model combines: each flag of added tokens, an unknown token, a prefix space."""
    tokenizer = train(
        pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=False), byte_level(add_prefix_space=True)]),
        560, ["<unk>"], normalizer=normalizers.NFC(), without_bytes="ĀāĂăĄĆ", unk_token="<unk>", fuse_unk=True)
    tokenizer.add_special_tokens([
        AddedToken("[L]", lstrip=True, normalized=False), AddedToken("[R]", rstrip=True, normalized=False),
        AddedToken("[B]", lstrip=True, rstrip=True, normalized=True),
    ])
    tokenizer.add_tokens([
        AddedToken("cat", single_word=True, normalized=False), AddedToken("[S]", lstrip=True, single_word=True),
        AddedToken("<a>", normalized=False), AddedToken("<a>b", normalized=True), AddedToken("a>", normalized=False),
        AddedToken("<a>bc", normalized=False), AddedToken("na\u00efve", normalized=True),
        AddedToken("\u1ec7", normalized=False), AddedToken("e\u0323\u0302", normalized=False),
        AddedToken("caf\u00e9", normalized=True), AddedToken("Ġword", normalized=False),
    ])
    ids = {token: tokenizer.token_to_id(token) for token in ("[L]", "[R]")}
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[L] [L] $A [R]", pair=None, special_tokens=list(ids.items()))
    return json.loads(tokenizer.to_str())


def neox():
    """Runs of spaces as added tokens that are not special and are sought in normalized text."""
    tokenizer = train(byte_level(), 600, ["<|endoftext|>", "<|padding|>"], normalizer=normalizers.NFC())
    tokenizer.add_tokens([AddedToken(" " * count, normalized=True) for count in range(12, 1, -1)])
    template = processors.ByteLevel(trim_offsets=True)
    tokenizer.post_processor = template
    return json.loads(tokenizer.to_str())


def o200k():
    tokenizer = train(
        pre_tokenizers.Sequence([split(O200K_PATTERN), byte_level(use_regex=False)]), 620, ignore_merges=True)
    tokenizer.add_special_tokens([AddedToken("<|endoftext|>", normalized=False)])
    return json.loads(tokenizer.to_str())


BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
SPACE = "\u2581"


def train_characters(pre_tokenizer, size, alphabet, **options):
    """A vocabulary of characters with byte fallback, as SentencePiece makes them: control tokens and bytes come first."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True, **options))
    tokenizer.normalizer = normalizers.Replace(" ", SPACE)
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=size, limit_alphabet=alphabet, special_tokens=["<unk>", "<s>", "</s>"] + BYTES, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    value = json.loads(tokenizer.to_str())
    value["added_tokens"] = [token for token in value["added_tokens"] if token["content"] not in BYTES]
    return value


def replaced(value, **components):
    """The file with components of their own JSON in place of those that it was trained with."""
    return {**value, **components}


def added(value, *tokens):
    """The file with further added tokens; those that the vocabulary lacks follow it."""
    tokenizer = Tokenizer.from_str(json.dumps(value))
    for token in tokens:
        (tokenizer.add_special_tokens if token.special else tokenizer.add_tokens)([token])
    return json.loads(tokenizer.to_str())


def replace(pattern, content):
    return {"type": "Replace", "pattern": {"String": pattern}, "content": content}


def sequence(name, *parts):
    return {"type": "Sequence", name: list(parts)}


def begin_template(token, id):
    return json.loads(processors.TemplateProcessing(
        single=f"{token} $A", pair=f"{token} $A {token}:1 $B:1", special_tokens=[(token, id)]).__getstate__())


FUSED_DECODER = sequence(
    "decoders", replace(SPACE, " "), {"type": "ByteFallback"}, {"type": "Fuse"},
    {"type": "Strip", "content": " ", "start": 1, "stop": 0})
PREPENDED = sequence("normalizers", {"type": "Prepend", "prepend": SPACE}, replace(" ", SPACE))


def llama2():
    """Llama 1 and 2, TinyLlama, Mistral 7B 0.1: no pre-tokenizer, so that a whole text is one word."""
    return replaced(
        train_characters(None, 700, 90), normalizer=PREPENDED, pre_tokenizer=None, decoder=FUSED_DECODER,
        post_processor=begin_template("<s>", 1))


def phi3():
    """Llama 2's, with added tokens that take the white space after them."""
    names = ["<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>"]
    value = replaced(
        train_characters(None, 650, 70), normalizer=PREPENDED, pre_tokenizer=None, decoder=FUSED_DECODER,
        post_processor=begin_template("<s>", 1))
    return added(value, *[AddedToken(name, rstrip=name != names[0], normalized=False, special=True) for name in names])


def mistral():
    """The later form: a Metaspace pre-tokenizer that does not cut, and its space at the start of the text alone."""
    metaspace = {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": "first", "split": False}
    value = replaced(
        train_characters(None, 680, 80, ignore_merges=True), normalizer=None, pre_tokenizer=metaspace,
        decoder=FUSED_DECODER, post_processor=begin_template("<s>", 1))
    value["added_tokens"][2]["normalized"] = True
    return added(value, *[AddedToken(name, normalized=False, special=True) for name in ("[INST]", "[/INST]")])


def metaspace():
    """Words from a Metaspace pre-tokenizer that cuts, and its decoder."""
    part = {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": "always", "split": True}
    value = train_characters(pre_tokenizers.Metaspace(), 640, 60)
    # Half of the bytes are missing, so that some characters are unknown.
    for byte in BYTES[0xC4:0xE8]:
        value["model"]["vocab"][f"(no {byte})"] = value["model"]["vocab"].pop(byte)
    value = replaced(value, normalizer=None, pre_tokenizer=part, decoder={**part, "add_prefix_space": True})
    return added(value, AddedToken("<|user|>", lstrip=True, normalized=True, special=True))


def gemma():
    """No space at the front, words with the space after them, thousands of added tokens that are not special."""
    splitter = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}
    value = replaced(
        train_characters(None, 750, 100), normalizer=replace(" ", SPACE), pre_tokenizer=splitter,
        decoder=sequence("decoders", replace(SPACE, " "), {"type": "ByteFallback"}, {"type": "Fuse"}))
    value["added_tokens"] = value["added_tokens"][:1]
    value["model"]["vocab"] = {{"<s>": "<bos>", "</s>": "<eos>"}.get(key, key): id
                               for key, id in value["model"]["vocab"].items()}
    tokens = [AddedToken(name, normalized=False, special=True) for name in
              ("<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>")]
    tokens += [AddedToken(text * count, normalized=False, special=False) for text in ("\n", "\t", SPACE)
               for count in range(2, 8)]
    return replaced(added(value, *tokens), post_processor=begin_template("<bos>", 1))


def composed():
    """Components that no decoder-only family combines: compatibility forms, lower case, stripping, punctuation, digits."""
    normalizer = sequence(
        "normalizers", {"type": "NFKC"}, {"type": "Lowercase"}, {"type": "Strip", "strip_left": True, "strip_right": True},
        {"type": "Replace", "pattern": {"Regex": r"\s{2,}|[`´]"}, "content": " "})
    pre_tokenizer = sequence(
        "pretokenizers", {"type": "WhitespaceSplit"}, {"type": "Punctuation", "behavior": "MergedWithNext"},
        {"type": "Digits", "individual_digits": True},
        {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": "always", "split": True})
    decoder = sequence(
        "decoders", {"type": "ByteFallback"}, {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": "never"},
        {"type": "Strip", "content": "e", "start": 1, "stop": 0}, replace("th", "TH"))
    return replaced(
        train_characters(pre_tokenizers.Whitespace(), 660, 90), normalizer=normalizer, pre_tokenizer=pre_tokenizer,
        decoder=decoder)


def decomposed():
    """A decomposition, and the remaining ways of cutting.

    Of the Strip decoder the package can only be asked what it does not crash on: never at both ends of one character.
    """
    pre_tokenizer = sequence(
        "pretokenizers", {"type": "Whitespace"}, {"type": "Punctuation", "behavior": "Contiguous"},
        {"type": "Digits", "individual_digits": False},
        {"type": "Split", "pattern": {"Regex": "[aeiou]"}, "behavior": "MergedWithNext", "invert": False},
        {"type": "Split", "pattern": {"String": "x"}, "behavior": "Removed", "invert": False},
        {"type": "Split", "pattern": {"Regex": r"[^\W\d_]+"}, "behavior": "MergedWithPrevious", "invert": True})
    decoder = sequence(
        "decoders", {"type": "Strip", "content": "s", "start": 0, "stop": 1}, {"type": "Fuse"}, replace("the", "\u2014"))
    value = train_characters(pre_tokenizers.Whitespace(), 640, 90)
    value["model"]["byte_fallback"] = False
    value["model"]["fuse_unk"] = False
    return replaced(value, normalizer={"type": "NFKD"}, pre_tokenizer=pre_tokenizer, decoder=decoder)


def hashed(data):
    """FNV-1a of 32 bits."""
    value = 0x811C9DC5
    for byte in data:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def words(numbers):
    return struct.pack(f"<{len(numbers)}I", *numbers)


def packed(hashes):
    return base64.b64encode(words(hashes)).decode()


def golden(tokenizer, texts, source):
    """`texts` are the written ones and the others."""
    written, others = texts
    every = written + others
    ids = [tokenizer.encode(text).ids for text in every]
    bare = [tokenizer.encode(text, add_special_tokens=False).ids for text in every]
    tokenizer.encode_special_tokens = True
    plain = [tokenizer.encode(text, add_special_tokens=False).ids for text in every]
    tokenizer.encode_special_tokens = False
    decoded = [tokenizer.decode(sequence, skip_special_tokens=False) for sequence in ids]
    count = len(written)
    known = sorted(tokenizer.get_vocab(with_added_tokens=True).values())
    decodes = []
    for _ in range(RANDOM_DECODES):
        sequence = [source.choice(known) for _ in range(source.randrange(1, 10))]
        if source.randrange(2):
            sequence.insert(source.randrange(len(sequence)), known[source.randrange(3) - 2])
        decodes.append({
            "ids": sequence,
            "text": tokenizer.decode(sequence, skip_special_tokens=False),
            "without_special_tokens": tokenizer.decode(sequence, skip_special_tokens=True),
        })
    return {
        "vocabulary_size": max(known) + 1,
        "ids": ids[:count],
        # Where special tokens in the text are ordinary text: only those that differ.
        "plain_ids": {str(index): plain[index] for index in range(count) if plain[index] != bare[index]},
        # Decoded again: only the texts that come out changed.
        "decoded": {str(index): decoded[index] for index in range(count) if decoded[index] != written[index]},
        "id_hashes": packed([hashed(words(sequence)) for sequence in ids[count:]]),
        "plain_id_hashes": packed([hashed(words(sequence)) for sequence in plain[count:]]),
        "decoded_hashes": packed([hashed(text.encode()) for text in decoded[count:]]),
        "decodes": decodes,
    }


def write(path, value):
    path.write_text(json.dumps(value, separators=(",", ":"), ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{path.stat().st_size:>8,} bytes  {path.name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=GOLDENS, metavar="DIR", help="where to write the golden files")
    parser.add_argument("--smollm2", type=Path, default=FIXTURES / ".cache" / "SmolLM2-135M-Instruct", metavar="DIR",
                        help="the directory that fetch_smollm2.py makes")
    options = parser.parse_args()
    if not (options.smollm2 / "tokenizer.json").is_file():
        sys.exit(f"{options.smollm2}: no tokenizer.json there; run fetch_smollm2.py first")
    options.out.mkdir(parents=True, exist_ok=True)
    print(f"tokenizers {tokenizers.__version__}")

    source = random.Random(20240501)
    randoms = [random_text(source) for _ in range(RANDOM_TEXTS)]
    write(options.out / "texts.json", {"written": TEXTS, "random": randoms, "runs": RUNS})
    texts = (TEXTS, randoms + [unit * count for unit, count in RUNS])
    forms = (gpt2, smollm2, llama3, qwen2, flags, neox, o200k, llama2, phi3, mistral, metaspace, gemma, composed, decomposed)
    for make in forms:
        value = make()
        write(options.out / f"{make.__name__}.tokenizer.json", value)
        tokenizer = Tokenizer.from_str(json.dumps(value))
        write(options.out / f"{make.__name__}.golden.json", golden(tokenizer, texts, source))
    real = Tokenizer.from_file(str(options.smollm2 / "tokenizer.json"))
    write(options.out / "smollm2-real.golden.json", golden(real, texts, source))


if __name__ == "__main__":
    main()
