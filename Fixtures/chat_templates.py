"""Jinja2 set up as transformers sets it up for chat templates, with a clock that stands still."""

import datetime
import functools
import json
import sys

try:
    import jinja2
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment
except ImportError as error:
    sys.exit(f"{error}\nInstall what is needed: {sys.executable} -m pip install jinja2")

NOW = datetime.datetime(2026, 3, 5, 12, 34, 56)
# The special tokens that templates get as variables.
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}


class Generation(Extension):
    """`{% generation %}` marks what the assistant says; the text is the same without it."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def make_environment():
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = NOW.strftime
    return environment


ENVIRONMENT = make_environment()


@functools.lru_cache(maxsize=1)
def compiled(template):
    return ENVIRONMENT.from_string(template)


def rendered(template, messages=(), tools=None, documents=None, add_generation_prompt=True, **variables):
    """The text, and why there is none; one of them is None."""
    try:
        # A copy, which a template can't change.
        context = json.loads(json.dumps({
            "messages": list(messages), "tools": tools, "documents": documents,
            "add_generation_prompt": add_generation_prompt, **TOKENS, **variables}))
        return compiled(template).render(context), None
    # Templates fail with errors of Jinja and of Python.
    except Exception as error:  # noqa: BLE001
        return None, f"{type(error).__name__}: {error}"


def case(template, messages=(), **options):
    """A chat with what a template makes of it, for a JSON file."""
    text, error = rendered(template, messages, **options)
    return {"messages": list(messages), **options, "text": text, "error": error}
