import csv
import io
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nn.datasets import NAMES, CellError, DataError, Standardisation, load, read_columns, read_csv, split


@pytest.fixture
def file(tmp_path):
    def write(content, encoding="utf-8"):
        path = tmp_path / "data.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


@pytest.mark.parametrize("name", NAMES)
def test_named_sets_are_whole_and_always_the_same(name):
    dataset = load(name)
    assert dataset.X.shape == (len(dataset.y), len(dataset.feature_names))
    assert np.isfinite(dataset.X).all()
    assert set(dataset.y) == set(range(len(dataset.class_names)))
    assert (dataset.X == load(name).X).all()


def test_xor_lies_around_its_corners():
    xor = load("xor")
    corners = np.rint(xor.X)
    assert (np.abs(xor.X - corners) < 0.5).all()
    assert (xor.y == (corners[:, 0] != corners[:, 1])).all()
    assert np.std(xor.X - corners) == pytest.approx(0.1, rel=0.05)


def test_unknown_name_suggests_a_close_one():
    with pytest.raises(DataError, match="'iriss'; did you mean 'iris'"):
        load("iriss")
    with pytest.raises(DataError, match=r"'qqq'; the data sets are iris, breast_cancer"):
        load("qqq")


# Splitting and standardising


@given(st.lists(st.integers(2, 40), min_size=2, max_size=5), st.integers(0, 99))
def test_split_keeps_every_sample_once_and_every_class_in_both_parts(counts, seed):
    y = np.repeat(np.arange(len(counts)), counts)
    dataset = load("xor")
    dataset = type(dataset)(
        "made", np.arange(len(y))[:, None] * 1.0, y, ("i",), "y", tuple(map(str, range(len(counts))))
    )
    train, test = split(dataset, seed)
    assert sorted([*train.X[:, 0], *test.X[:, 0]]) == list(range(len(y)))
    for k, count in enumerate(counts):
        held_out = int((test.y == k).sum())
        assert 1 <= held_out < count
        assert abs(held_out - 0.3 * count) <= 1
    again, _ = split(dataset, seed)
    assert (again.X == train.X).all()


def test_split_depends_on_the_seed():
    dataset = load("xor")
    assert (split(dataset, 0)[0].X != split(dataset, 1)[0].X).any()


@given(arrays(np.float64, (7, 3), elements=st.floats(-1e9, 1e9).map(lambda x: round(x, 3))))
def test_standardised_columns_have_mean_0_and_deviation_1_and_come_back(X):
    standardise = Standardisation.of(X)
    Z = standardise(X)
    assert np.isfinite(Z).all()
    for x, z in zip(X.T, Z.T):
        if np.ptp(x) > 1e-6 * np.abs(x).max():
            assert z.mean() == pytest.approx(0, abs=1e-6)
            assert z.std() == pytest.approx(1)
    assert standardise.invert(Z) == pytest.approx(X, abs=1e-6)


def test_constant_column_is_only_shifted():
    standardise = Standardisation.of(np.full((9, 1), 0.1))
    assert standardise.scale == [1.0]
    assert standardise(np.array([[0.6]]))[0, 0] == pytest.approx(0.5)
    # The square of this spread is 0 as a float.
    assert Standardisation.of(np.array([[0.0], [1e-200]])).scale == [1.0]


# CSV files that are read


CLASSES = "length,width,kind\n1,2,b\n3.5,-4e2,a\n5,6,b\n"


@pytest.mark.parametrize(
    "content",
    [
        CLASSES,
        CLASSES.replace("\n", "\r\n"),
        CLASSES.replace("\n", "\r"),
        CLASSES.replace(",", ";"),
        CLASSES.replace(",", "\t"),
        CLASSES.replace(",", "|"),
        CLASSES.replace(",", " , "),
        CLASSES.rstrip("\n"),
        "\ufeff" + CLASSES,
        "\n\n" + CLASSES.replace("\n", "\n\n") + "  \n",
        CLASSES.replace("length", '"length"').replace("3.5", '"3.5"'),
    ],
)
def test_dialects_read_alike(file, content):
    dataset = read_csv(file(content))
    assert dataset.X.tolist() == [[1, 2], [3.5, -400], [5, 6]]
    assert dataset.y.tolist() == [1, 0, 1]
    assert (dataset.feature_names, dataset.target_name) == (("length", "width"), "kind")
    assert dataset.class_names == ("a", "b")


def test_separators_in_quotes_do_not_count(file):
    dataset = read_csv(file('"a, b, c";"d ""e""";kind\n1;2;x\n3;4;"y\nz"\n'))
    assert dataset.feature_names == ("a, b, c", 'd "e"')
    assert dataset.class_names == ("x", "y\nz")


def test_target_may_be_any_column(file):
    dataset = read_csv(file("kind,x\nb,1\na,2\n"), target="kind")
    assert (dataset.feature_names, dataset.class_names, dataset.y.tolist()) == (("x",), ("a", "b"), [1, 0])


def test_whole_numbers_are_classes_where_they_repeat(file):
    dataset = read_csv(file("x,y\n1,10\n2,9\n3,10.0\n4,9\n"))
    assert (dataset.class_names, dataset.y.tolist()) == (("9", "10"), [1, 0, 1, 0])
    assert read_csv(file("x,y\n1,10\n2,9\n3,10.5\n4,9\n")).class_names == ()
    assert read_csv(file("x,y\n1,10\n2,9\n3,8\n")).class_names == ()


def test_task_overrules_what_the_target_looks_like(file):
    path = file("x,y\n1,10\n2,9\n3,10\n4,9.5\n")
    assert read_csv(path, task="classification").class_names == ("9", "9.5", "10")
    assert read_csv(file("x,y\n1,1\n2,1\n3,2\n4,2\n"), task="regression").y.tolist() == [1, 1, 2, 2]


def test_columns_are_found_by_name(file):
    path = file("kind,b,extra,a\nx,1,?,2\ny,3,,4\n")
    assert read_columns(path, ["a", "b"]).tolist() == [[2, 1], [4, 3]]
    assert read_columns(file("a\n"), ["a"]).shape == (0, 1)


@given(st.lists(st.lists(st.floats(-1e150, 1e150), min_size=3, max_size=3), min_size=1, max_size=8))
def test_floats_are_read_exactly(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "exact.csv"
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([["a", "b", "c"], *rows])
    assert read_columns(path, ["a", "b", "c"]).tolist() == rows


# CSV files that are refused


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("\n \n", "the file is empty"),
        ("a,b\n", "there are no rows below the header"),
        ("a\n1\n", "the header has one column only, 'a'"),
        ("a,b\n1,x\nabc,y\n", "row 3, column 'a': 'abc' is not a number"),
        ("a,b\n\n1,x\n1_0,y\n", "row 4, column 'a': '1_0' is not a number"),
        ("a;b\n1,5;x\n", "row 2, column 'a': '1,5' is not a number; write it with a decimal point"),
        ("a,b\nnan,x\n", "row 2, column 'a': 'nan' is not a finite number"),
        ("a,b\n-Infinity,x\n", "row 2, column 'a': '-Infinity' is not a finite number"),
        ("a,b\n1e200,x\n", r"row 2, column 'a': '1e200' is too large; the limit is 1e\+150"),
        ("a,b\n" + "y" * 99 + ",x\n", rf"'{'y' * 40}\.\.\.' is not a number"),
        ("a,b\n1,x\n ,y\n", "row 3, column 'a': the cell is empty"),
        ("a,b\n1,x\n2,\n", "row 3, column 'b': the cell is empty"),
        ("a,b\n1,x\n2,NaN\n", "row 3, column 'b': 'NaN' is not a finite number"),
        ("a,b\n1,x\n2,y,z\n", "row 3 has 3 cells, but the header has 2"),
        ("a,b\n1,x\n2\n", "row 3 has 1 cells, but the header has 2"),
        ("a,b,a\n1,2,3\n", "row 1: 2 columns have the name 'a'"),
        (",a,b\n0,1,2\n", "row 1, column 1: the column has no name"),
        ("1,2\n3,4\n", "row 1 holds numbers only"),
        ('a,b\n1,"x\n', r"after row 1: not a CSV file"),
        (b"a,b\n" + b"1,x\n" * 60 + b"1,\xff\n" + b"1,x\n" * 60, "row 62, column 'b': byte 0xff is not UTF-8 text"),
        (b"a,\xe4\n1,2\n", "row 1, column 2: byte 0xe4 is not UTF-8 text"),
        ("a,b\n1,2\n".encode("utf-16"), "byte 0xff is not UTF-8 text|line contains NUL"),
        ("a,b\n1,1.5\n2,10x\n3,4\n", "row 3, column 'b': '10x' is not a number, but most cells of this column are"),
        ("5.1,3.5,Iris-setosa\n4.9,3,Iris-setosa\n6,3,b\n", "the first row holds numbers and 'Iris-setosa'"),
        ("7,M,1.5\n8,M,2.5\n9,B,3.5\n", "the first row holds numbers and 'M'"),
    ],
)
def test_faults_are_named_with_file_row_and_column(file, content, message):
    path = file(content)
    with pytest.raises(DataError, match=message) as caught:
        read_csv(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_numbers_may_be_names_of_columns_and_words_may_be_classes_beside_numbers(file):
    assert read_csv(file("2019,2020,growth\n1,2,low\n3,4,high\n")).feature_names == ("2019", "2020")
    path = file("x,y\n1,0\n2,1\n3,0\n4,1\n5,unknown\n")
    assert read_csv(path).class_names == ("0", "1", "unknown")
    path = file("x,y\n1,1.5\n2,2.5\n3,3.5\n5,10x\n")
    assert len(read_csv(path, task="classification").class_names) == 4


def test_ignored_columns_may_hold_anything(file):
    path = file('id,x,name,y,note\nA1,1,Ada,0.5,\nB2,2,"B, C",1.5,nan\n')
    dataset = read_csv(path, ignore=["id", "name", "note"])
    assert (dataset.feature_names, dataset.target_name, dataset.X.tolist()) == (("x",), "y", [[1], [2]])
    for ignore, message in (
        (["none"], "there is no column 'none'"),
        (["id", "y"], "column 'y' is the target, so it cannot be ignored"),
        (["id", "x", "name", "note"], "the header has one column only that is not ignored, 'y'"),
        (["name"], "row 2, column 'id': 'A1' is not a number"),
    ):
        with pytest.raises(DataError, match=message):
            read_csv(path, "y", ignore=ignore)
    with pytest.raises(DataError, match="the header has no column that is not ignored"):
        read_csv(path, ignore=["id", "x", "name", "y", "note"])


MIXED = "x,colour,y\n1,red,2.5\n,blue,3.5\n3,,4.5\n4,red,\n5,blue,6.5\n6,blue,7.5\n"
NAN = math.nan


def test_missing_cells_are_refused_dropped_or_left_to_be_filled_in(file):
    path = file(MIXED)
    with pytest.raises(CellError, match="row 5, column 'y': the cell is empty") as caught:
        read_csv(path)
    assert caught.value.is_missing
    for text in ("", "NA", "n/a", "NaN", "null"):
        with pytest.raises(CellError, match="row 3, column 'x': ") as caught:
            read_csv(file(f"x,y\n1,a\n{text},b\n"))
        assert caught.value.is_missing
    path = file(MIXED)
    dropped = read_csv(path, missing="drop")
    assert (dropped.X.tolist(), dropped.y.tolist()) == ([[1, 0, 1], [5, 1, 0], [6, 1, 0]], [2.5, 6.5, 7.5])
    kept = read_csv(path, missing="mean")
    np.testing.assert_array_equal(kept.X, [[1, 0, 1], [NAN, 1, 0], [3, NAN, NAN], [5, 1, 0], [6, 1, 0]])
    assert kept.y.tolist() == [2.5, 3.5, 4.5, 6.5, 7.5]
    with pytest.raises(DataError, match="all cells of column 'x' are missing"):
        read_csv(file("x,y\n,a\n,b\n"), missing="mean")
    with pytest.raises(DataError, match="every row has a missing cell"):
        read_csv(file("x,z,y\n,1,a\n2,,b\n"), missing="drop")


def test_missing_numbers_take_no_part_in_the_scale():
    X = np.array([[1.0, 5.0], [NAN, 6.0], [3.0, 7.0]])
    scale = Standardisation.of(X)
    assert scale.mean.tolist() == [2.0, 6.0]
    assert scale.scale[0] == Standardisation.of(X[[0, 2]]).scale[0]


def test_a_column_of_texts_is_a_feature_for_each_of_them(file):
    path = file("kind,x,y\nb,1,p\n1,2,q\nb,3,p\na,4,q\na,5,p\n1.0,6,q\n")
    dataset = read_csv(path)
    assert dataset.feature_names == ("kind=1", "kind=a", "kind=b", "x")
    assert dataset.categories == {"kind": ("1", "a", "b")}
    assert dataset.X[:, :3].tolist() == [[0, 0, 1], [1, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 0], [1, 0, 0]]
    again = read_columns(file("x,kind\n7,a\n8,1\n"), dataset.feature_names, dataset.categories)
    assert again.tolist() == [[0, 1, 0, 7], [1, 0, 0, 8]]
    with pytest.raises(DataError, match=r"row 3, column 'kind': 'c' is a text that the model .*; it knows 1, a, b"):
        read_columns(file("kind,x\na,1\nc,2\n"), dataset.feature_names, dataset.categories)
    with pytest.raises(DataError, match="two features would have the name 'kind=a'"):
        read_csv(file("kind,kind=a,y\na,1,p\na,2,q\nb,1,p\nb,2,q\n"))
    with pytest.raises(DataError, match="row 2, column 'kind': 'a' is not a number"):  # each text occurs once
        read_csv(file("kind,y\na,p\nb,q\nc,p\n"))


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("1,234.5", "1234.5"),
        ("1.234,5", "1234.5"),
        ("-12,345,678", "-12345678"),
        ("1.234.567", "1234567"),
        ("1 234,5", "1234.5"),
        ("1'234", "1234"),
        ("1,234", "1234, or if the comma is a decimal one as 1.234"),
    ],
)
def test_separated_thousands_are_refused_with_the_right_number(file, text, right):
    for content in (f'x,y\n"{text}",a\n"{text}",b\n', f'x,y\n1,"{text}"\n2,"{text}"\n'):
        with pytest.raises(DataError, match=f"row 2, .* is not a number with its separators; write it as {right}"):
            read_csv(file(content))


def test_a_file_in_another_encoding_is_refused_with_its_conversion(file):
    for encoding, hint in (("latin-1", "iconv -f latin1 -t utf-8"), ("utf-16", "iconv -f utf-16 -t utf-8")):
        path = file("größe,y\n1,2\n", encoding)
        with pytest.raises(DataError, match=f"is not UTF-8 text; save the file as UTF-8, or convert it: {hint} {path}"):
            read_csv(path)


def test_unknown_columns_are_named(file):
    path = file("a,b\n1,2\n")
    with pytest.raises(DataError, match="there is no column 'kind'; the columns are 'a', 'b'"):
        read_csv(path, target="kind")
    with pytest.raises(DataError, match="there is no column 'c'"):
        read_columns(path, ["a", "c"])


def test_regression_needs_numbers(file):
    with pytest.raises(DataError, match="row 3, column 'b': 'x' is not a number"):
        read_csv(file("a,b\n1,2\n1,x\n"), task="regression")


def test_too_little_to_split(file):
    with pytest.raises(DataError, match="column 'b' has one class only, 'x'; at least two are needed"):
        split(read_csv(file("a,b\n1,x\n2,x\n")), 0)
    with pytest.raises(
        DataError, match="class 'y' of column 'b' has too few rows to hold out a part of them: 1, at least 2"
    ):
        split(read_csv(file("a,b\n1,x\n2,x\n3,y\n")), 0)
    with pytest.raises(DataError, match="it has too few rows to hold out a part of them: 3, at least 4"):
        split(read_csv(file("a,b\n1,1.5\n2,2.5\n3,4\n")), 0)


def test_missing_file_and_directory_are_os_errors(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_csv(tmp_path / "none.csv")
    with pytest.raises(OSError):
        read_csv(tmp_path)


def _csv_like(alphabet):
    return st.lists(st.lists(st.text(alphabet, max_size=4), min_size=1, max_size=4), max_size=5).map(
        lambda rows: "\n".join(",".join(row) for row in rows).encode()
    )


@given(st.binary(max_size=60) | _csv_like('ab1.-,;\n\r" \t') | _csv_like("ab12.e_"))
def test_any_bytes_are_a_data_set_or_one_clear_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "fuzz.csv"
    path.write_bytes(content)
    message = f"{path}: "
    try:
        dataset = read_csv(path)
    except DataError as error:
        message = str(error)
    else:
        assert dataset.X.shape == (len(dataset.y), len(dataset.feature_names))
        assert np.isfinite(dataset.X).all()
    assert message.startswith(f"{path}: ")
    assert "\n" not in message


def test_many_rows_are_read(file):
    text = io.StringIO()
    np.savetxt(text, np.ones((20_000, 5)), delimiter=",", header="a,b,c,d,e", comments="")
    assert read_csv(file(text.getvalue())).X.shape == (20_000, 4)
