"""Who may import whom: an import only points down the list of layers."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import vtrain

PACKAGE = Path(__file__).parents[2] / "vtrain"
# From the top down; two names on one line do not import each other.
LAYERS = (
    ("__main__",),
    ("cli",),
    ("__init__",),
    ("api",),
    ("pipeline",),
    ("monitoring",),
    ("training",),
    ("validation",),
    ("agent",),
    ("checkpoints",),
    ("environment",),
    ("data",),
    ("scoring",),
    ("tracing",),
    ("images",),
    ("rundir",),
    ("locks",),
    ("config",),
    ("files", "resources", "html", "compiled"),
    ("errors",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
TORCH = {"torch", "stable_baselines3", "tensorboard"}
# What lends itself to torch without learning; nothing else imports it.
TORCH_BORDERS = (Path("checkpoints/export.py"), Path("data/torch_batches.py"))
HEAVY = ("torch", "numpy", "cv2", "matplotlib", "scipy", "skimage", "pydantic", "gymnasium")


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of everything a file imports, at its top or in a function."""
    package = name_of(path) if path.name == "__init__.py" else name_of(path).rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                module = importlib.util.resolve_name("." * node.level + module, package)
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def ids(path: Path) -> str:
    return name_of(path)


@pytest.mark.parametrize("path", modules(), ids=ids)
def test_imports_point_down(path: Path) -> None:
    own = layer_of(path)
    wrong = []
    for line, name in imports(path):
        root, *rest = name.split(".")
        # The version is a constant of the package's face; everything may tell it.
        if root != "vtrain" or name == "vtrain.__version__":
            continue
        target = rest[0] if rest else "__init__"
        known = target if target in RANK else "__init__"
        if known != own and RANK[known] <= RANK[own]:
            wrong.append(f"{path.name}:{line} imports {name}")

    assert wrong == []


def test_every_module_has_a_layer() -> None:
    assert {layer_of(path) for path in modules()} <= set(RANK)


@pytest.mark.parametrize("path", modules(), ids=ids)
def test_torch_is_imported_only_where_policies_learn(path: Path) -> None:
    if layer_of(path) == "training" or path.relative_to(PACKAGE) in TORCH_BORDERS:
        return
    found = [f"line {line}: {name}" for line, name in imports(path) if name.split(".")[0] in TORCH]

    assert found == []


def loaded(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else done.stderr


def test_nothing_but_training_loads_torch() -> None:
    names = [
        name_of(path)
        for path in modules()
        if layer_of(path) != "training"
        and path.name != "__main__.py"
        and path.relative_to(PACKAGE) not in TORCH_BORDERS
    ]
    program = (
        "import importlib, sys\n"
        f"for name in {names!r}:\n"
        "    importlib.import_module(name)\n"
        "    if 'torch' in sys.modules:\n"
        "        print(name)\n"
        "        break\n"
    )

    assert loaded(program) == ""


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from vtrain.cli.main import main\n"
        "sys.argv, sys.stdout = ['vtrain', '--help'], sys.stderr\n"
        "try:\n"
        "    main()\n"
        "except SystemExit:\n"
        "    pass\n"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules], file=sys.__stdout__)\n"
    )

    assert loaded(program) == ""


def test_the_face_of_the_package_lists_its_names_in_order() -> None:
    names = getattr(vtrain, "__all__", [])

    assert list(names) == sorted(names)
    assert [name for name in names if not hasattr(vtrain, name)] == []
