import json

from typer.testing import CliRunner

from ioc.code_commands import code_app

runner = CliRunner()


def test_a_right_code_is_explained() -> None:
    result = runner.invoke(code_app, ["explain", "42010601001000001"])
    assert result.exit_code == 0
    assert "供水井盖" in result.stdout
    assert "武昌区" in result.stdout


def test_english_on_request() -> None:
    result = runner.invoke(code_app, ["explain", "ZZ", "--lang", "en"])
    assert result.exit_code == 0
    assert "river level" in result.stdout


def test_a_wrong_code_gives_its_reason_and_fails() -> None:
    result = runner.invoke(code_app, ["explain", "91330100799655058A"])
    assert result.exit_code == 1
    assert "校验码应为“B”" in result.stderr
    assert result.stdout == ""


def test_json_carries_both_languages() -> None:
    result = runner.invoke(code_app, ["explain", "420106", "--json"])
    answer = json.loads(result.stdout)
    assert answer["valid"]
    assert answer["readings"][0]["parts"][-1]["meaning"]["zh"] == "武昌区"
    wrong = runner.invoke(code_app, ["explain", "990106", "--json"])
    assert wrong.exit_code == 1
    assert "第 1-2 位" in json.loads(wrong.stdout)["readings"][0]["problem"]["zh"]


def test_tables_are_listed() -> None:
    result = runner.invoke(code_app, ["tables"])
    assert result.exit_code == 0
    assert "component\t350\t" in result.stdout
