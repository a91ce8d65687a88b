"""Simon Willison's command llm, with the server in its extra-openai-models.yaml."""

import json
import os
import subprocess
import sys
import tempfile

import client
import samples

MODELS = """
- model_id: served
  model_name: {model}
  api_base: "{base_url}"
  supports_schema: true
  supports_tools: true
"""


def llm(target, folder, *arguments):
    """What the command prints."""
    with open(os.path.join(folder, "extra-openai-models.yaml"), "w") as file:
        file.write(MODELS.format(model=target.model, base_url=target.base_url))
    command = [sys.executable, "-m", "llm", "prompt", *arguments]
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL,
        env={**os.environ, "LLM_USER_PATH": folder, "LLM_LOAD_PLUGINS": ""})
    assert result.returncode == 0, result.stderr or result.stdout
    return result.stdout.strip()


def prompt(target):
    with tempfile.TemporaryDirectory() as folder:
        options = ["-m", "served", "-o", "temperature", "0", samples.QUESTION]
        streamed = llm(target, folder, *options)
        assert "Paris" in streamed, streamed
        assert llm(target, folder, "--no-stream", *options) == streamed


def conversation(target):
    with tempfile.TemporaryDirectory() as folder:
        options = ["-o", "temperature", "0", "-o", "max_tokens", "24"]
        first = llm(target, folder, "-m", "served", *options, samples.QUESTION)
        assert "Paris" in first, first
        second = llm(target, folder, "-c", *options, "And what is the capital of Italy?")
        assert "Rome" in second, second


def schema(target):
    with tempfile.TemporaryDirectory() as folder:
        answer = llm(
            target, folder, "-m", "served", "-o", "temperature", "0", "--schema",
            json.dumps(samples.City.model_json_schema()), samples.QUESTION)
        samples.City.model_validate_json(answer)


client.run(prompt, conversation, schema)
