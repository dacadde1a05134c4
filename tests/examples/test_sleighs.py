"""The examples that bring a sleigh of their own: exact answers, for any number of workers."""

from __future__ import annotations

import gzip
import math
import random
import re
from pathlib import Path
from statistics import fmean

import pytest

from tests.examples.conftest import EXAMPLES, assert_in_gallery
from tests.support.processes import run_python
from tests.support.server import environment

pytestmark = pytest.mark.usefixtures("programs_on_server")

WORKERS = ["1", "3"]

NO_NUMPY = "import sys\nsys.modules['numpy'] = None\n"


@pytest.fixture
def without_numpy(tmp_path: Path) -> dict[str, str]:
    """An environment in which NumPy cannot be imported."""
    folder = tmp_path / "startup"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(NO_NUMPY)
    return {"PYTHONPATH": f"{folder}:{environment()['PYTHONPATH']}"}


def output(name: str, *arguments: object, cwd: Path, env: dict[str, str] | None = None) -> str:
    """Run an example, which may not complain, and return what it prints."""
    done = run_python(EXAMPLES / f"{name}.py", *map(str, arguments), cwd=cwd, env=env)
    assert done.stderr == ""
    return done.stdout


def numbers(text: str) -> list[float]:
    return [float(found.replace(",", "")) for found in re.findall(r"-?\d[\d,]*(?:\.\d+)?", text)]


# monte_carlo_pi


@pytest.mark.slow
def test_pi_from_fewer_points(tmp_path: Path) -> None:
    said = output("monte_carlo_pi", "--points", 100_000, cwd=tmp_path)
    inside, points, pi, error = numbers(said)
    assert points == 100_000
    assert pi == round(4 * inside / points, 5)
    assert abs(pi - math.pi) < 4 * error < 0.03


@pytest.mark.slow
@pytest.mark.nightly
def test_the_same_pi_for_any_number_of_workers(tmp_path: Path) -> None:
    for workers in WORKERS:
        assert_in_gallery(
            "monte_carlo_pi", output("monte_carlo_pi", "--workers", workers, cwd=tmp_path)
        )


@pytest.mark.slow
@pytest.mark.nightly
def test_another_pi_for_another_seed(tmp_path: Path) -> None:
    some = ["--points", 100_001]
    said = [output("monte_carlo_pi", *some, "--seed", seed, cwd=tmp_path) for seed in (1, 2)]
    assert said[0] != said[1]
    assert " of 100,001 points: " in said[0]


def test_pi_from_no_points(tmp_path: Path) -> None:
    program = EXAMPLES / "monte_carlo_pi.py"
    done = run_python(program, "--points", "0", cwd=tmp_path, status=2)
    assert "there must be a point at least" in done.stderr


# bootstrap


@pytest.fixture
def measured(tmp_path: Path) -> tuple[Path, list[float]]:
    """A file with numbers."""
    source = random.Random(1)
    values = [round(source.gauss(10, 2), 3) for _ in range(64)]
    path = tmp_path / "measured.txt"
    path.write_text("".join(f"{value}\n" for value in values))
    return path, values


def check_interval(said: str, values: list[float], resamples: int) -> None:
    """Compare with the interval that is known for numbers of this distribution."""
    count, mean, made, _, low, high = numbers(said)
    assert (count, made) == (len(values), resamples)
    assert mean == round(fmean(values), 3)
    sigma = (fmean(value**2 for value in values) - fmean(values) ** 2) ** 0.5
    assert low == pytest.approx(mean - 1.96 * sigma / 8, abs=0.05)
    assert high == pytest.approx(mean + 1.96 * sigma / 8, abs=0.05)


@pytest.mark.slow
@pytest.mark.nightly  # test_an_interval_of_numbers_that_are_made_up has one number of them
def test_the_same_interval_for_any_number_of_workers(
    measured: tuple[Path, list[float]], tmp_path: Path
) -> None:
    path, values = measured
    said = {output("bootstrap", path, "--workers", count, cwd=tmp_path) for count in WORKERS}
    assert len(said) == 1
    check_interval(said.pop(), values, 10_000)


@pytest.mark.slow
@pytest.mark.nightly
def test_an_interval_without_numpy(
    measured: tuple[Path, list[float]], without_numpy: dict[str, str], tmp_path: Path
) -> None:
    path, values = measured
    arguments = [path, "--resamples", 5000]
    said = output("bootstrap", *arguments, cwd=tmp_path, env=without_numpy)
    assert output("bootstrap", *arguments, cwd=tmp_path) != said
    check_interval(said, values, 5000)


def test_an_interval_of_numbers_that_are_made_up(tmp_path: Path) -> None:
    assert_in_gallery("bootstrap", output("bootstrap", cwd=tmp_path))


# matrix_product


@pytest.mark.slow
@pytest.mark.parametrize(
    ("block", "numpy"),
    [
        pytest.param(7, False, marks=pytest.mark.nightly),
        pytest.param(1, True, marks=pytest.mark.nightly),
        pytest.param(99, True, marks=pytest.mark.nightly),
    ],
)
def test_a_product_with_numpy_and_without(
    block: int, numpy: bool, without_numpy: dict[str, str], tmp_path: Path
) -> None:
    arguments = ["--size", 30, "--block", block, "--seed", 5]
    source = random.Random(5)
    a, b = ([[source.randrange(-9, 10) for _ in range(30)] for _ in range(30)] for _ in range(2))
    # The second one is given by its columns.
    trace = sum(
        x * y for row, column in zip(a, b, strict=True) for x, y in zip(row, column, strict=True)
    )
    blocks = (-(-30 // block)) ** 2
    expected = f"{blocks} blocks make a product with trace {trace}: the same as the plain product\n"
    env = None if numpy else without_numpy
    assert output("matrix_product", *arguments, cwd=tmp_path, env=env) == expected


def test_a_product_as_it_comes(tmp_path: Path) -> None:
    said = output("matrix_product", cwd=tmp_path)
    assert re.fullmatch(r"16 blocks .* trace -?\d+: the same as the plain product\n", said)
    assert_in_gallery("matrix_product", said)


# parameter_sweep


def test_a_sweep_in_which_some_parameters_fail(tmp_path: Path) -> None:
    done = run_python(EXAMPLES / "parameter_sweep.py", "--workers", "3", cwd=tmp_path)
    *failed, best = done.stdout.splitlines()
    assert [line.partition(": ")[0] for line in failed] == [
        f"Parameters(step=0.01, momentum={momentum}) failed"
        for momentum in (0.0, 0.5, 0.8, 0.9, 0.95)
    ]
    assert all("OverflowError(" in line for line in failed)
    assert best.startswith("best of 15: Parameters(step=0.001, momentum=0.95), which ends at ")
    assert numbers(best.rpartition(" at ")[2])[0] < 2
    assert re.search(r"100%.* 15/15 ", done.stderr)
    assert "Traceback" not in done.stderr
    assert_in_gallery("parameter_sweep", done.stdout)


@pytest.mark.nightly
def test_a_sweep_in_which_none_fails(tmp_path: Path) -> None:
    program = EXAMPLES / "parameter_sweep.py"
    done = run_python(program, "--iterations", "1", "--workers", "1", cwd=tmp_path)
    assert done.stdout.startswith("best of 15: ")


# worker_ring


def test_a_ring_of_workers_as_it_comes(tmp_path: Path) -> None:
    assert_in_gallery("worker_ring", output("worker_ring", cwd=tmp_path))


@pytest.mark.nightly
def test_a_ring_of_one_worker(tmp_path: Path) -> None:
    said = output("worker_ring", "--workers", 1, "--rounds", 20, cwd=tmp_path)
    rounds = [f"round {number}: master 0" for number in range(1, 21)]
    assert said.splitlines() == [*rounds, "worker 0 of 1 passed it on to master"]


# file_batch


@pytest.mark.parametrize("workers", ["3", pytest.param("1", marks=pytest.mark.nightly)])
def test_a_batch_of_files(workers: str, tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    source = random.Random(3)
    texts = {f"text {number}.txt": source.randbytes(1000 * number) for number in range(50)}
    texts["großes Wort.txt"] = b"long " * 400_000
    for name, text in texts.items():
        (folder / name).write_bytes(text)
    (folder / "other.md").write_text("not a text for this")
    lines = output("file_batch", folder, workers, cwd=tmp_path).splitlines()
    packed = {path.name: path.read_bytes() for path in (folder / "packed").iterdir()}
    assert lines == [
        f"{name}: {len(texts[name]):,} bytes are now {len(packed[f'{name}.gz']):,}"
        for name in sorted(texts)
    ]
    assert {name: gzip.decompress(data) for name, data in packed.items()} == {
        f"{name}.gz": text for name, text in texts.items()
    }


@pytest.mark.nightly
def test_a_batch_that_is_made_for_a_moment(tmp_path: Path) -> None:
    said = output("file_batch", cwd=tmp_path, env={"TMPDIR": str(tmp_path)})
    assert_in_gallery("file_batch", said)
    assert list(tmp_path.iterdir()) == []
