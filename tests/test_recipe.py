"""A Recipe and its link are the same thing, whatever is in them; nonsense in a link is never an error."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.course import Course
from pruneviz.query import SHORT, from_pin, from_query, to_pin, to_query
from pruneviz.recipe import LIMITS, PINS, Recipe

fractions = st.floats(0, 1, allow_nan=False)
names = st.from_regex(r"[a-zA-Z_~%:][a-zA-Z0-9_.~%:]{0,30}", fullmatch=True)
own = st.dictionaries(names, fractions, max_size=4).map(lambda found: tuple(sorted(found.items())))
hashes = st.from_regex(r"[0-9a-f]{1,16}", fullmatch=True)
texts = st.just("") | st.from_regex(r"[A-Za-zäß&=~%:+ ]{0,20}[a-z]", fullmatch=True)
pinned = st.builds(
    Recipe, subject=names, criterion=names, amount=fractions, overrides=own, seed=st.integers(0, 9), layer=st.just("fc")
).map(to_pin)
courses = st.builds(
    Course,
    lab=st.just("") | st.sampled_from(["lottery", "recover"]),
    steps=st.integers(0, 10**6),
    rate=st.floats(0, 1),
    strength=st.floats(0, 1e6),
    schedule=st.sampled_from(["one-shot", "cubic", "points"]),
    points=st.lists(st.tuples(fractions, fractions), max_size=3).map(tuple),
    second=st.just("") | st.from_regex(r"[a-z:_]{1,12}", fullmatch=True),
    threads=st.integers(1, 64),
)
recipes = st.builds(
    Recipe,
    course=courses,
    subject=names,
    criterion=names,
    scope=st.sampled_from(["global", "layer", "std", "erk", "lamp"]),
    amount=fractions,
    spared=st.lists(names, max_size=3, unique=True).map(tuple),
    overrides=own,
    calibration=st.sampled_from(["training", "held-out"]),
    nonfinite=st.sampled_from(["refuse", "remove"]),
    seed=st.integers(0, 2**63 - 1),
    layer=st.just("") | names,
    shape=st.sampled_from(["signed", "absolute"]),
    axis=st.sampled_from(["linear", "log"]),
    apart=st.integers(0, 1),
    unlinked=own,
    against=names,
    pick=st.integers(-1, 2**40),
    sampled=st.integers(0, 2000),
    guess=st.integers(-1, 100),
    granularity=st.sampled_from(["weight", "filter", "neuron", "head", "layer", "2:4"]),
    pool=st.sampled_from(["mean", "l1", "l2", "max"]),
    floor=st.integers(0, 1),
    gone=st.lists(names, max_size=3, unique=True).map(tuple),
    back=st.lists(names, max_size=3, unique=True).map(tuple),
    batch=st.integers(1, 4096),
    length=st.integers(0, 65536),
    threads=st.integers(0, 1024),
    model_sha=st.just("") | hashes,
    data_sha=st.just("") | hashes,
    files=st.lists(names, max_size=3, unique=True).map(tuple),
    card=st.just("") | st.from_regex(r"[A-Za-z0-9_-]{1,40}", fullmatch=True),
    pins=st.lists(pinned, max_size=3, unique=True).map(tuple),
    marked=st.lists(st.sampled_from(["A", "B", "live"]), max_size=2, unique=True).map(tuple),
    example=st.integers(-1, 2**40),
    group=st.integers(-1, 2**31),
    attribution=st.sampled_from(["saliency", "integrated-gradients", "occlusion"]),
    tolerance=fractions,
    budget=st.sampled_from(["parameters", "macs", "ms"]),
    held_against=st.sampled_from(["parameters", "macs", "ms"]),
    limits=st.dictionaries(st.sampled_from(LIMITS), st.floats(0, 1e9), max_size=4).map(lambda found: tuple(found.items())),
    title=texts,
    author=texts,
    contact=texts,
    untested=texts,
    slide=st.integers(0, 5),
    lesson=st.just("") | names,
    hidden=st.lists(names, max_size=3, unique=True).map(tuple),
)


@given(recipes)
def test_a_link_holds_the_whole_recipe(recipe):
    assert from_query(to_query(recipe)) == (recipe, [])


@given(
    st.dictionaries(st.text(max_size=12) | st.sampled_from(["s", "m", "own", "seed", "each", "keep"]), st.text(max_size=40))
)
def test_nonsense_gives_a_recipe_and_a_word(query):
    recipe, words = from_query(query)
    assert isinstance(recipe, Recipe) and all(isinstance(word, str) for word in words)
    known = SHORT.values()
    unknown = [key for key in query if key not in known]
    assert len(words) >= len(unknown)


@pytest.mark.parametrize(
    ("query", "recipe"),
    [
        ({}, Recipe()),
        ({"m": "digits_mlp", "c": "obd", "s": "80"}, Recipe(subject="digits_mlp", criterion="obd", amount=0.8)),
        ({"s": "92.5", "p": "lamp"}, Recipe(amount=0.925, scope="lamp")),
        (
            {"g": "filter", "pool": "l1", "floor": "0", "gone": "conv1:3~conv2:17", "back": "conv1:5"},
            Recipe(granularity="filter", pool="l1", floor=0, gone=("conv1:3", "conv2:17"), back=("conv1:5",)),
        ),
        ({"own": "conv1.weight:30~fc.weight:0.5"}, Recipe(overrides=(("conv1.weight", 0.3), ("fc.weight", 0.005)))),
        (
            {"keep": "fc.weight", "seed": "7", "cal": "held-out"},
            Recipe(spared=("fc.weight",), seed=7, calibration="held-out"),
        ),
        (
            {
                "pin": "m=digits_cnn&s=80~m=digits_cnn&c=obd",
                "lim": "points:1.5~mb:0.3",
                "title": "Cut",
                "slide": "2",
                "hide": "scope",
            },
            Recipe(
                pins=("m=digits_cnn&s=80", "m=digits_cnn&c=obd"),
                limits=(("points", 1.5), ("mb", 0.3)),
                title="Cut",
                slide=2,
                hidden=("scope",),
            ),
        ),
        (
            {"m": "own:0123456789abcdef01234567", "mh": "0123456789abcdef", "need": "data/data.zip:cats ~1.zip:fedc"},
            Recipe(
                subject="own:0123456789abcdef01234567",
                model_sha="0123456789abcdef",
                files=("data/data.zip:cats ", "1.zip:fedc"),
            ),
        ),
    ],
)
def test_old_links_keep_working(query, recipe):
    assert from_query(query) == (recipe, [])


@pytest.mark.parametrize("query", [{"mh": "xyz"}, {"dh": "0" * 17}, {"card": "a b"}, {"card": "A" * 5000}, {"mh": ""}])
def test_a_hash_or_a_card_that_is_none_is_left_out_with_a_word(query):
    recipe, words = from_query(query)
    assert recipe == Recipe() and len(words) == 1


@pytest.mark.parametrize("amount", [-0.1, 1.1, float("nan"), float("inf")])
def test_an_amount_is_a_fraction(amount):
    with pytest.raises(ValueError, match="not a fraction"):
        Recipe(amount=amount)


def test_a_unit_is_forced_out_forced_to_stay_or_follows_its_rank():
    recipe = Recipe(granularity="filter").with_unit("a:1", True).with_unit("a:2", False)
    assert recipe.gone == ("a:1",) and recipe.back == ("a:2",)
    turned = recipe.with_unit("a:1", False)
    assert turned.gone == () and turned.back == ("a:1", "a:2")
    assert turned.with_unit("a:1", None).with_unit("a:2", None) == Recipe(granularity="filter")


def test_a_layers_own_amount_comes_and_goes():
    recipe = Recipe(spared=("a",)).with_own("b", 0.3).with_own("a", 0.2)
    assert recipe.own_amounts() == {"a": 0.2, "b": 0.3} and recipe.spared == ()
    assert recipe.with_own("a", None).with_own("b", None) == replace(recipe, overrides=())


@given(recipes)
def test_a_pin_holds_what_numbers_depend_on_and_no_more(recipe):
    pin = to_pin(recipe)
    found = from_pin(pin)
    assert found is not None and to_pin(found) == pin and found.amount == recipe.amount and found.pins == ()
    assert (found.criterion, found.overrides, found.layer) == (recipe.criterion, recipe.overrides, "")


def test_the_default_setting_can_be_pinned_and_travels_in_a_link():
    recipe = Recipe(pins=(to_pin(Recipe()), to_pin(Recipe(amount=0.8))))
    assert from_query(to_query(recipe)) == (recipe, [])
    assert from_pin(recipe.pins[0]) == Recipe()


@pytest.mark.parametrize("pin", ["", "m", "m=a&m=b", "m=a&s=x", "m=a&layer=fc", "s=80", "m=a&zz=1", "m=a&pin=m%3Da"])
def test_what_is_no_setting_is_no_pin(pin):
    assert from_pin(pin) is None
    assert from_query({"pin": f"m=a~{pin}"})[0].pins == (() if pin else ("m=a",))


def test_more_pins_than_there_is_room_for_are_left_out_with_a_word():
    recipe, words = from_query({"pin": "~".join(to_pin(Recipe(amount=at / 100)) for at in range(PINS + 1))})
    assert recipe.pins == () and len(words) == 1


@pytest.mark.parametrize(
    "query",
    [
        {"lim": "points"},
        {"lim": "points:-1"},
        {"lim": "speed:1"},
        {"lim": "mb:nan"},
        {"slide": "6"},
        {"tol": "101"},
        {"title": " "},
    ],
)
def test_a_limit_or_a_slide_that_is_none_is_left_out_with_a_word(query):
    recipe, words = from_query(query)
    assert recipe == Recipe() and len(words) == 1
