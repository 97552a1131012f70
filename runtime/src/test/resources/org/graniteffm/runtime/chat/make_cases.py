"""Writes cases.json: templates rendered by Python's jinja2, set up as transformers does. See README.md."""

import json
from datetime import datetime
from pathlib import Path

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = Path(__file__).parent
NOW = datetime(2024, 7, 4, 13, 5, 9, 42)


class Generation(Extension):
    """transformers' tag, without its bookkeeping."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def environment():
    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda form: NOW.strftime(form)
    return env


WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather somewhere; \"now\" & <always>, naïve 😀",
        "parameters": {
            "type": "object",
            "properties": {"place": {"type": "string"}, "days": {"type": "integer", "default": 1}},
            "required": ["place"],
        },
    },
}
CLOCK = {"name": "get_time", "description": "The time", "parameters": {"type": "object", "properties": {}}, "strict": True}
DOCUMENTS = [
    {"doc_id": 1, "title": "Owls", "text": "Owls sleep by day."},
    {"doc_id": "b", "title": "Größe", "text": "An owl's eye\nis large."},
]

SYSTEM = {"role": "system", "content": "You are short."}
USER = {"role": "user", "content": "What's the weather in Zürich? <b>&amp;</b>"}
ANSWER = {"role": "assistant", "content": "Rain.\n\n"}
AGAIN = {"role": "user", "content": "  And now? {{ 7 * 7 }} {% raw %}"}
THOUGHT = {"role": "assistant", "content": "<think>\nHm.\n</think>\nRain."}
REASONED = {"role": "assistant", "content": "Rain.", "reasoning_content": "Hm."}
CALLS = {
    "role": "assistant",
    "content": "",
    "tool_calls": [
        {"type": "function", "function": {"name": "get_weather", "arguments": {"place": "Zürich", "days": 2, "sure": True, "at": [1, 2.5]}}},
        {"type": "function", "function": {"name": "get_time", "arguments": {}}},
    ],
}
TEXT_CALL = {
    "role": "assistant",
    "content": "Let me see.",
    "tool_calls": [{"name": "get_weather", "arguments": {"place": "Bern", "why": None}}],
}
RESULT = {"role": "tool", "content": "{\"rain\": true}"}
RESULT2 = {"role": "tool", "content": "12:30"}
PARTS = {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "image"}, {"type": "text", "text": "two"}]}

PLAIN = {
    "user": [USER],
    "system": [SYSTEM, USER],
    "turns": [USER, ANSWER, AGAIN],
    "system turns": [SYSTEM, USER, ANSWER, AGAIN, ANSWER],
}
TOOLED = {
    "calls": [USER, CALLS, RESULT, RESULT2],
    "calls and answer": [SYSTEM, USER, CALLS, RESULT, RESULT2, ANSWER, AGAIN],
    "text and call": [USER, TEXT_CALL, RESULT],
}
OLD_TOOLED = {
    "calls": [
        USER,
        {"role": "assistant_tool_call", "content": "[{\"name\": \"get_time\", \"arguments\": {}}]"},
        {"role": "tool_response", "content": "12:30"},
    ],
}


def shapes():
    """The templates of checkpoints, each with conversations that suit it."""
    options = {
        "": {},
        "prompt": {"add_generation_prompt": True},
        "tools": {"tools": [WEATHER, CLOCK], "add_generation_prompt": True},
        "documents": {"documents": DOCUMENTS, "add_generation_prompt": True},
        "tools documents": {"tools": [WEATHER], "documents": DOCUMENTS},
        "thinking": {"thinking": True, "enable_thinking": True, "add_generation_prompt": True},
        "no thinking": {"thinking": False, "enable_thinking": False, "add_generation_prompt": True},
        "controls": {"controls": {"citations": True, "length": "long"}, "documents": DOCUMENTS, "add_generation_prompt": True},
        "available_tools": {"available_tools": [CLOCK], "add_generation_prompt": True},
    }
    talks = {
        "granite-3.0": PLAIN | OLD_TOOLED,
        "granite-3.1": PLAIN,
        "granite-3.3": PLAIN,
        "granite-4.0": PLAIN | TOOLED | {"parts": [{"role": "system", "content": PARTS["content"]}, PARTS]},
        "granite-4.2": PLAIN | TOOLED | {"thought": [USER, THOUGHT, AGAIN, THOUGHT], "reasoned": [USER, REASONED, AGAIN, REASONED], "unknown role": [{"role": "poet", "content": ""}]},
    }
    for shape, conversations in talks.items():
        for talk, messages in conversations.items():
            for option, more in options.items():
                variables = {"messages": messages, "tools": None, "documents": None, "add_generation_prompt": False}
                yield f"{shape}: {talk}; {option}", shape + ".jinja", variables | more


DATA = {
    "s": "Ab cD-ef é😀z",
    "n": 7,
    "neg": -7,
    "f": 2.5,
    "t": True,
    "none": None,
    "list": [3, 1, 2],
    "words": ["pear", "Apple", "fig", "apple"],
    "d": {"b": 1, "A": [1, {"x": "y"}], "c": "ü\u0001\"\\'"},
    "people": [{"name": "Bo", "age": 3, "at": {"z": 1}}, {"name": "al", "age": 2}, {"name": "Cy", "age": None, "on": True}],
    "text": "one\n\n two\r\nthree",
    "empty": "",
    "blank": " \t\n",
}

# Expressions, each rendered as {{ … }}.
EXPRESSIONS = """
1 + 2 * 3 - 4
7 / 2
7 // 2
-7 // 2
-7 % 3
7 % -3
7.5 // 2
-7.5 % 2
2.5 * 2
1e3
1e16
1e15
123456789.125
0.0001
0.00001
1.0
-0.0
1e-7
1.5e300
0.1 + 0.2
5 / 5
true + 1
(1, 2)
(1,)
()
[1, 'a', 2.0, none, true]
{'a': 1, "b": [1, 2]}
['it\\'s', 'a"b', '\\n\\t\\\\', 'é\\u00ad\\x01😀']
'a' 'b' "c"
'a\\x41\\101\\u00e9\\U0001F600\\q'
'a' ~ 1 ~ none ~ 2.0 ~ [1]
'a' + 'b' * 3
3 * 'ab'
[1] + [2] * 2
'ab' * -1
1 < 2 < 3
1 < 3 < 2
1 == 1.0
true == 1
'a' < 'b'
'a' != 'b'
[1, 2] == [1, 2]
(1, 2) == [1, 2]
{'a': 1} == d
none == none
nothing == nope
nothing == ''
'b' in 'abc'
2 in list
'b' in d
9 not in list
'x' in nothing
not 1 in list
not none
1 and 2
0 and 2
0 or 'x'
'' or none
1 if t
1 if not t
1 if not t else 2
1 if t else 2 if t else 3
n is defined
nothing is defined
nothing is undefined
none is none
s is string
n is number
t is number
f is float
n is integer
t is integer
t is boolean
t is true
n is true
list is sequence
s is sequence
d is sequence
nothing is sequence
n is sequence
list is iterable
nothing is iterable
n is iterable
d is mapping
list is mapping
7 is odd
7 is even
9 is divisibleby 3
9 is divisibleby(2)
n is eq 7
n is equalto(8)
n is ne 8
n is lt 8 and n is gt 6
n is in [7]
none is sameas none
n is not none
range is callable
raise_exception is defined
strftime_now is defined
s is not string or t
s[0]
s[-1]
s[9]
s[1:4]
s[:2]
s[-2:]
s[::2]
s[::-1]
s[5:2]
s[4:1:-1]
list[0]
list[-1]
list[5]
list[1:]
list[:-1]
list[::-1]
list[-2:][0]
(1, 2, 3)[1:]
list.0
d.b
d['b']
d.A[1].x
d.nope
d['nope']
d.items is defined
d['items'] is defined
d.A.b
s.nope
n.nope
people[0].at.z
d.items() | list
d.keys() | list
d.values() | list
d.get('b')
d.get('x')
d.get('x', 5)
d | items | list
d | list
d | length
s | length
list | length
nothing | length
'😀' | length
s | upper
s | lower
s | title
s.title()
s | capitalize
s.capitalize()
"hello wORLD it's" | title
"hello wORLD it's".title()
blank | trim
'  x ' | trim
'xxaxx' | trim('x')
'  x '.strip() ~ '|' ~ '  x '.lstrip() ~ '|' ~ '  x '.rstrip()
'xyaxy'.strip('xy')
'xyaxy'.lstrip('x')
'a,b,,c'.split(',')
'a,b,,c'.split(',', 1)
'a,b,,c'.rsplit(',', 1)
'a,b,,c'.rsplit(',')
' a  b '.split()
' a  b c '.split(none, 1)
''.split()
''.split(',')
'</think>x</think>y'.split('</think>')[-1]
text.splitlines()
s.startswith('Ab')
s.startswith(('x', 'A'))
s.endswith('z')
'abab'.replace('b', 'x')
'abab'.replace('a', 'yy', 1)
'abab' | replace('b', 'x')
'aaa' | replace('a', 'b', 2)
'abcabc'.find('c')
'abcabc'.rfind('c')
'é😀z'.find('z')
'abcabc'.find('x')
'abcabc'.count('bc')
'123'.isdigit()
''.isdigit()
' '.isspace()
'prefix-x'.removeprefix('prefix-')
'x.txt'.removesuffix('.txt')
'-'.join(['a', 'b'])
', '.join(d)
list | join
list | join(', ')
people | join('/', attribute='name')
words | sort
words | sort(reverse=true)
words | sort(case_sensitive=true)
people | sort(attribute='name') | map(attribute='name') | list
words | unique | list
list | max
list | min
words | min
list | sum
people[:2] | sum(attribute='age')
d | dictsort
{'b': 2, 'a': 3} | dictsort(by='value')
{'b': 2, 'a': 3} | dictsort(reverse=true)
list | first
list | last
[] | first
'' | last
'abc' | first
words | reverse | list
'abc' | reverse
people | map(attribute='name') | list
people | map(attribute='at.z', default='-') | list
words | map('upper') | list
words | map('replace', 'p', 'q') | list
people | selectattr('age') | map(attribute='name') | list
people | selectattr('name', 'equalto', 'Bo') | list | length
people | selectattr('on', 'defined') | list | length
people | rejectattr('age', 'none') | map(attribute='age') | list
list | select('odd') | list
list | reject('gt', 1) | list
[0, 1, ''] | select | list
nothing | default('x')
none | default('x')
none | default('x', true)
'' | d('x', boolean=true)
nothing | default
-3 | abs
'42' | int
' -42 ' | int
'4.7' | int
'x' | int
'x' | int(5)
4.7 | int
true | int
'4.5' | float
'x' | float
3 | float
n | string
none | string
[1, 'x'] | string
'<b>' | safe ~ '</b>'
d | tojson
d | tojson(indent=2)
d | tojson(indent=0)
[] | tojson(indent=2)
{} | tojson(indent=2)
[[], {}, [1]] | tojson(indent=1)
d | tojson(ensure_ascii=True)
'\\x7f\\u2028/' | tojson
'\\x7f😀' | tojson(ensure_ascii=true)
d | tojson(sort_keys=true)
d | tojson(separators=(',', ':'))
[1.0, 1e22, 0.1, true, none] | tojson
(1, 2) | tojson
text | indent
text | indent(2, true)
text | indent(width=1, blank=true)
text | indent('> ')
'' | indent
range(4) | list
range(1, 8, 3) | list
range(3, 0, -1) | list
range(0) | list
dict(a=1, b='x')
namespace(a=1).a
namespace(a=1).b
strftime_now('%B %d, %Y')
strftime_now('%Y-%m-%d %H:%M:%S %y %j %p %I %a %A %b %%')
strftime_now('%-d %-m %-H %e|%F %T %D %R|%c|%x %X|%f|%Z%z|')
1 is odd is even
- 3 | abs
-n
+n
not n == 7
n == 7 and not t or f
nothing
[nothing]
nothing ~ 'x'
nothing.x
none.x
none + 1
'a' + 1
'a' - 'b'
[1] + (1,)
1 / 0
1 % 0
1 < 'a'
nothing + 1
nothing < 1
nothing()
n()
1 in 5
len(list)
nothing | tojson
d | tojson(5, 6, 7, 8, 9)
list | join(bad=1)
s[::0]
range(1, 5, 0)
loop
raise_exception('no')
''.__class__
''.__class__.__mro__
''['__class__']
''|attr('__class__')
self.__init__
cycler(1, 2)
joiner(',')
lipsum()
range(1000000000)
list.append(1)
d.update({})
'{0}'.format(1)
s.format_map(d)
"%s" % 1
s | nofilter
s is notest
s | escape
(1
1 +
[1, 2
{'a' 1}
'abc
1 2
n =
a.b.c
foo(1)(2)
d.x.y
list.x
'a'.b
""".strip().split("\n")

# Whole templates.
TEMPLATES = {
    "newline at the end": "a\n",
    "newlines at the end": "a\n\n",
    "crlf": "a\r\nb\r{{ '\r\n' }}|",
    "trim_blocks": "{% if t %}\nyes\n{% endif %}\n!",
    "lstrip_blocks": "x\n  {% if t %}\n  yes\n  {% endif %}\nz",
    "lstrip not behind text": "x {% if t %} yes {% endif %} z",
    "lstrip at the start": "   {% if t %}yes{% endif %}",
    "no lstrip for output": "a\n   {{ n }}\n   b",
    "plus signs": "a\n   {%+ if t +%}\n b\n{%+ endif %}",
    "minus signs": "a \n {%- if t -%} \n b \n {%- endif -%} \n c",
    "minus output": "a \n {{- n -}} \n c",
    "minus begins": "{%- if t %} a{% endif %}",
    "comments": "a {# b #} c {#- d -#} e\n  {# f #}\ng",
    "comment of a tag": "{# {% if %} {{ #}x",
    "comment lines": "a\n{# b\nc #}\n  {#+ d +#}\ne",
    "block behind block": "{% if t %}  {% if t %}\n  {% endif %}  \n{% endif %}|",
    "blank line": "{% if t %}\n\n  {% endif %}|",
    "raw": "a {% raw %} {{ x }} {% if %} {% endraw %} b",
    "raw trim": "a\n  {%- raw -%}  {{ x }}  {%- endraw -%}\n b",
    "raw newline": "{% raw %}\n x\n  {% endraw %}\ny",
    "braces": "{ { } } {{ '{{' }} {{ '}}' }} {{ {'a': {'b': 1}} }} {% set x = '%}' %}{{ x }}",
    "space inside": "{{n}}{{ n}}{{\nn\n}}{%if t%}x{%endif%}",
    "for": "{% for x in list %}{{ x }},{% endfor %}",
    "for else": "{% for x in [] %}x{% else %}none{% endfor %}{% for x in nothing %}x{% else %}none{% endfor %}",
    "for loop": "{% for x in words %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('a', 'b') }};{% endfor %}",
    "for edges": "{% for x in [1, 2] %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }}{% endfor %}",
    "for pairs": "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}{% for k, v in d | items %}{{ k }}{% endfor %}",
    "for nested pairs": "{% for i, (a, b) in [(1, (2, 3))] %}{{ i }}{{ a }}{{ b }}{% endfor %}",
    "for dict": "{% for k in d %}{{ k }}{% endfor %}",
    "for string": "{% for c in 'aé😀' %}[{{ c }}]{% endfor %}",
    "for if": "{% for p in people if p.age %}{{ loop.index }}/{{ loop.length }}{{ p.name }}{{ loop.last }}{% else %}no{% endfor %}",
    "for if none": "{% for p in people if p.age == 99 %}x{% else %}no{% endfor %}",
    "for tuple": "{% for x in 1, 2, 3 %}{{ x }}{% endfor %}",
    "for if conditional": "{% for x in list if x > 1 %}{{ x }}{% endfor %}",
    "break": "{% for x in list %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}",
    "continue": "{% for x in list %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}",
    "break inner": "{% for x in [1, 2] %}{% for y in list %}{% break %}{% endfor %}{{ x }}{% endfor %}",
    "break in else": "{% for x in [1, 2] %}{% for y in [] %}{% else %}{% break %}{% endfor %}{{ x }}{% endfor %}",
    "break outside": "{% break %}",
    "loop scope": "{% set x = 1 %}{% for i in list %}{{ x }}{% set x = x + 1 %}{{ x }}{% endfor %}{{ x }}",
    "loop in loop": "{% for x in [1, 2] %}{% set o = loop %}{% for y in [1, 2] %}{{ o.index }}{{ loop.index }} {% endfor %}{% endfor %}",
    "if scope": "{% if t %}{% set x = 1 %}{% endif %}{{ x }}",
    "elif": "{% if none %}a{% elif n == 7 %}b{% elif t %}c{% else %}d{% endif %}",
    "if tuple": "{% if 0, %}a{% endif %}",
    "namespace": "{% set ns = namespace(a=0, b='x') %}{% for i in list %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}{{ ns.b }}{{ ns.c is defined }}",
    "namespace of a dict": "{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a }}{{ ns['b'] }}",
    "not a namespace": "{% set x = 1 %}{% set x.a = 1 %}",
    "set tuple": "{% set a, b = 1, 'x' %}{{ a }}{{ b }}",
    "set tuple value": "{% set a = 1, 2 %}{{ a }}",
    "set wrong count": "{% set a, b = [1] %}",
    "set block": "{% set x %}a{{ n }}\n b {% endset %}[{{ x }}]",
    "set block filter": "{% set x | trim | upper %} a{{ n }} {% endset %}[{{ x }}]",
    "set block scope": "{% set x %}{% set y = 1 %}{% endset %}{{ y is defined }}",
    "macro": "{% macro m(a, b=2, c='x') %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ m(1) }}{{ m(1, c=3) }}{{ m(b=5, a=6) }}{{ m() }}",
    "macro globals": "{% set g = 1 %}{% macro m() %}{{ g }}{{ n }}{% endmacro %}{% set g = 2 %}{{ m() }}",
    "macro scope": "{% macro m() %}{% set y = 1 %}{{ y }}{% endmacro %}{{ m() }}{{ y is defined }}",
    "macro default of an argument": "{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(3) }}",
    "macro result": "{% macro m(a) %} {{ a }} {% endmacro %}{% set r = m('x') | trim %}{{ r | length }}{{ 'a' ~ m(1) }}",
    "macro recursion": "{% macro m(k) %}{{ k }}{% if k > 0 %}{{ m(k - 1) }}{% endif %}{% endmacro %}{{ m(5) }}",
    "macro calls macro": "{% macro a(x) %}<{{ x }}>{% endmacro %}{% macro b(x) %}{{ a(x ~ x) }}{% endmacro %}{{ b('y') }}",
    "macro too many": "{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}",
    "macro unknown": "{% macro m(a) %}{% endmacro %}{{ m(z=2) }}",
    "macro is defined": "{% macro m() %}{% endmacro %}{{ m is defined }}{{ m is callable }}",
    "generation": "{% for x in list %}{% generation %}{% set y = x %}{{ y }}{{ loop.index }}{% endgeneration %}{{ y is defined }}{% endfor %}",
    "inline if in for": "{% for x in (list if t else []) %}{{ x }}{% endfor %}",
    "shadowing": "{% set n = n + 1 %}{{ n }}{% for n in list %}{{ n }}{% endfor %}{{ n }}",
    "set messages": "{% set people = people[1:] %}{{ people[0].name }}",
    "undefined later": "{{ x is defined }}{% set x = 1 %}{{ x }}",
    "alias a function": "{% set say = strftime_now %}{{ say('%Y') }}",
    "raise": "{% if t %}{{ raise_exception('it\\'s wrong') }}{% endif %}",
    "not raised": "{% if not t %}{{ raise_exception('no') }}{% endif %}ok",
    "include": "{% include 'x' %}",
    "import": "{% import 'x' as x %}",
    "from": "{% from 'x' import y %}",
    "extends": "{% extends 'x' %}",
    "unknown tag": "{% nope %}",
    "do": "{% do list.append(1) %}",
    "unclosed if": "{% if t %}x",
    "unclosed for": "{% for x in list %}",
    "unclosed output": "{{ n",
    "unclosed block": "{% if t",
    "unclosed comment": "{# x",
    "unclosed raw": "{% raw %} x",
    "wrong end": "{% if t %}{% endfor %}",
    "lone end": "{% endif %}",
    "empty output": "{{ }}",
    "empty": "",
    "chained undefined": "{{ d.x.y }}",
    "many lines": "a\nb\n{{ nothing.x }}",
}


# Rendered by jinja2, in part to nothing, and outside the subset here: other tests have them.
NOT_SUPPORTED = {"cycler(1, 2)", "joiner(',')", "lipsum()", "'{0}'.format(1)", "s.format_map(d)", "\"%s\" % 1",
                 "s | escape", "''|attr('__class__')", "''.__class__", "self.__init__", "''['__class__']"}


def cases():
    for name, file, variables in shapes():
        yield {"name": name, "file": file, "variables": variables}, (HERE / "templates" / file).read_text()
    for expression in EXPRESSIONS:
        template = "{{ " + expression + " }}"
        if expression not in NOT_SUPPORTED:
            yield {"name": expression, "template": template}, template
    for name, template in TEMPLATES.items():
        yield {"name": name, "template": template}, template


def main():
    env = environment()
    results = []
    for case, template in cases():
        try:
            case["expected"] = env.from_string(template).render(**case.get("variables", DATA))
        except (jinja2.exceptions.TemplateError, TypeError, ValueError, ArithmeticError, SyntaxError):
            case["refused"] = True
        except Exception as e:
            raise RuntimeError(case["name"]) from e
        results.append(case)
    lines = ",\n".join(json.dumps(case) for case in results)
    (HERE / "cases.json").write_text('{"data": %s,\n"cases": [\n%s\n]}\n' % (json.dumps(DATA), lines))
    refused = sum("refused" in case for case in results)
    print(f"{len(results)} cases, {refused} of them refused")


if __name__ == "__main__":
    main()
