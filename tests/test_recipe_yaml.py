import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recycle.errors import RecipeError
from recycle.recipe import RECIPES_FOLDER, Recipe, Resize
from recycle.recipe_yaml import differences, json_schema, load_recipe, parse_override, write_recipe
from tests.recipes import EXAMPLE, example_content, example_recipe, example_with

jsonschema: Any = pytest.importorskip("jsonschema")  # comes with Ray

SHIPPED = sorted(path.stem for path in RECIPES_FOLDER.glob("*.yaml"))
AUGMENTED = "    size: tiny\n    augmentations:\n"


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(EXAMPLE)
    return path


def refusal(path: Path, *overrides: str) -> str:
    with pytest.raises(RecipeError) as caught:
        load_recipe(str(path), overrides)
    return str(caught.value)


def place_of(text: str, at: str) -> str:
    """`line:column` where a text stands first, counted from 1."""
    before = text[: text.index(at)]
    return f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


@pytest.mark.parametrize(
    ("old", "new", "at", "message"),
    [
        ("seed: 0", "sed: 0", "sed", "sed: there is no such key"),
        ("lr: 1e-3", "lrr: 1e-3", "lrr", "models.0.optimizer.lrr: there is no such key"),
        ("folds: 2", "folds: two", "two\n  test", "data.folds: Input should be a valid integer"),
        ("folds: 2", "folds: two", "two\n  test", "but got 'two'"),
        ("folds: 2", "folds: 1", "1\n", "data.folds: Input should be greater than or equal to 2, but got 1"),
        ("lr: 1e-3", "lr: -1", "-1,", "models.0.optimizer.lr: Input should be greater than 0, but got -1"),
        ("name: example\n", "", "seed", "name: Field required"),
        ("    epochs: 8\n", "", "name: cascade", "models.0.epochs: Field required"),
        ("    family: yolov5\n", "", "name: yolov5", "models.1.family: Field required"),
        ("seed: 0", "seed: 0\nseed: 1", "seed: 1", "the key 'seed' stands here a second time"),
        ("epochs: 8", "epochs: 8\n    epochs: 9", "epochs: 9", "the key 'epochs' stands here a second time"),
        (
            "name: yolov5",
            "name: cascade-rcnn",
            "- name",
            "models: models must have different names, but 'cascade-rcnn'",
        ),
        (
            "family: yolov5",
            "family: yolov4",
            "yolov4",
            "models.1.family: Input should be one of 'cascade_rcnn', ",
        ),
        (
            "    size: tiny\n",
            AUGMENTED + "      - {type: resize}\n      - {type: cutout}\n",
            "cutout",
            "models.1.augmentations.1.type: Input should be one of 'horizontal_flip', ",
        ),
        (
            "    size: tiny\n",
            AUGMENTED + "      - {type: resize, factor: 2}\n",
            "factor",
            "models.1.augmentations.0.factor: there is no such key",
        ),
        (
            "    size: tiny\n",
            AUGMENTED + "      - {type: resize, min_factor: 2}\n",
            "{type: resize",
            "models.1.augmentations.0: min_factor must not exceed max_factor, but got 2.0 and 1.0",
        ),
        ("size: tiny", "size: s", "name: yolov5", "only at size 'tiny', but got size='s'"),
        ("test_fraction: 0.2", "test_fraction: .nan", ".nan", "data.test_fraction: Input should be a finite number"),
        ("trials: 40", "trials: 40\n1: 2", "1: 2", "1: Keys should be strings"),
        ("data:", "data: [", ": 0.2", "not valid YAML"),
        ("data:\n", "data:\n\t", "\t  folds", "not valid YAML: found character '\\t'"),
        ("seed: 0", "seed: *nothing", "*nothing", "not valid YAML: found undefined alias 'nothing'"),
        ("seed: 0", "seed: 2020-13-45", "2020", "not valid YAML: month must be in 1..12"),
        ("seed: 0", f"seed: {'9' * 5000}", "999", "not valid YAML: Exceeds the limit"),
        ("seed: 0", "? [a, b]\n: 0", "[a, b]", "not valid YAML: a key must be a word"),
        ("seed: 0", "seed: \x01", "\x01", "not valid YAML: the character '\\x01' is not allowed"),
        (
            "seed: 0",
            "seed: !!python/object/apply:os.mkdir [made]",
            "!!python",
            "not valid YAML: could not determine a constructor for the tag 'tag:yaml.org,2002:python/object/apply:os",
        ),
    ],
)
def test_a_wrong_recipe_is_refused_with_its_place(
    recipe_file: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, at: str, message: str
) -> None:
    monkeypatch.chdir(recipe_file.parent)
    spoilt = EXAMPLE.replace(old, new, 1)
    assert spoilt != EXAMPLE
    recipe_file.write_text(spoilt)
    told = refusal(recipe_file)
    assert told.startswith(f"{recipe_file}:{place_of(spoilt, at)}: ")
    assert message in told
    assert "\n" not in told
    assert [path.name for path in recipe_file.parent.iterdir()] == ["recipe.yaml"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", ":1: the recipe is empty"),
        (b"# nothing\n", ":1: the recipe is empty"),
        (b"- name: demo\n", ":1: a recipe must be a mapping, but this is a list"),
        (b"demo", ":1: a recipe must be a mapping, but this is a str"),
        (b"null", ":1: a recipe must be a mapping, but this is a NoneType"),
        (b"a: 1\nname: \xc3\xa4\xff", ":2:8: a recipe must be UTF-8 text, but byte 0xff is not"),
        (b"\x89PNG\r\n\x1a\n", ":1:1: a recipe must be UTF-8 text, but byte 0x89 is not"),
        (b"[" * 5000, ": nested too deeply"),
        (b"a: &a {b: *a}", ": nested too deeply, or an alias within its own anchor"),
    ],
)
def test_what_is_no_recipe_is_refused(recipe_file: Path, content: bytes, message: str) -> None:
    recipe_file.write_bytes(content)
    assert refusal(recipe_file) == f"{recipe_file}{message}"


def test_all_that_is_wrong_is_told_at_once(recipe_file: Path) -> None:
    recipe_file.write_text(EXAMPLE.replace("seed: 0", "sed: 0").replace("folds: 2", "folds: 1"))
    assert [line.split(": ")[1] for line in refusal(recipe_file).splitlines()] == ["data.folds", "sed"]


def test_the_only_model_refused_is_not_told_as_no_model(recipe_file: Path) -> None:
    recipe_file.write_text("name: x\nmodels: [{family: yolov4}]\n")
    (told,) = refusal(recipe_file).splitlines()
    assert told.startswith(f"{recipe_file}:2:19: models.0.family: Input should be one of 'cascade_rcnn', ")
    assert told.endswith(", but got 'yolov4'")


def test_an_unknown_recipe_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.yaml") == (
        f"{tmp_path / 'none.yaml'}: there is no such recipe file, and the shipped recipes are: {', '.join(SHIPPED)}"
    )
    assert "there is no such recipe file" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("seed=7", "seed", 7),
        ("models.0.optimizer.lr=1e-3", "models.0.optimizer.lr", 0.001),
        ("models.1.optimizer.lr=0.5", "models.1.optimizer.lr", 0.5),
        ("data.repair=[clip_boxes]", "data.repair", ("clip_boxes",)),
        ("data.repair=[]", "data.repair", ()),
        ("models.0.resources.num_gpus=0.5", "models.0.resources.num_gpus", 0.5),
        ("models.0.resources={num_cpus: 3}", "models.0.resources.num_cpus", 3.0),
        ("models.1.augmentations=[{type: resize}]", "models.1.augmentations", (Resize(type="resize"),)),
        ("models.0.pretrained=a=b.pth", "models.0.pretrained", "a=b.pth"),
        ("name=täst", "name", None),
    ],
)
def test_overrides_set_what_they_name(recipe_file: Path, override: str, key: str, value: Any) -> None:
    if value is None:
        assert refusal(recipe_file, override).startswith(f"--set {override}: {key}: ")
        return
    found: Any = load_recipe(str(recipe_file), [override])
    for part in key.split("."):
        found = found[int(part)] if part.isdigit() else getattr(found, part)
    assert found == value


def test_of_two_overrides_the_later_counts(recipe_file: Path) -> None:
    assert load_recipe(str(recipe_file), ["seed=1", "seed=2"]).seed == 2
    assert refusal(recipe_file, "seed=1", "seed=x").startswith("--set seed=x: seed: ")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed", "--set must have the form key.key=value, but got 'seed'"),
        ("=1", "--set must have the form key.key=value, but got '=1'"),
        ("data..folds=3", "--set must have the form key.key=value, but got 'data..folds=3'"),
        ("data.folds=[", "--set data.folds=[: '[' is not a YAML value"),
        ("seed=2020-13-45", "--set seed=2020-13-45: '2020-13-45' is not a YAML value"),
        ("seed=*a", "--set seed=*a: '*a' is not a YAML value"),
        ("models.5.epochs=1", "--set models.5.epochs=1: there is no 5 in list"),
        ("models.5=1", "--set models.5=1: there is no 5 in list"),
        ("models.-1.epochs=1", "--set models.-1.epochs=1: there is no '-1' in list"),
        ("models.²=1", "--set models.²=1: there is no '²' in list"),
        ("models.yolov5.epochs=1", "--set models.yolov5.epochs=1: there is no 'yolov5' in list"),
        ("seed.x=1", "--set seed.x=1: there is no 'x' in int 0"),
        ("models.0.epochs=zero", "--set models.0.epochs=zero: models.0.epochs: Input should be a valid integer"),
        ("models.0.optimizer.lrr=1", "--set models.0.optimizer.lrr=1: models.0.optimizer.lrr: there is no such key"),
        ("retries.x=1", "--set retries.x=1: retries: Input should be a valid integer"),
        ("models.0.name=yolov5", "--set models.0.name=yolov5: models: models must have different names"),
        ("models.1.size=s", "--set models.1.size=s: models.1: pretrained must be"),
        (
            "models.0.resources.num_gpus=2.5",
            "--set models.0.resources.num_gpus=2.5: models.0.resources.num_gpus: num_gpus",
        ),
        (
            "models.1.augmentations=[{type: cutout}]",
            "--set models.1.augmentations=[{type: cutout}]: models.1.augmentations.0.type: Input should be one of",
        ),
        ("models=[]", "--set models=[]: models: Tuple should have at least 1 item"),
        ("data=3", "--set data=3: data: "),
        ("seed=", "--set seed=: seed: Input should be a valid integer, but got None"),
    ],
)
def test_a_wrong_override_is_named_and_no_line_of_the_file(recipe_file: Path, override: str, message: str) -> None:
    told = refusal(recipe_file, override)
    assert told.startswith(message)
    assert str(recipe_file) not in told


@pytest.mark.parametrize(
    ("old", "new", "override", "at"),
    [
        ("name: yolov5", "name: cascade-rcnn", "models.0.epochs=2", "- name"),
        ("    epochs: 8\n", "", "models.0.optimizer.lr=2", "name: cascade"),
        ("size: tiny", "size: s", "models.1.epochs=2", "name: yolov5"),
    ],
)
def test_a_mistake_of_the_file_is_not_blamed_on_an_override(
    recipe_file: Path, old: str, new: str, override: str, at: str
) -> None:
    spoilt = EXAMPLE.replace(old, new)
    recipe_file.write_text(spoilt)
    assert refusal(recipe_file, override).startswith(f"{recipe_file}:{place_of(spoilt, at)}: ")


def test_an_override_mends_the_file(recipe_file: Path) -> None:
    recipe_file.write_text(EXAMPLE.replace("folds: 2", "folds: 1"))
    assert load_recipe(str(recipe_file), ["data.folds=3"]).data.folds == 3


def test_an_override_changes_one_model_though_an_alias_is_shared(recipe_file: Path) -> None:
    settings = "{type: adamw, lr: 1e-3, weight_decay: 0.01, schedule: cosine, warmup_steps: 20, clip_grad_norm: 10}"
    assert EXAMPLE.count(settings) == 2
    first, second, rest = EXAMPLE.split(settings)
    recipe_file.write_text(f"{first}&shared {settings}{second}*shared{rest}")
    recipe = load_recipe(str(recipe_file), ["models.1.optimizer.lr=1"])
    assert [model.optimizer.lr for model in recipe.models] == [0.001, 1]


def test_merge_keys_are_no_repetition(recipe_file: Path) -> None:
    recipe_file.write_text(
        "name: x\nmodels:\n"
        "  - &first {name: a, family: cascade_rcnn, image_size: 64, epochs: 1, batch_size: 1}\n"
        "  - {<<: *first, name: b, epochs: 2}\n"
    )
    assert [(m.name, m.epochs) for m in load_recipe(str(recipe_file)).models] == [("a", 1), ("b", 2)]


def test_override_values_are_yaml() -> None:
    override = parse_override("models.0.a=[1, {b: null}]")
    assert (override.path, override.value) == (("models", 0, "a"), [1, {"b": None}])


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_recipes_load_and_survive_writing(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    write_recipe(recipe, tmp_path / "written.yaml")
    assert load_recipe(str(tmp_path / "written.yaml")) == recipe
    assert [path.name for path in tmp_path.iterdir()] == ["written.yaml"]


@given(
    lr=st.floats(min_value=1e-300, max_value=1e300),
    pretrained=st.text(st.characters(codec="utf-8"), max_size=20),
    seed=st.integers(0, 2**31 - 1),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_writing_loses_nothing(tmp_path: Path, lr: float, pretrained: str, seed: int) -> None:
    content = example_content()
    content["models"][0].update(pretrained=pretrained, optimizer={"lr": lr})
    recipe = Recipe.model_validate({**content, "seed": seed})
    write_recipe(recipe, tmp_path / "recipe.yaml")
    assert load_recipe(str(tmp_path / "recipe.yaml")) == recipe


@pytest.mark.parametrize(
    "override", ["retries=5", "data.image_cache_gib=0", "fusion.trials=3", "models.1.resources.num_cpus=2"]
)
def test_some_changes_do_not_decide_results(override: str) -> None:
    assert differences(example_with(), example_with(override)) == []


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("seed=1", "seed: 0 -> 1"),
        ("models.0.epochs=9", "models.0.epochs: 8 -> 9"),
        ("models.1.optimizer.lr=0.5", "models.1.optimizer.lr: 0.001 -> 0.5"),
        ("data.folds=3", "data.folds: 2 -> 3"),
        ("data.repair=[clip_boxes]", "data.repair.0: drop_empty_boxes -> clip_boxes"),
        ("name=other", "name: example -> other"),
    ],
)
def test_other_changes_are_named_with_both_values(override: str, told: str) -> None:
    assert told in differences(example_with(), example_with(override))


def test_a_model_more_is_a_difference_both_ways() -> None:
    one, two = example_recipe(models=example_content()["models"][:1]), example_with()
    assert "models.1.name: (absent) -> yolov5" in differences(one, two)
    assert "models.1.name: yolov5 -> (absent)" in differences(two, one)


def test_the_exported_schema_is_up_to_date() -> None:
    exported = (RECIPES_FOLDER / "recipe.schema.json").read_text()
    assert exported == json_schema(), "the recipe's types have changed: run `make schema`"


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_recipes_fit_the_schema(name: str) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(json_schema()))
    # `1e-3` is text to YAML 1.1 (PyYAML) and a number to YAML 1.2, which editors speak.
    text = re.sub(r"(\d)e-", r"\1.0e-", (RECIPES_FOLDER / f"{name}.yaml").read_text())
    written, resolved = yaml.safe_load(text), load_recipe(name).model_dump(mode="json")
    for content in (written, resolved):
        validator.validate(content)
        with pytest.raises(jsonschema.ValidationError):
            validator.validate({**content, "sed": 1})


def test_a_shipped_recipe_takes_overrides_by_its_name() -> None:
    assert load_recipe("demo", ["seed=9"]).seed == 9


ODD_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 2**70),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
    st.sampled_from(["yolov5", "resize", "cascade_rcnn", "adamw", "family", "../x", {"type": "colour"}, {1: 2}]),
)


def containers(value: Any) -> list[Any]:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    inner = [found for item in items for found in containers(item)]
    return [value, *inner] if isinstance(value, dict | list) else inner


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_a_spoilt_recipe_loads_or_is_refused_but_never_crashes(tmp_path: Path, data: st.DataObject) -> None:
    content = copy.deepcopy(example_content())
    for _ in range(data.draw(st.integers(1, 3))):
        target = data.draw(st.sampled_from(containers(content)))
        keys: list[Any] = list(target) if isinstance(target, dict) else list(range(len(target)))
        removes = data.draw(st.booleans())
        if keys and removes:
            del target[data.draw(st.sampled_from(keys))]
        elif isinstance(target, dict):
            target[data.draw(st.sampled_from([*keys, "new", "type"]))] = copy.deepcopy(data.draw(ODD_VALUES))
        else:
            target.append(copy.deepcopy(data.draw(ODD_VALUES)))
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(content))
    overrides = data.draw(st.lists(st.sampled_from(["seed=1", "models.0.epochs=2", "data.x=1", "a.b.c=3"]), max_size=2))
    try:
        assert isinstance(load_recipe(str(path), overrides), Recipe)
    except RecipeError as error:
        for line in str(error).splitlines():
            assert line.startswith((f"{path}:", "--set "))


@given(raw=st.one_of(st.binary(max_size=40), st.text("[]{}:,-?*&!|>#% \n'\"a1~<=", max_size=30).map(str.encode)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
def test_any_bytes_are_refused_but_never_crash(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes(raw)
    with pytest.raises(RecipeError, match=r"recipe\.yaml"):
        load_recipe(str(path))
