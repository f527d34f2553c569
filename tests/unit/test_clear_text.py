"""Who is told that a connection is not encrypted."""

import pytest
import structlog

from worker.cli import console


@pytest.mark.parametrize("uri", ["bolt://graph.example:7687", "neo4j://10.0.0.7", "bolt://[2001:db8::1]:7687"])
def test_another_host_in_the_clear_is_told_once(uri, capsys):
    structlog.reset_defaults()
    console._warn_of_clear_text.cache_clear()
    console._warn_of_clear_text(uri)
    told = capsys.readouterr()
    assert "is not encrypted: " in told.err
    assert "+s://" in told.err
    assert told.out == ""
    console._warn_of_clear_text(uri)
    assert capsys.readouterr().err == ""


def test_where_a_log_is_kept_it_is_a_line_of_it(capsys):
    console._warn_of_clear_text.cache_clear()
    console.configure_log(as_json=True)
    console._warn_of_clear_text("bolt://graph.example:7687")
    structlog.reset_defaults()
    assert '"event": "connection.unencrypted"' in capsys.readouterr().err


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "bolt://localhost:7687",
        "bolt://127.0.0.1:7687",
        "neo4j://[::1]:7687",
        "neo4j+s://db.example",
        "bolt+ssc://db.example",
    ],
)
def test_this_machine_and_tls_are_not(uri, capsys):
    console._warn_of_clear_text.cache_clear()
    console._warn_of_clear_text(uri)
    assert capsys.readouterr().err == ""
