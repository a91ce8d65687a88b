"""Makes requests that are nearly right: for fuzz.py."""

import copy
import json

CHAT = "/v1/chat/completions"
TEXT = "/v1/completions"

WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
HELLO = [{"role": "user", "content": "Hello"}]

# Valid requests of every address, as far as the server has it.
VALID = [
    (CHAT, {"messages": HELLO}),
    (CHAT, {"messages": [{"role": "system", "content": "Be brief."}, *HELLO], "stream": True, "temperature": 0.5}),
    (CHAT, {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}], "logprobs": True, "top_logprobs": 2}),
    (CHAT, {"messages": HELLO, "tools": [WEATHER], "tool_choice": "auto"}),
    (CHAT, {"messages": HELLO, "response_format": {"type": "json_object"}, "stream": True}),
    (CHAT, {
        "messages": HELLO, "response_format": {
            "type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object", "properties": {"a": {"type": "integer"}}}}}}),
    (CHAT, {
        "messages": [
            *HELLO,
            {"role": "assistant", "content": None, "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "rain"}]}),
    (TEXT, {"prompt": "The sea is", "stop": ["\n"], "logit_bias": {"5": -100}, "seed": 1}),
    (TEXT, {"prompt": "The sea is", "stream": True, "stream_options": {"include_usage": True}, "top_p": 0.5}),
    (TEXT, {"prompt": [[1, 2, 3], [4, 5]], "n": 2, "echo": True, "logprobs": 2}),
    (TEXT, {"prompt": ["One", "Two"], "presence_penalty": 0.5, "frequency_penalty": -0.5, "top_k": 5, "min_p": 0.1}),
    ("/v1/embeddings", {"input": ["One", "Two"], "encoding_format": "base64"}),
    ("/v1/embeddings", {"input": [1, 2, 3]}),
    ("/tokenize", {"prompt": "Hello there"}),
    ("/detokenize", {"tokens": [1, 2, 3]}),
]
GETS = ["/health", "/v1/models", "/v1/models/NAME", "/metrics", "/", "/nowhere"]


class Raw:
    """JSON that is written as it stands."""

    def __init__(self, text):
        self.text = text


ODD = [
    None, True, False, 0, 1, -1, 2, 0.5, -0.0, 1e300, 2**31, 2**53, 2**63, 2**64, -(2**63), Raw("1e999"), Raw("-1e-999"),
    Raw("1" * 400), Raw("01"), Raw("NaN"), Raw("1.5e3"), "", " ", "x", "\0", "\ud800", "\uffff", "é", "🙂" * 20, "a" * 3000,
    "<|im_start|>system", "<|endoftext|>" * 5, "*", "auto", "none", "required", "text", [], {}, [[]], [None], [0], [-1], [2**40],
    ["a"], [[1]], [1.5], {"a": 1}, {"": {}}, {"type": "x"}, [[[[[[[[]]]]]]]], Raw("[" * 400 + "]" * 400), Raw('{"a":' * 300 + "1" + "}" * 300),
    {"type": "object", "properties": {"a": {"$ref": "#"}}}, {"type": "string", "pattern": "(a+)+$"}, {"$ref": "#/x"},
    {"type": "array", "minItems": 10**9}, {"enum": []}, {"anyOf": []}, {"type": "string", "pattern": "a{1,100000}"},
]
FIELDS = [
    "model", "messages", "prompt", "stream", "max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k", "min_p", "seed", "stop",
    "logit_bias", "n", "best_of", "echo", "logprobs", "top_logprobs", "tools", "tool_choice", "parallel_tool_calls", "response_format",
    "stream_options", "frequency_penalty", "presence_penalty", "repetition_penalty", "suffix", "user", "metadata", "input",
    "encoding_format", "dimensions", "tokens", "truncate_prompt_tokens", "guided_json", "guided_regex", "guided_choice",
    "guided_grammar", "add_special_tokens", "name", "role", "content", "tool_call_id", "tool_calls", "x", "",
]


def write(value):
    """JSON of a value that may have raw parts."""
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{write(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(write(each) for each in value) + "]"
    return json.dumps(value)


def places(value, found):
    """Every object and list within a value."""
    if isinstance(value, (dict, list)) and value:
        found.append(value)
        for each in value.values() if isinstance(value, dict) else value:
            places(each, found)
    return found


class Mutator:
    def __init__(self, random, model):
        self.random = random
        self.model = model

    def valid(self):
        path, body = self.random.choice(VALID)
        body = {"model": self.model, **copy.deepcopy(body)}
        if path in (CHAT, TEXT):
            body.setdefault("max_tokens", 2)
        return path, body

    def mutated(self):
        """A path, and the bytes of a body that isn't quite right."""
        random = self.random
        path, body = self.valid()
        for _ in range(random.choice([1, 1, 1, 2, 3])):
            place = random.choice(places(body, []))
            key = random.choice(list(place) if isinstance(place, dict) else range(len(place)))
            kind = random.randrange(6)
            if kind == 0:
                del place[key]
            elif kind in (1, 2):
                place[key] = copy.deepcopy(random.choice(ODD))
            elif kind == 3 and isinstance(place, dict):
                place[random.choice(FIELDS)] = copy.deepcopy(random.choice(ODD))
            elif kind == 4 and isinstance(place, list):
                place.extend(copy.deepcopy(place) * random.choice([1, 3]))
            elif isinstance(place[key], str):
                place[key] = (place[key] * random.choice([2, 100]))[:1_000_000]
            if not body:
                break
        text = write(body)
        kind = random.randrange(12)
        if kind == 0:
            text = text[: random.randrange(len(text) + 1)]
        elif kind == 1:
            at = random.randrange(len(text))
            text = text[:at] + random.choice('{}[]",:0\\e-\0 \x7f') + text[at:]
        elif kind == 2:
            text = text[:-1] + "," + text[1:]
        elif kind == 3:
            text = random.choice(["\ufeff", " \n\t", "[", "x"]) + text + random.choice(["", " ", "x", "]", "\0"])
        data = text.encode("utf-8", "surrogatepass")
        if random.randrange(12) == 0 and data:
            at = random.randrange(len(data))
            data = data[:at] + bytes([random.randrange(256)]) + data[at + random.randrange(2) :]
        return path, data

    def body(self):
        """A path and a body that is right or nearly so."""
        if self.random.randrange(3):
            return self.mutated()
        path, body = self.valid()
        return path, json.dumps(body).encode()

    def head(self, path, length, method="POST", version="HTTP/1.1", **fields):
        fields = {"Host": "localhost", "Content-Type": "application/json", **{key.replace("_", "-"): value for key, value in fields.items()}}
        if length is not None:
            fields["Content-Length"] = str(length)
        lines = [f"{method} {path} {version}"] + [f"{key}: {value}" for key, value in fields.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def broken_head(self, path, data):
        """A request whose head is odd or wrong."""
        random = self.random
        head = self.head(path, len(data)).decode("latin-1")
        line, rest = head.split("\r\n", 1)
        kind = random.randrange(15)
        if kind == 0:
            line = line.replace("POST", random.choice(["GET", "PUT", "post", "P\0ST", "BREW", "OPTIONS", "HEAD", "CONNECT", "", "A" * 5000]))
        elif kind == 1:
            odd = ["", "*", "//", "/%00", "/%zz", "/..", path + "?a=b&c", path + "/", "http://localhost" + path, "/" + "a" * 70000, "/\x80", "/a b", "/#"]
            line = line.replace(path, random.choice(odd))
        elif kind == 2:
            line = line.replace("HTTP/1.1", random.choice(["HTTP/1.0", "HTTP/2.0", "HTTP/9.9", "HTTP/1", "", "http/1.1", "HTTP/1.1 "]))
        elif kind == 3:
            value = random.choice(["-1", "+5", "0", "1e3", "99999999999999999999", "5,5", "", " ", str(len(data) + 7), str(len(data) // 2), "0x10"])
            rest = rest.replace(f"Content-Length: {len(data)}", f"Content-Length: {value}")
        elif kind == 4:
            rest = f"Content-Length: {random.randrange(10)}\r\n" + rest
        elif kind == 5:
            rest = f"Transfer-Encoding: {random.choice(['chunked', 'gzip', 'gzip, chunked', 'chunked, chunked', 'identity', ''])}\r\n" + rest
        elif kind == 6:
            value = random.choice(["text/plain", "", "application/json; charset=\"", ";", "a/b/c", "application/*", "\x80", "x" * 9000])
            rest = rest.replace("application/json", value)
        elif kind == 7:
            rest = "".join(f"X-{number}: {number}\r\n" for number in range(random.choice([50, 250, 3000]))) + rest
        elif kind == 8:
            rest = f"X-Long: {'x' * random.choice([10_000, 100_000])}\r\n" + rest
        elif kind == 9:
            rest = random.choice(["\0: a\r\n", " folded\r\n", "No colon\r\n", ": empty\r\n", "A : b\r\n", "A:\x01\r\n", "A: b\n", "A: b\r", "é: a\r\n"]) + rest
        elif kind == 10:
            rest = rest.replace("localhost", random.choice(["", "evil.example", "[", "a:b:c", "x" * 3000, "localhost\r\nHost: evil.example"]))
        elif kind == 11:
            rest = f"Expect: {random.choice(['100-continue', '200-ok', ''])}\r\n" + rest
        elif kind == 12:
            rest = f"Connection: {random.choice(['close', 'CLOSE', 'keep-alive, close', 'upgrade', ''])}\r\nUpgrade: h2c\r\n" + rest
        elif kind == 13:
            rest = f"Authorization: {random.choice(['Bearer', 'Bearer x', 'é', 'x' * 5000])}\r\nX-Request-Id: {random.choice(['a', 'a b', 'x' * 500])}\r\n" + rest
        else:
            rest = f"Origin: {random.choice(['null', 'https://evil.example', ''])}\r\n" + rest
        return (line + "\r\n" + rest).encode("latin-1") + data

    def chunked(self, path, data, is_right=True):
        """A request whose body comes in chunks, in pieces to be sent one by one."""
        random = self.random
        pieces = [self.head(path, None, Transfer_Encoding="chunked")]
        while data:
            size = random.choice([1, 2, 7, 100, 1000])
            chunk, data = data[:size], data[size:]
            extension = random.choice(["", "", ";a=b", ";" + "x" * 100])
            pieces.append(f"{len(chunk):x}{extension}\r\n".encode() + chunk + b"\r\n")
        pieces.append(random.choice([b"0\r\n\r\n", b"0\r\nTrailer: x\r\n\r\n", b"00\r\n\r\n"]))
        if not is_right:
            at = random.randrange(1, len(pieces))
            pieces[at] = random.choice([
                b"", b"x\r\n", b"-1\r\n", b"ffffffffffffffffff\r\n", b"5\r\nabc\r\n", b"2\r\nabc\r\n", b"1 \r\na\r\n", b"\r\n", b"1\na\n",
                pieces[at][:-2], pieces[at][:-1] + b"x", b"7fffffff\r\nabc"])
        return pieces
