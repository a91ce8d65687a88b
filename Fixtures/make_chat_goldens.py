#!/usr/bin/env python3
"""Write the golden chats of the Tokenization tests: what `transformers` makes of them with chat templates of the families.

The templates here are short ones of the same form as the published ones: the same control tokens, line breaks, spaces,
order of messages and refusals, without tools. The tokenizers are those of make_tokenizer_goldens.py. The output depends
on nothing but the release of `transformers`; today is always the same day.
"""

import datetime
import json
import sys
from pathlib import Path

try:
    import jinja2
    import transformers
    from transformers import PreTrainedTokenizerFast
    from transformers.utils import chat_template_utils
except ImportError as error:
    sys.exit(f"{error}\nInstall what is needed: {sys.executable} -m pip install transformers jinja2")

FIXTURES = Path(__file__).resolve().parent
GOLDENS = FIXTURES.parent / "Tests" / "TokenizationTests" / "Goldens"

TURNS = "{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}"
SYSTEM_FIRST = (
    "{% if messages and messages[0]['role'] == 'system' %}{% set system_message = messages[0]['content'] %}"
    "{% set loop_messages = messages[1:] %}{% else %}{% set loop_messages = messages %}{% endif %}")


def mistral(opening, closing, answer, place):
    """`place` says in which user's message the system message goes; None: in none."""
    user = '"%s" + message["content"] + "%s"' % (opening, closing)
    with_system = '"%s" + system_message + "\\n\\n" + message["content"] + "%s"' % (opening, closing)
    if place is None:
        first, user = "{%- set loop_messages = messages %}", "{{ %s }}" % user
    else:
        first = SYSTEM_FIRST
        user = "{%%- if %s and system_message is defined %%}{{- %s }}{%%- else %%}{{- %s }}{%%- endif %%}" % (
            place, with_system, user)
    return (
        first + "{{- bos_token }}{%- for message in loop_messages %}" + TURNS.replace("m[", "message[")
        + '{%- if message["role"] == "user" %}' + user + '{%- elif message["role"] == "assistant" %}{{- ' + answer
        + " }}{%- else %}{{ raise_exception('only user and assistant') }}{%- endif %}{%- endfor %}")


CHATML = (
    "{% for message in messages %}PROMPT{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
DEFAULT_PROMPT = (
    "{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nBe of use.<|im_end|>\n' }}{% endif %}")
LLAMA2 = (
    SYSTEM_FIRST.replace("{% else %}{% set loop", "{% else %}{% set system_message = false %}{% set loop")
    + "{% for m in loop_messages %}" + TURNS
    + "{% if loop.index0 == 0 and system_message %}{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + "
    "m['content'] %}{% else %}{% set content = m['content'] %}{% endif %}{% if m['role'] == 'user' %}"
    "{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif m['role'] == 'assistant' %}"
    "{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}")
LLAMA3 = (
    "{% for m in messages %}{% set content = '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n' + m['content'] | "
    "trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}")
LLAMA31 = (
    "{{- bos_token }}DATE{%- if messages and messages[0]['role'] == 'system' %}{%- set system_message = "
    "messages[0]['content']|trim %}{%- set messages = messages[1:] %}{%- else %}{%- set system_message = \"\" %}{%- endif %}"
    "{{- \"<|start_header_id|>system<|end_header_id|>\\n\\n\" }}{{- \"Cutting Knowledge Date: December 2023\\n\" }}"
    "{{- \"Today Date: \" + date_string + \"\\n\\n\" }}{{- system_message }}{{- \"<|eot_id|>\" }}{%- for m in messages %}"
    "{{- '<|start_header_id|>' + m['role'] + '<|end_header_id|>\\n\\n'+ m['content'] | trim + '<|eot_id|>' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}")
FIXED_DATE = "{%- if not date_string is defined %}{%- set date_string = \"26 Jul 2024\" %}{%- endif %}"
TODAY = (
    "{%- if strftime_now is defined %}{%- set date_string = strftime_now(\"%d %b %Y\") %}{%- else %}"
    "{%- set date_string = \"26 Jul 2024\" %}{%- endif %}")
GEMMA = (
    "{{ bos_token }}SYSTEM{% for m in loop_messages %}" + TURNS + "{% if m['role'] == 'assistant' %}{% set role = 'model' %}"
    "{% else %}{% set role = m['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\n' + PREFIXm['content'] | trim + "
    "'<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}")
GEMMA2 = GEMMA.replace("PREFIX", "").replace(
    "SYSTEM", "{% if messages and messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}"
    "{% endif %}{% set loop_messages = messages %}")
GEMMA3 = GEMMA.replace("PREFIX", "(first_user_prefix if loop.first else '') + ").replace(
    "SYSTEM", "{%- if messages and messages[0]['role'] == 'system' -%}{%- set first_user_prefix = messages[0]['content'] + "
    "'\n\n' -%}{%- set loop_messages = messages[1:] -%}{%- else -%}{%- set first_user_prefix = \"\" -%}"
    "{%- set loop_messages = messages -%}{%- endif -%}")
PHI3 = (
    "{% for m in messages %}{% if m['role'] == 'system' %}{{'<|system|>\n' + m['content'] + '<|end|>\n'}}"
    "{% elif m['role'] == 'user' %}{{'<|user|>\n' + m['content'] + '<|end|>\n'}}{% elif m['role'] == 'assistant' %}"
    "{{'<|assistant|>\n' + m['content'] + '<|end|>\n'}}{% endif %}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}")
ZEPHYR = (
    "{% for m in messages %}\n{% if m['role'] == 'user' %}\n{{ '<|user|>\n' + m['content'] + eos_token }}\n"
    "{% elif m['role'] == 'system' %}\n{{ '<|system|>\n' + m['content'] + eos_token }}\n{% elif m['role'] == 'assistant' %}\n"
    "{{ '<|assistant|>\n'  + m['content'] + eos_token }}\n{% endif %}\n{% if loop.last and add_generation_prompt %}\n"
    "{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}")
SMOLLM3 = (
    "{%- set mode = \"/think\" -%}{{- \"<|im_start|>system\\n\" -}}{%- if messages and messages[0].role == \"system\" -%}"
    "{%- set said = messages[0].content -%}{%- if \"/no_think\" in said -%}{%- set mode = \"/no_think\" -%}{%- endif -%}"
    "{%- set custom = said.replace(\"/no_think\", \"\").replace(\"/think\", \"\").rstrip() -%}{%- endif -%}"
    "{%- if \"/system_override\" in said -%}{{- custom.replace(\"/system_override\", \"\").rstrip() -}}"
    "{{- \"<|im_end|>\\n\" -}}{%- else -%}{{- \"## Metadata\\n\\n\" -}}{{- \"Knowledge Cutoff Date: June 2025\\n\" -}}"
    "{%- set today = strftime_now(\"%d %B %Y\") -%}{{- \"Today Date: \" ~ today ~ \"\\n\" -}}"
    "{{- \"Reasoning Mode: \" + mode + \"\\n\\n\" -}}{{- \"## Custom Instructions\\n\\n\" -}}{%- if custom -%}"
    "{{- custom + \"\\n\\n\" -}}{%- elif mode == \"/think\" -%}{{- \"You think it's best to <think> first.\\n\\n\" -}}{%- else -%}"
    "{{- \"You answer at once.\\n\\n\" -}}{%- endif -%}{%- endif -%}{%- for m in messages -%}{%- if m.role == \"user\" -%}"
    "{{ \"<|im_start|>\" + m.role + \"\\n\" + m.content + \"<|im_end|>\\n\" }}{%- elif m.role == \"assistant\" -%}"
    "{%- if mode == \"/think\" -%}{{ \"<|im_start|>assistant\\n\" + m.content.lstrip(\"\\n\") + \"<|im_end|>\\n\" }}{%- else -%}"
    "{{ \"<|im_start|>assistant\\n\" + \"<think>\\n\\n</think>\\n\" + m.content.lstrip(\"\\n\") + \"<|im_end|>\\n\" }}{%- endif -%}"
    "{%- endif -%}{%- endfor -%}{%- if add_generation_prompt -%}{%- if mode == \"/think\" -%}{{ \"<|im_start|>assistant\\n\" }}"
    "{%- else -%}{{ \"<|im_start|>assistant\\n\" + \"<think>\\n\\n</think>\\n\" }}{%- endif -%}{%- endif -%}")

# Name, template, begin and end token, and the tokenizer of the same family.
FORMATS = [
    ("ChatML", CHATML.replace("PROMPT", ""), None, "<|im_end|>", "qwen2"),
    ("ChatML with a default prompt", CHATML.replace("PROMPT", DEFAULT_PROMPT), None, "<|im_end|>", "qwen2"),
    ("Llama 2", LLAMA2, "<s>", "</s>", "llama2"),
    ("Llama 3", LLAMA3, "<|begin_of_text|>", "<|eot_id|>", "llama3"),
    ("Llama 3.1", LLAMA31.replace("DATE", FIXED_DATE), "<|begin_of_text|>", "<|eot_id|>", "llama3"),
    ("Llama 3.2", LLAMA31.replace("DATE", TODAY), "<|begin_of_text|>", "<|eot_id|>", "llama3"),
    ("Mistral 0.1", mistral("[INST] ", " [/INST]", "message['content'] + eos_token + ' '", None), "<s>", "</s>", "llama2"),
    ("Mistral 0.2", mistral(" [INST] ", " [/INST]", '" " + message["content"] + eos_token', "loop.first"),
     "<s>", "</s>", "llama2"),
    ("Mistral 0.3", mistral("[INST] ", "[/INST]", '" " + message["content"]|trim + eos_token', "loop.last"),
     "<s>", "</s>", "phi3"),
    ("Mistral Nemo", mistral("[INST]", "[/INST]", 'message["content"] + eos_token', "loop.last"), "<s>", "</s>", "llama2"),
    ("Gemma 2", GEMMA2, "<bos>", "<eos>", "gemma"),
    ("Gemma 3", GEMMA3, "<bos>", "<eos>", "gemma"),
    ("Phi-3", PHI3, "<s>", "<|endoftext|>", "phi3"),
    ("Zephyr", ZEPHYR, "<s>", "</s>", "llama2"),
    ("SmolLM3", SMOLLM3, None, "<|im_end|>", "qwen2"),
]

CHATS = [
    [("user", "Hello!")],
    [("system", "Answer in one word."), ("user", "What is the capital of France?")],
    [("user", "Hi"), ("assistant", "Hello, how can I help?"), ("user", "\n\n  Count to 3.\n")],
    [("system", "  Be kind.\n"), ("user", "Hi "), ("assistant", "\n Hello\x1c "), ("user", "And now?")],
    [("system", "Think of it. /no_think"), ("user", "Hi"), ("assistant", "\n\nYes."), ("user", "Why?")],
    [("system", "/no_think"), ("user", "Hi")],
    [("system", "Only this. /system_override /think "), ("user", "Hi")],
    [("assistant", "I begin.")],
    [("user", "Hi"), ("user", "Hi again")],
    [("user", "")],
    [("system", "S"), ("user", " ")],
    [("user", "e\u0301 é 😀 'quoted' {braces} 東京")],
]


class Today(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2026, 3, 5, 12)


def rendered(tokenizer, messages, add_generation_prompt):
    options = {"add_generation_prompt": add_generation_prompt}
    try:
        text = tokenizer.apply_chat_template(messages, tokenize=False, **options)
    except jinja2.exceptions.TemplateError:
        return {"text": None, "ids": None}
    ids = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=False, **options) if text else []
    return {"text": text, "ids": ids}


def main():
    chat_template_utils.datetime = Today
    formats = []
    for name, template, begin, end, family in FORMATS:
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_file=str(GOLDENS / f"{family}.tokenizer.json"), bos_token=begin, eos_token=end)
        tokenizer.chat_template = template
        chats = []
        for chat in CHATS:
            messages = [{"role": role, "content": content} for role, content in chat]
            for add_generation_prompt in (True, False):
                chats.append({
                    "messages": messages, "add_generation_prompt": add_generation_prompt,
                    **rendered(tokenizer, messages, add_generation_prompt)})
        formats.append({
            "name": name, "template": template, "begin_token": begin, "end_token": end, "tokenizer": family,
            "chats": chats})
    path = GOLDENS / "chats.json"
    path.write_text(json.dumps(formats, separators=(",", ":"), ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"transformers {transformers.__version__}: {path.stat().st_size:,} bytes  {path.name}")


if __name__ == "__main__":
    main()
