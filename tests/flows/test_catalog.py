"""A pipeline as a Prefect flow, before anything runs."""

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


def test_private_names_are_no_pipelines(catalog):
    """What Python asks a module for must not become a flow."""
    with pytest.raises(AttributeError):
        _ = catalog.__path__


def test_the_parameters_of_a_flow_are_the_launch_options(catalog):
    """With their descriptions and defaults: the form in Prefect's UI is this one model."""
    schema = catalog.NpcDialog.parameters.model_dump()
    fields = {name: field for name, field in Launch.model_fields.items() if name != "pipeline"}
    assert set(schema["properties"]) == set(fields)
    for name, field in fields.items():
        offered = schema["properties"][name]
        assert offered["description"] == field.description
        assert offered.get("default") == field.default
    assert schema["required"] == []


@pytest.mark.parametrize("told", [{"max_units": 0}, {"lane": "express"}, {"emulate": "perhaps"}])
async def test_a_launch_option_that_makes_no_sense_is_refused(catalog, told, runs_dir):
    """Before anything is written, whoever starts the flow."""
    state = await catalog.NpcDialog(**told, return_state=True)
    assert state.is_failed()
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
