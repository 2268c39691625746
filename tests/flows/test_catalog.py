"""A pipeline as a Prefect flow, before anything runs."""

import os

import pytest

from pipelines import Launch

pytestmark = pytest.mark.flow


@pytest.fixture
def catalog(prefect_database):
    from flows import catalog

    return catalog


def test_a_pipeline_is_a_flow_by_its_name(catalog):
    """What prefect.yaml names `flows.catalog.NpcDialog`."""
    flow = catalog.NpcDialog
    assert flow.name == "NpcDialog"
    assert (
        flow.description == "Small talk for the people of a harbour town, written and then judged."
    )


def test_a_pipeline_that_is_gone_still_has_its_flow(catalog):
    """Its runs go on from their own copies."""
    assert catalog.Vanished.name == "Vanished"
    assert catalog.Vanished.description is None


def test_a_worker_reads_dotenv(catalog, dotenv, monkeypatch):
    """It comes in here and not by the command line; what its environment says comes first."""
    monkeypatch.setenv("OPENAI_API_KEY", "of the environment")
    monkeypatch.setenv("GOOGLE_API_KEY", "to be put back")
    monkeypatch.delenv("GOOGLE_API_KEY")
    dotenv.write_text("OPENAI_API_KEY=of the file\nGOOGLE_API_KEY=of the file\n")
    assert catalog.NpcDialog.name == "NpcDialog"
    assert os.environ["OPENAI_API_KEY"] == "of the environment"
    assert os.environ["GOOGLE_API_KEY"] == "of the file"


def test_private_names_are_no_pipelines(catalog):
    """What Python asks a module for must not become a flow."""
    with pytest.raises(AttributeError):
        _ = catalog.__path__


@pytest.fixture
def form(catalog):
    """What `prefect deploy` sends to the server, which makes a form of it and holds runs to it."""
    from prefect.utilities.callables import parameter_schema

    return parameter_schema(catalog.NpcDialog).model_dump_for_openapi()


def test_the_form_of_a_deployment_is_the_launch_options(form):
    """In their order and words, but for what a deployment's flow run does by itself."""
    fields = {n: f for n, f in Launch.model_fields.items() if n not in {"pipeline", "tick"}}
    offered = sorted(form["properties"], key=lambda name: form["properties"][name]["position"])
    assert offered == list(fields)
    for name, field in fields.items():
        shown = form["properties"][name]
        assert (shown["title"], shown["description"]) == (field.title, field.description)
    assert "required" not in form


def test_every_field_of_the_form_has_one_type(form):
    """A field of two types, None being one, begins with a question about types."""
    types = {name: field.get("type") for name, field in form["properties"].items()}
    assert {name for name, kind in types.items() if kind is None} == {"lane", "provider"}
    assert form["properties"]["lane"]["enum"] == ["realtime", "batch", None]
    assert form["properties"]["provider"]["enum"] == ["openai", "anthropic", "gemini", None]
    assert types["max_units"] == "integer"
    assert types["max_cost"] == "number"
    assert types["deadline"] == types["timeout"] == types["interval"] == "string"


@pytest.mark.parametrize(
    ("told", "right"),
    [
        ({name: None for name, f in Launch.model_fields.items() if f.default is None}, True),
        ({"max_units": 30, "deadline": "6h", "max_cost": 2.5, "provider": "anthropic"}, True),
        ({"min_pass_rate": 0, "emulate": True, "name": "tonight"}, True),
        ({"max_units": -1}, False),
        ({"max_cost": 0}, False),
        ({"min_pass_rate": 2}, False),
        ({"provider": "opena"}, False),
        ({"lane": "express"}, False),
        ({"name": "../up"}, False),
    ],
)
def test_the_server_holds_runs_to_the_form(form, told, right):
    """What is left empty is fine; what makes no sense makes no run."""
    from prefect.utilities.schema_tools import validate

    assert (validate(told, form) == []) is right


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"max_units": 0}, "max_units cannot be '0': input should be greater than 0."),
        ({"max_cost": "much"}, "max_cost cannot be 'much': input should be a valid decimal."),
        (
            {"timeout": "soon"},
            "timeout: 'soon' is not a span of time such as 90 (seconds), 30m, 1h30m or 2d.",
        ),
        ({"lane": "express"}, "lane cannot be 'express': input should be 'realtime' or 'batch'."),
        (
            {"emulate": True, "local": "default"},
            "the emulator and a local model cannot both answer: choose one.",
        ),
        ({"provider": "opena"}, "no provider 'opena'; did you mean 'openai'?"),
    ],
)
async def test_a_launch_option_that_makes_no_sense_is_refused(catalog, told, sentence, runs_dir):
    """In a sentence, before anything is written, whoever starts the flow."""
    state = await catalog.NpcDialog(**told, return_state=True)
    assert state.is_failed()
    assert state.message == sentence
    assert not list(runs_dir.iterdir())


async def test_a_pipeline_that_is_gone_makes_no_run(catalog, runs_dir):
    state = await catalog.NpcDialogue(return_state=True)
    assert state.is_failed()
    assert state.message.startswith("There is no pipeline 'NpcDialogue'; did you mean 'NpcDialog'?")
    assert not list(runs_dir.iterdir())


async def test_an_unknown_launch_option_is_refused(catalog, runs_dir):
    """A misspelt parameter is not ignored."""
    from prefect.exceptions import ParameterBindError

    with pytest.raises(ParameterBindError, match="max_unit'"):
        await catalog.NpcDialog(max_unit=3)
    assert not list(runs_dir.iterdir())


def test_no_pipeline_is_called_what_the_catalog_calls_its_own(catalog):
    """Such a pipeline's flow could not be named: loading refuses it."""
    from pipelines.folder_checks import TAKEN

    assert {name for name in vars(catalog) if not name.startswith("_")} <= TAKEN
