"""The site in one file: everything a reader needs, under one folder, and the same bytes each time."""

import re
import zipfile

import offline


def test_the_site_is_packed_under_one_folder(tmp_path):
    site = tmp_path / "html"
    (site / "book").mkdir(parents=True)
    for name in ("index.html", "book/a.html", "book/x.png", "objects.inv", "404.html"):
        (site / name).write_text(name * 100, encoding="utf8")
    packed = []
    for number in (1, 2):
        target = tmp_path / str(number) / "lstm-networks-1.2.3.zip"
        target.parent.mkdir()
        assert offline.pack(site, target) == 3
        packed.append(target.read_bytes())
    assert packed[0] == packed[1]
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert archive.read("lstm-networks-1.2.3/book/a.html") == b"book/a.html" * 100
    assert names == [f"lstm-networks-1.2.3/{name}" for name in ("book/a.html", "book/x.png", "index.html")]


def test_its_name_says_the_version():
    assert re.fullmatch(r"\d+\.\d+\.\d+", offline.version())
