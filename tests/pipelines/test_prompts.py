"""What a model is told, first and again."""

import pytest

from pipelines import Error, Exchange, Prompt, TemplateError, load, prepare

UNIT = {"unit_id": "first", "topic": "rain"}
PREVIOUS = Exchange(
    1, '{"a": 1}', (Error("$.tone", "enum", "not one of: warm"), Error("$", "r", "too short"))
)


@pytest.fixture
def make_step(make_folder):
    def make(config="", **files):
        base = (
            "name: Small\nitems_source: items.yaml\npipeline:\n  - {name: ask, template: ask.jinja2"
        )
        files = {f"templates/{name}.jinja2": content for name, content in files.items()}
        pipeline = load(make_folder({**files, "config.yaml": f"{base}{config}"}))
        return prepare(pipeline, pipeline.steps[0])

    return make


def test_the_first_asking_is_one_turn(make_step):
    assert make_step("}").prompt(UNIT) == Prompt(None, (("user", "What of rain?"),))


def test_a_system_prompt_knows_the_unit_and_the_global_context(make_step):
    step = make_step(
        ", system: who.jinja2}\nglobal_context: {town: Ys}", who="{{ town }} {{ topic }}"
    )
    assert step.prompt(UNIT).system == "Ys rain"


def test_asked_again_the_model_sees_its_reply_and_every_error(make_step):
    first, reply, feedback = make_step("}").prompt(UNIT, [PREVIOUS]).turns
    assert first == ("user", "What of rain?")
    assert reply == ("assistant", '{"a": 1}')
    assert feedback[0] == "user"
    assert "- tone: not one of: warm\n- too short\n" in feedback[1]


def test_an_empty_reply_is_not_sent_back_as_a_turn(make_step):
    ((role, text),) = make_step("}").prompt(UNIT, [Exchange(1, " ", PREVIOUS.errors)]).turns
    assert role == "user"
    assert text.startswith("What of rain?\n\n")
    assert "too short" in text


def test_without_feedback_it_is_asked_as_at_first(make_step):
    step = make_step("}\nretry_feedback: false")
    assert step.prompt(UNIT, [PREVIOUS]) == step.prompt(UNIT)


def test_a_template_that_speaks_of_the_previous_asking_says_it_all(make_step):
    template = (
        "{{ topic }}{% if previous %} {{ previous.attempt }} {{ previous.reply }}"
        "{% for e in previous.errors %} {{ e.path }}/{{ e.rule }}/{{ e.message }}{% endfor %}"
        "{% endif %}"
    )
    step = make_step("}", ask=template)
    assert step.prompt(UNIT).turns == (("user", "rain"),)
    assert step.prompt(UNIT, [PREVIOUS]).turns == (
        ("user", 'rain 1 {"a": 1} $.tone/enum/not one of: warm $/r/too short'),
    )


def test_a_unit_that_lacks_a_field_is_a_template_error_of_its_own(make_step):
    with pytest.raises(TemplateError, match=r"ask.jinja2:1: 'topic' is undefined"):
        make_step("}").prompt({"unit_id": "x"})
