"""Requests of all kinds for a server under load, and what their answers have to be equal in."""

import random
import struct

CHAT = "/v1/chat/completions"
TEXT = "/v1/completions"
EMBEDDINGS = "/v1/embeddings"

WORDS = "sea wind river stone light old small bright road house tree snow ship bird song fire door glass".split()

#: Values of which each is one of a few, so that an answer is short.
SCHEMA = {
    "type": "object",
    "properties": {
        "place": {"type": "string", "enum": ["sea", "river", "road", "house"]},
        "distance": {"type": "integer", "minimum": 1, "maximum": 99},
        "bright": {"type": "boolean"},
    },
    "required": ["place", "distance", "bright"],
    "additionalProperties": False,
}

#: The kinds of requests. Those named text, echo and embedding need no chat format.
KINDS = ["chat", "text", "several", "logprobs", "echo", "schema", "tool", "embedding", "long"]


class Request:
    """A request whose answer is the same every time."""

    def __init__(self, kind, path, **body):
        self.kind = kind
        self.path = path
        self.body = body

def requests(model, kinds, longest):
    """Some requests of each of the kinds, of many lengths. Some begin alike.

    :param longest: The words of the longest prompt.
    """
    generator = random.Random(1)

    def text(length):
        return " ".join(generator.choice(WORDS) for _ in range(length))

    def question(length):
        return [{"role": "user", "content": f"Write a sentence with these words: {text(length)}"}]

    def chat(kind, length, **body):
        options = {"model": model, "temperature": 0, "max_completion_tokens": generator.randint(8, 48)}
        return Request(kind, CHAT, **{**options, "messages": question(length), **body})

    def completion(kind, prompt, **body):
        options = {"model": model, "temperature": 0, "max_tokens": generator.randint(8, 48)}
        return Request(kind, TEXT, **{**options, "prompt": prompt, **body})

    tools = [{
        "type": "function",
        "function": {"name": name, "description": f"Remembers a {name}.", "parameters": SCHEMA},
    } for name in ["voyage", "journey"]]
    formats = {"type": "json_schema", "json_schema": {"name": "walk", "schema": SCHEMA, "strict": True}}
    makers = {
        "chat": lambda length: chat("chat", length),
        "text": lambda length: completion("text", f"Once upon a time there was {text(length)}"),
        "several": lambda length: chat("several", length, n=2),
        "logprobs": lambda length: chat("logprobs", length, logprobs=True, top_logprobs=3),
        "echo": lambda length: completion(
            "echo", [text(length), text(5)], echo=True, logprobs=2, max_tokens=generator.choice([0, 1, 4])),
        "schema": lambda length: chat("schema", length, response_format=formats, max_completion_tokens=64),
        "tool": lambda length: chat(
            "tool", length, tools=tools, max_completion_tokens=64,
            tool_choice={"type": "function", "function": {"name": generator.choice(["voyage", "journey"])}}),
        "embedding": lambda length: Request("embedding", EMBEDDINGS, model=model, input=[text(length), text(9)]),
        "long": lambda length: chat("long", longest - length, max_completion_tokens=12),
    }
    return {kind: [makers[kind](length) for length in [5, 20, 60, longest // 10]] for kind in kinds}


class Answer:
    """What an answer says: the same whether it comes whole or as a stream, through any client."""

    def __init__(self, path):
        self.path = path
        self.choices = {}
        self.vectors = []
        self.token_count = 0

    @property
    def value(self):
        """What is compared."""
        return self.vectors if self.path == EMBEDDINGS else [self.choices[index] for index in sorted(self.choices)]

    def add(self, part):
        """Adds a whole answer, or an event of a stream."""
        if part.get("usage"):
            self.token_count = part["usage"].get("completion_tokens") or 0
        for item in part.get("data") or []:
            # As 32-bit floats, in which they are computed: clients get them with different numbers of digits.
            self.vectors.append(struct.pack(f"<{len(item['embedding'])}f", *item["embedding"]))
        for choice in part.get("choices") or []:
            state = self.choices.setdefault(
                choice["index"], {"text": "", "calls": [], "probabilities": [], "end": None})
            state["end"] = choice.get("finish_reason") or state["end"]
            if self.path == TEXT:
                state["text"] += choice["text"]
            else:
                self.add_message(state, choice.get("message") or choice.get("delta") or {})
            if choice.get("logprobs"):
                state["probabilities"] += self.probabilities(choice["logprobs"])

    def add_message(self, state, message):
        state["text"] += message.get("content") or ""
        for position, call in enumerate(message.get("tool_calls") or []):
            # Only in a stream they are numbered.
            index = call.get("index") or position
            while len(state["calls"]) <= index:
                state["calls"].append({"name": "", "arguments": ""})
            for field in ["name", "arguments"]:
                state["calls"][index][field] += call["function"].get(field) or ""

    def probabilities(self, part):
        if self.path == TEXT:
            return [list(entry) for entry in zip(part["tokens"], part["token_logprobs"], part["top_logprobs"])]
        return [
            [token["token"], token["logprob"], [[other["token"], other["logprob"]] for other in token["top_logprobs"]]]
            for token in part["content"] or []
        ]
