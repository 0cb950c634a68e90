"""What a page carries besides its text is derived, or left out."""

import re
import subprocess
import xml.etree.ElementTree as ET
from datetime import date
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from course import Repository, git_in
from publishing import changes, draw_card, footer, report_address, robots, settle, sitemap

GITHUB = Repository("github", "https://github.com", "someone/course", "main")
BASE = "https://example.org/course/"


@pytest.fixture
def history(tmp_path):
    """A repository with two commits of known days."""

    def git(*args, day="2026-01-01"):
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        when = {"GIT_COMMITTER_DATE": f"{day}T12:00:00Z", "GIT_AUTHOR_DATE": f"{day}T12:00:00Z"}
        subprocess.run(["git", "-C", tmp_path, *who, *args], check=True, capture_output=True, env=when | ENV)

    git("init", "--quiet")
    for day, name in (("2026-01-02", "old.md"), ("2026-03-04", "né.md")):
        (tmp_path / name).write_text(day, encoding="utf8")
        git("add", ".")
        git("commit", "--quiet", "-m", name, day=day)
    return tmp_path


ENV = {"PATH": "/usr/bin:/bin:/usr/local/bin", "HOME": "/nonexistent"}


def test_each_file_has_the_day_of_its_own_last_change(history):
    assert changes(git_in(history)) == {"old.md": date(2026, 1, 2), "né.md": date(2026, 3, 4)}


def test_no_history_or_half_of_one_gives_no_days(history, tmp_path):
    assert changes(lambda *args: "") == {}
    half = tmp_path / "half"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", f"file://{history}", half], check=True)
    assert changes(git_in(half)) == {}


def test_the_last_lines_of_a_page():
    text = footer("Gates & <weights>", date(2026, 3, 4), GITHUB)
    assert re.search(r"^Version \d+\.\d+\.\d+\. This page last changed on <time", text)
    assert "4 March 2026</time>" in text
    assert re.search(r"tested with Python 3\.\d+\.\d+, NumPy \d\S+ and Matplotlib \d\S+\.", text)
    assert 'href="https://github.com/someone/course/issues/new?title=Error%20in%20' in text
    assert "weights>" not in text  # the address is quoted
    bare = footer("x", None, None)
    assert not re.search("href|changed", bare)


def test_an_error_is_reported_where_there_is_a_place_for_it():
    gitlab = Repository("gitlab", "https://gitlab.com", "a/b", "main")
    assert report_address(gitlab, "x").startswith("https://gitlab.com/a/b/-/issues/new?issue[title]=")
    assert report_address(Repository("bitbucket", "https://bitbucket.org", "a/b", "main"), "x") == ""
    assert report_address(None, "x") == ""


def test_sitemap_and_robots():
    tree = ET.fromstring(sitemap(BASE, {"book/b": None, "book/a": date(2026, 3, 4)}))
    space = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
    assert [loc.text for loc in tree.iter(f"{space}loc")] == [f"{BASE}book/a.html", f"{BASE}book/b.html"]
    assert [day.text for day in tree.iter(f"{space}lastmod")] == ["2026-03-04"]
    assert robots(BASE) == f"User-agent: *\nAllow: /\nSitemap: {BASE}sitemap.xml\n"
    assert "Sitemap" not in robots("")


def test_the_picture_for_previews(tmp_path):
    draw_card(tmp_path / "card.png", "LSTM networks")
    with Image.open(tmp_path / "card.png") as image:
        assert image.size == (1200, 630)
        assert len(np.unique(np.asarray(image.convert("L")))) > 50
    assert (tmp_path / "card.png").stat().st_size < 150_000


@pytest.mark.parametrize(("base", "prefix"), [("", "/"), (BASE, "/course/")])
def test_the_page_for_lost_addresses_works_at_any_depth(tmp_path, base, prefix):
    config = type("Config", (dict,), {"html_baseurl": base, "notfound_urls_prefix": prefix})()
    settle(SimpleNamespace(srcdir=tmp_path), config)
    body = config.notfound_context["body"]
    assert set(re.findall(r'(?:href|action)="([^"]+)"', body)) == {
        f"{prefix}book/index.html",
        f"{prefix}search.html",
    }
    assert getattr(config, "ogp_image", "") == (f"{base}_static/social.png" if base else "")
