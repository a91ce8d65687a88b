"""instructor, which gets objects of pydantic from a model."""

import client
import instructor
import openai
import samples
from samples import City


def ask(target, mode):
    api = instructor.from_openai(openai.OpenAI(base_url=target.base_url, max_retries=0), mode=mode)
    options = {
        "model": target.model, "messages": [{"role": "user", "content": samples.QUESTION}], "response_model": City,
        "temperature": 0, "max_retries": 0,
    }
    answer = api.create(**options)
    assert isinstance(answer, City), answer
    # The same as a stream of objects that get more and more complete.
    assert list(api.create_partial(**options))[-1].model_dump() == answer.model_dump()


def tools(target):
    ask(target, instructor.Mode.TOOLS)


def json_schema(target):
    ask(target, instructor.Mode.JSON_SCHEMA)


client.run(tools, json_schema)
