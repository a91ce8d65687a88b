#!/usr/bin/env python3
"""Write the golden templates of the Tokenization tests: what Jinja2, set up as transformers sets it up, makes of them.

`templates` are whole ones with chats, each about a part of the language. `expressions` are rendered alone, and so are
`blocks`, which are about white space and statements. Where Jinja2 gives an error, the text is null.
"""

import json
from pathlib import Path

import jinja2

from chat_templates import case, rendered

GOLDENS = Path(__file__).resolve().parent.parent / "Tests" / "TokenizationTests" / "Goldens"

HI = [{"role": "user", "content": "Hi"}]
TURNS = [
    {"role": "system", "content": " Be kind.\n"}, {"role": "user", "content": "  One? "},
    {"role": "assistant", "content": "<think>\nwell\n</think>\n\nTwo.", "reasoning_content": "hm"},
    {"role": "user", "content": "e\u0301 é 😀 ß 'q' \"d\" {b} <|im_end|>"},
]
CALLS = [
    {"role": "user", "content": "Weather?"},
    {"role": "assistant", "content": None, "tool_calls": [
        {"id": "1", "type": "function", "function": {"name": "weather", "arguments": {"city": "Zürich", "days": [1, 2.5]}}},
        {"id": "2", "type": "function", "function": {"name": "time", "arguments": "{}"}}]},
    {"role": "tool", "tool_call_id": "1", "content": "20 °C & <sun>"},
    {"role": "assistant", "content": [{"type": "text", "text": "It is "}, {"type": "text", "text": "warm."}]},
]
TOOLS = [
    {"type": "function", "function": {"name": "weather", "description": "It's \"so\" <b>", "parameters": {
        "type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "array", "items": {"type": "number"}}},
        "required": ["city"]}}},
    {"type": "function", "function": {"name": "time", "parameters": {"type": "object", "properties": {}}}},
]
CHATS = [(HI, {}), (TURNS, {}), (CALLS, {"tools": TOOLS}), ([], {}), (TURNS[1:], {"enable_thinking": False})]

TEMPLATES = {
    "chatml": """{% for message in messages %}
{{ '<|im_start|>' + message['role'] + '\\n' + (message['content'] or '') | string + '<|im_end|>' + '\\n' }}
{% endfor %}
{% if add_generation_prompt %}
{{ '<|im_start|>assistant\\n' }}
{% endif %}
""",
    "default prompt in a variable": """{% set default = 'You\\'re of use. Write \\\\boxed{}.' %}
{%- if messages and messages[0].role == 'system' %}{% set s = messages[0].content %}{% else %}{% set s = default %}{% endif %}
[{{ s }}]{% for m in messages if m.role != 'system' %}({{ loop.index }}/{{ loop.length }} {{ m.role }}){% else %}none{% endfor %}""",
    "namespace": """{%- set ns = namespace(count=0, last='', seen=false) -%}
{%- for m in messages -%}
    {%- set ns.count = ns.count + 1 -%}
    {%- if m.role == 'user' and not ns.seen -%}{%- set ns.seen = true -%}{%- endif -%}
    {%- set ns.last = m.role -%}
    {%- set inner = m.role -%}
{%- endfor -%}
{{ ns.count }} {{ ns.last }} {{ ns.seen }} {{ inner is defined }} {{ ns.other is defined }} {{ ns }}""",
    "macros": """{% macro tag(name, open=true, suffix='') %}<{{ '' if open else '/' }}{{ name }}{{ suffix }}>{% endmacro %}
{%- macro both(name) -%}{{ tag(name) }}{{ varargs | join(',') }}{{ kwargs | tojson }}{{ tag(name, open=false) }}{%- endmacro -%}
{%- macro deep(n) %}{% if n > 0 %}({{ deep(n - 1) }}){% endif %}{% endmacro -%}
{% for m in messages %}{{ both(m.role, 1, 'x', y=2) }}{{ tag(m.role, suffix='!') }}{{ tag() }}{{ deep(4) }}
{% endfor %}{{ tag.name }}""",
    "call and caller": """{% macro box(title) %}[{{ title }}: {{ caller() }}|{{ caller() | upper }}]{% endmacro %}
{%- macro each(items) %}{% for i in items %}{{ caller(i, loop.index) }};{% endfor %}{% endmacro %}
{% for m in messages %}{% call box(m.role) %}in {{ m.role }}{% endcall %}{% endfor %}
{% call(x, n=0) each(['a', 'b']) %}{{ n }}{{ x }}{% endcall %}""",
    "loop variables": """{% for m in messages %}
{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}
{{ loop.cycle('a', 'b', 'c') }} {{ loop.previtem.role if loop.previtem is defined else '-' }} {{ (loop.nextitem or {}).role }}
{{ loop.changed(m.role) }} {{ loop.depth }}{% for x in 'ab' %}{{ loop.index }}{{ x }}{% endfor %}

{% endfor %}""",
    "break and continue": """{% for m in messages %}{% if m.role == 'system' %}{% continue %}{% endif %}
{% for c in m.content | string %}{% if c == ' ' %}{% break %}{% endif %}{{ c }}{% endfor %}
{% if loop.index > 2 %}{% break %}{% endif %}{% endfor %}end""",
    "unpacking": """{% for key, value in {'a': 1, 'b': [2, 3]}.items() %}{{ key }}={{ value }};{% endfor %}
{% for (a, (b, c)) in [(1, (2, 3)), [4, 'xy']] %}{{ a }}{{ b }}{{ c }} {% endfor %}
{% set x, y = 1, 'two' %}{{ x }}{{ y }}{% for m in messages %}{% for k, v in m.items() %}{{ k }}:{{ v }},{% endfor %}{% endfor %}""",
    "block set and filters": """{% set text %}
  a {{ messages | length }}
  b
{% endset %}
{% set shout | upper | trim %} loud {{ messages | length }} {% endset %}
[{{ text }}][{{ shout }}]{% filter upper | replace('A', 'x') %}a{{ text }}{% endfilter %}
{% set outer = 1 %}{% set block %}{% set outer = 2 %}{{ outer }}{% endset %}{{ block }}{{ outer }}""",
    "tools": """{%- if tools %}
{%- for tool in tools %}
{{ tool | tojson }}
{{ tool | tojson(indent=4) }}
{{ tool.function | tojson(separators=(',', ':'), sort_keys=true) }}
{{ tool.function.parameters.properties | dictsort | list | length }}{% for name, schema in tool.function.parameters.properties | items %} {{ name }}:{{ schema.type }}{% if name in tool.function.parameters.required %}!{% endif %}{% endfor %}
{%- endfor %}
{%- endif %}
{%- for m in messages %}{% if m.tool_calls is defined and m.tool_calls %}{% for c in m.tool_calls %}
{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments if c.function.arguments is string else c.function.arguments | tojson }}}
{%- endfor %}{% elif m.content is string %}{{ m.content }}{% elif m.content is iterable %}{% for part in m.content %}{{ part.text }}{% endfor %}{% endif %}{% endfor %}""",
    "thoughts": """{% for m in messages %}{% set c = m.content if m.content is string else '' %}
{% if '</think>' in c %}{{ c.split('</think>')[-1].lstrip('\\n') }}|{{ c.split('</think>')[0].rstrip('\\n').split('<think>')[-1] }}{% else %}{{ c.strip() }}{% endif %}
{{ m.reasoning_content | default('no') }}{{ m.get('reasoning_content', 'none') }}{{ m['x'] is defined }}
{% endfor %}{{ enable_thinking is defined and enable_thinking is false }}""",
    "refusals": """{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate, not ' ~ m.role) }}{% endif %}{{ m.content }}{% endfor %}""",
    "dates": """{{ strftime_now('%d %b %Y') }}|{{ strftime_now('%A, %B %-d, %Y %H:%M:%S %p %I %j %y %m %%') }}|{{ strftime_now('%Y-%m-%d') }}|{{ strftime_now('%a %e %w %u %F %T %D %R') }}""",
    "generation": """{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}
{{ m.content }}{% set x = 1 %}{{ eos_token }}{% endgeneration %}{% else %}{{ m.role }}{% endif %}{{ x is defined }}{% endfor %}""",
    "special tokens": """{{ bos_token }}{% for m in messages %}{{ m.role }}{{ eos_token }}{% endfor %}{{ pad_token ~ unk_token }}{{ sep_token }}""",
    "inline if": """{% for m in messages %}{{ 'S' if m.role == 'system' }}{{ 'U' if m.role == 'user' else 'A' if m.role == 'assistant' else '?' }}{{ (1 if false) is defined }}{% endfor %}""",
    "slices": """{{ messages[1:] | length }}{{ messages[:-1] | length }}{{ messages[::-1] | map(attribute='role') | join(' ') }}
{{ messages[-1].role }}{{ messages[5] is defined }}{% set l = messages[::2] %}{{ l | length }}{% for m in messages[1:3] %}{{ m.role[:2] }}{{ m.role[-2:] }}{{ m.role[::-1] }}{% endfor %}""",
    "select": """{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | list }}
{{ messages | rejectattr('role', 'in', ['user', 'system']) | list | length }}{{ messages | selectattr('tool_calls', 'defined') | list | length }}
{{ messages | map(attribute='role') | unique | list }}{{ messages | map(attribute='role') | map('upper') | join('-') }}
{{ (messages | selectattr('role', 'eq', 'assistant') | list)[-1:] | length }}{{ messages | groupby('role') | map('first') | list }}""",
    "white space": """a
    {% if true %}
    b
    {%- if true -%}
    c
    {%- endif %}

    {% endif %}
  {# comment #}
d {# two
lines #} e
    {{- ' f ' -}}
g
{%+ if true %}h{%+ endif +%}

  {% raw %}  {{ raw }} {% if %} {% endraw %}
{%- raw -%}  x  {%- endraw -%} y
  {#- c -#}  z
""",
    "scopes": """{% set x = 1 %}{% for i in [1, 2] %}{{ x }}{% set x = x + i %}{{ x }}{% endfor %}{{ x }}
{% if true %}{% set x = 9 %}{% endif %}{{ x }}{% macro show() %}{{ x }}{% endmacro %}{% set x = 5 %}{{ show() }}
{% for i in [1] %}{% set y = 3 %}{% macro in_loop() %}{{ i }}{{ y }}{% endmacro %}{{ in_loop() }}{% endfor %}{{ y is defined }}
{% with a = 1, b = 2 %}{{ a + b }}{% set a = 7 %}{{ a }}{% endwith %}{{ a is defined }}""",
    "content parts": """{% for m in messages %}{% if m.content is string %}{{ m.content }}{% elif m.content is none %}none{% else %}{% for p in m.content %}{% if p.type == 'text' %}{{ p['text'] | trim }}{% else %}<{{ p.type }}>{% endif %}{% endfor %}{% endif %};{% endfor %}""",
    "printing": """{% for m in messages %}{{ m }}
{{ m.items() | list }}{{ m.keys() }}{{ m.values() | list | length }}
{% endfor %}{{ tools }}{{ [true, none, 1.5, 1e20, 'it\\'s', "\\"", 'a\\nb', (1,), (), {}] }}""",
    "joined literals": """{{ 'a' 'b' "c" }}{{ "tab\\tnew\\nx\\x41\\u00e9\\U0001F600\\101\\q\\
end" }}{{ '\\'' }}""",
    "globals": """{{ range(3) | list }}{{ range(1, 10, 3) | list }}{{ range(5, 0, -2) | list }}{{ dict(a=1, b='x') }}{{ dict([('k', 1)]) }}{{ range(3) }}
{% set ns = namespace({'p': 1}, q=2) %}{{ ns.p }}{{ ns.q }}{{ dict({'a': 1}, a=2) }}""",
}

# Rendered alone, with the variables below.
VARIABLES = {
    "s": " Hello, World \n", "u": "Straße ΌΣΟΣ ǆ İ 東京", "n": 7, "f": 2.5, "t": True, "z": None, "e": "",
    "l": [3, 1, 2], "w": ["b", "A", "c", "a"], "d": {"b": 1, "a": {"c": [1, "x"]}, "items": "own", "B": 0},
    "r": [{"k": "x", "v": 2}, {"k": "y", "v": 1}, {"k": "X", "v": 3}, {"v": 4}],
}
EXPRESSIONS = r"""
1 + 2 * 3 - 4
7 / 2
7 // 2
-7 // 2
7 % 3
-7 % 3
7 % -3
7.5 // 2
-7.5 % 2
2 ** 10
2 ** -1
2 ** 3 ** 2
-2 ** 2
1 / 0
1 % 0
1.0 // 0
true + 1
true * 'ab'
'a' + 1
'a' ~ 1 ~ none ~ true ~ 1.0 ~ [1]
'ab' * 3
3 * [1, 2]
[1] + [2]
(1,) + (2,)
[1] + (2,)
none + 1
missing + 1
missing
missing ~ 'x'
missing.a
missing['a']
missing()
missing == other
missing == none
missing is defined
missing | length
missing < 1
not missing
-missing
[missing]
missing in [1]
1 in missing
1 < 2 < 3
1 < 3 < 2
3 > 2 > 1 == true
1 == 1.0
1 == true
'a' < 'b'
'a' < 1
[1, 2] < [1, 3]
(1, 2) == [1, 2]
{'a': 1} == {'a': 1.0}
none == none
none < 1
1 != 2
'a' in 'abc'
'' in ''
1 in 'abc'
'b' in d
'c' not in d
2 in l
[1] in [[1]]
'x' and 'y'
'' or 'z'
none or e or 0 or []
not '' and not none
1 if 2 else 3
1 if e
'a' if e else 'b' if n else 'c'
1.0
1.50
1e16
1e15
123456789012345678
1.5e-5
0.0001
1e-5
1.2345678901234567e+22
-0.0
1_000
0x1F + 0o17 + 0b11
3.0 * 2
0.1 + 0.2
10 / 5
[1, 2.0, 'a', none, true, [], {}, ()]
(1, 'b')
(1,)
()
{'a': 1, 2: 'b', 'c': {'d': none}}
{1: 'a', true: 'b', 1.0: 'c'}
{[1]: 2}
{(1, 2): 3}[(1, 2)]
d.b
d['items']
d.a.c[1]
d.a.c[-1]
d.a.c[5]
d['a']['c'] | first
d.nope is defined
d.get('b')
d.get('nope')
d.get('nope', 5)
d.keys() | list
d.values() | list
d.items() | list
d.keys()
d.items() | first
d.items()[0]
d.copy()
d.pop('b')
d.update({'x': 1})
d.setdefault
d.__class__
l.append(4)
l.index(2)
l.index(9)
l.count(1)
l.sort()
l[0]
l[-1]
l[3]
l[0:2]
l[::-1]
l[::2]
l[5:]
l[-2:]
l[:-5]
l[2:0:-1]
l[::0]
l['a']
l[1.0]
l[true]
l.0
(1, 2, 3)[1:]
range(10)[2:8:2]
range(10)[3]
range(3)[5]
range(0)
range(1, 2, 0)
range(100001)
range('a')
s[0]
s[1:6]
s[::-1]
s[-1]
s[100]
s[-100:3]
s.strip()
s.lstrip()
s.rstrip()
s.strip(' \n')
s.strip('H \nd')
'xxaxx'.lstrip('x')
'xxaxx'.rstrip('x')
'xxaxx'.strip('')
s.upper()
s.lower()
u.upper()
u.lower()
u.title()
u.capitalize()
u.swapcase()
'ΑΣ Σ ΑΣΑ ΑΣ.'.lower()
"they're bill's friends".title()
'hello world-foo (bar) [baz'|title
u|capitalize
'a,b,c'.split(',')
'a,b,c'.split(',', 1)
'a,b,c'.rsplit(',', 1)
'a,b,c'.split(sep=',', maxsplit=1)
' a  b c '.split()
' a  b c '.split(none, 1)
' a  b c '.rsplit(none, 1)
' a  b c '.split(none, 0)
''.split()
''.split(',')
'abc'.split('')
'aXXbXXc'.split('XX')
'aaaa'.split('aa')
'aaaaa'.rsplit('aa')
'aaaaa'.rsplit('aa', 1)
'a\nb\r\nc\rd\x0be\u2028f\n'.splitlines()
'a\nb\n'.splitlines(true)
''.splitlines()
'abc'.startswith('ab')
'abc'.startswith(('x', 'a'))
'abc'.startswith('b', 1)
'abc'.endswith('bc')
'abc'.endswith(('x', 'c'))
'abc'.endswith('b', 0, 2)
'abc'.startswith(1)
'abc'.startswith('')
'aaa'.replace('a', 'b')
'aaa'.replace('a', 'b', 2)
'abc'.replace('', '-')
'abc'.replace('', '-', 2)
''.replace('', 'x')
'abab'.replace('ab', '')
'abc'.find('c')
'abc'.find('x')
'abcabc'.rfind('c')
'abcabc'.find('c', 3)
'abc'.find('')
'abc'.index('x')
'abc'.count('b')
'aaaa'.count('aa')
'abc'.count('')
', '.join(['a', 'b'])
''.join([1])
'-'.join('abc')
'abc'.isdigit()
'123'.isdigit()
'²'.isdigit()
'²'.isdecimal()
'½'.isnumeric()
'abc'.isalpha()
'ab1'.isalnum()
' \t'.isspace()
'Abc'.islower()
'ABC1'.isupper()
'é'.isascii()
'abc'.removeprefix('a')
'abc'.removesuffix('bc')
'abc'.removesuffix('')
'a=b=c'.partition('=')
'a=b=c'.rpartition('=')
'abc'.partition('x')
'abc'.rpartition('x')
'7'.zfill(3)
'-7'.zfill(4)
'a'.ljust(3) ~ '|'
'a'.rjust(3, '.')
'a'.center(4, '.')
'ab'.center(5, '.')
'{} and {}'.format(1, 'x')
'{0}{1}{0}'.format('a', none)
'{a}{{}}'.format(a=[1])
'{}'.format()
'{'.format()
'abc'.nope
'abc'.nope()
'abc'['upper']()
s|trim
s|trim(' \n')
'xax'|trim('x')
z|trim
n|trim
s|length
l|count
d|length
n|length
'é'|length
'😀e\u0301'|length
l|first
l|last
''|first is defined
[]|last is defined
d|first
d|last
missing|first is defined
l|join
l|join(', ')
r|join(',', attribute='v')
'abc'|join('-')
n|join
'ABC'|lower
'abc'|upper
l|replace('1', 'x')
'aaa'|replace('a', 'b', 2)
'a'|default('b')
missing|default('b')
missing|default
e|default('b')
e|default('b', true)
z|d('b', boolean=true)
missing|d(missing)
d|tojson
[1, 1.0, true, none, 'é"\\\n\t\x00\x7f/']|tojson
'é😀\x7f'|tojson(ensure_ascii=true)
d|tojson(indent=2)
[]|tojson(indent=2)
{'a': [], 'b': {}, 'c': [1, [2]]}|tojson(indent=1)
{'a': [1, 2]}|tojson(indent=0)
{'a': [1]}|tojson(indent='--')
{'b': 1, 'a': 2}|tojson(sort_keys=true)
{'b': 1, 2: 2}|tojson(sort_keys=true)
[1, {'a': 2}]|tojson(separators=(',', ':'))
[1, {'a': 2}]|tojson(indent=2, separators=('; ', ' = '))
{1: 'a', none: 'b', true: 'c', 1.5: 'd'}|tojson
{(1, 2): 3}|tojson
missing|tojson
range(2)|tojson
(1, 2)|tojson
1e400|tojson
'<a href="x">&\'</a>'|tojson
'abc'|list
d|list
n|list
l|sort
l|sort(reverse=true)
w|sort
w|sort(case_sensitive=true)
r|sort(attribute='v')|map(attribute='v')|list
r|sort(attribute='k')
[[2, 'b'], [1, 'z'], [2, 'a']]|sort
[1, 'a']|sort
r[:3]|sort(attribute='k,v')|map(attribute='v')|list
d|dictsort
{'b': 1, 'A': 2, 'a': 0}|dictsort
{'b': 1, 'A': 2}|dictsort(true)
{'b': 1, 'a': 2}|dictsort(by='value')
{'b': 1, 'a': 2}|dictsort(reverse=true)
l|dictsort
d|items|list
missing|items|list
l|items|list
r|map(attribute='k')|list
r|map(attribute='k', default='-')|list
r|map(attribute='v')|sum
[[1, 2], [3, 4]]|map(attribute=1)|list
[{'a': {'b': 1}}]|map(attribute='a.b')|list
w|map('upper')|list
w|map('replace', 'a', 'x')|list
w|map('default', 'x')|join
l|map('nope')|list
[]|map('nope')|list
l|select('odd')|list
l|reject('odd')|list
[0, 1, '', 'a']|select|list
l|select('gt', 1)|list
l|select('>', 1)|list
r|selectattr('k')|map(attribute='v')|list
r|selectattr('k', 'defined')|list|length
r|rejectattr('k', 'equalto', 'x')|list|length
r|selectattr('k', 'in', ['x'])|list
l|select('odd')|length
(l|select('odd')) is iterable
(l|map('string')) is sequence
l|map('string')|first
1 if l|select('gt', 9) else 2
['a', 'A', 'b', 'a']|unique|list
['a', 'A']|unique(true)|list
[1, true, 1.0]|unique|list
r|unique(attribute='k')|list|length
l|reverse|list
'abc'|reverse
d|reverse|list
l|reverse|length
l|min
l|max
w|max
[]|max is defined
r|min(attribute='v')
[1, 'a']|max
l|sum
[]|sum
[0.5, 1]|sum
['a']|sum
[[1], [2]]|sum(start=[])
l|sum(start=10)
[1, 2, 3, 4, 5]|batch(2)|list
[1, 2, 3]|batch(2, 'x')|list
[1, 2, 3, 4, 5]|slice(2)|list
[1, 2, 3]|slice(2, 'x')|list
r[:3]|groupby('k')
r[:3]|groupby('k', case_sensitive=true)|map('first')|list
'42'|int
'42.7'|int
' 42 '|int
'x'|int
'x'|int(5)
'0x1f'|int(0, 16)
'ff'|int(base=16)
'1_000'|int
'٣'|int
3.9|int
-3.9|int
none|int
[]|int(3)
true|int
missing|int
'1.5'|float
'x'|float
'x'|float(1.5)
' -1e3 '|float
'inf'|float
'.5'|float
'5.'|float
'1_0'|float
3|float
none|float
n|abs
-3|abs
-2.5|abs
'a'|abs
2.5|round
3.5|round
2.567|round(2)
2.5|round(method='ceil')
2.567|round(1, 'floor')
-2.5|round(0, 'floor')
7|round
2.675|round(2)
'a'|round
n|string
n|string is string
z|string
l|string
'a\nb\n\nc'|indent
'a\nb'|indent(2, true)
'a\n\nb'|indent(2, blank=true)
'a\nb'|indent('> ')
'a\nb\n'|indent
n|indent
'a'|safe
'<a>'|safe + '<b>'
'<b>' + ('<a>'|safe)
'<a>'|safe ~ '<b>'
'<>&"\''|escape
'<>&"\''|e|e
'<'|escape|string
('<'|safe) is escaped
'a b c'|wordcount
"it's (two) words"|wordcount
'a longer text with words'|truncate(10)
'a longer text with words'|truncate(10, true)
'a longer text with words'|truncate(10, true, '')
'short'|truncate(10)
'ab'|center(6) ~ '|'
d|attr('b')
d|attr('keys') is callable
n is number
f is number
t is number
n is integer
t is integer
f is float
t is boolean
n is boolean
s is string
n is string
d is mapping
l is mapping
l is sequence
s is sequence
d is sequence
n is sequence
l is iterable
s is iterable
n is iterable
z is none
z is not none
missing is none
t is true
n is true
1 is true
false is false
n is odd
n is even
n is divisibleby 7
n is divisibleby(2)
n is eq 7
n is equalto 7
n is ne 7
n is gt 6
n is ge(7)
n is lt 7
n is le 7
n is lessthan 8
n is greaterthan 8
'a' is in ['a']
'a' is in 'abc'
'abc' is lower
'ABC' is upper
'Abc' is lower
range is callable
d.get is callable
n is callable
z is sameas none
t is sameas true
n is nope
not n is odd
n is not odd
n is odd and l is sequence
n is defined or n is odd
[n is odd, n is even]
missing is undefined
-n|abs
-n is number
- n + 1
+n
--n
not not n
'a' 'b'
'a'.upper().lower()|upper
{'a': {'b': [1, {'c': 'deep'}]}}.a.b[1].c
[[1, 2], [3]][0][1]
[1, 2, 3,]
{'a': 1,}
(1, 2,)
1, 2
dict(a=1).a
dict(**{'a': 1})
dict(*[[('a', 2)]])
range(*[1, 3]) | list
namespace(a=1).a
namespace(a=1).b is defined
loop is defined
raise_exception('no')
strftime_now('%H')
strftime_now(1)
'%s' % 1
'a' 1
1 +
{{ 1 }}
a b
(1
[1, 2
1)
'abc
'\x4'
foo(a=1, 2)
foo(1, a=1, a=2)
1 is
1 |
1 | upper |
x.
x[]
x[1:2:3:4]
@
1 ! 2
{'a' 1}
{1, 2}
'a' if
for
not
1 not 2
"a\qb\\c"
'\'' "\""
'é' == 'e\u0301'
'ﬁ'.upper()
'İ'.lower()|length
'ŉ'.upper()
'ǆ'.title()
'\u1e9e'.lower()
"\N{BULLET}"
("<a>"|safe).replace("a","<")
("<a>"|safe)|replace("z","<") + "<"
("<"|safe)|title + "<"
("<"|safe).center(4,"x") + "<"
("<"|safe)|center(4) + "<"
("<\nb"|safe)|indent + "<"
("<"|safe)|reverse + "<"
("a < b"|safe).split("<")[0] + "<"
("a < b"|safe).partition("<")[2] + "<"
("a < b"|safe)|truncate(3,true,"<") + "<"
("<,"|safe).join(["<", 1, "&"|safe])
("{} {a}"|safe).format("<", a="&")
("a"|safe).removeprefix("b") + "<"
("<b"|safe)|list
("<b"|safe)|first + "<"
("<b"|safe)[1:] + "<"
("<b"|safe)[::-1] + "<"
("<b"|safe) ~ "<"
"<"|e|capitalize + "<"
"x"|e|wordcount
"<"|e|string + "<"
2 * ("a"|safe) + "<"
("a\nb"|safe).splitlines()
("a b"|safe).rsplit()
("5"|safe).zfill(3) + "<"
(" a "|safe).strip() + "<"
("<"|safe).swapcase() + "<"
[1].copy()
2*(1,)
(1,)*2
"{} {1}".format(1,2)
"{1} {}".format(1,2)
('9'*500)|float
('-'~'9'*500)|float
('0'*500~'1')|float
"1e400"|float
(1,2).grouper is defined
[1,2]|first
"\x00\x1f\x7f\u2028\ue000\U000f0000"|tojson
["\x00\x1f\x7f\u2028\ue000\U000f0000\u0378"]
"\U0001F600é"|tojson(ensure_ascii=true)
"+5"|int
"-5"|int
"1_0"|int
"1__0"|int(4)
"_1"|int(4)
"-_1"|int(4)
"0x1F"|int(0,16)
"-0x1f"|int(0,16)
"0b11"|int(7,2)
"0o17"|int(7,8)
"z"|int(1,36)
"٣"|int
"--5"|int(4)
"- 5"|int(4)
""|int(4)
"5."|int(4)
"1e3"|int(4)
"0x"|int(4,16)
"1."|float
".5"|float
"."|float(9)
"-.5e1"|float
"1.e2"|float
"1_0.2_5"|float
"1_.5"|float(9)
"1._5"|float(9)
"+inf"|float
"-Infinity"|float
"NaN"|float
"infinit"|float(9)
"1e"|float(9)
"e1"|float(9)
"1e+5"|float
"1-5"|float(9)
"+-1"|float(9)
" 2 "|float
"1e5_0"|float
"abc"|float(9)
"1.2.3"|float(9)
"..5"|float(9)
"5..e"|float(9)
"-"|float(9)
"-nan"|float
('<b'|safe)|last + '<'
'b'|last + '<'
''|last
('<'|safe)|default('x') + '<'
('<-'|safe).rpartition('-')[0] + '<'
[('<'|e)]|join ~ '<'
['b', 'a']|join('<'|safe) + '<'
('<'|safe)|replace('<', 'x'|safe) + '<\'
""".strip("\n").split("\n")

BLOCKS = [
    "{% for x in [1,2] %}{{ x }}{% endfor %}", "{% for x in [] %}{% else %}none{% endfor %}", "{% for x in 5 %}{% endfor %}",
    "{% for x in none %}{% endfor %}", "{% for x in missing %}a{% else %}b{% endfor %}", "{% for a, b in [(1,)] %}{% endfor %}",
    "{% for a, b in d.items() if a != 'b' %}{{ a }}{{ loop.index }}{% endfor %}", "{% for x in 1, 2 %}{{ x }}{% endfor %}",
    "{% for x in l|sort %}{{ x }}{% endfor %}",
    "{% for x in l if x > 1 %}{{ loop.index }}{{ loop.length }}{{ x }}{% endfor %}", "{% break %}", "{% for x in l %}",
    "{% endfor %}", "{% if %}{% endif %}", "{% if 1 %}a{% elif 2 %}b{% else %}c{% endif %}", "{% if 0 %}a{% elif 2 %}b{% endif %}",
    "{% if 1 %}a{% else %}b{% elif 2 %}{% endif %}", "{% nope %}", "{% set %}", "{% set x %}a{% endset %}{{ x }}", "{% set x = 1, 2 %}{{ x }}",
    "{% set a, b = 1 %}", "{% set n.x = 1 %}", "{% set d.x = 1 %}", "{% set true = 1 %}", "{% set x = %}", "{% set ns = namespace() %}{% set ns.a = 1 %}{{ ns.a }}",
    "{% set ns = namespace() %}{% for i in l %}{% set ns.t = (ns.t or 0) + i %}{% endfor %}{{ ns.t }}",
    "{% macro m(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(b=4, a=5) }}{{ m() }}",
    "{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{% endmacro %}{{ m(b=1) }}", "{% macro m(a, a) %}{% endmacro %}",
    "{% macro m(a=1, b) %}{% endmacro %}", "{% macro m(a, b=a) %}{{ b }}{% endmacro %}{{ m(3) }}", "{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}",
    "{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}", "{% macro m() %}x{% endmacro %}{% call m() %}{% endcall %}",
    "{% call 1 %}{% endcall %}", "{{ m() }}{% macro m() %}{% endmacro %}", "{% macro m(x) %}{{ x }}{% endmacro %}{{ m('a') | upper }}{{ m('b') ~ 1 }}{{ m is callable }}",
    "{% macro m() %}{% set q = 1 %}{{ q }}{% endmacro %}{{ m() }}{{ q is defined }}", "{% filter upper %}a{{ 'b' }}{% endfilter %}", "{% filter nope %}a{% endfilter %}",
    "{% generation %}a{% endgeneration %}", "{% generation %}a", "{% for x in l %}{% generation %}{% break %}{% endgeneration %}{% endfor %}",
    "{% for x in l %}{% set y %}{{ x }}{% if x == 1 %}{% break %}{% endif %}{% endset %}{{ y }}{% endfor %}", "{% raw %}{{ x }}{% endraw %}", "{% raw %}", "{% raw %}a", "{{ none | map('upper') | list }}{{ 0 | select | list }}{{ none | selectattr('a') | list }}", "{{ 5 | map('upper') | list }}", "{% raw %}\n a\n{% endraw %}\nb", "{%- raw -%} a {%- endraw -%} b",
    " {% raw %} a {% endraw %} ", "{# a #}b", "a {#- b -#} c", "{# a", "{# a #}\nb", "{#a+#}\nb", "{#-#} b", "{{ '}}' }}", "{{ '%}' }}{% if '%}' %}x{% endif %}", "{{ {'a': {'b': 1}}['a'] }}",
    "{{ 1 }}\n\n", "\n", "\n\n", "a\n", "a\r\nb\rc\r\n", "  {% if 1 %}\n  a\n  {% endif %}\n", "x {% if 1 %}y{% endif %}", "  {{ 1 }}\n  b", "{%if 1%}a{%endif%}", "{%-if 1-%} a {%-endif-%} b",
    "a\n  {%+ if 1 %}b{% endif %}", "a {% if 1 +%}\nb{% endif %}", "{{- 1 -}}\n x", "a\n\n  {{- 1 }}", "{{+ 1 }}", "{{ 1 +}}", "{{", "{%", "{{ 1", "}}", "%}", "{ { 1 } }", "{{}}", "{{ }}", "{{ 1 }", "{{ 1 %}", "{% if 1 }}",
    "{% if l: %}a{% endif %}", "{% print 1 + 1 %}", "{% do 1 %}", "{% with x = 1 %}{{ x }}{% endwith %}{{ x is defined }}", "{% with %}a{% endwith %}", "{% if 1 %}{% set q = 1 %}{% endif %}{{ q }}",
    "{% for q in [1] %}{% endfor %}{{ q is defined }}", "{% for x in [1] %}{% for y in [2] %}{{ x }}{{ y }}{{ loop.index }}{% endfor %}{{ loop.last }}{% endfor %}", "{{ loop }}",
    "{% for x in l %}{{ loop.nope }}{% endfor %}", "{% for x in l %}{{ loop.cycle() }}{% endfor %}", "{% for x in l|map('string') %}{{ loop.length }}{{ loop.last }}{% endfor %}",
    "{% set g = l|map('string') %}{{ g|list }}{{ g|list }}", "{% set g = l|select('odd') %}{{ 3 in g }}{{ g|list }}", "{% for x in d %}{{ x }},{% endfor %}", "{% for c in 'a\u0301b' %}[{{ c }}]{% endfor %}", "{% for k, v in 'ab cd'.split()|map('list') %}{{ v }}{{ k }}{% endfor %}",
    "{% set x = 1 %}{% macro m() %}{{ x }}{% set x = 2 %}{{ x }}{% endmacro %}{{ x }}", "{% macro outer() %}{% macro inner() %}i{% endmacro %}{{ inner() }}{% endmacro %}{{ outer() }}", "{% macro f(n) %}{{ n }}{% if n %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}",
    "{% for x in l %}{% break %}{% else %}E{% endfor %}", "{% for x in l %}{% continue %}{% else %}E{% endfor %}", "{% for x in l %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% else %}E{% endfor %}",
    "{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% else %}E{% endfor %}", "{% for x in [] %}{% break %}{% else %}E{% endfor %}", "{% for x in l if x > 9 %}x{% else %}E{% endfor %}",
    "{% for g in r|groupby('v') %}{{ g.grouper }}{{ g.list|length }}{{ g['list'] }}{{ g[0] }}{{ g }}{% endfor %}", "{% for k, v in r|groupby('v') %}{{ k }}{{ v|length }}{% endfor %}", "{{ r|groupby('v')|map(attribute='grouper')|join }}{{ (1, 2).grouper is defined }}",
    "{% macro m(a, b=1) %}{{ varargs }}{% endmacro %}{{ m.arguments }}{{ m.catch_kwargs }}{{ m.catch_varargs }}{{ m.caller }}", "{% macro m(a) %}{{ a }}{{ kwargs }}{% endmacro %}{{ m(b=1, c=2, a=3, d=4) }}{{ m(1, **{'x': 2, 'y': 3}) }}",
    "{% for c in '<b'|safe %}{{ c + '<' }}{% endfor %}", "{% set i = l|map('string') %}{{ i|first }}{{ i|list }}{{ i|list }}", "{% set i = l|map('int') %}{{ 3 in i }}{{ i|list }}", "{% macro m() %}{% endmacro %}{% call m(**{'caller': 1}) %}x{% endcall %}",
]


def expression(source):
    return {"source": source, "text": rendered("{{ " + source + " }}", **VARIABLES)[0]}


def main():
    templates = [
        {"name": name, "template": template, "cases": [
            case(template, messages, add_generation_prompt=prompt, **options)
            for messages, options in CHATS for prompt in (True, False)]}
        for name, template in TEMPLATES.items()]
    blocks = [{"source": source, "text": rendered(source, **VARIABLES)[0]} for source in BLOCKS]
    goldens = {
        "templates": templates, "variables": VARIABLES, "expressions": [expression(source) for source in EXPRESSIONS],
        "blocks": blocks}
    # Errors are Python's words, of no use to the tests.
    for template in templates:
        for made in template["cases"]:
            del made["error"]
    path = GOLDENS / "templates.json"
    path.write_text(json.dumps(goldens, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"jinja2 {jinja2.__version__}: {path.stat().st_size:,} bytes  {path.name}")


if __name__ == "__main__":
    main()
