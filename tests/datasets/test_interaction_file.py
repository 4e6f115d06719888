import time

import numpy as np
import pytest

from sea_pyg.datasets.interaction_file import parse_interactions


def parse(text: str):
    return parse_interactions(text.encode(), "toy.inter")


def test_columns_in_any_order_and_unknown_columns():
    out = parse("x_label\titemID\tcomment\tuserID\n2\t7\tso good\t3\n0\t12345\t\t0\n")
    assert out.user.tolist() == [3, 0]
    assert out.item.tolist() == [7, 12345]
    assert out.label.tolist() == [2, 0]
    assert out.rating is None
    assert out.time is None
    assert out.user.dtype == np.int64


def test_recbole_names_with_types():
    out = parse(
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
        "196\t242\t3.5\t881250949\n1\t2\t-1e1\t881250949.9\n"
    )
    assert out.user.tolist() == [196, 1]
    assert out.rating.tolist() == [3.5, -10.0]
    assert out.time.tolist() == [881250949.0, 881250949.9]


@pytest.mark.parametrize(
    "text",
    [
        "userID\titemID\r\n4\t5\r\n",
        "userID\titemID\n4\t5",
        "\ufeffuserID\titemID\n4\t5\n\n\n",
        "userID\titemID\n4.0\t5e0\n",
    ],
    ids=["windows", "no last newline", "byte order mark", "integral floats"],
)
def test_harmless_variants(text):
    out = parse(text)
    assert (out.user.tolist(), out.item.tolist()) == ([4], [5])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0\t1\t0\n0\t2\t1\n", r"toy.inter, line 1: expected a header .*'0\\t1\\t0'"),
        ("userID,itemID\n0,1\n", r"line 1: expected a header.*replace other separat"),
        ("", r"line 1: expected a header"),
        ("userID\titemID\n", r"toy.inter has a header but no interactions"),
        ("userID\titemID\tuser_id\n0\t1\t2\n", r"names 'user_id' twice"),
        ("userID\titemID\n0\t1\n0\t1.5\n", r"line 3: column 'itemID' .*integer.*'1.5'"),
        ("userID\titemID\n0\t1\nu7\t1\n", r"line 3: column 'userID' .*integer.*'u7'"),
        ("userID\titemID\n0\t1\n1_0\t1\n", r"line 3: .*'userID' .*integer.*'1_0'"),
        ("userID\titemID\n\u0661\t1\n", r"line 2: .*'userID' .*integer.*'\u0661'"),
        ("userID\titemID\n0\t\n", r"line 2: column 'itemID' .*integer.*''"),
        ("userID\titemID\n0\tnan\n", r"line 2: column 'itemID' .*integer.*'nan'"),
        ("userID\titemID\n0\t1\n3\t-2\n", r"line 3: .*'itemID' must not be negat.*-2"),
        ("userID\titemID\n0\t1\n0\t1\t0\n", r"line 3: expected 2 tab sep.*\(got 3\)"),
        ("userID\titemID\n0\t1\n\n0\t2\n", r"line 3: expected 2 tab sep.*\(got 1\)"),
        ("userID\titemID\n0 1\n", r"line 2: expected 2 tab sep.*\(got 1\)"),
        (
            "userID\titemID\tx_label\n0\t1\t3\n",
            r"line 2: .*'x_label' must be 0, 1 or",
        ),
        ("userID\titemID\n0\t99999999999999999999\n", r"line 2: .*'itemID' .*integer"),
        ("userID\titemID\n1234567890123456789\t0\n", r"line 2: .*'userID' .*integer"),
        (
            "userID\titemID\trating\n0\t1\tgood\n",
            r"line 2: .*'rating' .*number.*good",
        ),
        ("userID\titemID\trating\n0\t1\t1_0\n", r"line 2: .*'rating' .*number.*1_0"),
        ("userID\titemID\ttimestamp\n0\t1\tinf\n", r"line 2: .*'timestamp' .*'inf'"),
    ],
)
def test_bad_files_are_named(text, message):
    with pytest.raises(ValueError, match=message):
        parse(text)


def test_agrees_with_a_naive_parse():
    rng = np.random.default_rng(0)
    columns = [rng.integers(0, 10**9, 500), rng.integers(0, 50, 500)]
    rating = rng.normal(size=500)
    lines = [
        f"{u}\t{i}\t{r!r}" for u, i, r in zip(*columns, rating.tolist(), strict=True)
    ]
    out = parse("userID\titemID\trating\n" + "\n".join(lines))
    assert np.array_equal(out.user, columns[0])
    assert np.array_equal(out.item, columns[1])
    assert np.array_equal(out.rating, rating)


def test_is_vectorised():
    body = "123456\t65432\t1\n" * 300_000
    start = time.perf_counter()
    out = parse("userID\titemID\tx_label\n" + body)
    assert time.perf_counter() - start < 5  # 0.1 s; a loop over fields takes longer
    assert out.user.size == 300_000


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["3", "1.0", "2e3"], [3, 1, 2000]),
        (["0.25", "0.5", "1"], [0.25, 0.5, 1.0]),
        (["1700000000000000001", "7", "-3"], [1700000000000000001, 7, -3]),
    ],
)
def test_times_keep_their_order_and_digits(texts, expected):
    lines = [f"0\t{item}\t{text}" for item, text in enumerate(texts)]
    time = parse("\n".join(["userID\titemID\ttimestamp", *lines])).time
    assert time.tolist() == expected
    assert time.dtype == (np.int64 if isinstance(expected[0], int) else np.float64)


def test_times_that_no_integer_holds_are_refused():
    with pytest.raises(ValueError, match="line 2: .*'timestamp' must hold 64-bit"):
        parse("userID\titemID\ttimestamp\n0\t1\t1e300\n")
