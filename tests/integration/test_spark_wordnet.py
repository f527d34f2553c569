"""All of WordNet on Spark: fifty ticks, and of 117 791 nodes none has another energy than on one machine."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks.spark_parity import measured, wordnet_and_coffee
from tests.spark import SHORT
from worker.errors import DatabaseError
from worker.spark.session import session

pytestmark = [
    # it loads pandas, and is asked for nothing that pandas does
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
    pytest.mark.timeout(900),  # beside a whole suite on two cores
]
TICKS = 50


def test_fifty_ticks_of_wordnet_have_the_bits_of_one_machine(tmp_path):
    with ThreadPoolExecutor(1) as beside:
        taking = beside.submit(wordnet_and_coffee, tmp_path / "wordnet", TICKS)  # while Java starts
        with session("local[2]", SHORT) as spark:
            try:
                ready = taking.result()
            except DatabaseError as error:
                if os.environ.get("CI"):
                    raise
                pytest.skip(f"WordNet cannot be fetched here: {error}")
            found = measured(spark, ready)
    assert (found["nodes"], found["links"], found["ticks"]) == (117_791, 365_110, TICKS)
    assert found["nodes_by_spark"] == found["nodes"]
    assert found["strides"] > 2_000
    assert found["nodes_with_energy"] > 50
    assert found["same_strides_digest"]
    assert found["largest_relative_difference"] == 0.0
