"""Record exports of real tools, each in an environment of its own: python -m tests.libraries --record [TOOL ...].

Needs `uv` and a package registry. Those of promptfoo are made by hand, as it needs node:
`promptfoo eval -o results.json`, with the provider `echo`.
"""

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PINNED: dict[str, tuple[str, ...]] = {
    "inspect_ai": ("inspect_ai==0.3.285", "openai"),
    "deepeval": ("deepeval==4.3.1",),
    "mlflow": ("mlflow==3.17.2",),
    "lm_eval": ("lm_eval[api]==0.4.13",),
    "ragas": ("ragas==0.4.3", "langchain-community<0.4"),
}
WRITTEN = ("log.*", "test_run.json", "genai.csv", "samples_sums.jsonl", "ragas.*")


def record(tool: str) -> None:
    """Write the exports of one tool, named after it and its version."""
    version = PINNED[tool][0].rpartition("==")[2]
    with tempfile.TemporaryDirectory() as folder:
        python, work = Path(folder) / "env" / "bin" / "python", Path(folder) / "work"
        work.mkdir()
        subprocess.run(["uv", "venv", "-q", "--python", "3.11", str(Path(folder) / "env")], check=True)  # noqa: S607  (the user's uv)
        subprocess.run(["uv", "pip", "install", "-q", "--python", str(python), *PINNED[tool]], check=True)  # noqa: S607  (the user's uv)
        subprocess.run([str(python), str(HERE / "export_programs.py"), tool], check=True, cwd=work)
        for pattern in WRITTEN:
            for made in work.glob(pattern):
                shutil.copy(made, HERE / "exports" / f"{tool}-{version}{made.suffix}")


def main() -> None:
    """Record the tools that are named, or all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", nargs="*", choices=[*PINNED], required=True)
    wanted: list[str] = parser.parse_args().record
    for tool in wanted or PINNED:
        record(tool)


if __name__ == "__main__":
    main()
