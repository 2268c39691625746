"""Templates, schemas and replies made to stop a run or to get out of it, and a process to try them.

Run as a script it tries all of them and prints how each ended, what it took, and the most memory.
"""

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

BIG = "b" * 900_000
GROWS = (
    "{%% set ns = namespace(s=%s) %%}{%% for i in range(99) %%}%s{%% endfor %%}{{ ns.s | string }}"
)
FOREVER = "{%% for a in range(99999) %%}{%% for b in range(99999) %%}%s{%% endfor %%}{%% endfor %%}"
MANY = "{%% for i in range(99999) %%}{%% set x = %s %%}{%% endfor %%}"

TEMPLATES = {
    # Loops that never yield, and calls and includes that branch.
    "nested loops": FOREVER % "",
    "nested loops with text": FOREVER % "x",
    "nested loops with a condition": (
        "{% for a in range(99999) %}{% for b in range(99999) if false %}{% endfor %}{% endfor %}"
    ),
    "nested loops, kept": "{% set x %}" + FOREVER % ("abcdefghij" * 1000) + "{% endset %}",
    "nested loops of numbers, kept": (
        "{% set x %}" + FOREVER % "{{ 1234567890**100 }}" + "{% endset %}"
    ),
    "macro twice": (
        "{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}{% endmacro %}{{ m(60) }}"
    ),
    "macro of itself": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "macro with slices": "{% macro m(s) %}{{ m(s[1:]) }}{% endmacro %}{{ m(big) }}",
    "include of itself": "{% include 't' %}",
    "include twice": (
        "{% set n = (n | default(60)) - 1 %}"
        "{% if n > 0 %}{% include 't' %}{% include 't' %}{% endif %}"
    ),
    "import of itself": "{% import 't' as t %}",
    "extends itself": "{% extends 't' %}",
    "block of itself": "{{ self.x() }}{% block x %}{{ self.x() }}{{ self.x() }}{% endblock %}",
    "recursive loop": (
        "{% for x in range(2) recursive %}"
        "{% if loop.depth < 100 %}{{ loop(range(2)) }}{% endif %}{% endfor %}"
    ),
    # Much out of little.
    "repeated text": "{{ 'a' * 10**10 }}",
    "repeated lists": "{{ ([[1] * 1000] * 1000000) | string }}",
    "repeated repeatedly": "{{ (['a' * 100000] * 10000) | join }}",
    "power": "{{ 2**100000000 }}",
    "power of power": "{{ (10**1000)**1000 }}",
    "format, filter": "{{ '%99999999999d' | format(1) }}",
    "format, operator": "{{ '%99999999999d' % 1 }}",
    "format, method": "{{ '{:99999999999}'.format(1) }}",
    "format, precision": "{{ '%.99999999999f' | format(1) }}",
    "format, given width": "{{ '%*d' | format(10**10, 1) }}",
    "format, nested width": "{{ '{:{}}'.format(1, 10**10) }}",
    "format, many": "{{ ('%9999d' * 100000) | format(1) }}",
    "format, a big thing many times": "{{ ('%(a)s' * 400000) % {'a': big} }}",
    "format_map": "{{ ('{a}' * 400000).format_map({'a': big}) }}",
    "center, filter": "{{ 'x' | center(10**10) }}",
    "center, method": "{{ 'x'.center(10**10) }}",
    "ljust": "{{ 'x'.ljust(10**10) }}",
    "zfill": "{{ 'x'.zfill(10**10) }}",
    "expandtabs": "{{ 'x\\ty'.expandtabs(10**10) }}",
    "to_bytes": "{{ (1).to_bytes(10**10, 'big') }}",
    "translate": "{{ big.translate({98: big}) }}",
    "fromkeys": "{{ dict.fromkeys(range(99999), big) }}",
    "join, filter": "{{ range(99999) | join('a' * 100000) }}",
    "join, method": "{{ ('a' * 100000).join(range(99999) | map('string')) }}",
    "a gigabyte, joined": "{{ range(99999) | map('center', 10000) | join }}",
    "replace, filter": "{{ ('a' * 100000) | replace('a', 'b' * 100000) }}",
    "replace, method": "{{ ('a' * 100000).replace('a', 'b' * 100000) }}",
    "indent": "{{ 'a\\nb' | indent(10**10) }}",
    "indent with text": "{{ ('\\n' * 4000000) | indent('x' * 1000) }}",
    "round": "{{ 5 | round(-10**9) }}",
    "batch": "{{ [1] | batch(10**9, 0) | list }}",
    "slice": "{{ [1] | slice(10**9) | list }}",
    "tojson": "{{ [1] | tojson(indent=10**9) }}",
    "wordwrap": "{{ 'a b' | wordwrap(1, wrapstring='x' * 10**7) }}",
    "letters": "{{ ('ж' * 4000000) | list }}",
    "split": "{{ ('a,' * 2000000).split(',') | length }}",
    "sum of lists": "{{ ([[]] * 100000) | sum(start=[]) }}",
    "lipsum": "{{ lipsum(n=10**7) }}",
    "range": "{{ range(10**9) }}",
    # Doubling.
    "concatenated": GROWS % ("'a'", "{% set ns.s = ns.s ~ ns.s %}"),
    "added": GROWS % ("'a'", "{% set ns.s = ns.s + ns.s %}"),
    "in lists": GROWS % ("[1]", "{% set ns.s = [ns.s, ns.s] %}"),
    "in tuples": GROWS % ("[1]", "{% set ns.s = (ns.s, ns.s) %}"),
    "in mappings": GROWS % ("[1]", "{% set ns.s = {1: ns.s, 2: ns.s} %}"),
    "in calls": GROWS % ("[1]", "{% set ns.s = dict(a=ns.s, b=ns.s) %}"),
    "in views": GROWS % ("[1]", "{% set ns.s = {1: ns.s, 2: ns.s}.items() %}"),
    "in blocks": GROWS % ("'a'", "{% set ns.s %}{{ ns.s }}{{ ns.s }}{% endset %}"),
    "compared": (
        "{% set ns = namespace(a=[], b=[]) %}{% for i in range(99) %}{% set ns.a = [ns.a, ns.a] %}"
        "{% set ns.b = [ns.b, ns.b] %}{% endfor %}{{ ns.a == ns.b }}"
    ),
    # Much work, again and again.
    "upper": MANY % "big | upper",
    "methods": MANY % "big.upper().lower()",
    "lists": MANY % "range(99999) | list",
    "sums": MANY % "range(99999) | sum",
    "selections": MANY % "range(99999) | select('odd') | map('string') | list",
    "searches": MANY % "(big ~ i) in big",
    "comments": "{{ ('<!---->' * 200000) | striptags }}",
    "brackets": "{{ ('(' * 200000 ~ ')' * 200000) | urlize }}",
    "printed": "{{ big | pprint }}",
    "kept": "{% set x %}{% for i in range(99999) %}{{ big }}{% endfor %}{% endset %}",
    "kept lists": "{% set x %}{% for i in range(99999) %}{{ [big] }}{% endfor %}{% endset %}",
    "cycled": "{% for i in range(99999) %}{{ loop.cycle(big, big) }}{% endfor %}",
    "called back": (
        "{% macro c() %}{% for i in range(99999) %}{{ caller() }}{% endfor %}{% endmacro %}"
        "{% call c() %}{{ big }}{% endcall %}"
    ),
    # Deeper than Python reads.
    "deep brackets": "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "deep lists": "{{ " + "[" * 3000 + "]" * 3000 + " }}",
    "deep loops": "{% for a in xs %}" * 25 + "{% endfor %}" * 25,
    "deep conditions": "{% if xs %}" * 300 + "{% endif %}" * 300,
    "long sums": "{{ " + "1+" * 5000 + "1 }}",
    # What is not the template's to touch.
    "append": "{{ xs.append(1) }}",
    "update": "{{ unit.update({'a': 1}) }}",
    "class": "{{ ''.__class__ }}",
    "class, filter": "{{ '' | attr('__class__') }}",
    "class, subscript": "{{ ''['__class__'] }}",
    "class, format": "{{ '{0.__class__}'.format(1) }}",
    "class, stored format": "{% set f = '{0.__class__}'.format %}{{ f(1) }}",
    "class, format by filter": "{{ ('{0.__class__}' | attr('format'))(1) }}",
    "class, format_map": "{{ '{a.__class__}'.format_map({'a': 1}) }}",
    "globals": "{{ range.__globals__ }}",
    "globals of lipsum": "{{ lipsum.__globals__ }}",
    "cycler": "{{ cycler.__init__.__globals__ }}",
    "joiner": "{{ joiner.__init__ }}",
    "self": "{{ self.__init__ }}",
    "absolute include": "{% include '/etc/hostname' %}",
    "include above": "{% include '../secret' %}",
    "include through a link": "{% include 'link' %}",
    "import above": "{% import '../secret' as s %}{{ s }}",
    "extends above": "{% extends '../secret' %}",
    "from above": "{% from '../secret' import s %}",
}

DEEP_SCHEMA = '{"properties": {"a": ' * 2000 + "{}" + "}}" * 2000


def chain(keyword, links):
    """Return a schema whose parts name one another twice each."""
    parts: dict[str, object] = {
        f"p{n}": {keyword: [{"$ref": f"#/$defs/p{n + 1}"}, {"$ref": f"#/$defs/p{n + 1}"}]}
        for n in range(links)
    }
    parts[f"p{links}"] = {"type": "integer"}
    return {"properties": {"a": {"$ref": "#/$defs/p0"}}, "$defs": parts}


def one(field):
    return {"properties": {"a": field}}


def nested(levels, value):
    return {"a": nested(levels - 1, value)} if levels else value


TREE = {
    "anyOf": [{"properties": {"a": {"$ref": "#/$defs/T"}, "kind": {"const": n}}} for n in "123"]
}
SCHEMAS = {
    "remote, http": (one({"$ref": "http://HOST/s.json"}), {}),
    "remote, https": (one({"$ref": "https://HOST/s.json"}), {}),
    "remote, metaschema": ({"$schema": "http://HOST/s.json"}, {}),
    "remote, dynamic": (one({"$dynamicRef": "http://HOST/s.json#a"}), {}),
    "remote, by id": ({"$id": "http://HOST/", **one({"$ref": "s.json"})}, {}),
    "a file": (one({"$ref": "file:///etc/hostname"}), {}),
    "a file, relative": (one({"$ref": "../config.yaml"}), {}),
    "of itself": ({"$ref": "#"}, {"a": 1}),
    "of itself twice": ({"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}, {"a": 1}),
    "not itself": ({"not": {"$ref": "#"}}, {"a": 1}),
    "costly pattern": (one({"pattern": "^(a+)+$"}), {"a": "a" * 50_000 + "!"}),
    "costly lookahead": (one({"pattern": "^(?=a)(a|aa)+$"}), {"a": "a" * 50_000 + "!"}),
    "costly reference": (one({"pattern": r"^(a|aa)+\1$"}), {"a": "a" * 5_000 + "!"}),
    "costly key": ({"patternProperties": {"^(a+)+$": {}}}, {"a" * 50_000 + "!": "5"}),
    "huge pattern": (one({"pattern": "a{1000}{1000}{1000}"}), {"a": "a"}),
    "deep pattern": (one({"pattern": "(" * 300 + "a" + ")" * 300}), {"a": "a"}),
    "twice anyOf": (chain("anyOf", 40), {"a": "x"}),
    "twice oneOf": (chain("oneOf", 40), {"a": "x"}),
    "twice allOf": (chain("allOf", 40), {"a": 1}),
    "tree": ({"$ref": "#/$defs/T", "$defs": {"T": TREE}}, nested(12, {"kind": "9"})),
    "many errors": (one({"items": {"type": "integer"}}), {"a": ["x"] * 200_000}),
    "many options": (
        one({"items": {"enum": [f"x{n}" for n in range(5000)]}}),
        {"a": ["ZZ"] * 20_000},
    ),
    "many alike": (one({"uniqueItems": True}), {"a": [{"b": n} for n in range(30_000)]}),
    "deep": (DEEP_SCHEMA, {}),
    "huge number": ('{"properties": {"a": {"maximum": ' + "9" * 400 + "}}}", {"a": 1}),
}

REPLIES = {
    "deep lists": '{"a": ' + "[" * 2000 + "]" * 2000 + "}",
    "deep objects": '{"a": ' * 2000 + "1" + "}" * 2000,
    "deep after prose": "so " + '{"a": ' * 2000 + "1" + "}" * 2000,
    "ten megabytes": '{"a": "' + "x" * 10_000_000 + '"}',
    "huge integer": '{"a": ' + "9" * 900_000 + "}",
    "integer beyond 64 bits": '{"a": ' + "9" * 30 + "}",
    "NaN": '{"a": NaN}',
    "infinity": '{"a": 1e999}',
    "nothing": "",
    "broken objects": '{"a":x}' * 140_000,
    "braces in strings": '{"}"[\\"]' * 125_000,
    "quotes": '"\\' * 500_000,
    "open objects": '{"' * 500_000,
    "thoughts": '</think>{"' * 100_000,
}


def tried(attempt):
    """Return how `attempt` ended, and the processor time that it took."""
    start = time.process_time()
    said = attempt()
    return said, time.process_time() - start


def render_one(folder, source):
    from jinja2 import TemplateSyntaxError

    from pipelines.errors import TemplateError
    from pipelines.templates import environment, render

    (folder / "t").write_text(source)
    unit = {"xs": [1], "big": BIG, "unit": {}}
    try:
        template = environment(folder).get_template("t")
    except TemplateSyntaxError:
        return "TemplateSyntaxError"
    try:
        return f"rendered: {render(template, unit)[:100]}"
    except TemplateError:
        return "TemplateError" if unit["xs"] == [1] and not unit["unit"] else "changed its unit"


def use_schema(schema, value, host):
    from pipelines.coercion import coerce
    from pipelines.schemas import SchemaFault, parse_schema

    text = schema if isinstance(schema, str) else json.dumps(schema)
    try:
        made = parse_schema(text.replace("HOST", host).encode())
    except SchemaFault:
        return "SchemaFault"
    coerced = coerce(value, made).value
    return "valid" if made.accepts(coerced) else f"{len(made.errors(coerced))} errors"


def read_reply(reply):
    from pipelines.replies import extract
    from pipelines.values import Unfit

    try:
        extract(reply)
    except Unfit as unfit:
        return unfit.rule
    return "read"


def main(host):
    resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))
    results = {}
    with tempfile.TemporaryDirectory() as root:
        (Path(root) / "secret").write_text("secret")
        for place, (name, source) in enumerate(TEMPLATES.items()):
            folder = Path(root) / str(place)
            folder.mkdir()
            (folder / "link").symlink_to("../secret")
            results[f"template: {name}"] = tried(lambda: render_one(folder, source))  # noqa: B023
    for name, (schema, value) in SCHEMAS.items():
        results[f"schema: {name}"] = tried(lambda: use_schema(schema, value, host))  # noqa: B023
    for name, reply in REPLIES.items():
        results[f"reply: {name}"] = tried(lambda: read_reply(reply))  # noqa: B023
    sys.stdout.write(json.dumps({"results": results, "peak_mb": peak_mb()}))


def peak_mb():
    """Return the most memory that this process had; what its parent had is counted in ru_maxrss."""
    status = Path("/proc/self/status")
    if status.exists():
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    main(sys.argv[1])
