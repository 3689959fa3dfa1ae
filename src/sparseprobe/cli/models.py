"""`sparseprobe models`: the shipped models, and where the neurons of a model are."""

from __future__ import annotations

from typing import Annotated, Any

import typer

import sparseprobe as sp
from sparseprobe.cli.show import Show

app = typer.Typer()
models = typer.Typer(no_args_is_help=True, help="The shipped models, and the shape of any model.")
app.add_typer(models, name="models")


@models.command(name="list")
def list_models(context: typer.Context) -> None:
    """List the models that ship with the package, and those in other packages with the line that installs them."""
    from sparseprobe.demo.packaged_models import PACKAGED
    from sparseprobe.demo.shipped_models import shipped_models, shipped_origin, shipped_path, shipped_shape

    show: Show = context.obj
    shipped = [
        {"name": name, **shipped_shape(name), "origin": shipped_origin(name), "path": str(shipped_path(name))}
        for name in shipped_models()
    ]
    packaged = [
        {"name": name, **model.shape, "origin": model.origin, "path": str(model.file or model.pip_line)}
        for name, model in PACKAGED.items()
    ]
    show.rows([*shipped, *packaged])


@models.command(name="show")
def show_model(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Hub id, local folder, or shipped model.")],
) -> None:
    """Show a model's shape and the names of the modules that hold each layer's neurons."""
    show: Show = context.obj
    model = sp.load_model(name, device="cpu")
    if not show.json:
        show.record(
            {
                "name": model.name,
                "kind": model.kind,
                "layers": model.n_layers,
                "d_model": model.d_model,
                "d_mlp": model.d_mlp,
                "context": model.n_context,
                "parameters": model.n_parameters,
                "non_embedding": model.n_non_embedding,
            }
        )
    rows = [
        {
            "layer": index,
            "neurons": model.width("mlp", index),
            "mlp_in": layer.mlp_in,
            "mlp_gate": layer.mlp_gate,
            "mlp_out": layer.mlp_out,
            "attention_out": layer.attention_out,
        }
        for index, layer in enumerate(model.layers)
    ]
    if show.json:
        show.rows(rows)
    else:
        for pattern in dict.fromkeys(tuple(_pattern(row).items()) for row in rows):
            show.record(dict(pattern))


def _pattern(row: dict[str, Any]) -> dict[str, Any]:
    """A layer's modules with a star in place of its number, so that layers of one kind are shown once."""
    names = {name: value for name, value in row.items() if name != "layer"}
    return {
        name: value.replace(f".{row['layer']}.", ".*.") if isinstance(value, str) else value
        for name, value in names.items()
    }
