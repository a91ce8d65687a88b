#!/usr/bin/env python3
"""Fetch published chat templates from PyPI, and write what Jinja2 makes of chats with each of them.

They go to .cache/templates/, a file NAME.json for each. The source package llama-cpp-python carries them. The download
is checked by its SHA-256. Jinja2 is installed into .cache/jinja/, an environment of its own.
"""

import argparse
import json
import os
import subprocess
import sys
import tarfile
import venv
from pathlib import Path

from llama_cpp_source import SOURCE, SOURCE_SUM, source_archive
from wheels import CACHE, check

JINJA = "jinja2==3.1.6"
ENVIRONMENT = CACHE / "jinja"
if Path(sys.prefix) != ENVIRONMENT:
    if not (ENVIRONMENT / "bin" / "python").exists():
        venv.create(ENVIRONMENT, with_pip=True)
    python = str(ENVIRONMENT / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", JINJA], check=True)
    os.execv(python, [python, *sys.argv])

from chat_templates import case, rendered  # noqa: E402: it imports Jinja2

FOLDER = "/vendor/llama.cpp/models/templates/"

TOOLS = [
    {"type": "function", "function": {
        "name": "get_weather", "description": "The weather of a place: \"now\" & <later>.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "Its name, such as Zürich."},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
                "days": {"type": ["integer", "null"], "minimum": 1},
                "options": {"type": "object", "properties": {"wind": {"type": "boolean"}}, "required": ["wind"]},
                "tags": {"type": "array", "items": {"type": "string"}}},
            "required": ["city"]},
        "return": {"type": "object"}}},
    {"type": "function", "function": {
        "name": "now", "description": "The time.", "parameters": {"type": "object", "properties": {}}}},
]


def user(content):
    return {"role": "user", "content": content}


def assistant(content, **more):
    return {"role": "assistant", "content": content, **more}


def system(content):
    return {"role": "system", "content": content}


def call(name, arguments, identifier):
    return {"id": identifier, "type": "function", "function": {"name": name, "arguments": arguments}}


def result(content, identifier="abcdefghi", name="get_weather"):
    return {"role": "tool", "tool_call_id": identifier, "name": name, "content": content}


ARGUMENTS = {"city": "Zürich", "days": 2, "options": {"wind": True}, "tags": ["a", "b"], "none": None, "x": 1.5}
CALL = assistant(None, tool_calls=[call("get_weather", ARGUMENTS, "abcdefghi")])
TEXT_CALL = assistant("", tool_calls=[call("get_weather", json.dumps(ARGUMENTS), "abcdefghi")])
CALLS = assistant("Both.", tool_calls=[call("get_weather", {"city": "Oslo"}, "abcdefghi"), call("now", {}, "123456789")])
THOUGHT = assistant("<think>\nOne and one.\n</think>\n\nTwo.")

# Each with the messages and what else a template gets.
CHATS = [
    ([user("Hello!")], {}),
    ([], {}),
    ([system("Be brief."), user("What is 1 + 1?")], {}),
    ([user("Hi"), assistant("Hello."), user("\n  And now? ")], {}),
    ([system(" S\n"), user("Hi "), assistant("\n Hello "), user("More"), assistant("Yes."), user("<|im_end|> {{ x }}")], {}),
    ([user("Hi"), THOUGHT, user("Why?"), assistant("So.", reasoning_content="Thinking."), user("Ok")], {}),
    ([user("Hi"), assistant("Two.", reasoning_content="One and one.\n"), ], {}),
    ([user("Hi"), assistant("Two.")], {"enable_thinking": False}),
    ([user("Hi")], {"enable_thinking": False}),
    ([user("Hi")], {"enable_thinking": True, "thinking": True, "reasoning_effort": "high"}),
    ([user("Weather in Zürich?")], {"tools": TOOLS}),
    ([system("Help."), user("Weather?")], {"tools": TOOLS, "date_string": "1 May 2025"}),
    ([user("Weather?"), CALL, result("{\"t\": 20}")], {"tools": TOOLS}),
    ([user("Weather?"), TEXT_CALL, result("20 °C"), assistant("It is 20 °C."), user("Thanks")], {"tools": TOOLS}),
    ([system("S"), user("Both?"), CALLS, result("1"), result("12:00", "123456789", "now"), assistant("Done.")],
     {"tools": TOOLS}),
    ([user("Weather?"), CALL, result("20 °C"), assistant("Fine."), user("?")], {}),
    ([user("Hi")], {"tools": []}),
    ([user([{"type": "text", "text": "Part one."}, {"type": "text", "text": " Part two."}])], {}),
    ([system([{"type": "text", "text": "Sys."}]), user([{"type": "text", "text": "Hi"}]),
      assistant([{"type": "text", "text": "Ho"}]), user("?")], {}),
    ([user([{"type": "image"}, {"type": "text", "text": "What is it?"}])], {}),
    ([{"role": "developer", "content": "Dev."}, user("Hi")], {}),
    ([user("a"), user("b")], {}),
    ([user("a"), system("late"), user("b")], {}),
    ([assistant("I begin."), user("Hi")], {}),
    ([{"role": "critic", "content": "?"}], {}),
    ([user("Hi"), {"role": "assistant", "content": None}], {}),
    ([user("Hi"), {"role": "assistant", "tool_calls": None}], {}),
    ([user("Cite.")], {"documents": [{"title": "T", "text": "Text & more."}, {"title": "U", "contents": "x"}]}),
    ([system("/no_think"), user("e\u0301 é 😀 'quoted' \"d\" \\ 東京 \u2028 \t")], {}),
]


# Tools without a type that some templates can't name, with keys in an order that isn't the usual one.
PLAIN_TOOLS = [
    {"type": "function", "function": {
        "name": "get_weather", "description": "The weather of a place: \"now\" & <later>.",
        "parameters": {
            "required": ["city"], "type": "object",
            "properties": {
                "unit": {"description": "Of \u00b0.", "type": "string", "enum": ["celsius", "fahrenheit"]},
                "city": {"type": "string", "description": "Its name, such as Zürich."}}}}},
    {"type": "function", "function": {
        "name": "now", "description": "The time.", "parameters": {"type": "object", "properties": {}}}},
]
WEATHER = call("get_weather", {"unit": "celsius", "city": "Zürich \"<b>\" 東京"}, "abcdefghi")
TIME = call("now", {}, "123456789")
ONE_CALL = [user("Weather?"), assistant("", tool_calls=[WEATHER])]
SAID = [system("Help."), user("Both?"), assistant("I'll see.", tool_calls=[WEATHER])]

# Chats with calls and results. A call has its arguments as an object, and empty content where nothing is said.
TOOL_CHATS = [
    [user("Weather?")],
    [system("Help."), user("Weather?")],
    ONE_CALL,
    [*ONE_CALL, result("{\"t\": 20}")],
    [*ONE_CALL, result("20 °C"), assistant("It is 20 °C."), user("Thanks")],
    [*ONE_CALL, result("20 °C"), assistant("", tool_calls=[TIME]), result("12:00", "123456789", "now")],
    [*SAID, result("20 °C")],
    [user("Both?"), assistant("", tool_calls=[WEATHER, TIME]), result("1"), result("12:00", "123456789", "now"),
     assistant("Done."), user("<tool_call> <|im_end|> [TOOL_CALLS]")],
]


def styled(messages, content_is_null, arguments_are_text):
    """The chat as a template may want it: no content beside calls, and arguments as a text."""
    made = json.loads(json.dumps(messages))
    for message in made:
        if "tool_calls" not in message:
            continue
        if content_is_null and not message["content"]:
            message["content"] = None
        for tool_call in message["tool_calls"] if arguments_are_text else []:
            function = tool_call["function"]
            function["arguments"] = json.dumps(function["arguments"], ensure_ascii=False)
    return made


def tool_case(template, messages, prompt):
    texts = {
        f"{content} {arguments}": rendered(
            template, styled(messages, content == "null", arguments == "text"), tools=PLAIN_TOOLS,
            add_generation_prompt=prompt)[0]
        for content in ("null", "empty") for arguments in ("object", "text")}
    return {
        "messages": styled(messages, False, True), "tools": PLAIN_TOOLS, "add_generation_prompt": prompt,
        "texts": texts}


def write(template, path):
    cases = [
        case(template, messages, add_generation_prompt=prompt, **options)
        for messages, options in CHATS for prompt in (True, False)]
    tool_cases = [tool_case(template, messages, prompt) for messages in TOOL_CHATS for prompt in (True, False)]
    made = {"template": template, "cases": cases, "tool_cases": tool_cases}
    path.write_text(json.dumps(made, ensure_ascii=False), encoding="utf-8")
    return sum(case["text"] is not None for case in cases), len(cases)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, metavar="FILE", help=f"already downloaded: the source of {SOURCE}")
    options = parser.parse_args()
    target = CACHE / "templates"
    target.mkdir(parents=True, exist_ok=True)
    if options.source:
        check(options.source, SOURCE_SUM)
    with tarfile.open(options.source or source_archive()) as package:
        for member in package:
            if FOLDER in member.name and member.name.endswith(".jinja"):
                template = package.extractfile(member).read().decode()
                path = target / f"{Path(member.name).stem}.json"
                made, count = write(template, path)
                print(f"{made:>3} of {count} chats rendered  {path.name}")


if __name__ == "__main__":
    main()
