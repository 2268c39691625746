"""A new pipeline's folder: two small steps that check, rehearse and teach."""

import re
from pathlib import Path

from pipelines.errors import PipelineError, Problem
from pipelines.folder import NAME
from pipelines.folder_checks import shadowed

__all__ = ["scaffold"]

MAX_NAME = 64
CHECKOUT = Path(__file__).parents[1]
SCHEMA = Path("docs", "pipeline.schema.json")
"""What tells editors the keys of config.yaml, in the checkout."""
_CONFIG = """\
{schema}\
# {name}: what a pipeline is made of, in two steps. Change anything, then: octobatch check {name}
name: {name}
description: Read the messages to a repair café, then draft an answer to each.

# What goes in; JSON, JSON lines, CSV and Parquet do as well. Each item becomes a unit: its `id`
# names it, and its other fields can be used in all that follows.
items_source: items.yaml

chunk_size: 50 # units that travel together
max_retries: 2 # how often a unit is asked again when its reply is not good enough

# Who answers. A step may name another; `--provider` and `--model` win over both.
api: {provider: openai, model: gpt-6-luna}

# Known to every template, beside the unit's own fields.
global_context:
  house: the repair café in the old tram depot
  hours: Saturdays from ten to two

pipeline:
  # The first step asks about each message. Its reply must fit the schema; what is nearly right
  # ("3" for 3, JSON in a code fence) is put right, anything else is asked again.
  - name: read
    template: read.jinja2
    output_schema: read.json
    ranges: {urgency: [1, 5]}

  # The second step knows what the first one found: `about`, `urgency` and `gist` are fields of
  # the unit by now.
  - name: answer
    system: voice.jinja2
    template: answer.jinja2
    output_schema: answer.json
    rules:
      # A rule sees the reply and the unit. When it is broken the model is shown `error` and asked
      # again; `_computed` is what stands left of the comparison.
      - name: short
        expr: "len(body.split()) <= 80"
        error: "the body has {_computed} words; 80 are enough"
      # A warning lets the reply pass, with a note in the unit's `_warnings`.
      - name: greets
        expr: "visitor.split()[0] in body"
        error: "the answer does not call {visitor} by name"
        level: warning

# When all is done: how many messages of each kind, and how urgent; in the run's outputs/.
post_process:
  - {name: What people write about, group_by: about, count: urgency, output: topics.csv}
"""
_ITEMS = """\
# Put your own in place of these; whatever fields they have, templates can use.
- id: lamp
  visitor: Ida Brandt
  message: >-
    My grandmother's desk lamp flickers whenever I touch the cord. Can somebody look at it before
    Sunday? It is her birthday.

- id: radio
  visitor: Tomas Reyes
  message: >-
    I have a valve radio from 1961 that hums but plays nothing. No hurry at all, it has been
    silent for thirty years.

- id: toaster
  visitor: Noor Haddad
  message: When are you open, and do I need to book? I would come by bus, toaster under my arm.

- id: grinder
  visitor: Erik Lund
  message: >-
    Just to say thank you: the coffee grinder you mended in March still works every single morning.

- id: zip
  visitor: Mei Tanaka
  message: The zip of my winter coat is broken and it is getting cold. Do you do clothes, too?

- id: scratch
  visitor: Paul Okafor
  message: >-
    My record player turns again, but it came back with a scratch across the lid. I am not happy
    about that.
"""
_READ = """\
{# Asked once per unit. {{ ... }} puts in a field of the unit, or of global_context. #}
Somebody wrote to {{ house }}, where volunteers mend what people bring.

From: {{ visitor }}
{{ message }}

Answer with one JSON object:
- about: repair, visit, thanks, complaint or other
- urgency: 1 (whenever) to 5 (today), as a whole number
- gist: what {{ visitor }} wants, in one short sentence
"""
_VOICE = """\
{# The system prompt of a step: who speaks. #}
You answer the post of {{ house }}, open {{ hours }}. You are warm, brief and never promise that
something can be mended. You call people by their first name.
"""
_ANSWER = """\
{{ visitor }} wrote:
> {{ message }}

What is wanted: {{ gist }}
{% if urgency >= 4 %}
This is urgent: begin with that.
{% endif %}

Write the answer as one JSON object:
- subject: six words at most
- body: 80 words at most
"""
_READ_SCHEMA = """\
{
  "title": "What a message is about",
  "type": "object",
  "properties": {
    "about": {"type": "string", "enum": ["repair", "visit", "thanks", "complaint", "other"]},
    "urgency": {"type": "integer"},
    "gist": {"type": "string", "minLength": 1}
  },
  "required": ["about", "urgency", "gist"],
  "additionalProperties": false
}
"""
_ANSWER_SCHEMA = """\
{
  "title": "An answer to a message",
  "type": "object",
  "properties": {
    "subject": {"type": "string", "minLength": 1},
    "body": {"type": "string", "minLength": 1}
  },
  "required": ["subject", "body"],
  "additionalProperties": false
}
"""
_READ_REHEARSAL = """\
{# What `--emulate` hears in place of a model: free, at once, always the same. It knows the unit,
   `attempt` (1 is the first asking), `random` (seeded by the unit) and `prompt`. To see a retry,
   let it answer nonsense: {% if attempt == 1 %}Well...{% else %}the JSON below{% endif %} #}
{% set text = message | lower %}
{% if "not happy" in text %}
{% set about, urgency = "complaint", 4 %}
{% elif "thank" in text %}
{% set about, urgency = "thanks", 1 %}
{% elif "open" in text or "book" in text %}
{% set about, urgency = "visit", 2 %}
{% else %}
{% set about, urgency = "repair", 1 if "no hurry" in text else random.randint(3, 5) %}
{% endif %}
{% set gist = visitor ~ " writes about this: " ~ about ~ "." %}
{{ {"about": about, "urgency": urgency, "gist": gist} | tojson }}
"""
_ANSWER_REHEARSAL = """\
{% set first_name = visitor.split()[0] %}
{% set said = {
  "repair": "bring it along and we will look at it together; we cannot promise, but we do try.",
  "visit": "you need not book. Come as you are, and bring what is broken.",
  "thanks": "that made our day. We have pinned your note above the soldering irons.",
  "complaint": "we are sorry. Please come by, and we will see what we can put right.",
  "other": "thank you for writing. Come by and tell us more."
} %}
{% set body = "Dear " ~ first_name ~ ", " ~ said[about] ~ " We are here " ~ hours ~ "." %}
{{ {"subject": "Your message to us", "body": body} | tojson }}
"""
FILES = {
    "config.yaml": _CONFIG,
    "items.yaml": _ITEMS,
    "templates/read.jinja2": _READ,
    "templates/voice.jinja2": _VOICE,
    "templates/answer.jinja2": _ANSWER,
    "schemas/read.json": _READ_SCHEMA,
    "schemas/answer.json": _ANSWER_SCHEMA,
    "rehearsal/read.jinja2": _READ_REHEARSAL,
    "rehearsal/answer.jinja2": _ANSWER_REHEARSAL,
}


def scaffold(folder: Path) -> None:
    """Make a pipeline in `folder`, which is made as well and gives it its name.

    Raises:
        PipelineError: there can be no pipeline of this name here; nothing was changed.
    """
    if message := _objection(folder):
        raise PipelineError([Problem(folder, None, message)])
    schema = _schema_line(folder)
    try:
        folder.mkdir(parents=True)
        for name, content in FILES.items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            text = content.replace("{schema}", schema).replace("{name}", folder.name)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        message = f"cannot be made: {error.strerror}. Choose another place with --in DIR."
        raise PipelineError([Problem(folder, None, message)]) from error


def _schema_line(folder: Path) -> str:
    """Return the line that tells editors of the schema; nothing where no path to it would last."""
    place = folder.resolve()
    if not place.is_relative_to(CHECKOUT.resolve()) or not (CHECKOUT / SCHEMA).is_file():
        return ""
    up = "../" * len(place.relative_to(CHECKOUT.resolve()).parts)
    return f"# yaml-language-server: $schema={up}{SCHEMA.as_posix()}\n"


def _objection(folder: Path) -> str | None:
    name = folder.name
    if not NAME.fullmatch(name) or len(name) > MAX_NAME:
        return (
            f"a pipeline's name is {MAX_NAME} letters, digits and '_' at most, and begins with a "
            f"letter: {name!r} cannot be one{_instead(name)}"
        )
    if folder.exists() or folder.is_symlink():
        return "is there already; choose another name, or remove it first"
    if module := shadowed(folder):
        return f"the folder would shadow the module {module}; choose another name"
    return None


def _instead(name: str) -> str:
    """Return "; try 'TwoWords'", or nothing when no part of `name` can be kept."""
    words = re.findall(r"[A-Za-z0-9]+", name)
    tried = "".join(word[0].upper() + word[1:] for word in words).lstrip("0123456789")[:MAX_NAME]
    return f"; try {tried!r}" if tried else ""
