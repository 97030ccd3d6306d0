import pytest

from recycle.errors import RecipeError
from recycle.orchestration.trial_loggers import trial_loggers
from tests.recipes import example_recipe


def test_no_logger_unless_one_is_asked_for() -> None:
    assert trial_loggers(example_recipe()) == []


@pytest.mark.parametrize("package", ["mlflow", "wandb"])
def test_a_package_that_is_not_installed_is_named(package: str) -> None:
    with pytest.raises(RecipeError, match=f"search.{package} needs the package {package}, which is not installed"):
        trial_loggers(example_recipe(search={package: "somewhere"}))
