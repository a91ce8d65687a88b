"""Answers that have to be of a format."""

import json
from typing import Literal

from pydantic import BaseModel, Field

from checks.common import CHAT, TEXT, client, not_quick, on_shared_server, question


def schema(value, **fields):
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": value, **fields}}


class City(BaseModel):
    zip_code: int = Field(ge=1000, le=9999)
    name: str = Field(max_length=12)
    areas: list[Literal["north", "south", "harbour"]] = Field(max_length=2)


@on_shared_server
@not_quick
def schemas(server):
    api = client(server)
    answer = api.chat.completions.parse(
        model=server.model, response_format=City, messages=[{"role": "user", "content": "Describe Oslo as JSON."}],
        temperature=0, max_tokens=200)
    [choice] = answer.choices
    assert isinstance(choice.message.parsed, City) and choice.finish_reason == "stop", choice
    # The properties stand in the schema's order, whatever that is.
    for names in [["zebra", "apple", "mango"], ["mango", "zebra", "apple"]]:
        value = {"type": "object", "properties": {name: {"type": "integer", "maximum": 9, "minimum": 0} for name in names},
                 "required": names, "additionalProperties": False}
        for strict in [{}, {"strict": True}, {"strict": False, "description": "x"}]:
            answer = api.chat.completions.create(
                model=server.model, response_format=schema(value, **strict), **question("JSON?"))
            assert list(json.loads(answer.choices[0].message.content)) == names, answer
        text = "".join(
            chunk.choices[0].delta.content or "" for chunk in api.chat.completions.create(
                model=server.model, response_format=schema(value), stream=True, **question("JSON?")))
        assert list(json.loads(text)) == names, text
    answer = api.chat.completions.create(
        model=server.model, response_format={"type": "json_object"}, **{**question("A JSON object."), "max_tokens": 200})
    if answer.choices[0].finish_reason == "stop":
        assert isinstance(json.loads(answer.choices[0].message.content), dict), answer
    assert answer.choices[0].message.content.startswith("{"), answer


@on_shared_server
def guided(server):
    cases = [
        ({"guided_regex": "[ab]{3}[0-9]{2}"}, lambda text: len(text) == 5 and set(text[:3]) <= set("ab") and text[3:].isdigit()),
        ({"guided_choice": ["crimson", "navy"]}, lambda text: text in ("crimson", "navy")),
        ({"guided_json": {"enum": [1, 2]}}, lambda text: json.loads(text) in (1, 2)),
        ({"guided_json": '{"enum": [1, 2]}'}, lambda text: json.loads(text) in (1, 2)),
        ({"guided_grammar": 'root ::= "x" [yz] "x"'}, lambda text: text in ("xyx", "xzx")),
    ]
    for fields, is_right in cases:
        for seed in range(3):
            body = {"temperature": 2, "seed": seed, "max_tokens": 20, **fields}
            chat = server.post(CHAT, {**question("Hello"), **body})[2]["choices"][0]
            text = server.post(TEXT, {"prompt": "Hello", **body})[2]["choices"][0]
            assert is_right(chat["message"]["content"]) and chat["finish_reason"] == "stop", (fields, chat)
            assert is_right(text["text"]) and text["finish_reason"] == "stop", (fields, text)


@on_shared_server
def refused_formats(server):
    field = "response_format.json_schema.schema"
    cases = [
        ({"response_format": schema({"type": "nothing"})}, field), ({"response_format": schema({"not": {}})}, field),
        ({"response_format": schema({"type": "string", "minLength": 2, "maxLength": 1})}, field),
        ({"response_format": schema({"$ref": "#/$defs/none"})}, field), ({"response_format": schema(None)}, field),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"response_format": "json"}, "response_format"), ({"response_format": {}}, "response_format.type"),
        ({"guided_regex": "("}, "guided_regex"), ({"guided_regex": "(?=a)"}, "guided_regex"),
        ({"guided_choice": []}, "guided_choice"), ({"guided_json": "{"}, "guided_json"),
        ({"guided_grammar": "root ::= root"}, "guided_grammar"), ({"guided_regex": 1}, "guided_regex"),
        ({"guided_regex": "a", "guided_choice": ["a"]}, "guided_choice"),
        # More than a constraint may take, at little cost.
        ({"response_format": schema(
            {"anyOf": [{"type": "integer", "multipleOf": number} for number in range(900, 1000)]})}, field),
    ]
    for fields, param in cases:
        status, _, answer = server.post(CHAT, {**question("Hello"), **fields})
        assert status == 400 and answer["error"]["param"] == param, (fields, answer)
        assert param in answer["error"]["message"], answer
    # What is too large is refused, also when it is asked for again, and under the name that it has then.
    for fields, param in [({"guided_json": "{"}, "guided_json"), ({"guided_regex": r"[\s\S]{0,60000}"}, "guided_regex")] * 2:
        status, _, answer = server.post(CHAT, {**question("Hello"), **fields})
        assert status == 400 and answer["error"]["param"] == param, (fields, answer)
    # What would hold up everybody: each of many readings goes on for long.
    endless = "|".join(f".*{chr(97 + index)}.{{0,{50 + index}}}" for index in range(26))
    status, _, answer = server.post(CHAT, {**question("Hello"), "guided_regex": endless})
    assert status == 400 and answer["error"]["code"] == "format_too_costly", answer
    # The place in the schema.
    status, _, answer = server.post(CHAT, {**question("Hello"), "response_format": schema(
        {"type": "object", "properties": {"a": {"type": "string", "contentEncoding": "x", "not": {}}}})})
    assert "#/properties/a" in answer["error"]["message"], answer
