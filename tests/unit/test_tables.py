"""Node and link tables: every bad row is named with its reason, and nothing else is lost."""

import datetime as dt
import math

import numpy as np
import pandas as pd
import pytest

from worker.errors import InputError
from worker.tables import ID_BYTES, Table


@pytest.fixture
def csv(tmp_path):
    def write(text, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.fixture
def parquet(tmp_path):
    def write(**columns):
        path = tmp_path / "table.parquet"
        pd.DataFrame(columns).to_parquet(path)
        return path

    return write


def read(path, kind, size=200_000):
    chunks = list(Table.open(path, kind).chunks(size))
    good = pd.concat([chunk.good for chunk in chunks])
    return good, {row.row: row.reason for chunk in chunks for row in chunk.rejected}


def one(csv, kind, header, row):
    good, rejected = read(csv(f"{header}\n{row}\n"), kind)
    return good.to_dict("records"), list(rejected.values())


@pytest.mark.parametrize("size", [200_000, 3, 2, 1])
def test_rows_of_a_csv_are_numbered_as_a_spreadsheet_does(csv, size):
    path = csv(
        "id,energy,name\n"  # row 1
        "a,1,plain\n"
        'b,2,"two\nlines"\n'
        "c,-1,\n"  # row 4
        "\n"
        ",,\n"
        "d,4,too,many\n"  # row 7
        "e,too,few,by,far\n"
        ",5,no id\n"  # row 9
        "f,6\n"
        "g,7,last,extra\n"  # row 11
    )
    good, rejected = read(path, "nodes", size)
    assert dict(zip(good.index, good["id"], strict=True)) == {2: "a", 3: "b", 10: "f"}
    assert good["name"].tolist()[:2] == ["plain", "two\nlines"]
    assert rejected == {
        4: "energy is under 0: '-1'",
        7: "it has 4 fields instead of 3",
        8: "it has 5 fields instead of 3",
        9: "id is missing",
        11: "it has 4 fields instead of 3",
    }


def test_a_first_row_of_too_many_fields_is_no_exception(csv):
    good, rejected = read(csv("id,name\na,b,c\nd,e\n"), "nodes")
    assert good["id"].tolist() == ["d"]
    assert rejected == {2: "it has 3 fields instead of 2"}


def test_a_csv_is_text(csv):
    good, rejected = read(csv("id,year\n1,1999\n007,2e3\n1.0,NA\nnan,null\n"), "nodes")
    assert good["id"].tolist() == ["1", "007", "1.0", "nan"]
    assert good["year"].tolist() == ["1999", "2e3", "NA", "null"]
    assert not rejected


def test_a_byte_order_mark_and_carriage_returns_are_no_part_of_it(csv):
    good, _ = read(csv(b"\xef\xbb\xbfid,name\r\na,x\r\n"), "nodes")
    assert good.to_dict("records") == [{"id": "a", "name": "x"}]


def test_a_header_alone_is_a_table_without_rows(csv):
    for kind, header in (("nodes", "id"), ("links", "source,target,type,weight")):
        good, rejected = read(csv(header), kind)
        assert (len(good), rejected) == (0, {})


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("energy", "-0.1", "energy is under 0: '-0.1'"),
        ("energy", "nan", "energy is not a number: 'nan'"),
        ("energy", "inf", "energy is infinite: 'inf'"),
        ("energy", "1e400", "energy is infinite: '1e400'"),
        ("energy", "1000000001", "energy is over 1e+09: '1000000001'"),
        ("energy", "much", "energy is not a number: 'much'"),
        ("energy", "True", "energy is not a number: 'True'"),
        ("threshold", "0", "threshold is not over 0: '0'"),
        ("threshold", "-1", "threshold is not over 0: '-1'"),
        ("threshold", "x" * 99, f"threshold is not a number: '{'x' * 40}'"),
        ("embedding", "0.5", "embedding is not a list of finite numbers: '0.5'"),
        ("embedding", '"[1,null]"', "embedding is not a list of finite numbers: '[1,null]'"),
        ("embedding", '"[1,true]"', "embedding is not a list of finite numbers: '[1,true]'"),
        ("emotion", "[1", "emotion is not a list of finite numbers: '[1'"),
        ("emotion", "[1e999]", "emotion is not a list of finite numbers: '[1e999]'"),
    ],
)
def test_a_node_that_the_physics_would_not_take(csv, column, value, reason):
    assert one(csv, "nodes", f"id,{column}", f"a,{value}") == ([], [reason])


def test_an_id_has_a_length_that_can_be_indexed(csv):
    assert one(csv, "nodes", "id", "é" * (ID_BYTES // 2))[1] == []
    assert one(csv, "nodes", "id", "é" * (ID_BYTES // 2 + 1))[1] == [
        f"id is longer than {ID_BYTES} bytes: '{'é' * 40}'"
    ]


def test_what_a_node_may_have(csv):
    header = "id,type,energy,threshold,embedding,emotion,label"
    good, rejected = read(csv(f'{header}\na,Concept,1,0.5,[1],"[0.5, -2]",Ä\nb,,,,,,\nc,,0,1e9,[],,\n'), "nodes")
    assert not rejected
    first, second, third = good.to_dict("records")
    assert first == {
        "id": "a",
        "type": "Concept",
        "energy": 1.0,
        "threshold": 0.5,
        "embedding": [1.0],
        "emotion": [0.5, -2.0],
        "label": "Ä",
    }
    assert {name for name, value in second.items() if isinstance(value, list) or not pd.isna(value)} == {"id"}
    assert (third["energy"], third["embedding"]) == (0.0, [])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",b,T,1", "source is missing"),
        ("a,,T,1", "target is missing"),
        ("a,b,,1", "type is missing"),
        (f"a,b,{'T' * 1001},1", f"type is longer than 1000 characters: '{'T' * 40}'"),
        ("a,b,T\0,1", "type has a null character in it: 'T\\x00'"),
        ("a,a,T,1", "it links a node to itself: 'a'"),
        ("a,b,T,", "weight is missing"),
        ("a,b,T,0", "weight is not over 0: '0'"),
        ("a,b,T,-1", "weight is not over 0: '-1'"),
        ("a,b,T,inf", "weight is infinite: 'inf'"),
        ("a,b,T,nan", "weight is not a number: 'nan'"),
        ("a,b,T,heavy", "weight is not a number: 'heavy'"),
        (f"a,{'b' * 8001},T,1", f"target is longer than {ID_BYTES} bytes: '{'b' * 40}'"),
    ],
)
def test_a_link_that_the_physics_would_not_take(csv, row, reason):
    assert one(csv, "links", "source,target,type,weight", row) == ([], [reason])


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "light", ""])
def test_a_log_weight_is_a_finite_number(csv, value):
    good, rejected = one(csv, "links", "source,target,type,log_weight", f"a,b,T,{value}")
    assert not good
    assert len(rejected) == 1
    assert rejected[0].startswith("log_weight is ")


def test_a_weight_is_taken_as_its_logarithm(csv):
    good, rejected = read(csv("source,target,type,weight\na,b,T,1\na,b,`}) DETACH,2.5\n"), "links")
    assert not rejected
    assert good["log_weight"].tolist() == [0.0, math.log(2.5)]
    assert good["type"].tolist() == ["T", "`}) DETACH"]
    assert "weight" not in good


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("name\nx\n", "nodes", "there is no column 'id'"),
        ("source,target,log_weight\n", "links", "there is no column 'type'"),
        ("source,target,type\n", "links", "one of the columns log_weight and weight"),
        ("source,target,type,weight,log_weight\n", "links", "one of the columns log_weight and weight"),
        ("node,weight\n", "members", "there is no column 'entity'"),
        ("id,a,a\n", "nodes", "two columns 'a'"),
        ("id,\n", "nodes", "a column is called ''"),
        ("id,graph\n", "nodes", "'graph' is the worker's own"),
        ("id,energy_at\n", "nodes", "'energy_at' is the worker's own"),
        ("id,visits\n", "nodes", "'visits' is the worker's own"),
        (f"id,{'a' * 1001}\n", "nodes", "a column is called"),
        ("\nid\n", "nodes", "it is empty"),
        ("\n", "nodes", "it is empty"),
        ("", "nodes", "it is empty"),
        (b"\xffid\n", "nodes", "it is not UTF-8"),
    ],
)
def test_a_file_of_wrong_columns_is_refused_by_name(csv, text, kind, said):
    path = csv(text)
    with pytest.raises(InputError) as caught:
        Table.open(path, kind)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(("text", "said"), [('id\n"a\nb\n', "it is no CSV"), (b"id\na\n\xff\n", "it is not UTF-8")])
def test_a_file_that_is_broken_further_on_is_refused_by_name(csv, text, said):
    path = csv(text)
    with pytest.raises(InputError, match=said):
        read(path, "nodes")


def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path, csv):
    broken = csv("this is no Parquet file", "broken.parquet")
    for path, said in (
        (tmp_path / "none.csv", "No such file"),
        (tmp_path / "none.parquet", "No such file"),
        (tmp_path / "table.xlsx", r"only \.csv and \.parquet files are read"),
        (broken, "it is no Parquet file"),
    ):
        with pytest.raises(InputError, match=said):
            Table.open(path, "nodes")


def test_parquet_keeps_its_types(parquet):
    when = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    path = parquet(
        id=["a", "b"],
        year=pd.array([1999, None], dtype="Int64"),
        seen=[True, False],
        when=[when, None],
        words=[["x", "y"], []],
        score=[0.5, None],
        kind=pd.Categorical(["k", None]),
    )
    good, rejected = read(path, "nodes", size=1)
    assert not rejected
    assert list(good.index) == [1, 2]
    first, second = good.to_dict("records")
    assert (first["year"], first["seen"], first["words"], first["score"]) == (1999, True, ["x", "y"], 0.5)
    assert type(first["year"]) is int
    assert first["when"] == when
    assert first["kind"] == "k"
    assert [second[name] for name in ("year", "seen", "words", "score")] == [None, False, [], None]


def test_parquet_rows_of_a_wrong_type_are_named(parquet):
    path = parquet(
        id=["a", "b", "c", None, ""],
        energy=pd.array([1.0, np.inf, -1.0, 0.0, 0.0]),
        embedding=[[1.0, 2.0], [1.0], [1.0], [1.0], [1.0]],
        nested=[{"x": 1}, None, None, None, None],
    )
    good, rejected = read(path, "nodes")
    assert good.empty
    assert rejected == {
        1: "nested cannot be a property: \"{'x': 1}\"",
        2: "energy is infinite: 'inf'",
        3: "energy is under 0: '-1.0'",
        4: "id is missing",
        5: "id is missing",
    }


@pytest.mark.parametrize(
    ("ids", "outcome"), [([1, 2], ["1", "2"]), ([1.5, 2.0], []), ([True, False], []), ([b"a", b"b"], [])]
)
def test_whole_numbers_are_ids_and_nothing_else_but_text_is(parquet, ids, outcome):
    good, rejected = read(parquet(id=ids), "nodes")
    assert good["id"].tolist() == outcome
    assert all(reason.startswith("id is not text") for reason in rejected.values())
    assert len(good) + len(rejected) == 2


@pytest.mark.parametrize("energy", [[True], [[1.0]], [b"1"]])
def test_a_number_is_a_number(parquet, energy):
    good, rejected = read(parquet(id=["a"], energy=energy), "nodes")
    assert good.empty
    assert rejected[1].startswith("energy is not a number")


@pytest.mark.parametrize("value", [b"x", [None, 1], [[1]], {"a": 1}, dt.timedelta(1)])
def test_what_neo4j_cannot_keep_is_named(parquet, value):
    good, rejected = read(parquet(id=["a"], odd=[value]), "nodes")
    assert good.empty
    assert rejected[1].startswith("odd cannot be a property")


def test_an_integer_over_64_bits_is_named(parquet):
    good, rejected = read(parquet(id=["a", "b"], big=np.array([2**63, 1], dtype="uint64")), "nodes")
    assert good["id"].tolist() == ["b"]
    assert rejected == {1: "big cannot be a property: '9223372036854775808'"}
