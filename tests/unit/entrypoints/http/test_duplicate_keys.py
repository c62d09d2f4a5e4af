import pytest

from entrypoints.http.duplicate_keys import find_duplicate_key
from tests.support.in_process import InProcessHeadgate


@pytest.mark.parametrize(
    ("text", "key", "lines"),
    [
        ('{"a": 1, "a": 2}', "a", (1, 1)),
        ('{"a": 1,\n "b": [1,\n 2],\n "a": 2}', "a", (1, 4)),
        ('{"stages": [{"name": "x"},\n{"name": "y",\n"name": "z"}]}', "name", (2, 3)),
        ('{"a": {"b": {"c": 1, "c": 1}}}', "c", (1, 1)),
        ('{"a": "x, \\"a\\": {", "a": 1}', "a", (1, 1)),
        ('{"\\u0061": 1,\n"a": 2}', "a", (1, 2)),
        ('{"": 1, "": 2}', "", (1, 1)),
        ('[[], {}, {"k": [{"k": 1}], "k": 2}]', "k", (1, 1)),
    ],
)
def test_a_duplicate_key_is_found_with_both_lines(text: str, key: str, lines: tuple[int, int]) -> None:
    problem = find_duplicate_key(text)

    assert problem is not None
    assert (problem.field, problem.message) == (key, f"occurs twice in one object, on line {lines[0]} and on line {lines[1]}")


@pytest.mark.parametrize("text", ["{}", "[]", "1", '"a"', '{"a": {"a": 1}, "b": {"a": 2}}', '[{"a": 1}, {"a": 1}]', '{"a": ["a", "a"]}'])
def test_the_same_key_in_two_objects_is_no_duplicate(text: str) -> None:
    assert find_duplicate_key(text) is None


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/pipelines/", b'{"name": "a",\n"name": "b", "stages": []}'),
        ("PUT", "/pipelines/flights", b'{"name": "a",\n"name": "b", "stages": []}'),
        ("POST", "/trigger/flights", b'{"parameters": {},\n"parameters": {}}'),
        ("POST", "/trigger/flights", b'{"parameters": {"name": 1,\n"name": 2}}'),
        ("POST", "/runs/1/cancel", b'\xef\xbb\xbf{"comment": "a",\n"comment": "b"}'),
    ],
)
async def test_the_api_refuses_a_duplicate_key(headgate: InProcessHeadgate, method: str, path: str, body: bytes) -> None:
    answer = await headgate.client.request(method, path, content=body)

    assert answer.status_code == 422
    ((field, message),) = [(error["field"], error["message"]) for error in answer.json()["errors"]]
    assert field in ("name", "parameters", "comment")
    assert message == "occurs twice in one object, on line 1 and on line 2"
