"""transformers: its classifiers of images and texts and its language models, from a configuration that is only read.

A configuration is JSON that names one of the library's own kinds. Code that came with a model is never run: a
configuration that points to some is refused. The number of heads and the like come from the configuration, the numbers
from a file that passed the gate.
"""

from __future__ import annotations

import copy
import importlib
import importlib.util
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from pruneviz.engine.sources import gate
from pruneviz.engine.sources.gate import LOCAL, Limits, SubjectError, brief
from pruneviz.engine.sources.offer import Offer

title = "transformers"
words = "Classifiers of images and texts and language models of the transformers library, from a folder or from the hub."
argument = "num_labels"
nameless = True  # a card says build = "transformers": the configuration knows which kind

TASKS = {
    "image_classification": "MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES",
    "text_classification": "MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES",
    "language_modelling": "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES",
}
# Kinds that are a door to other libraries' models.
_DOORS = {"timm_wrapper", "timm_backbone"}
_CODE = ("auto_map", "custom_pipelines", "trust_remote_code", "use_pretrained_backbone", "use_timm_backbone")
MOST_LABELS = 100_000
_PACKED = ("quantization_config", "compression_config")
# What says how and not what to compute, or where a model once lay.
_DROPPED = {
    "transformers_version", "torch_dtype", "dtype", "attn_implementation", "experts_implementation", "use_kernels",
    "kernel_config", "output_attentions", "output_hidden_states", "return_dict", "use_cache", "gradient_checkpointing",
    "torchscript", "pruned_heads", "use_bfloat16", "task_specific_params", "name_or_path",
}  # fmt: skip
MOST_LAYERS = 1_000
_building = threading.Lock()


def missing() -> str:
    """What to install, where transformers is not there."""
    return "" if importlib.util.find_spec("transformers") else "install the package transformers"


def names() -> list[str]:
    """The kinds of models, as a configuration's model_type names them."""
    return sorted({kind for task in TASKS for kind in _classes(task)})


def maker(name: str, given: Mapping[str, Any], folder: Path | None = None) -> Callable[[], nn.Module]:
    """The library's own class with this configuration: `given` are `config`, a table, and `task`."""
    if set(given) - {"config", "task"} or not isinstance(given.get("config"), Mapping):
        raise SubjectError('transformers takes the arguments config and task: give [architecture] config = "config.json"')
    whole = arguments(checked(given["config"]), given.get("task"))
    table, task, kind = whole["config"], whole["task"], whole["config"]["model_type"]
    if name and name != kind:
        raise SubjectError(f"transformers:{name} is given a configuration of {kind!r}: give build = 'transformers:{kind}'")
    return partial(_made, _class(task, table), _configuration(table, task))


def arguments(config: Mapping[str, Any], task: str | None = None) -> dict[str, Any]:
    """What a card says of a checked configuration: with the task, and with the one class of the library that does it."""
    task = task or task_of(config)
    if task is None:
        kinds = ", ".join(map(repr, TASKS))
        raise SubjectError(f"config.json does not say what the model is for: give task, one of {kinds}", "task")
    return {"task": task, "config": {**config, "architectures": [_class(task, config).__name__]}}


def preparation(name: str) -> dict[str, Any]:
    """Unknown: a model's folder says it (`model_folder`), its kind does not."""
    return {}


def weights(name: str) -> tuple[Offer, ...]:
    """None by kind: models are on the hub by their own names."""
    return ()


def proposals(
    shapes: Mapping[str, tuple[int, ...]], config: Mapping[str, Any] | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """What a configuration says, for the task that it says, else for each that its kind can do."""
    if not config or not isinstance(config.get("model_type"), str) or missing():
        return
    table = checked(config)
    said = task_of(table)
    for task in [said] if said else [one for one in TASKS if table["model_type"] in _classes(one)]:
        yield "", arguments(table, task)


def read(path: Path, limits: Limits = LOCAL) -> dict[str, Any]:
    """The configuration in a file, checked."""
    return checked(json_table(path, limits))


def json_table(path: Path, limits: Limits = LOCAL) -> dict[str, Any]:
    """A small JSON file's table, whatever it says."""
    try:
        found = json.loads(gate.text(path, limits))
    except SubjectError:
        raise
    except (ValueError, RecursionError) as error:
        raise SubjectError(f"{path.name} is not JSON ({brief(error)}): save the model again", "json") from None
    if not isinstance(found, dict):
        raise SubjectError(f"{path.name} holds no table: save the model again", "json")
    return found


def checked(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without what does not concern the network; refused where it names code, or a kind that is unknown."""
    found = [key for key in _CODE if _holds(config, key)]
    if found:
        raise SubjectError(
            f"config.json says {found[0]!r}, which asks for code or models from elsewhere; no model's own code is ever run: "
            "give a model of one of the library's own kinds",
            "remote-code",
        )
    packed = [key for key in _PACKED if _holds(config, key)]
    if packed:
        raise SubjectError(
            f"config.json says {packed[0]!r}: quantised weights are not read, save them as floats", "quantised"
        )
    kind = config.get("model_type")
    if not isinstance(kind, str) or kind not in names():
        some = "bert, distilbert, roberta, vit, gpt2, opt, llama"
        raise SubjectError(
            f"config.json has model_type {repr(kind)[:64]}, which the transformers library here does not know for "
            f"classification or language modelling; there are {len(names())} kinds, such as {some}",
            "model-type",
        )
    labels = config.get("num_labels", 2)
    if type(labels) is int and labels > MOST_LABELS:
        # The library writes a name for each of them before anything else.
        raise SubjectError(
            f"config.json says num_labels = {labels if labels < 10**24 else 'a number beyond all measure'}; at most "
            f"{MOST_LABELS:,} classes are taken: correct it",
            "too-large",
        )
    if config.get("position_embedding_type", "absolute") != "absolute":
        raise SubjectError(
            f"config.json has position_embedding_type {config['position_embedding_type']!r}, which the library no longer "
            "computes: give a model with absolute positions"
        )
    return _plain(config)


def task_of(config: Mapping[str, Any]) -> str | None:
    """The task that the configuration's `architectures` name; None where they name a bare encoder, or nothing."""
    said = config.get("architectures")
    named = {one for one in said if isinstance(one, str)} if isinstance(said, list) else set()
    return next((task for task in TASKS if named & set(_classes(task).get(config.get("model_type", ""), ()))), None)


def resized(given: Mapping[str, Any], classes: int) -> dict[str, Any]:
    """The same arguments with another number of classes."""
    table = {key: one for key, one in given["config"].items() if key not in ("id2label", "label2id")}
    return {**given, "config": {**table, "num_labels": classes}}


def renamed(network: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A checkpoint's tensors by the names that the library now has for them, and without what it no longer keeps."""
    from transformers import conversion_mapping, core_model_loading

    own = network.state_dict()
    mapping = conversion_mapping.get_model_conversion_mapping(network)
    renamings = [one for one in mapping if isinstance(one, core_model_loading.WeightRenaming)]
    converters = [one for one in mapping if isinstance(one, core_model_loading.WeightConverter)]
    rename = partial(core_model_loading.rename_source_key, base_model_prefix=network.base_model_prefix, meta_state_dict=own)
    found: dict[str, Tensor] = {}
    waiting: dict[str, Any] = {}
    for name in sorted(tensors, key=core_model_loading.dot_natural_key):
        new, pattern = rename(name, renamings, converters)
        if new not in own and name in own:
            new, pattern = rename(name, [], [])
        if pattern is None:
            found[new] = tensors[name]
        else:  # several of the file's tensors make one here, or one makes several
            one = waiting.setdefault(new, copy.deepcopy(next(one for one in converters if pattern in one.source_patterns)))
            one.add_tensor(new, name, pattern, tensors[name])
    for name, one in waiting.items():
        made = one.convert(name, model=network, config=network.config)
        found |= {key: value[0] if isinstance(value, list) else value for key, value in made.items()}
    return {name: tensor for name, tensor in found.items() if name in own or not _ignored(network, name)}


def concerns(network: nn.Module) -> bool:
    """Is it a network of this library's?"""
    return type(network).__module__.startswith("transformers.") and hasattr(network, "base_model_prefix")


def _ignored(network: nn.Module, name: str) -> bool:
    """What older versions stored and nobody reads: masks, positions, angles."""
    patterns = getattr(network, "_keys_to_ignore_on_load_unexpected", None) or ()
    tail = name.rpartition(".")[2]
    return tail in ("position_ids", "inv_freq", "masked_bias") or any(re.search(one, name) for one in patterns)


def _made(made: type, config: Any) -> nn.Module:
    # One at a time: while the library fills a network, it swaps torch's initialisers for its own.
    with _building:
        return made(config)


@cache
def _classes(task: str) -> dict[str, tuple[str, ...]]:
    """The names of the library's own classes for a task, by kind."""
    auto = importlib.import_module("transformers.models.auto.modeling_auto")
    table = getattr(auto, TASKS[task])
    return {
        kind: (named,) if isinstance(named, str) else tuple(named) for kind, named in table.items() if kind not in _DOORS
    }


def _class(task: str, config: Mapping[str, Any]) -> type:
    if task not in TASKS:
        raise SubjectError(f"transformers has no task {repr(task)[:64]}; there are {', '.join(TASKS)}", "task")
    kind, said = config["model_type"], config.get("architectures") or ()
    offered = _classes(task).get(kind)
    if offered is None:
        others = [one for one in TASKS if kind in _classes(one)]
        raise SubjectError(f"a model of the kind {kind!r} does not do {task}; it does {', '.join(others)}", "task")
    import transformers

    return getattr(transformers, next((one for one in offered if one in said), offered[0]))


def _configuration(table: Mapping[str, Any], task: str) -> Any:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    try:
        config = CONFIG_MAPPING[table["model_type"]].from_dict(_plain(table))
    except Exception as error:  # the library refuses in many ways
        raise SubjectError(
            f"config.json is no configuration of {table['model_type']!r} ({brief(error)}): correct it"
        ) from None
    if task == "language_modelling" and getattr(config, "is_decoder", True) is False:
        raise SubjectError(
            f"a {table['model_type']!r} that sees the whole text cannot be asked for the next token: give a classification "
            "task, or a configuration with is_decoder",
            "task",
        )
    layers = getattr(config, "num_hidden_layers", 0)
    if type(layers) is int and layers > MOST_LAYERS:
        raise SubjectError(f"config.json says {layers:,} layers; at most {MOST_LAYERS:,} are built", "too-large")
    # Attention written out: it can be traced, and its heads can be found and taken out.
    config._attn_implementation = "eager"
    if hasattr(config, "use_cache"):
        config.use_cache = False
    return config


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """What describes the network: no nothings, no private words, no switches, at any depth."""
    found = {}
    for key, value in config.items():
        if value is None or key in _DROPPED or not isinstance(key, str) or key.startswith("_"):
            continue
        found[key] = _plain(value) if isinstance(value, Mapping) else value
    return found


def _holds(config: Any, key: str) -> bool:
    """Whether a table says this, truly, at any depth."""
    if isinstance(config, Mapping):
        return bool(config.get(key)) or any(_holds(one, key) for one in config.values())
    return isinstance(config, list) and any(_holds(one, key) for one in config)
